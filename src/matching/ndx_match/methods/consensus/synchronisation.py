"""Register many sessions: choose the pairs to try, find which sessions belong together, and make all loops close."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from scipy.sparse.csgraph import connected_components

from ...arrays import Matrix
from ...footprints import transform_points
from .blocks import grid_points
from .pairs import BEYOND_DOUBT, PairAlignment, PreparedSession, align_by_hand, confirm, refine_near, register
from .parameters import ConsensusParameters

Pair = tuple[int, int]

ALL_PAIRS_UP_TO = 5  #: sessions of which every pair is aligned; of more, only neighbours in the order
NEIGHBOURS = (1, 2, 4)  #: distances in the order at which neighbours are aligned
ATTEMPTS = 6  #: greatest number of sessions with which a session that fits none is tried
LARGEST_DISAGREEMENT = 1.0  #: of a pair with the loops it is in, in typical ROI radii


@dataclass(frozen=True)
class Component:
    """Sessions that were aligned with each other, ascending, and the matrices from the first of them to each."""

    members: tuple[int, ...]
    matrices: tuple[Matrix, ...]


def align_all(
    sessions: Sequence[PreparedSession],
    radius: float,
    parameters: ConsensusParameters,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 2,
    manual_alignments: Mapping[Pair, Matrix] = MappingProxyType({}),
) -> tuple[list[Component], dict[Pair, PairAlignment]]:
    """Align sessions in pairs and make the transforms of those that belong together consistent.

    A pair whose sessions are already connected through others starts from the composed transform, and is searched only
    if that does not fit. The number of searches therefore grows with the number of sessions, not with that of pairs.
    Each session is in one component; a session that fits no other is alone. All pairs that were tried are returned as
    well. Pairs whose alignment a person gave are not searched, and no other alignment can contradict them.
    """
    n = len(sessions)
    tried: dict[Pair, PairAlignment] = {}
    pairs_to_try = _pairs_to_try(n)
    chain, others = pairs_to_try[: n - 1], pairs_to_try[n - 1 :]
    chain += [pair for pair in manual_alignments if pair not in chain]
    with ThreadPoolExecutor(workers) as pool:

        def try_all(align: Callable[[Pair], PairAlignment], pairs: Sequence[Pair]) -> None:
            for pair, alignment in zip(pairs, pool.map(align, pairs), strict=True):
                tried[pair] = alignment
                if progress:
                    progress(len(tried), max(len(pairs_to_try), len(tried)))

        def searched(pair: Pair) -> PairAlignment:
            if pair in manual_alignments:
                return align_by_hand(sessions[pair[0]], sessions[pair[1]], manual_alignments[pair], radius, parameters)
            return register(sessions[pair[0]], sessions[pair[1]], radius, parameters)

        try_all(searched, chain)
        # A session that fits none so far is tried with others until one fits.
        for distance in range(2, n):
            groups = _groups(n, tried)
            group_of = {k: number for number, group in enumerate(groups) for k in group}
            alone = {k for group in groups if len(group) <= n // 2 for k in group}
            attempts = {k: sum(k in pair for pair in tried) for k in alone}
            try_all(
                searched,
                [
                    (k, k + distance)
                    for k in range(n - distance)
                    if group_of[k] != group_of[k + distance]
                    and (k in alone or k + distance in alone)
                    and min(attempts.get(k, ATTEMPTS), attempts.get(k + distance, ATTEMPTS)) < ATTEMPTS
                ],
            )
        solved = [_solve(group, tried, sessions, radius) for group in _groups(n, tried)]
        place = {k: (c, c.matrices[position]) for c in solved for position, k in enumerate(c.members)}

        def predicted(pair: Pair) -> PairAlignment:
            fixed, moving = (sessions[k] for k in pair)
            start = place[pair[1]][1] @ np.linalg.inv(place[pair[0]][1])
            return confirm(fixed, moving, refine_near(fixed, moving, start, radius), parameters)

        untried = [pair for pair in others if pair not in tried and place[pair[0]][0] is place[pair[1]][0]]
        try_all(predicted, untried)
        # If the composed transform does not fit, one of its alignments may be wrong, which only a search can show.
        try_all(searched, [pair for pair in untried if not tried[pair].registered])
    return [_solve(group, tried, sessions, radius) for group in _groups(n, tried)], tried


def _pairs_to_try(n: int) -> list[Pair]:
    distances = range(1, n) if n <= ALL_PAIRS_UP_TO else NEIGHBOURS
    return [(k, k + distance) for distance in distances for k in range(n - distance)]


def _groups(n: int, tried: Mapping[Pair, PairAlignment]) -> list[list[int]]:
    """Sessions connected by registered pairs, each group ascending, in the order of their first members."""
    links = np.eye(n)
    for pair, alignment in tried.items():
        links[pair] = alignment.registered
    count, group = connected_components(links, directed=False)
    return [np.flatnonzero(group == number).tolist() for number in range(count)]


def _solve(
    group: Sequence[int], tried: dict[Pair, PairAlignment], sessions: Sequence[PreparedSession], radius: float
) -> Component:
    """Transforms of a group that fit its pairs best; pairs that contradict the others are marked as failed."""
    while True:
        edges = {p: a for p, a in tried.items() if a.registered and p[0] in group and p[1] in group}
        matrices = _least_squares(group, edges)
        disagreements = {
            p: _disagreement(a.matrix, matrices, p, sessions[p[0]].shape) for p, a in edges.items() if not a.by_hand
        }
        worst = max(disagreements, key=lambda pair: disagreements[pair], default=None)
        if worst is None or disagreements[worst] <= LARGEST_DISAGREEMENT * radius or len(edges) < len(group):
            break
        reason = f"it disagrees by {disagreements[worst]:.0f} px with the alignments of the other sessions"
        rejected = replace(edges[worst], registered=False, reason=reason)
        if group not in _groups(len(sessions), {**edges, worst: rejected}):
            break
        tried[worst] = rejected
    return Component(tuple(group), tuple(matrices[k] for k in group))


def _least_squares(group: Sequence[int], edges: Mapping[Pair, PairAlignment]) -> dict[int, Matrix]:
    """The affine maps from the group's first session to each that fit those of all pairs best, weighted by their z."""
    # M_k leads to session k. If A is the alignment of sessions i and j, A M_i - M_j should be 0, which gives a linear
    # system for the entries of all M_k. It is solved twice. The second time, residuals are measured in pixels of the
    # first session, so that the magnification of the other sessions has no effect.
    unknown = {k: slice(2 * number, 2 * number + 2) for number, k in enumerate(group[1:])}
    matrices = {k: np.eye(3) for k in group}
    for _ in range(2):
        system, goal = np.zeros((2 * len(edges), 2 * len(unknown))), np.zeros((2 * len(edges), 3))
        for number, ((i, j), alignment) in enumerate(edges.items()):
            rows = slice(2 * number, 2 * number + 2)
            score = max(alignment.score, BEYOND_DOUBT) if alignment.by_hand else alignment.score
            weight = np.sqrt(score) * np.linalg.inv(matrices[j][:2, :2])
            goal[rows, 2] -= weight @ alignment.matrix[:2, 2]
            for k, factor in ((i, alignment.matrix[:2, :2]), (j, -np.eye(2))):
                if k in unknown:
                    system[rows, unknown[k]] = weight @ factor
                else:
                    goal[rows] -= weight @ factor @ np.eye(2, 3)
        solution = np.linalg.lstsq(system, goal, rcond=None)[0]
        for k, place in unknown.items():
            matrices[k] = np.vstack([solution[place], [0, 0, 1]])
    return matrices


def _disagreement(measured: Matrix, matrices: Mapping[int, Matrix], pair: Pair, shape: tuple[int, int]) -> float:
    points = grid_points(shape, 64)
    consistent = matrices[pair[1]] @ np.linalg.inv(matrices[pair[0]])
    difference = transform_points(measured, points) - transform_points(consistent, points)
    return float(np.median(np.linalg.norm(difference, axis=1)))
