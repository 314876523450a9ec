"""Add a session to a result: align it with some of the other sessions and match it with the cells of the result.

The other sessions are not aligned with each other again, and their ROIs stay in their cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, vstack
from scipy.special import expit

from ndx_cell_matching.registrations import GRID, displacement_points

from ...arrays import Array, Floats, Floats32, Indices, Ints32, Matrix
from ...assignment import best_assignment
from ...footprints import transform_points
from ...model import (
    MatchResult,
    Progress,
    Registration,
    RegistrationOutcome,
    RoiPairs,
    Session,
    SessionStatus,
    cells_of_rois,
)
from ...presence import presence_codes
from ...workers import one_thread_per_worker
from .alignment import robust_affine
from .blocks import grid_points
from .candidates import ComparedPairs, impossible_pairs, pairs_with_first
from .confidence import confidence_of, with_ambiguous
from .frame import CommonFrame, bend, frame_around, warp_to_frame
from .groups import UNRELATED
from .hints import hint_of
from .order import canonical_order, renumbered
from .overlap_tuning import SOFTNESS, moves_to_overlap
from .pairs import PairAlignment, PreparedSession, confirm, prepare, refine_near, register
from .parameters import ConsensusParameters
from .pipeline import NOT_REGISTERED, few_pairs
from .probability import FEW_PAIRS, LARGEST_LOG_ODDS, margins, match_log_odds
from .stored_frame import StoredFrame, maps_from
from .supports import supports, warp_supports
from .synchronisation import ATTEMPTS, LARGEST_DISAGREEMENT, NEIGHBOURS


@dataclass(frozen=True)
class Alignment:
    """How the new session is aligned with the others."""

    tried: Mapping[int, PairAlignment]  #: position of each session that was tried -> its alignment, to the new one
    members: tuple[int, ...] = ()  #: sessions of the set to which it belongs, without itself; none if it fits no other
    #: From the first of the members to the new session.
    matrix: Matrix | None = None


def extend(
    sessions: Sequence[Session],
    result: MatchResult,
    session: Session,
    parameters: ConsensusParameters,
    progress: Progress | None,
) -> MatchResult:
    """The result with one more session, which comes last. Cells keep their ROIs, ids and rows.

    The arguments are those of `extend` in :class:`ndx_match.methods.Method`.
    """
    progress = progress or (lambda stage, done, total: None)
    n = len(sessions)
    with one_thread_per_worker():
        order = canonical_order([*sessions, session])
        near = _by_nearness(order, result)
        compared = near[:ATTEMPTS]  # these may be aligned with the new session
        prepared_sessions, radius = prepare([*(sessions[k] for k in compared), session])
        prepared = dict(zip((*compared, n), prepared_sessions, strict=True))
        alignment = _align(order, compared, result, sessions, prepared, radius, parameters, progress)
        progress("matching", 0, 1)
        if alignment.members:
            extended = _match(sessions, result, session, alignment, near, prepared, radius, parameters)
        else:
            hint = hint_of([*sessions, session], near[0], n, parameters) if near else ""
            extended = _set_aside(sessions, result, session, alignment, hint)
        progress("matching", 1, 1)
    return extended


def _by_nearness(order: Sequence[int], result: MatchResult) -> list[int]:
    """Positions of the sessions that no person left out; those nearest in the order to the new session come first."""
    place = np.argsort(order)
    used = np.flatnonzero(result.session_status != SessionStatus.LEFT_OUT).tolist()
    return sorted(used, key=lambda k: (abs(int(place[k] - place[-1])), k))


def _align(
    order: Sequence[int],
    near: Sequence[int],
    result: MatchResult,
    sessions: Sequence[Session],
    prepared: Mapping[int, PreparedSession],
    radius: float,
    parameters: ConsensusParameters,
    progress: Progress,
) -> Alignment:
    """Align the new session with the nearest session that it fits, and with others of that session's set."""
    new = prepared[len(sessions)]
    tried: dict[int, PairAlignment] = {}
    for k in near:
        tried[k] = register(prepared[k], new, radius, parameters)
        progress("registering", len(tried), max(len(tried), len(NEIGHBOURS)))
        if tried[k].registered:
            break
    else:
        return Alignment(tried)
    partner = k
    members = _members(result, partner, [k for k in order if k < len(sessions)])
    maps = maps_from(result, sessions, members[0], members)
    to_member = dict(zip(members, (map_.matrix for map_ in maps), strict=True))
    others = [k for k in near if k in members and k not in tried]
    for k in others[: len(NEIGHBOURS) - 1]:
        start = tried[partner].matrix @ to_member[partner] @ np.linalg.inv(to_member[k])
        tried[k] = confirm(prepared[k], new, refine_near(prepared[k], new, start, radius), parameters)
        progress("registering", len(tried), max(len(tried), len(NEIGHBOURS)))
    points = grid_points(sessions[members[0]].shape, 64)
    while True:
        agreed = [k for k in tried if tried[k].registered and k in members]
        targets = {k: transform_points(tried[k].matrix @ to_member[k], points) for k in agreed}
        weights = np.repeat([tried[k].score for k in agreed], len(points))
        matrix = robust_affine(np.tile(points, (len(agreed), 1)), np.concatenate(list(targets.values())), weights)
        fitted = transform_points(matrix, points)
        disagreement = {k: float(np.median(np.linalg.norm(targets[k] - fitted, axis=1))) for k in agreed}
        worst = max(disagreement, key=lambda k: disagreement[k])
        if disagreement[worst] <= LARGEST_DISAGREEMENT * radius or len(agreed) < 3:
            return Alignment(tried, tuple(members), matrix)
        reason = f"it disagrees by {disagreement[worst]:.0f} px with the alignments of the other sessions"
        tried[worst] = replace(tried[worst], registered=False, reason=reason)


