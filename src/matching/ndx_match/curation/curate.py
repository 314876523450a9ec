"""Apply decisions to a match; after an alignment the sessions are matched again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ndx_cell_matching.codes import DecisionKind, RegistrationOutcome

from ..decisions import Decision
from ..errors import MethodError
from ..identity import keep_ids
from ..methods import match_by_hand
from ..model import MatchedPlane, Progress, Registration
from .apply import Curated, UnappliedDecision, apply_decisions
from .cells import automatic_result


def curate(planes: Sequence[MatchedPlane], decisions: Iterable[Decision], progress: Progress | None = None) -> Curated:
    """Apply decisions as :func:`apply_decisions` does, and match sessions again after a new alignment.

    A plane with new alignments is matched again by the same method, with all alignments that persons gave. The cells
    keep their ids, and all earlier decisions are applied again. Then the other new decisions are applied.

    Parameters
    ----------
    planes : sequence of MatchedPlane
        With their masks, as :func:`ndx_match.matchfile.read_planes_of_match_file` reads them.
    decisions : iterable of Decision
    progress : callable, optional
        Called while a plane is matched.
    """
    decisions = list(decisions)
    aligned = list(planes)
    unapplied: list[UnappliedDecision] = []
    refused: dict[str, str] = {}
    for number, plane in enumerate(planes):
        manual_alignments = _manual_alignments(plane, decisions, only=len(planes) == 1)
        if not manual_alignments:
            continue
        try:
            again = _matched_again(plane, manual_alignments, progress)
        except MethodError as error:
            refused[plane.name] = str(error).rstrip(".")
            continue
        earlier = apply_decisions([again], plane.result.decisions)
        aligned[number], unapplied = earlier.planes[0], [*unapplied, *earlier.unapplied]
    curated = apply_decisions(aligned, decisions)
    for each in curated.unapplied:
        name = each.decision.plane or planes[0].name
        is_refused = each.decision.kind == DecisionKind.ALIGN and name in refused
        unapplied.append(replace(each, reason=refused[name]) if is_refused else each)
    return Curated(curated.planes, tuple(unapplied))


def _manual_alignments(plane: MatchedPlane, decisions: Sequence[Decision], only: bool) -> list[Registration]:
    """All alignments by hand of a plane, earlier and new ones; none if there are no new ones."""
    position = {session.name: k for k, session in enumerate(plane.sessions)}
    of_plane = [decision for decision in decisions if decision.plane == plane.name or (only and not decision.plane)]
    if not any(_registration(decision, position) for decision in of_plane):
        return []
    every = [_registration(decision, position) for decision in (*plane.result.decisions, *of_plane)]
    return list({(r.fixed_session, r.moving_session): r for r in every if r is not None}.values())


def _matched_again(
    plane: MatchedPlane, manual_alignments: Sequence[Registration], progress: Progress | None
) -> MatchedPlane:
    """The plane matched again with alignments by hand, without the other decisions; the cells keep their ids."""
    before = automatic_result(plane.result)
    earlier = replace(before, decisions=plane.result.decisions)
    after = match_by_hand(plane.sessions, before, manual_alignments, progress)
    (matched_plane,), _ = keep_ids([replace(plane, result=after)], [replace(plane, result=earlier)])
    return matched_plane


def _registration(decision: Decision, position: dict[str, int]) -> Registration | None:
    """The alignment that a decision gives, with the earlier session fixed; None if it is not one of two sessions."""
    names = decision.sessions or ()
    if decision.kind != DecisionKind.ALIGN or decision.matrix is None or not position.keys() >= set(names):
        return None
    fixed, moving = (position[name] for name in names)
    matrix = np.array(decision.matrix, float)
    if fixed == moving:
        return None
    if fixed > moving:
        fixed, moving, matrix = moving, fixed, np.linalg.inv(matrix)
    return Registration(fixed, moving, matrix / matrix[2, 2], ("given by hand",), RegistrationOutcome.BY_HAND)
