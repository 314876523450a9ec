"""Groups of ROIs, with at most one ROI per session, that maximise the sum of log-odds over all pairs within them.

This is correlation clustering. The groups of an optimum are connected by pairs that are more likely than not, so the
connected components of the graph of these pairs are solved independently.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from scipy.sparse import coo_array, csr_array, triu
from scipy.sparse.csgraph import connected_components

from ...arrays import Bools, Floats, Indices, Ints64

UNRELATED = -6.0  #: log-odds of two ROIs that are no candidate pair
EXACT_UP_TO = 14  #: ROIs in a component that is solved exactly
LARGEST_SEARCH = 20_000  #: partial partitions of a component that are looked at before the search is given up


class Graph:
    """The candidate pairs of each ROI, in arrays; dictionaries would take ten times the memory."""

    def __init__(self, first: Ints64, second: Ints64, log_odds: Floats, n_rois: int) -> None:
        ends = np.concatenate([first, second]), np.concatenate([second, first])
        matrix = coo_array((np.tile(log_odds - UNRELATED, 2), ends), shape=(n_rois, n_rois)).tocsr()
        self.matrix = csr_array(matrix)
        self.starts = self.matrix.indptr.tolist()

    def near(self, roi: int) -> Indices:
        """The ROIs that could be the same cell."""
        return np.asarray(self.matrix.indices[self.starts[roi] : self.starts[roi + 1]])

    def values(self, roi: int) -> Floats:
        """How far the log-odds of each of these ROIs is above :data:`UNRELATED`."""
        return np.asarray(self.matrix.data[self.starts[roi] : self.starts[roi + 1]])

    def log_odds(self, roi: int) -> dict[int, float]:
        """The log-odds of each of these ROIs."""
        return dict(zip(self.near(roi).tolist(), (self.values(roi) + UNRELATED).tolist(), strict=True))

    def likely_pairs(self) -> Iterator[tuple[float, int, int]]:
        """Yield the log-odds and ROIs of every pair that is more likely than not, the most likely first."""
        upper = triu(self.matrix, format="coo")
        likely = upper.data > -UNRELATED
        (a, b), log_odds = (ends[likely] for ends in upper.coords), upper.data[likely] + UNRELATED
        order = np.lexsort((b, a, -log_odds))
        yield from zip(log_odds[order].tolist(), a[order].tolist(), b[order].tolist(), strict=True)


def group_rois(first: Ints64, second: Ints64, log_odds: Floats, session_of_roi: Ints64) -> list[list[int]]:
    """Partition ROIs, numbered over all sessions, into groups sorted by smallest member; members are ascending.

    Parameters
    ----------
    first, second : ndarray of int, shape (n_pairs,)
        ROIs of each candidate pair.
    log_odds : ndarray of float64, shape (n_pairs,)
        Log-odds that the pair is a match.
    session_of_roi : ndarray of int, shape (n_rois,)
    """
    n_rois = len(session_of_roi)
    likely = log_odds > 0
    links = coo_array((np.ones(likely.sum(), np.int8), (first[likely], second[likely])), shape=(n_rois, n_rois))
    _, component = connected_components(links, directed=False)
    is_group = _are_groups(component, first[likely], session_of_roi)
    partition = _members(component, is_group)
    open_pairs = ~is_group[component[first]] & ~is_group[component[second]]
    graph = Graph(first[open_pairs], second[open_pairs], log_odds[open_pairs], n_rois)
    sessions = session_of_roi.tolist()
    clustering = _Clustering(graph, sessions)
    clustering.merge()
    clustering.improve()
    of_component: dict[int, list[list[int]]] = {}
    for members in clustering.members.values():
        if not is_group[component[members[0]]]:
            of_component.setdefault(int(component[members[0]]), []).append(sorted(members))
    for groups in of_component.values():
        n_together = sum(len(members) for members in groups)
        partition += _optimum(groups, graph, sessions) if 2 < n_together <= EXACT_UP_TO else groups
    return sorted(partition)


def _are_groups(component: Indices, first: Indices, session_of_roi: Ints64) -> Bools:
    """Which components are one group, because all their ROIs are of different sessions and all their pairs likely.

    `first` holds one ROI of each likely pair.
    """
    size, n_pairs = np.bincount(component), np.bincount(component[first], minlength=component.max(initial=-1) + 1)
    is_group = n_pairs == size * (size - 1) // 2
    in_session = component.astype(np.int64) * (session_of_roi.max(initial=0) + 1) + session_of_roi
    repeated = np.sort(in_session)
    repeated = repeated[1:][np.diff(repeated) == 0]
    is_group[repeated // (session_of_roi.max(initial=0) + 1)] = False
    return np.asarray(is_group)


def _members(component: Indices, chosen: Bools) -> list[list[int]]:
    """The ROIs of each of the chosen components."""
    order = np.argsort(component, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(component))[:-1]) if len(order) else []
    return [part.tolist() for part, is_chosen in zip(parts, chosen, strict=True) if is_chosen]


def _optimum(groups: list[list[int]], graph: Graph, sessions: Sequence[int]) -> list[list[int]]:
    """The best partition of a component, by branch and bound; the best one so far if that takes too long."""
    rois = sorted(roi for members in groups for roi in members)
    near = [[values.get(other, UNRELATED) for other in rois] for values in map(graph.log_odds, rois)]
    # The most that the ROIs from each position on can still gain: the sum over all their likely pairs.
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
        self.label = np.arange(len(sessions))
        self.members: dict[int, list[int]] = {k: [k] for k in range(len(sessions))}
        self.sessions_of = [{session} for session in sessions]  #: of the members of each label; kept only while merging
        self.next_label = len(self.label)
        self.waiting: set[int] = set()  #: ROIs whose group, or that of a neighbour, has changed

    def merge(self) -> None:
        """Merge the two groups with the largest gain, until no merge that the sessions permit gains anything."""
        label = list(range(len(self.label)))  # faster than an array where they are looked up one by one
        once = chain(((-value, a, b) for value, a, b in self.graph.likely_pairs()), [(math.inf, 0, 0)])
        again: list[tuple[float, int, int]] = []  # pairs whose gain has become less, as a heap
        next_once = next(once)
        while again or next_once[0] < math.inf:
            if again and again[0] < next_once:
                negative, a, b = heapq.heappop(again)
            else:
                (negative, a, b), next_once = next_once, next(once)
            p, q = label[a], label[b]
            if p == q or not self.sessions_of[p].isdisjoint(self.sessions_of[q]):
                continue
            small, large = sorted((p, q), key=lambda label: len(self.members[label]))
            gain = sum(self._gain(member, large) for member in self.members[small])
            if gain <= 0:
                continue
            if gain < -negative - 1e-9 and -gain > min([*again[:1], next_once])[0]:
                heapq.heappush(again, (-gain, a, b))  # its groups have grown, so it has to wait again
                continue
            self.sessions_of[p] |= self.sessions_of[q]
            self.label[self.members[q]] = p
            for member in self.members[q]:
                label[member] = p
            self.members[p] += self.members.pop(q)

    def improve(self, sweeps: int = 10) -> None:
        """Move ROIs one by one to where they gain most, if necessary displacing the ROI of their session there.

        An ROI is looked at again only if its group, or a group that it could join, has changed.
        """
        self.waiting = set(range(len(self.label)))
        for _ in range(sweeps):
            due, self.waiting = sorted(self.waiting), set()
            if not due:
                break
            for roi in due:
                self._move(roi)

    def _move(self, roi: int) -> None:
        home = int(self.label[roi])
        gains = self._gains(roi)
        if not gains:
            return
        alone = len(self.members[home]) == 1
        stay = 0.0 if alone else gains.get(home, UNRELATED * len(self.members[home])) - UNRELATED
        best, best_gain = None, max(stay, 0.0)
        for target in sorted(gains.keys() - {home}):
            members = self.members[target]
            rival = next((m for m in members if self.sessions[m] == self.sessions[roi]), None)
            gain, swapped = gains[target], False
            if rival is not None:
                # The rival's sums over its own group and over this ROI's group, each without the ROI that leaves.
                of_rival = self._gains(rival)
                gain -= UNRELATED
                rival_there = of_rival.get(target, UNRELATED * len(members)) - UNRELATED
                rival_here = of_rival.get(home, UNRELATED * len(self.members[home])) - UNRELATED
                as_replacement = rival_here if not alone else 0.0
                swapped = as_replacement > 0
                gain += max(as_replacement, 0.0) - rival_there
            if gain > best_gain + 1e-9:
                best, best_gain = (target, rival, swapped), gain
        if best is not None:
            target, rival, swapped = best
            if rival is not None:
                self._put(rival, home if swapped else self._new_label())
            self._put(roi, target)
        elif not alone and stay < -1e-9:
            self._put(roi, self._new_label())

    def _put(self, roi: int, target: int) -> None:
        home = int(self.label[roi])
        self._has_changed(home)
        self.members[home].remove(roi)
        if not self.members[home]:
            del self.members[home]
        self.members.setdefault(target, []).append(roi)
        self.label[roi] = target
        self._has_changed(target)

    def _has_changed(self, label: int) -> None:
        for member in self.members[label]:
            self.waiting.add(member)
            self.waiting.update(self.graph.near(member).tolist())

    def _new_label(self) -> int:
        self.next_label += 1
        return self.next_label

    def _gains(self, roi: int) -> dict[int, float]:
        """The sum of the ROI's log-odds over the members of each group that holds one of its neighbours.

        The ROI is not its own neighbour: in its own group it counts as unrelated.
        """
        groups, place = np.unique(self.label[self.graph.near(roi)], return_inverse=True)
        above = np.bincount(place, self.graph.values(roi)).tolist()
        return {
            group: value + UNRELATED * len(self.members[group])
            for group, value in zip(groups.tolist(), above, strict=True)
        }

    def _gain(self, roi: int, group: int) -> float:
        """The sum of the ROI's log-odds over the members of one group."""
        of_group = self.label[self.graph.near(roi)] == group
        return float(self.graph.values(roi)[of_group].sum()) + UNRELATED * len(self.members[group])
