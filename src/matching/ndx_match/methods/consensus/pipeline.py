"""The stages of the consensus method, from sessions to a match result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import cv2
import numpy as np
import scipy

from ndx_cell_matching.registrations import GRID, displacement_points

from ... import __version__
from ...arrays import Matrix
from ...footprints import transform_points
from ...model import (
    MatchResult,
    Progress,
    Registration,
    RegistrationOutcome,
    RoiPairs,
    Session,
    SessionStatus,
    steps_of,
)
from ...presence import presence_codes
from ...workers import one_thread_per_worker
from .aligned import align_sessions
from .component_match import N_STEPS, ComponentMatch, match_component
from .confidence import confidence_of, with_ambiguous
from .hints import hint_of
from .order import canonical_order, renumbered
from .pairs import PairAlignment
from .parameters import NAME, ConsensusParameters
from .probability import FEW_PAIRS
from .synchronisation import Component

NOT_REGISTERED = "no alignment with any other session is better than chance"


def match_sessions(
    sessions: Sequence[Session],
    parameters: ConsensusParameters,
    progress: Progress | None,
    workers: int,
    manual_alignments: Sequence[Registration] = (),
) -> MatchResult:
    """Align the sessions, match each set that belongs together, and assemble the result.

    `manual_alignments` are the alignments that a person gave; they replace a search.
    """
    progress = progress or (lambda stage, done, total: None)
    order = canonical_order(sessions)
    ordered = [sessions[k] for k in order]
    with one_thread_per_worker():
        aligned, alignments = align_sessions(
            ordered, parameters, partial(progress, "registering"), workers, _in_order(manual_alignments, order)
        )
        components = [part.component for part in aligned]
        together = [part for part in aligned if len(part.component.members) > 1]
        step = steps_of(progress, "matching", sum(N_STEPS * len(part.members) for part in together))
        del aligned
        matches: list[ComponentMatch] = []
        while together:
            matches.append(match_component(together.pop(0), parameters, step))  # pop, so that its images can be freed
        hints = _hints(ordered, components, parameters)
    components = [_in_input_order(component, order) for component in components]
    alignments = dict(_alignment_in_input_order(pair, alignment, order) for pair, alignment in alignments.items())
    matches = [
        replace(match, component=_in_input_order(match.component, order), pairs=renumbered(match.pairs, order))
        for match in matches
    ]
    hints = {order[position]: hint for position, hint in hints.items()}
    return _assemble(sessions, components, alignments, matches, parameters, hints)


def _in_order(manual_alignments: Sequence[Registration], order: Sequence[int]) -> dict[tuple[int, int], Matrix]:
    """The matrices of alignments, by the places of their sessions in an order; the earlier one is fixed."""
    place = {k: number for number, k in enumerate(order)}
    by_place = {}
    for registration in manual_alignments:
        fixed, moving = place[registration.fixed_session], place[registration.moving_session]
        if fixed < moving:
            by_place[fixed, moving] = registration.matrix
        else:
            by_place[moving, fixed] = np.asarray(np.linalg.inv(registration.matrix))
    return by_place


def _in_input_order(component: Component, order: Sequence[int]) -> Component:
    """The component with its members numbered as the sessions were given."""
    return replace(component, members=tuple(order[k] for k in component.members))


def _alignment_in_input_order(
    pair: tuple[int, int], alignment: PairAlignment, order: Sequence[int]
) -> tuple[tuple[int, int], PairAlignment]:
    """A pair of sessions and its alignment, numbered as the sessions were given, the earlier one fixed."""
    fixed, moving = (order[k] for k in pair)
    if fixed < moving:
        return (fixed, moving), alignment
    return (moving, fixed), replace(alignment, matrix=np.asarray(np.linalg.inv(alignment.matrix)))


def _hints(
    sessions: Sequence[Session], components: Sequence[Component], parameters: ConsensusParameters
) -> Mapping[int, str]:
    """For the first session of each other set, what would align it with the largest set; "" if nothing is found."""
    largest = max((component.members for component in components), key=len)
    hints = {}
    for component in components:
        first = component.members[0]
        if component.members != largest:
            nearest = min(largest, key=lambda k: (abs(k - first), k))
            hints[first] = hint_of(sessions, nearest, first, parameters)
    return hints


def _assemble(
    sessions: Sequence[Session],
    components: Sequence[Component],
    alignments: Mapping[tuple[int, int], PairAlignment],
    matches: Sequence[ComponentMatch],
    parameters: ConsensusParameters,
    hints: Mapping[int, str],
) -> MatchResult:
    """The result of all sessions."""
    n = len(sessions)
    none = replace(RoiPairs.concatenate([]), probability=np.zeros(0), margin=np.zeros(0))
    pairs = RoiPairs.concatenate([none, *(match.pairs for match in matches)])
    alone = [component.members[0] for component in components if len(component.members) == 1]
    parts = [(match.component.members, match.cells) for match in matches]
    parts += [((k,), np.arange(sessions[k].n_rois, dtype=np.int32)[:, None]) for k in alone]
    blocks = []
    for members, rows in parts:
        blocks.append(np.full((len(rows), n), -1, np.int32))
        blocks[-1][:, list(members)] = rows
    cells = np.concatenate(blocks)
    cells = cells[np.argsort(-(cells >= 0).sum(axis=1), kind="stable")]
    status = np.full(n, SessionStatus.MATCHED, np.uint8)
    status[alone] = SessionStatus.NOT_REGISTERED
    reasons = tuple("" if code == SessionStatus.MATCHED else NOT_REGISTERED for code in status)
    registrations = _registrations(sessions, components, alignments, matches)
    return MatchResult(
        method=NAME,
        method_version=__version__,
        parameters=parameters.stored(),
        software={"opencv": cv2.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
        cells=cells,
        presence=with_ambiguous(presence_codes(cells, sessions, registrations, status), cells, pairs),
        confidence=confidence_of(cells, pairs),
        roi_pairs=_as_float32(pairs),
        registrations=registrations,
        session_status=status,
        status_reasons=reasons,
        warnings=_warnings(sessions, components, matches, reasons, hints),
    )


def _registrations(
    sessions: Sequence[Session],
    components: Sequence[Component],
    alignments: Mapping[tuple[int, int], PairAlignment],
    matches: Sequence[ComponentMatch],
) -> tuple[Registration, ...]:
    """For every pair of sessions of one component the consistent transform; for other pairs what was tried."""
    place = {k: number for number, component in enumerate(components) for k in component.members}
    affine = {k: m for match in matches for k, m in zip(match.component.members, match.component.matrices, strict=True)}
    grids = [displacement_points(session.shape) for session in sessions]
    carried = {}  # points of each session's grid in each other session
    for match in matches:
        members = match.component.members
        in_frame = np.concatenate([match.frame.from_session(at, grids[k]) for at, k in enumerate(members)])
        for at, j in enumerate(members):  # all at once, because each call has a cost
            in_session = match.frame.to_session(at, in_frame).reshape(len(members), GRID, GRID, 2)
            carried.update({(i, j): points for i, points in zip(members, in_session, strict=True) if i < j})
    registrations = []
    for i, j in combinations(range(len(sessions)), 2):
        tried = alignments.get((i, j))
        steps: tuple[str, ...] = ("searched", "refined")
        outcome, displacement = RegistrationOutcome.REGISTERED, None
        reason = "" if tried is None else tried.reason
        if place[i] == place[j]:
            if tried is None or not tried.registered:
                steps, outcome = ("composed of other pairs",), RegistrationOutcome.COMPOSED
                reason = f"its own alignment was left out: {reason}" if tried else ""
            if tried is not None and tried.by_hand:
                steps, outcome = ("given by hand", "refined"), RegistrationOutcome.BY_HAND
            steps = (*steps, "made consistent")
            matrix = affine[j] @ np.linalg.inv(affine[i])
            bending = carried[i, j] - transform_points(matrix, grids[i]).reshape(GRID, GRID, 2)
            displacement = bending.astype(np.float32) if np.abs(bending).max() > 1e-6 else None
        elif tried is not None:
            matrix, outcome = tried.matrix, RegistrationOutcome.NOT_REGISTERED
        else:
            continue
        score, chance = (None, None) if tried is None else (tried.score, tried.chance)
        registrations.append(
            Registration(
                i, j, matrix, steps, outcome, reason, score=score, chance_score=chance, displacement=displacement
            )
        )
    return tuple(registrations)


def _as_float32(pairs: RoiPairs) -> RoiPairs:
    """The pairs with their measures in 32 bits, which take half the memory; nothing more is decided by them."""
    measures = {name: values for name, values in vars(pairs).items() if values is not None and values.dtype == float}
    return replace(pairs, **{name: values.astype(np.float32) for name, values in measures.items()})


def few_pairs(n: int) -> str:
    """What a user should know about probabilities that were fitted to so few pairs."""
    return f"Only {n} pairs of ROIs could be compared; probabilities rest on prior experience more than on these data."


def _warnings(
    sessions: Sequence[Session],
    components: Sequence[Component],
    matches: Sequence[ComponentMatch],
    reasons: Sequence[str],
    hints: Mapping[int, str],
) -> tuple[str, ...]:
    warnings = [few_pairs(len(match.pairs)) for match in matches if len(match.pairs) < FEW_PAIRS]
    for position, (session, reason) in enumerate(zip(sessions, reasons, strict=True)):
        hint = f"; it {hints[position]}" if hints.get(position) else ""
        if reason:
            warnings.append(f"{session.name} was set aside: {reason}; its ROIs are matched with nothing{hint}.")
    together = [component.members for component in components if len(component.members) > 1]
    if len(together) > 1:
        listed = "; ".join(", ".join(sessions[k].name for k in members) for members in together)
        advice = [f"; {sessions[k].name} {hint}" for k, hint in hints.items() if hint and not reasons[k]]
        apart = "The sessions fall into sets that do not fit each other and are matched apart"
        warnings.append(f"{apart}: {listed}{''.join(advice)}.")
    return tuple(warnings)
