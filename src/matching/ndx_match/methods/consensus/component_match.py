"""Match the ROIs of sessions that are aligned with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit

from ...arrays import Floats, Ints32
from ...model import RoiPairs, Step
from .aligned import AlignedSessions
from .candidates import ComparedPairs, candidate_pairs, impossible_pairs
from .frame import ROUNDS, CommonFrame, bend, frame_around
from .groups import group_rois
from .overlap_tuning import ALL_PAIRS_UP_TO, SOFTNESS, moves_to_overlap
from .pairs import PreparedSession
from .parameters import ConsensusParameters
from .probability import LARGEST_LOG_ODDS, cells_of_pairs, margins, match_log_odds, probable_cells
from .supports import warp_supports
from .synchronisation import Component

TUNING_STEPS = 2  #: progress steps per session while overlaps are tuned
N_STEPS = TUNING_STEPS + len(ROUNDS) + 1  #: progress steps per session in all


@dataclass(frozen=True)
class ComponentMatch:
    """The matches of sessions that belong together; `pairs` numbers the sessions among all sessions."""

    component: Component
    frame: CommonFrame
    pairs: RoiPairs
    cells: Ints32  #: `roi_row`, shape (n_cells, n_sessions of the component)


def match_component(
    aligned: AlignedSessions, parameters: ConsensusParameters, step: Step = lambda n: None
) -> ComponentMatch:
    """Bring sessions to one frame, compare their ROIs and group them to cells.

    `step` is called with the number of steps done since its last call, `N_STEPS` per session in all.
    """
    n = len(aligned.members)
    component, members, radius = aligned.component, aligned.members, aligned.radius
    del aligned  # so that the images can be freed
    shapes = [member.shape for member in members]
    # Few sessions are tuned twice, because other pairs are nearest once they have moved. Each of many sessions is
    # compared with so many others that once is enough.
    rounds = (SOFTNESS, SOFTNESS[-2:]) if len(members) <= ALL_PAIRS_UP_TO else (SOFTNESS,)
    for softness in rounds:
        frame = frame_around(component.matrices, shapes, radius)
        moves = moves_to_overlap(_in_frame(frame, members), frame.shape, radius, softness)
        # To move regions by E within the frame, E's inverse is applied before the map from the frame.
        matrices = [matrix @ np.linalg.inv(move) for matrix, move in zip(frame.matrices, moves, strict=True)]
        first = np.linalg.inv(matrices[0])
        component = replace(component, matrices=tuple(matrix @ first for matrix in matrices))
        step(TUNING_STEPS * n // len(rounds))
    frame = frame_around(component.matrices, shapes, radius)
    if parameters.non_rigid:
        frame = bend(frame, [member.channels for member in members], radius, step)
    else:
        step(len(ROUNDS) * n)
    members = tuple(member.without_images() for member in members)
    regions = _in_frame(frame, members)
    counts = [region.shape[0] for region in regions]
    reach = parameters.reach * radius
    candidates = candidate_pairs(regions, frame.shape[1], reach)
    impossible = impossible_pairs(regions, frame.shape[1], reach)
    del members, regions  # for many sessions they take more memory than anything that follows
    log_odds = match_log_odds(candidates, impossible, n, radius)
    grouped = _cells(candidates, log_odds, counts)
    cells, probability = probable_cells(candidates, expit(log_odds), grouped, parameters.least_probability)
    step(n)
    return ComponentMatch(component, frame, _as_roi_pairs(component, candidates, probability, cells), cells)


def _in_frame(frame: CommonFrame, members: Sequence[PreparedSession]) -> list[csr_array]:
    """The regions of each session in the frame."""
    return [warp_supports(member.regions, member.shape, frame.places(k)) for k, member in enumerate(members)]


def _cells(pairs: ComparedPairs, log_odds: Floats, counts: Sequence[int]) -> Ints32:
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
        of_members = session[members]
        cells[number, of_members] = np.asarray(members) - first_of[of_members]
    return cells


def _as_roi_pairs(component: Component, pairs: ComparedPairs, probability: Floats, cells: Ints32) -> RoiPairs:
    members = np.asarray(component.members, np.int32)
    return RoiPairs(
        fixed_session=members[pairs.first_session],
        moving_session=members[pairs.second_session],
        fixed_roi_row=pairs.first_row,
        moving_roi_row=pairs.second_row,
        centroid_distance=pairs.distance,
        iou=pairs.iou,
        accepted=cells_of_pairs(pairs, cells) >= 0,
        probability=probability,
        margin=margins(pairs, probability.astype(np.float32)),
    )