def _members(result: MatchResult, partner: int, order: Sequence[int]) -> list[int]:
    """Sessions that are aligned with the same one, which comes first; `partner` is among them.

    They are usually a whole set. If a person aligned two sessions, others may be aligned with only one of these.
    """
    aligned = np.eye(len(order), dtype=bool)
    for registration in result.registrations:
        if registration.registered:
            pair = registration.fixed_session, registration.moving_session
            aligned[pair] = aligned[pair[::-1]] = True
    first = max((k for k in order if aligned[k, partner]), key=lambda k: aligned[k].sum())
    return [first, *(k for k in order if aligned[first, k] and k != first)]


@dataclass(frozen=True)
class _InFrame:
    """The sessions of a set in their frame, and the new session as it was fitted to them."""

    frame: StoredFrame  #: its sessions are the members of the set, in order
    new: CommonFrame  #: its session 1 is the new one
    regions: tuple[csr_array, ...]  #: of the new session and of the members


def _match(
    sessions: Sequence[Session],
    result: MatchResult,
    session: Session,
    alignment: Alignment,
    near: Sequence[int],
    prepared: Mapping[int, PreparedSession],
    radius: float,
    parameters: ConsensusParameters,
) -> MatchResult:
    """Bring the new session to the frame, compare its ROIs with the others and assign them to cells."""
    members = alignment.members
    fitted = _fit(sessions, result, alignment, near, prepared, radius, parameters)
    reach = parameters.reach * radius
    candidates = pairs_with_first(fitted.regions, fitted.frame.shape[1], reach)
    impossible = impossible_pairs(fitted.regions[:1], fitted.frame.shape[1], reach)
    log_odds = match_log_odds(candidates, impossible, len(members) + 1, radius, wrong_for_each=len(members))
    probability = expit(log_odds).astype(np.float32)
    position = np.array([len(sessions), *members])
    cell_of_other = cells_of_rois(result.cells, position[candidates.second_session], candidates.second_row)
    cell, probability = _cells_of_new(
        result, position, candidates, cell_of_other, log_odds, probability, session.n_rois, parameters.least_probability
    )
    pairs = RoiPairs(
        fixed_session=candidates.first_session,
        moving_session=candidates.second_session,
        fixed_roi_row=candidates.first_row,
        moving_roi_row=candidates.second_row,
        centroid_distance=candidates.distance,
        iou=candidates.iou,
        accepted=cell[candidates.first_row] == cell_of_other,
        probability=probability,
        margin=margins(candidates, probability),
    )
    registrations = _registrations(sessions, alignment, fitted)
    extended = _assemble(sessions, result, session, cell, renumbered(pairs, position.tolist()), registrations)
    warnings = (few_pairs(len(pairs)),) if len(pairs) < FEW_PAIRS else ()
    return replace(extended, warnings=(*result.warnings, *warnings))


