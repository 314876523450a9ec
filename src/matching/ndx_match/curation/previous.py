"""Go on from an earlier match file: its cells keep their ids, and what persons decided is applied again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..decisions import Decision
from ..identity import EARLIER, KeptSessions, Place, find_kept, with_kept_ids
from ..model import MatchedPlane, Progress
from .apply import Curated, LeftOut
from .cells import automatic_result
from .curate import curate


def continue_from(
    planes: Sequence[MatchedPlane],
    previous: Sequence[MatchedPlane],
    where: str = EARLIER,
    progress: Progress | None = None,
) -> tuple[Curated, tuple[str, ...]]:
    """Give new results the cell ids and decisions of an earlier match file.

    The ids come from the cells as the method had left them; then the decisions are applied in their order, which leads
    to the ids that they had led to before. Sessions and ROIs that a decision names are those recognised by
    :mod:`ndx_match.identity`, whatever their names and ids are now.

    Parameters
    ----------
    planes : sequence of MatchedPlane
        What was matched now, on which nobody decided yet.
    previous : sequence of MatchedPlane
        The earlier match file, its masks included, as of :func:`ndx_match.matchfile.read_planes_of_match_file`.
    where : str
        What messages call it.
    progress : callable, optional
        Called where a plane is matched once more, with alignments that a person gave.

    Returns
    -------
    curated : Curated
        The planes, whose results hold every decision, and those decisions that could not be applied.
    warnings : tuple of str
        What of the earlier file is not found again, one sentence each.

    Raises
    ------
    InputError
        None of the sessions of the earlier file is among the new ones.
    """
    kept = find_kept([plane.sessions for plane in planes], previous, where)
    # With their decisions, which name ids that are not to be given to other cells.
    automatic = [
        replace(plane, result=replace(automatic_result(plane.result), decisions=plane.result.decisions))
        for plane in previous
    ]
    renamed: list[Decision] = []
    lost: list[LeftOut] = []
    for number, plane in enumerate(previous):
        places = {old: place for place, (of, old) in kept.places.items() if of == number}
        for decision in plane.result.decisions:
            try:
                renamed.append(_renamed(decision, plane, places, planes, kept))
            except _Lost as error:
                lost.append(LeftOut(replace(decision, plane=_plane_name(plane, places, planes)), str(error)))
    curated = curate(with_kept_ids(planes, automatic, kept), renamed, progress)
    left_out = (*lost, *curated.left_out)
    return Curated(tuple(_with_lost(plane, lost) for plane in curated.planes), left_out), kept.warnings


class _Lost(Exception):
    """What of that which a decision names is not there any more: a clause."""


def _renamed(
    decision: Decision,
    plane: MatchedPlane,
    places: Mapping[int, Place],
    planes: Sequence[MatchedPlane],
    kept: KeptSessions,
) -> Decision:
    """A decision of an earlier plane with the names and ids that sessions and ROIs have now.

    ROIs that are not there any more are left out, unless it names no others. `places` are those of the plane's
    sessions.
    """
    position = {session.name: k for k, session in enumerate(plane.sessions) if k in places}
    rois = []
    for name, roi_id in decision.rois:
        if name not in position:
            continue
        place = places[position[name]]
        earlier_row = np.flatnonzero(plane.sessions[position[name]].roi_ids == roi_id)
        session = planes[place[0]].sessions[place[1]]
        rois += [(session.name, int(now)) for now in session.roi_ids[np.isin(kept.rows[place], earlier_row)]]
    if decision.rois and not rois:
        listed = ", ".join(f"ROI {roi_id} of {name}" for name, roi_id in decision.rois[:3])
        raise _Lost(f"{listed} {'are' if len(decision.rois) > 1 else 'is'} not there any more")
    pair = decision.sessions
    if pair is not None:
        missing = [name for name in pair if name not in position]
        if missing:
            raise _Lost(f"the session {missing[0]} is not among the files")
        now = [places[position[name]] for name in pair]
        pair = (planes[now[0][0]].sessions[now[0][1]].name, planes[now[1][0]].sessions[now[1][1]].name)
    return replace(decision, rois=tuple(rois), sessions=pair, plane=_plane_name(plane, places, planes))


def _plane_name(plane: MatchedPlane, places: Mapping[int, Place], planes: Sequence[MatchedPlane]) -> str:
    """The name of the plane that goes on from an earlier one, whose own where there is none."""
    return planes[next(iter(places.values()))[0]].name if places else plane.name


def _with_lost(plane: MatchedPlane, lost: Sequence[LeftOut]) -> MatchedPlane:
    """The plane with those decisions too of which nothing is left, last."""
    of_plane = [
        replace(each.decision, applied=False, reason=each.reason) for each in lost if each.decision.plane == plane.name
    ]
    result = plane.result
    return replace(plane, result=replace(result, decisions=(*result.decisions, *of_plane))) if of_plane else plane
