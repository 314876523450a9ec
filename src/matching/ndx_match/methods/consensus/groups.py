"""Groups of ROIs, at most one a session, that maximise the sum of log-odds over all their pairs.

This is correlation clustering. Groups of an optimum are connected by pairs that are more likely than not, so that the
components of the graph of these pairs are independent.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ...arrays import Floats, Ints64

UNRELATED = -6.0  #: log-odds of two ROIs that are no candidate pair
EXACT_UP_TO = 14  #: ROIs in a component that is solved exactly
LARGEST_SEARCH = 20_000  #: partial partitions of a component that are looked at before the search is given up

Graph = list[dict[int, float]]


def group_rois(first: Ints64, second: Ints64, log_odds: Floats, session_of_roi: Ints64) -> list[list[int]]:
    """Partition ROIs, numbered over all sessions, into groups, sorted by their smallest member, members ascending.

    Parameters
    ----------
    first, second : ndarray of int, shape (n_pairs,)
        ROIs of each candidate pair.
    log_odds : ndarray of float64, shape (n_pairs,)
        That the pair is a match.
    session_of_roi : ndarray of int, shape (n_rois,)
    """
    graph: Graph = [{} for _ in session_of_roi]
    for a, b, value in zip(first.tolist(), second.tolist(), log_odds.tolist(), strict=True):
        graph[a][b] = graph[b][a] = value
    sessions = session_of_roi.tolist()
    likely = log_odds > 0
    n_rois = len(sessions)
    links = coo_array((np.ones(likely.sum()), (first[likely], second[likely])), shape=(n_rois, n_rois))
    _, component = connected_components(links, directed=False)
    clustering = _Clustering(graph, sessions)
    clustering.merge()
    clustering.improve()
    of_component: dict[int, list[list[int]]] = {}
    for members in clustering.members.values():
        of_component.setdefault(int(component[members[0]]), []).append(sorted(members))
    found: list[list[int]] = []
    for groups in of_component.values():
        n_rois = sum(len(members) for members in groups)
        found += _optimum(groups, graph, sessions) if 2 < n_rois <= EXACT_UP_TO else groups
    return sorted(found)


def _optimum(groups: list[list[int]], graph: Graph, sessions: Sequence[int]) -> list[list[int]]:
    """The best partition of a component, by branch and bound; the best found where it takes too long."""
    rois = sorted(roi for members in groups for roi in members)
    near = [[graph[roi].get(other, UNRELATED) for other in rois] for roi in rois]
    # What the ROIs from each position on could still gain, were all their likely pairs taken.
    hope = [0.0] * (len(rois) + 1)
    for k in range(len(rois) - 1, -1, -1):
        hope[k] = hope[k + 1] + sum(max(value, 0.0) for value in near[k][:k])
    best_value = sum(near[rois.index(a)][rois.index(b)] for g in groups for n, a in enumerate(g) for b in g[:n])
    best: list[list[int]] | None = None
    looked_at = 0

    def extend(k: int, partition: list[list[int]], value: float) -> None:
        nonlocal best_value, best, looked_at
        looked_at += 1
        if looked_at > LARGEST_SEARCH or value + hope[k] <= best_value + 1e-9:
            return
        if k == len(rois):
            best_value, best = value, [list(members) for members in partition]
            return
        for members in partition:
            if all(sessions[rois[k]] != sessions[rois[m]] for m in members):
                gain = sum(near[k][m] for m in members)
                members.append(k)
                extend(k + 1, partition, value + gain)
                members.pop()
        partition.append([k])
        extend(k + 1, partition, value)
        partition.pop()

    extend(0, [], 0.0)
    return groups if best is None else [[rois[k] for k in members] for members in best]


class _Clustering:
    """Labels of ROIs and the members of each label, changed in place."""

    def __init__(self, graph: Graph, sessions: Sequence[int]) -> None:
        self.graph, self.sessions = graph, sessions
        self.label = list(range(len(sessions)))
        self.members: dict[int, list[int]] = {k: [k] for k in self.label}
        self.next_label = len(self.label)

    def merge(self) -> None:
        """Merge the two groups of the largest gain until none is left that gains and breaks no constraint."""
        queue = [(-v, a, b) for a, near in enumerate(self.graph) for b, v in near.items() if a < b and v > 0]
        heapq.heapify(queue)
        while queue:
            negative, a, b = heapq.heappop(queue)
            p, q = self.label[a], self.label[b]
            if p == q or self._sessions(p) & self._sessions(q):
                continue
            gain = sum(self._gain(member, self.members[q]) for member in self.members[p])
            if gain <= 0:
                continue
            if gain < -negative - 1e-9 and queue and gain < -queue[0][0]:
                heapq.heappush(queue, (-gain, a, b))  # its groups have grown since: back in line
                continue
            self.members[p] += self.members.pop(q)
            for member in self.members[p]:
                self.label[member] = p

    def improve(self, sweeps: int = 10) -> None:
        """Move ROIs one by one to where they gain most, with or without displacing the ROI of their session there."""
        for _ in range(sweeps):
            moves = [self._move(roi) for roi in range(len(self.label)) if self.graph[roi]]
            if not any(moves):
                break

    def _move(self, roi: int) -> bool:
        home = self.label[roi]
        rest = [member for member in self.members[home] if member != roi]
        stay = self._gain(roi, rest)
        best, best_gain = None, max(stay, 0.0 if rest else stay)
        alone = rest and stay < -1e-9
        for target in sorted({self.label[other] for other in self.graph[roi]} - {home}):
            rival = next((m for m in self.members[target] if self.sessions[m] == self.sessions[roi]), None)
            others = [member for member in self.members[target] if member != rival]
            gain = self._gain(roi, others)
            swapped = False
            if rival is not None:
                as_replacement = self._gain(rival, rest)
                swapped = as_replacement > 0
                gain += max(as_replacement, 0.0) - self._gain(rival, others)
            if gain > best_gain + 1e-9:
                best, best_gain = (target, rival, swapped), gain
        if best is not None:
            target, rival, swapped = best
            if rival is not None:
                self._put(rival, home if swapped else self._new_label())
            self._put(roi, target)
            return True
        if alone:
            self._put(roi, self._new_label())
            return True
        return False

    def _put(self, roi: int, target: int) -> None:
        home = self.label[roi]
        self.members[home].remove(roi)
        if not self.members[home]:
            del self.members[home]
        self.members.setdefault(target, []).append(roi)
        self.label[roi] = target

    def _new_label(self) -> int:
        self.next_label += 1
        return self.next_label

    def _gain(self, roi: int, members: Sequence[int]) -> float:
        near = self.graph[roi]
        return sum(near.get(member, UNRELATED) for member in members)

    def _sessions(self, label: int) -> set[int]:
        return {self.sessions[member] for member in self.members[label]}