def _fit(
    sessions: Sequence[Session],
    result: MatchResult,
    alignment: Alignment,
    near: Sequence[int],
    prepared: Mapping[int, PreparedSession],
    radius: float,
    parameters: ConsensusParameters,
) -> _InFrame:
    """Bring the sessions to their frame and fit the new one to them: an affine map to ROIs, a deformation to images."""
    assert alignment.matrix is not None
    members, new = alignment.members, prepared[len(sessions)]
    maps = maps_from(result, sessions, members[0], members)
    shapes = [*(sessions[k].shape for k in members), new.shape]
    around = frame_around([*(map_.matrix for map_ in maps), alignment.matrix], shapes, radius)
    frame = StoredFrame(around.shape, around.matrices[0][:2, 2], tuple(maps))
    regions, warped = [], []
    for at, k in enumerate(members):
        places = frame.places(at)
        regions.append(warp_supports(supports(sessions[k].footprints), sessions[k].shape, places))
        if k in prepared:
            warped.append(warp_to_frame(prepared[k].channels, places))
    ones = _one_of_each_cell(result.cells[:, members], regions, [near.index(k) for k in members])
    matrix = around.matrices[-1]
    flat = around.deformations[-1]
    for softness in (SOFTNESS, SOFTNESS[-2:]):
        affine = CommonFrame(around.shape, (np.eye(3), matrix), (flat, flat))
        region = warp_supports(new.regions, new.shape, affine.places(1))
        move = moves_to_overlap([ones, region], around.shape, radius, softness)[1]
        matrix = matrix @ np.linalg.inv(move)
    of_new = CommonFrame(around.shape, (np.eye(3), matrix), (flat, flat))
    if parameters.non_rigid and warped:
        covered = reduce(np.add, ((each != 0).any(axis=0).astype(np.float32) for each in warped))
        of_new = bend(of_new, [reduce(np.add, warped) / np.maximum(covered, 1), new.channels], radius)
    region = warp_supports(new.regions, new.shape, of_new.places(1))
    return _InFrame(frame, of_new, (region, *regions))


def _one_of_each_cell(cells: Ints32, regions: Sequence[csr_array], nearness: Sequence[int]) -> csr_array:
    """For each cell with ROIs in the sessions the region of one ROI, from the session of lowest `nearness`."""
    unused = np.ones(len(cells), bool)
    chosen = []
    for at in np.argsort(nearness):
        chosen_cells = np.flatnonzero(unused & (cells[:, at] >= 0))
        chosen.append(regions[at][cells[chosen_cells, at]])
        unused[chosen_cells] = False
    return csr_array(vstack(chosen, format="csr"))


def _cells_of_new(
    result: MatchResult,
    position: Array,
    candidates: ComparedPairs,
    cell_of_other: Indices,
    log_odds: Floats,
    probability: Floats32,
    n_rois: int,
    least: float,
) -> tuple[Indices, Floats32]:
    """The cell to which each new ROI is assigned, shape (n_rois,), -1 for none, and the pairs' probabilities then.

    An ROI can belong to a cell if it forms a candidate pair with each of the cell's ROIs and every pair reaches the
    probability `least`, possibly through another ROI of the cell
    (:func:`~ndx_match.methods.consensus.probability.coherent`). Among the possible assignments, the one with the
    greatest sum of log-odds is taken, as when all sessions are matched.
    """
    starts = np.cumsum([0, *(1 + result.cells.max(axis=0, initial=-1)).tolist()])
    between = _probabilities(result.roi_pairs, starts)
    other = starts[position[candidates.second_session]] + candidates.second_row
    counts = (result.cells >= 0).sum(axis=1)
    bounded = np.clip(log_odds, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS)
    order = np.lexsort((cell_of_other, candidates.first_row))
    order = order[cell_of_other[order] >= 0]
    new_group = (np.diff(candidates.first_row[order]) != 0) | (np.diff(cell_of_other[order]) != 0)
    possible: dict[tuple[int, int], tuple[float, Indices, Floats]] = {}
    for entries in np.split(order, np.flatnonzero(new_group) + 1) if len(order) else ():
        cell = int(cell_of_other[entries[0]])
        gain = float(bounded[entries].sum() + UNRELATED * (counts[cell] - len(entries)))
        if gain <= 0 or len(entries) < counts[cell]:
            continue
        within = between[other[entries]][:, other[entries]].toarray()
        np.fill_diagonal(within, 1)
        raised = np.maximum(probability[entries], (probability[entries][:, None] + within - 1).max(axis=0))
        if raised.min() >= least:
            possible[int(candidates.first_row[entries[0]]), cell] = gain, entries, raised
    rows, columns = np.array(list(possible), np.intp).reshape(-1, 2).T
    gains = np.array([gain for gain, *_ in possible.values()])
    cells = best_assignment(rows, columns, gains, n_rois, len(result.cells))
    probability = probability.copy()
    for (row, cell), (_, entries, raised) in possible.items():
        if cells[row] == cell:
            probability[entries] = raised
    return cells, probability


def _probabilities(pairs: RoiPairs, starts: Array) -> csr_array:
    """The probability of every two ROIs, which are numbered over all sessions."""
    assert pairs.probability is not None
    ends = starts[pairs.fixed_session] + pairs.fixed_roi_row, starts[pairs.moving_session] + pairs.moving_roi_row
    n = int(starts[-1])
    both = np.concatenate(ends), np.concatenate(ends[::-1])
    return csr_array(coo_array((np.tile(pairs.probability, 2), both), shape=(n, n)))


