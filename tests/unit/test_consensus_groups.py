"""Groups of ROIs: a partition that keeps to the rules and is worth as much as any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndx_match.methods.consensus import groups
from ndx_match.methods.consensus.groups import UNRELATED, group_rois

Edge = tuple[int, int, float]


def grouped(edges: Sequence[Edge], session_of_roi: Sequence[int]) -> list[list[int]]:
    a, b, value = zip(*edges, strict=True) if edges else ((), (), ())
    return group_rois(
        np.array(a, np.int64), np.array(b, np.int64), np.array(value, float), np.array(session_of_roi, np.int64)
    )


def worth(partition: Sequence[Sequence[int]], edges: Sequence[Edge]) -> float:
    """Sum of the log-odds of all pairs within groups."""
    value = {frozenset((a, b)): v for a, b, v in edges}
    return sum(value.get(frozenset(pair), UNRELATED) for group in partition for pair in combinations(group, 2))


def partitions(rois: list[int], session_of_roi: Sequence[int]) -> Iterator[list[list[int]]]:
    """Every partition with at most one ROI of a session in a group."""
    if not rois:
        yield []
        return
    last = rois[-1]
    for partition in partitions(rois[:-1], session_of_roi):
        yield [*partition, [last]]
        for k, group in enumerate(partition):
            if all(session_of_roi[member] != session_of_roi[last] for member in group):
                yield [*partition[:k], [*group, last], *partition[k + 1 :]]


def greedy(edges: Sequence[Edge], session_of_roi: Sequence[int]) -> list[list[int]]:
    """Merge along the most likely pairs first, wherever the rules allow."""
    group_of = {roi: [roi] for roi in range(len(session_of_roi))}
    for a, b, value in sorted(edges, key=lambda edge: -edge[2]):
        one, other = group_of[a], group_of[b]
        sessions = [session_of_roi[roi] for roi in (*one, *other)]
        if value > 0 and one is not other and len(set(sessions)) == len(sessions):
            merged = one + other
            group_of.update(dict.fromkeys(merged, merged))
    return [list(group) for group in {id(group): group for group in group_of.values()}.values()]


@st.composite
def graphs(draw: st.DrawFn, most_sessions: int = 4, most_rois: int = 5) -> tuple[list[Edge], list[int]]:
    counts = draw(st.lists(st.integers(0, most_rois), min_size=2, max_size=most_sessions))
    session_of_roi = [k for k, n in enumerate(counts) for _ in range(n)]
    possible = [
        pair for pair in combinations(range(len(session_of_roi)), 2) if len({session_of_roi[roi] for roi in pair}) == 2
    ]
    chosen = draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    values = draw(st.lists(st.floats(-8, 8), min_size=len(chosen), max_size=len(chosen)))
    return [(a, b, v) for (a, b), v in zip(chosen, values, strict=True)], session_of_roi


@given(graphs())
@settings(max_examples=150)
def test_every_roi_is_in_one_group_and_no_group_has_two_of_a_session(graph):
    edges, session_of_roi = graph
    partition = grouped(edges, session_of_roi)
    assert sorted(roi for group in partition for roi in group) == list(range(len(session_of_roi)))
    for group in partition:
        assert len({session_of_roi[roi] for roi in group}) == len(group)
    assert partition == sorted(sorted(group) for group in partition)


@given(graphs(most_sessions=3, most_rois=3))
@settings(max_examples=100)
def test_small_groups_are_worth_as_much_as_any(graph):
    edges, session_of_roi = graph
    best = max(worth(p, edges) for p in partitions(list(range(len(session_of_roi))), session_of_roi))
    assert worth(grouped(edges, session_of_roi), edges) == pytest.approx(best, abs=1e-6)


def random_graph(seed: int, n_sessions: int, n_each: int, share: float) -> tuple[list[Edge], list[int]]:
    """One large component: cells with an ROI in most sessions, and as many doubtful pairs between them."""
    rng = np.random.default_rng(seed)
    session_of_roi = np.repeat(np.arange(n_sessions), n_each)
    cell = np.concatenate([rng.permutation(n_each) for _ in range(n_sessions)])
    edges = []
    for a, b in combinations(range(len(cell)), 2):
        if session_of_roi[a] != session_of_roi[b] and (cell[a] == cell[b] or rng.random() < share):
            edges.append((a, b, float(rng.normal(2.0 if cell[a] == cell[b] else -1.0, 2.5))))
    return edges, session_of_roi.tolist()


@pytest.mark.parametrize("seed", range(10))
def test_large_components_are_worth_more_than_greedy_merging(seed):
    edges, session_of_roi = random_graph(seed, n_sessions=5, n_each=12, share=0.3)
    partition = grouped(edges, session_of_roi)
    assert worth(partition, edges) >= worth(greedy(edges, session_of_roi), edges)
    for group in partition:  # no ROI would rather be alone
        for roi in group:
            rest = [other for other in group if other != roi]
            assert worth([group], edges) >= worth([rest], edges) - 1e-9


def test_the_search_for_the_optimum_only_ever_gains(monkeypatch: pytest.MonkeyPatch):
    gained = 0
    for seed in range(60):
        edges, session_of_roi = random_graph(seed, n_sessions=4, n_each=3, share=0.6)
        with monkeypatch.context() as patch:
            patch.setattr(groups, "EXACT_UP_TO", 0)
            heuristic = worth(grouped(edges, session_of_roi), edges)
        exact = worth(grouped(edges, session_of_roi), edges)
        assert exact >= heuristic - 1e-9
        gained += exact > heuristic + 1e-9
    assert gained > 0  # else there would be no need for it


def test_a_search_that_is_given_up_still_gives_a_partition(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(groups, "LARGEST_SEARCH", 3)
    edges, session_of_roi = random_graph(1, n_sessions=4, n_each=3, share=0.6)
    partition = grouped(edges, session_of_roi)
    assert sorted(roi for group in partition for roi in group) == list(range(12))
    assert worth(partition, edges) >= worth(greedy(edges, session_of_roi), edges)


def test_a_pair_that_two_others_contradict_is_not_taken():
    """0-1 is likely by itself, but its two ROIs have better partners in each other's sessions."""
    edges = [(0, 1, 1.0), (0, 3, 4.0), (1, 2, 4.0)]
    assert grouped(edges, [0, 1, 0, 1]) == [[0, 3], [1, 2]]


def test_a_missing_link_is_bridged_where_the_others_weigh_more():
    assert grouped([(0, 1, 7.0), (1, 2, 7.0)], [0, 1, 2]) == [[0, 1, 2]]  # 0-2 counts as UNRELATED, -6
    assert grouped([(0, 1, 7.0), (1, 2, 5.0)], [0, 1, 2]) == [[0, 1], [2]]


def test_nothing_to_group():
    assert grouped([], []) == []
    assert grouped([], [0, 0, 1]) == [[0], [1], [2]]
    assert grouped([(0, 2, -1.0)], [0, 0, 1]) == [[0], [1], [2]]


@given(graphs(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_order_of_pairs_does_not_matter(graph, random):
    edges, session_of_roi = graph
    edges = [(a, b, v + 1e-3 * k) for k, (a, b, v) in enumerate(edges)]  # no ties
    shuffled = list(edges)
    random.shuffle(shuffled)
    assert grouped(shuffled, session_of_roi) == grouped(edges, session_of_roi)
