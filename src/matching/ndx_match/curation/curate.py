"""Apply decisions to what was matched, alignments too, after which the sessions are matched again."""

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
from .apply import Curated, LeftOut, apply_decisions
from .cells import automatic_result


def curate(planes: Sequence[MatchedPlane], decisions: Iterable[Decision], progress: Progress | None = None) -> Curated:
    """Apply decisions as :func:`apply_decisions`, alignments included.

    A plane with new alignments is matched again by its own method, with all alignments that persons gave; the cells
    keep their ids, and all decisions made before are applied again. Then the others follow.

    Parameters
    ----------
    planes : sequence of MatchedPlane
        Their masks included, as of :func:`ndx_match.matchfile.read_planes_of_match_file`.
    decisions : iterable of Decision
    progress : callable, optional
        Called while a plane is matched.
    """
    decisions = list(decisions)
    aligned = list(planes)
    left_out: list[LeftOut] = []
    refused: list[Decision] = []
    for number, plane in enumerate(planes):
        new = [
            d for d in decisions if d.kind == DecisionKind.ALIGN and d.plane in (plane.name, "" * (len(planes) == 1))
        ]
        if not new:
            continue
        try:
            again = _matched_again(plane, new, progress)
        except MethodError as error:
            left_out += [LeftOut(decision, str(error).rstrip(".")) for decision in new]
            refused += new
            continue
        earlier = apply_decisions([again], plane.result.decisions)
        aligned[number], left_out = earlier.planes[0], [*left_out, *earlier.left_out]
    curated = apply_decisions(aligned, [decision for decision in decisions if decision not in refused])
    return Curated(curated.planes, (*left_out, *curated.left_out))


def _matched_again(plane: MatchedPlane, decisions: Sequence[Decision], progress: Progress | None) -> MatchedPlane:
    """The plane matched again with alignments by hand, the new ones and those before; without what was decided else."""
    position = {session.name: k for k, session in enumerate(plane.sessions)}
    given: dict[tuple[int, int], Registration] = {}
    for decision in (*plane.result.decisions, *decisions):
        registration = _registration(decision, position)
        if registration is not None:
            given[registration.fixed_session, registration.moving_session] = registration
    if not given:
        return plane
    before = automatic_result(plane.result)
    earlier = replace(before, decisions=plane.result.decisions)
    after = match_by_hand(plane.sessions, before, list(given.values()), progress)
    (kept,), _ = keep_ids([replace(plane, result=after)], [replace(plane, result=earlier)])
    return kept


def _registration(decision: Decision, position: dict[str, int]) -> Registration | None:
    """The alignment that a decision gives, the earlier session fixed; None where it gives none of these sessions."""
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
