"""Form groups over all sessions from pairwise matches: merge them greedily, then prune conflicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations

import numpy as np

from ...arrays import Ints32

ABSENT = -1
UNSUPPORTED_COST = 1000.0  #: cost of two sessions between which a group has no candidate pair

Row = list[int]
#: (first session, its roi_row, second session, its roi_row) of a candidate pair -> cost
PairCosts = Mapping[tuple[int, int, int, int], float]


def group_matches(matches: Ints32, costs: PairCosts, pruning_method: str) -> Ints32:
    """Form groups of ROIs: rows of `roi_row`s, with -1 where a group has none. Each ROI is in at most one group.

    Parameters
    ----------
    matches : ndarray of int32, shape (n_matches, n_sessions)
        One row per pairwise match, in the order of the session pairs: two `roi_row`s, and -1 elsewhere.
    costs : mapping
        Cost of every candidate pair, matched or rejected.
    pruning_method : str
        `keepmin` or `popmax`.
    """
    rows = merge([list(map(int, match)) for match in matches])
    positions = prune(rows, [group_cost(row, costs) for row in rows], pruning_method)
    return np.array([rows[k] for k in positions], np.int32).reshape(-1, matches.shape[1])


def merge(matches: list[Row]) -> list[Row]:
    """Merge rows that share an ROI and contradict each other in no session, in two passes.

    The first pass copies each row into the first listed row that accepts it; if none does, the row itself is listed.
    The second pass, which runs only if the first merged anything, copies every listed row but the first in the same
    way. These rows stay listed, and :func:`prune` settles the duplicates.
    """
    listed: list[Row] = []
    listed_by_roi: dict[tuple[int, int], list[int]] = defaultdict(list)

    def first_that_accepts(row: Row) -> int | None:
        sharing = {k for roi in enumerate(row) if roi[1] != ABSENT for k in listed_by_roi[roi]}
        return next((k for k in sorted(sharing) if _agree(listed[k], row)), None)

    def copy_into(k: int, row: Row) -> None:
        for session, roi_row in enumerate(row):
            if roi_row != ABSENT and listed[k][session] == ABSENT:
                listed[k][session] = roi_row
                listed_by_roi[session, roi_row].append(k)

    for match in matches:
        target = first_that_accepts(match)
        if target is None:
            target = len(listed)
            listed.append([ABSENT] * len(match))
        copy_into(target, match)
    if len(listed) < len(matches):
        for row in listed[1:]:
            target = first_that_accepts(row)
            if target is not None:
                copy_into(target, row)
    return listed


def group_cost(row: Row, costs: PairCosts) -> float:
    """Sum of the costs over all pairs of sessions; :data:`UNSUPPORTED_COST` for a pair without a candidate pair."""
    total = 0.0
    for (first, a), (second, b) in combinations(enumerate(row), 2):
        total += costs.get((first, a, second, b), UNSUPPORTED_COST)
    return total


def prune(rows: list[Row], row_costs: list[float], method: str) -> list[int]:
    """Positions of the rows to keep, so that no ROI is in two of them.

    Rows that share an ROI are in conflict. In each connected component of conflicts, `keepmin` keeps the row with the
    lowest cost and drops all rows in conflict with it; `popmax` drops the row with the highest cost. This is repeated
    on the rows that remain.
    """
    import networkx as nx  # here, because importing it takes longer than the rest of the method's imports

    graph = nx.Graph()
    graph.add_nodes_from(range(len(rows)))
    rows_by_roi: dict[tuple[int, int], list[int]] = defaultdict(list)
    for k, row in enumerate(rows):
        for roi in enumerate(row):
            if roi[1] != ABSENT:
                rows_by_roi[roi].append(k)
    for sharing in rows_by_roi.values():
        graph.add_edges_from(combinations(sharing, 2))

    positions: list[int] = []
    pending = [sorted(component) for component in nx.connected_components(graph)]
    while pending:
        component = pending.pop()
        if len(component) == 1:
            positions += component
            continue
        if method == "keepmin":
            best = min(component, key=lambda k: row_costs[k])
            positions.append(best)
            dropped = {best, *graph.neighbors(best)}
        else:
            dropped = {max(component, key=lambda k: row_costs[k])}
        remaining = graph.subgraph([k for k in component if k not in dropped])
        pending += [sorted(part) for part in nx.connected_components(remaining)]
    return sorted(positions)


def _agree(first: Row, second: Row) -> bool:
    return all(ABSENT in (a, b) or a == b for a, b in zip(first, second, strict=True))
