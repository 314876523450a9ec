"""The stages of the consensus method, from sessions to a match result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt
import scipy
import scipy.sparse
from scipy.special import expit
from threadpoolctl import threadpool_limits

from ... import __version__
from ...displacement import GRID, displacement_points
from ...errors import MethodError
from ...footprints import centroids, transform_points
from ...model import (
    MatchResult,
    Presence,
    Progress,
    Registration,
    RegistrationOutcome,
    RoiPairs,
    Session,
    SessionStatus,
    cell_of_roi,
)
from ..presence import presence_codes, without_excluded
from .candidates import ComparedPairs, candidate_pairs, impossible_pairs
from .frame import CommonFrame, bend, frame_around
from .groups import group_rois
from .overlap import SOFTNESS, sharpen
from .pairs import PairAlignment, PreparedSession, prepare
from .parameters import ConsensusParameters
from .probability import FEW_PAIRS, LARGEST_LOG_ODDS, coherent, margins, match_log_odds
from .supports import warp_supports
from .synchronisation import Component, align_all

NAME = "consensus"
NOT_REGISTERED = "no alignment with any other session is better than chance"
AMBIGUOUS = 0.2  #: probability of a candidate from which an absent cell is called ambiguous


@dataclass(frozen=True)
class AlignedSessions:
    """Sessions that belong together, prepared, and the typical radius of an ROI in pixels.

    Attributes
    ----------
    component : Component
        Its members are positions among all sessions.
    members : tuple of PreparedSession
        Of the component, in its order.
    radius : float
    """

    component: Component
    members: tuple[PreparedSession, ...]
    radius: float


@dataclass(frozen=True)
class ComponentMatch:
    """What was found in sessions that belong together; sessions are positions among all sessions.

    Attributes
    ----------
    component : Component
    frame : CommonFrame
    pairs : RoiPairs
    cells : ndarray of int32, shape (n_cells, n_sessions of the component)
    """

    component: Component
    frame: CommonFrame
    pairs: RoiPairs
    cells: npt.NDArray[np.int32]


def match(
    sessions: Sequence[Session],
    parameters: ConsensusParameters | None = None,
    progress: Progress | None = None,
    workers: int = 2,
) -> MatchResult:
    """Match the cells of several sessions: tested registrations, calibrated probabilities, consistent groups.

    Parameters
    ----------
    sessions : sequence of Session
        Two or more.
    parameters : ConsensusParameters, optional
    progress : callable, optional
        Called as `progress(stage, done, total)`.
    workers : int
        Pairs registered at the same time; the result does not depend on it.

    Returns
    -------
    MatchResult
        With probabilities, margins and confidences. A session that fits no other is set aside, and its ROIs are cells
        of their own.

    Raises
    ------
    MethodError
        Fewer than two sessions.
    """
    parameters = parameters or ConsensusParameters()
    if len(sessions) < 2:
        raise MethodError("Matching needs at least two sessions.")
    sessions = [session.only_taking_part() for session in sessions]
    report = progress or (lambda stage, done, total: None)
    warnings: list[str] = []
    # The systems solved are small, and several at once: threads of the linear algebra would only get in the way.
    with threadpool_limits(1, user_api="blas"):
        registering = partial(report, "registering")
        aligned, alignments = _align(sessions, range(len(sessions)), parameters, registering, workers)
        if len(aligned) > 1:
            # Once more without the others, which had a say in what is typical: as if these were all there is.
            for position, found in enumerate(aligned):
                if len(found.component.members) > 1:
                    again, tried = _align(sessions, found.component.members, parameters, registering, workers)
                    if len(again) == 1:
                        aligned[position] = again[0]
                        alignments.update(tried)
        components = [found.component for found in aligned]
        together = [found for found in aligned if len(found.component.members) > 1]
        matches = []
        for done, found in enumerate(together):
            report("matching", done, len(together))
            matches.append(_match_component(found, parameters, warnings))
        report("matching", len(together), max(1, len(together)))
    return _result(sessions, components, alignments, matches, parameters, warnings)


def _align(
    sessions: Sequence[Session],
    chosen: Sequence[int],
    parameters: ConsensusParameters,
    progress: Callable[[int, int], None],
    workers: int,
) -> tuple[list[AlignedSessions], dict[tuple[int, int], PairAlignment]]:
    """Align some of the sessions, given by position, as if there were no others."""
    prepared, radius = prepare([sessions[k] for k in chosen])
    components, tried = align_all(prepared, radius, parameters, progress, workers)
    aligned = [
        AlignedSessions(
            replace(component, members=tuple(chosen[k] for k in component.members)),
            tuple(prepared[k] for k in component.members),
            radius,
        )
        for component in components
    ]
    return aligned, {(chosen[i], chosen[j]): alignment for (i, j), alignment in tried.items()}


def _match_component(aligned: AlignedSessions, parameters: ConsensusParameters, warnings: list[str]) -> ComponentMatch:
    component, members, radius = aligned.component, aligned.members, aligned.radius
    shapes = [member.shape for member in members]
    for softness in (SOFTNESS, SOFTNESS[-2:]):
        frame = frame_around(component.matrices, shapes, radius)
        moves = sharpen(_in_frame(frame, members), frame.shape, radius, softness)
        # Regions are moved by E within the frame where the map from the frame is followed after E's inverse.
        matrices = [matrix @ np.linalg.inv(move) for matrix, move in zip(frame.matrices, moves, strict=True)]
        first = np.linalg.inv(matrices[0])
        component = replace(component, matrices=tuple(matrix @ first for matrix in matrices))
    frame = frame_around(component.matrices, shapes, radius)
    if parameters.non_rigid:
        frame = bend(frame, [member.channels for member in members], radius)
    regions = _in_frame(frame, members)
    reach = parameters.reach * radius
    candidates = candidate_pairs(regions, frame.shape[1], reach)
    impossible = impossible_pairs(regions, frame.shape[1], reach)
    if len(candidates) < FEW_PAIRS:
        warnings.append(
            f"Only {len(candidates)} pairs of ROIs could be compared; probabilities rest on prior experience more than "
            "on these data."
        )
    log_odds = match_log_odds(candidates, impossible, len(members), radius)
    cells = _cells(candidates, log_odds, [region.shape[0] for region in regions])
    probability = coherent(candidates, expit(log_odds), cells)
    return ComponentMatch(component, frame, _as_roi_pairs(component, candidates, probability, parameters), cells)


def _in_frame(frame: CommonFrame, members: Sequence[PreparedSession]) -> list[scipy.sparse.csr_array]:
    """The regions of each session in the frame."""
    return [
        warp_supports(
            member.regions,
            member.shape,
            frame.places(k),
            frame.from_session(k, np.nan_to_num(centroids(member.regions, member.shape[1]))),
            frame.stretch(k),
        )
        for k, member in enumerate(members)
    ]


def _cells(pairs: ComparedPairs, log_odds: npt.NDArray[np.float64], counts: Sequence[int]) -> npt.NDArray[np.int32]:
    first_of = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    session = np.repeat(np.arange(len(counts)), counts)
    groups = group_rois(
        first_of[pairs.first_session] + pairs.first_row,
        first_of[pairs.second_session] + pairs.second_row,
        np.clip(log_odds, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS),
        session,
    )
    cells = np.full((len(groups), len(counts)), -1, np.int32)
    for number, members in enumerate(groups):
        own = session[members]
        cells[number, own] = np.asarray(members) - first_of[own]
    return cells


def _as_roi_pairs(
    component: Component, pairs: ComparedPairs, probability: npt.NDArray[np.float64], parameters: ConsensusParameters
) -> RoiPairs:
    members = np.asarray(component.members, np.int32)
    margin = margins(pairs, probability)
    return RoiPairs(
        fixed_session=members[pairs.first_session],
        moving_session=members[pairs.second_session],
        fixed_roi_row=pairs.first_row,
        moving_roi_row=pairs.second_row,
        centroid_distance=pairs.distance.astype(np.float32),
        iou=pairs.iou.astype(np.float32),
        accepted=(probability >= parameters.least_probability) & (margin > 0),
        probability=probability.astype(np.float32),
        margin=margin.astype(np.float32),
    )


def _result(
    sessions: Sequence[Session],
    components: Sequence[Component],
    alignments: Mapping[tuple[int, int], PairAlignment],
    matches: Sequence[ComponentMatch],
    parameters: ConsensusParameters,
    warnings: list[str],
) -> MatchResult:
    n = len(sessions)
    pairs = RoiPairs.concatenate([found.pairs for found in matches]) if matches else _no_pairs()
    blocks = []
    for found in matches:
        block = np.full((len(found.cells), n), -1, np.int32)
        block[:, list(found.component.members)] = found.cells
        blocks.append(block)
    for component in components:
        if len(component.members) == 1:
            alone = np.full((sessions[component.members[0]].n_rois, n), -1, np.int32)
            alone[:, component.members[0]] = np.arange(len(alone))
            blocks.append(alone)
    cells = without_excluded(np.concatenate(blocks), sessions)
    cells = cells[np.argsort(-(cells >= 0).sum(axis=1), kind="stable")]
    status = np.array([SessionStatus.MATCHED] * n, np.uint8)
    status[[component.members[0] for component in components if len(component.members) == 1]] = (
        SessionStatus.NOT_REGISTERED
    )
    registrations = _registrations(sessions, components, alignments, matches)
    presence = presence_codes(cells, sessions, registrations, status)
    by_pair = _probabilities(pairs)
    _mark_ambiguous(presence, cells, pairs)
    confidence = _confidence(cells, by_pair)
    reasons = tuple("" if code == SessionStatus.MATCHED else NOT_REGISTERED for code in status)
    for session, reason in zip(sessions, reasons, strict=True):
        if reason:
            warnings.append(f"{session.name} was set aside: {reason}; its ROIs are matched with nothing.")
    if sum(len(component.members) > 1 for component in components) > 1:
        listed = "; ".join(
            ", ".join(sessions[k].name for k in component.members)
            for component in components
            if len(component.members) > 1
        )
        warnings.append(f"The sessions fall into sets that do not fit each other and are matched apart: {listed}.")
    return MatchResult(
        method=NAME,
        method_version=__version__,
        parameters=asdict(parameters),
        software={"opencv": cv2.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
        cells=cells,
        presence=presence,
        confidence=confidence,
        roi_pairs=pairs,
        registrations=registrations,
        session_status=status,
        status_reasons=reasons,
        warnings=tuple(warnings),
    )


def _no_pairs() -> RoiPairs:
    rows, real = np.zeros(0, np.int32), np.zeros(0)
    return RoiPairs(rows, rows, rows, rows, real, real, np.zeros(0, bool), probability=np.zeros(0), margin=np.zeros(0))


def _registrations(
    sessions: Sequence[Session],
    components: Sequence[Component],
    alignments: Mapping[tuple[int, int], PairAlignment],
    matches: Sequence[ComponentMatch],
) -> tuple[Registration, ...]:
    """Of every pair of sessions of one component the consistent transform; of others what was tried."""
    place = {k: number for number, component in enumerate(components) for k in component.members}
    affine = {k: m for found in matches for k, m in zip(found.component.members, found.component.matrices, strict=True)}
    bent = {
        k: (found.frame, at, found.frame.from_session(at, displacement_points(sessions[k].shape)))
        for found in matches
        for at, k in enumerate(found.component.members)
    }
    found = []
    for i, j in combinations(range(len(sessions)), 2):
        tried = alignments.get((i, j))
        score, chance = (None, None) if tried is None else (tried.score, tried.chance)
        if place[i] == place[j]:
            composed = tried is None or not tried.registered
            steps = ("composed of other pairs",) if composed else ("searched", "refined")
            remark = "" if tried is None or tried.registered else f"its own alignment was left out: {tried.reason}"
            matrix = affine[j] @ np.linalg.inv(affine[i])
            frame, at, in_frame = bent[j][0], bent[j][1], bent[i][2]
            straight = transform_points(matrix, displacement_points(sessions[i].shape))
            away = (frame.to_session(at, in_frame) - straight).reshape(GRID, GRID, 2)
            found.append(
                Registration(
                    i,
                    j,
                    matrix,
                    (*steps, "made consistent"),
                    RegistrationOutcome.COMPOSED if composed else RegistrationOutcome.REGISTERED,
                    remark,
                    score=score,
                    chance_score=chance,
                    displacement=away.astype(np.float32) if np.abs(away).max() > 1e-6 else None,
                )
            )
        elif tried is not None:
            found.append(
                Registration(
                    i,
                    j,
                    tried.matrix,
                    ("searched", "refined"),
                    RegistrationOutcome.NOT_REGISTERED,
                    tried.reason,
                    score=score,
                    chance_score=chance,
                )
            )
    return tuple(found)


def _probabilities(pairs: RoiPairs) -> dict[tuple[int, int, int, int], float]:
    keys = zip(
        pairs.fixed_session.tolist(),
        pairs.fixed_roi_row.tolist(),
        pairs.moving_session.tolist(),
        pairs.moving_roi_row.tolist(),
        strict=True,
    )
    assert pairs.probability is not None
    return dict(zip(keys, pairs.probability.tolist(), strict=True))


def _confidence(
    cells: npt.NDArray[np.int32], by_pair: Mapping[tuple[int, int, int, int], float]
) -> npt.NDArray[np.float64]:
    """Probability that all ROIs of a cell are one: that of its most probable spanning tree. NaN for a single ROI."""
    confidence = np.full(len(cells), np.nan)
    for number, cell in enumerate(cells.tolist()):
        own = [k for k, row in enumerate(cell) if row >= 0]
        if len(own) < 2:
            continue
        reached, total = own[:1], 1.0
        while len(reached) < len(own):
            best, target = max(
                (by_pair.get((min(a, b), cell[min(a, b)], max(a, b), cell[max(a, b)]), 0.0), -b)
                for a in reached
                for b in own
                if b not in reached
            )
            total *= best
            reached.append(-target)
        confidence[number] = total
    return confidence


def _mark_ambiguous(presence: npt.NDArray[np.uint8], cells: npt.NDArray[np.int32], pairs: RoiPairs) -> None:
    """Where a cell is absent from a session, but an ROI there could well have been it."""
    assert pairs.probability is not None
    likely = pairs.take(pairs.probability >= AMBIGUOUS)
    cell_of = [cell_of_roi(column, int(column.max(initial=-1)) + 1) for column in cells.T]
    for own_session, own_row, other in (
        (likely.fixed_session, likely.fixed_roi_row, likely.moving_session),
        (likely.moving_session, likely.moving_roi_row, likely.fixed_session),
    ):
        for session, row, target in zip(own_session.tolist(), own_row.tolist(), other.tolist(), strict=True):
            cell = cell_of[session][row]
            if presence[cell, target] == Presence.NOT_DETECTED:
                presence[cell, target] = Presence.AMBIGUOUS
