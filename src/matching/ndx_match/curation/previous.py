"""Continue from an earlier match file: its cells keep their ids, and its decisions are applied again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..decisions import Decision
from ..identity import EARLIER, CommonSessions, Place, find_common_sessions, with_earlier_ids
from ..model import MatchedPlane, Progress
from .apply import Curated, UnappliedDecision
from .cells import automatic_result
from .curate import curate


def continue_from(
    planes: Sequence[MatchedPlane],
    previous: Sequence[MatchedPlane],
    where: str = EARLIER,
    progress: Progress | None = None,
) -> tuple[Curated, tuple[str, ...]]:
    """Give new results the cell ids and decisions of an earlier match file.

    The ids come from the cells as the method had left them. Then the decisions are applied in their order, which gives
    the same ids as before. :mod:`ndx_match.identity` recognises the sessions and ROIs that a decision names, even if
    their names and ids have changed.

    Parameters
    ----------
    planes : sequence of MatchedPlane
        The new matches, without decisions.
    previous : sequence of MatchedPlane
        The earlier match file with its masks, as :func:`ndx_match.matchfile.read_planes_of_match_file` reads it.
    where : str
        The name of the earlier file in messages.
    progress : callable, optional
        Called if a plane is matched again, with alignments that a person gave.

    Returns
    -------
    curated : Curated
        The planes, whose results hold every decision, and the decisions that could not be applied.
    warnings : tuple of str
        One sentence for each part of the earlier file that is not found again.

    Raises
    ------
    InputError
        If none of the sessions of the earlier file is among the new ones.
    """
    common = find_common_sessions([plane.sessions for plane in planes], previous, where)
    # The decisions stay, because the ids that they name must not be given to other cells.
    automatic = [
        replace(plane, result=replace(automatic_result(plane.result), decisions=plane.result.decisions))
        for plane in previous
    ]
    renamed: list[Decision] = []
    unapplied: list[UnappliedDecision] = []
    for number, plane in enumerate(previous):
        places = {old: place for place, (of, old) in common.places.items() if of == number}
        for decision in plane.result.decisions:
            try:
                renamed.append(_renamed(decision, plane, places, planes, common))
            except _Missing as error:
                unapplied.append(
                    UnappliedDecision(replace(decision, plane=_plane_name(plane, places, planes)), str(error))
                )
    curated = curate(with_earlier_ids(planes, automatic, common), renamed, progress)
    all_unapplied = (*unapplied, *curated.unapplied)
    return Curated(tuple(_with_unapplied(plane, unapplied) for plane in curated.planes), all_unapplied), common.warnings


class _Missing(Exception):
    """Something that a decision names no longer exists; the message is a clause without a full stop."""


def _renamed(
    decision: Decision,
    plane: MatchedPlane,
    places: Mapping[int, Place],
    planes: Sequence[MatchedPlane],
    common: CommonSessions,
) -> Decision:
    """A decision of an earlier plane, with the present names and ids of its sessions and ROIs.

    ROIs that no longer exist are left out; if none is left, `_Missing` is raised. `places` holds the present positions
    of the plane's sessions.
    """
    position = {session.name: k for k, session in enumerate(plane.sessions) if k in places}
    rois = []
    for name, roi_id in decision.rois:
        if name not in position:
            continue
        place = places[position[name]]
        earlier_row = np.flatnonzero(plane.sessions[position[name]].roi_ids == roi_id)
        session = planes[place[0]].sessions[place[1]]
        rois += [(session.name, int(now)) for now in session.roi_ids[np.isin(common.rows[place], earlier_row)]]
    if decision.rois and not rois:
        listed = ", ".join(f"ROI {roi_id} of {name}" for name, roi_id in decision.rois[:3])
        raise _Missing(f"{listed} no longer {'exist' if len(decision.rois) > 1 else 'exists'}")
    pair = decision.sessions
    if pair is not None:
        missing = [name for name in pair if name not in position]
        if missing:
            raise _Missing(f"the session {missing[0]} is not among the files")
        now = [places[position[name]] for name in pair]
        pair = (planes[now[0][0]].sessions[now[0][1]].name, planes[now[1][0]].sessions[now[1][1]].name)
    return replace(decision, rois=tuple(rois), sessions=pair, plane=_plane_name(plane, places, planes))


def _plane_name(plane: MatchedPlane, places: Mapping[int, Place], planes: Sequence[MatchedPlane]) -> str:
    """The name of the plane that continues an earlier one; if there is none, the name of the earlier one."""
    return planes[next(iter(places.values()))[0]].name if places else plane.name


def _with_unapplied(plane: MatchedPlane, unapplied: Sequence[UnappliedDecision]) -> MatchedPlane:
    """The plane with its unapplied decisions added at the end."""
    of_plane = [
        replace(each.decision, applied=False, reason=each.reason)
        for each in unapplied
        if each.decision.plane == plane.name
    ]
    result = plane.result
    return replace(plane, result=replace(result, decisions=(*result.decisions, *of_plane))) if of_plane else plane