def _registrations(sessions: Sequence[Session], alignment: Alignment, fitted: _InFrame) -> list[Registration]:
    """For the new session and each member of its set the consistent transform; for other sessions what was tried."""
    n = len(sessions)
    to_new = fitted.new.matrices[1]
    registrations = []
    for k in range(n):
        tried = alignment.tried.get(k)
        about: dict[str, Any] = {} if tried is None else {"score": tried.score, "chance_score": tried.chance}
        if k not in alignment.members:
            if tried is not None:
                outcome = RegistrationOutcome.NOT_REGISTERED
                registrations.append(Registration(k, n, tried.matrix, _STEPS, outcome, tried.reason, **about))
            continue
        at = alignment.members.index(k)
        steps: tuple[str, ...] = _STEPS
        outcome, reason = RegistrationOutcome.REGISTERED, ""
        if tried is None or not tried.registered:
            steps, outcome = ("composed of other pairs",), RegistrationOutcome.COMPOSED
            reason = f"its own alignment was left out: {tried.reason}" if tried else ""
        matrix = to_new @ np.linalg.inv(fitted.frame.matrix(at))
        points = displacement_points(sessions[k].shape)
        bending = fitted.new.to_session(1, fitted.frame.from_session(at, points)) - transform_points(matrix, points)
        displacement = bending.reshape(GRID, GRID, 2).astype(np.float32) if np.abs(bending).max() > 1e-6 else None
        steps = (*steps, "fitted to the other sessions")
        registrations.append(Registration(k, n, matrix, steps, outcome, reason, displacement=displacement, **about))
    return registrations


_STEPS = ("searched", "refined")


def _set_aside(
    sessions: Sequence[Session], result: MatchResult, session: Session, alignment: Alignment, hint: str
) -> MatchResult:
    """The result with a session that fits no other: its ROIs are cells by themselves."""
    registrations = [
        Registration(
            k, len(sessions), tried.matrix, _STEPS, RegistrationOutcome.NOT_REGISTERED, tried.reason,
            score=tried.score, chance_score=tried.chance,
        )
        for k, tried in alignment.tried.items()
    ]  # fmt: skip
    cell = np.full(session.n_rois, -1, np.intp)
    more = f"; it {hint}" if hint else ""
    warning = f"{session.name} was set aside: {NOT_REGISTERED}; its ROIs are matched with nothing{more}."
    none = RoiPairs.concatenate([result.roi_pairs]).take(np.zeros(0, np.intp))
    extended = _assemble(sessions, result, session, cell, none, registrations)
    status = extended.session_status.copy()
    status[-1] = SessionStatus.NOT_REGISTERED
    reasons = (*result.status_reasons, NOT_REGISTERED)
    return replace(extended, session_status=status, status_reasons=reasons, warnings=(*result.warnings, warning))


def _assemble(
    sessions: Sequence[Session],
    result: MatchResult,
    session: Session,
    cell: Indices,
    pairs: RoiPairs,
    new_registrations: Sequence[Registration],
) -> MatchResult:
    """The result with the new session: its ROIs are in the earlier cells (`cell`), or in new ones at the end."""
    n_cells, n = result.cells.shape
    row_in_new = np.full(n_cells, -1, np.int32)
    assigned = np.flatnonzero(cell >= 0)
    row_in_new[cell[assigned]] = assigned
    unassigned = np.flatnonzero((cell < 0) & session.takes_part)
    cells = np.full((n_cells + len(unassigned), n + 1), -1, np.int32)
    cells[:n_cells, :n], cells[:n_cells, n], cells[n_cells:, n] = result.cells, row_in_new, unassigned
    registrations = sorted(
        (*result.registrations, *new_registrations), key=lambda r: (r.fixed_session, r.moving_session)
    )
    aligned = {r.fixed_session for r in new_registrations if r.registered}
    status = np.append(result.session_status, np.uint8(SessionStatus.MATCHED)).astype(np.uint8)
    status[list(aligned)] = SessionStatus.MATCHED
    reasons = ("" if k in aligned else reason for k, reason in enumerate(result.status_reasons))
    every = renumbered(RoiPairs.concatenate([result.roi_pairs, pairs]), range(n + 1))
    presence = with_ambiguous(presence_codes(cells, [*sessions, session], registrations, status), cells, every)
    presence[:n_cells, :n] = result.presence  # what was found or decided for the others stays
    confidence = confidence_of(cells, every)
    if result.confidence is not None:
        unrated = np.isnan(result.confidence) & (result.n_sessions_of_cell > 1)  # a person made these cells
        confidence[:n_cells] = np.where((row_in_new >= 0) & ~unrated, confidence[:n_cells], result.confidence)
    ids = 1 + result.last_id + np.arange(len(unassigned))
    return replace(
        result,
        cells=cells,
        presence=presence,
        confidence=confidence,
        cell_ids=np.concatenate([result.cell_ids, ids]),
        roi_pairs=every,
        registrations=tuple(registrations),
        session_status=status,
        status_reasons=(*reasons, ""),
    )
