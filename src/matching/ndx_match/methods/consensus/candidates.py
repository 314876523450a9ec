"""Pairs of ROIs that could be the same cell, pairs that cannot, and the measures by which they are compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack
from scipy.spatial import cKDTree

from ...arrays import Floats32, Indices, Ints32, Ints64
from ...footprints import centroids, pairwise_iou


@dataclass(frozen=True)
class ComparedPairs:
    """Pairs of ROIs in the common frame; arrays of one length. Sessions are positions among those of the frame."""

    first_session: Ints32
    second_session: Ints32
    first_row: Ints32  #: `roi_row`
    second_row: Ints32
    iou: Floats32  #: of the regions
    distance: Floats32  #: of the centroids, in pixels of the frame
    area_ratio: Floats32  #: of the smaller to the larger region, 0 to 1

    def __len__(self) -> int:
        return len(self.iou)

    def take(self, entries: Indices) -> ComparedPairs:
        """The given entries, by position."""
        return ComparedPairs(**{name: values[entries] for name, values in vars(self).items()})

    @staticmethod
    def concatenate(parts: Sequence[ComparedPairs]) -> ComparedPairs:
        """All pairs of several collections, in order."""
        names = ComparedPairs.__dataclass_fields__
        return ComparedPairs(
            **{name: np.concatenate([getattr(part, name) for part in (_NONE, *parts)]) for name in names}
        )


def candidate_pairs(
    regions: Sequence[csr_array], n_cols: int, reach: float, steps: Collection[int] | None = None
) -> ComparedPairs:
    """Pairs of ROIs of different sessions whose centroids are within reach, in pixels.

    Regions are in the common frame, which is `n_cols` wide; an empty region is in no pair. Pairs are sorted by their
    sessions and ROIs. With `steps`, only sessions whose positions differ by one of them are compared.
    """
    n = len(regions)
    later = [[j for j in range(i + 1, n) if steps is None or j - i in steps] for i in range(n)]
    stack = _Regions(regions, n_cols)
    return ComparedPairs.concatenate([stack.compare(i, others, reach) for i, others in enumerate(later) if others])


def pairs_with_first(regions: Sequence[csr_array], n_cols: int, reach: float) -> ComparedPairs:
    """The pairs of :func:`candidate_pairs` that the first session forms with the others."""
    return _Regions(regions, n_cols).compare(0, range(1, len(regions)), reach)


def impossible_pairs(regions: Sequence[csr_array], n_cols: int, reach: float) -> ComparedPairs:
    """Ordered pairs of different ROIs of the same session within reach, which cannot be the same cell."""
    stack = _Regions(regions, n_cols)
    return ComparedPairs.concatenate([stack.compare(k, [k], reach) for k in range(len(regions))])


class _Regions:
    """The regions of all sessions, stacked in one matrix, and search trees of their centroids."""

    def __init__(self, regions: Sequence[csr_array], n_cols: int) -> None:
        self.pixels = csr_array(vstack(regions, format="csr"))
        self.area = np.diff(self.pixels.indptr)
        self.starts = np.cumsum([0, *(region.shape[0] for region in regions)])
        places = [centroids(region, n_cols) for region in regions]
        self.known = [np.flatnonzero(np.isfinite(points).all(axis=1)) for points in places]
        self.trees = [cKDTree(points[rows]) for points, rows in zip(places, self.known, strict=True)]

    def compare(self, first: int, others: Sequence[int], reach: float) -> ComparedPairs:
        """The pairs of different ROIs within reach between one session and others, which are ascending."""
        near = [self.trees[first].sparse_distance_matrix(self.trees[k], reach, output_type="ndarray") for k in others]
        session = np.repeat(np.asarray(others, np.int32), [len(pairs) for pairs in near])
        a = self.known[first][np.concatenate([pairs["i"] for pairs in near])]
        b = np.concatenate([self.known[k][pairs["j"]] for k, pairs in zip(others, near, strict=True)])
        distance = np.concatenate([pairs["v"] for pairs in near])
        n_regions = np.int64(self.area.size)
        order = np.argsort((session * n_regions + a) * n_regions + b)  # sorting by three keys takes three times as long
        order = order[(session != first)[order] | (a != b)[order]]
        a, b, distance, session = a[order], b[order], distance[order], session[order]
        start, ends = self.starts[others[0]], self.starts[others[-1] + 1]
        in_stack = b + self.starts[session]
        # The single session comes second, because only the second factor is transposed.
        iou = pairwise_iou(self._rows(start, ends), self._rows(*self.starts[[first, first + 1]]))
        areas = self.area[a + self.starts[first]], self.area[in_stack]
        return ComparedPairs(
            np.full(len(a), first, np.int32),
            session,
            a.astype(np.int32),
            b.astype(np.int32),
            np.asarray(iou[in_stack - start, a], np.float32).ravel() if len(a) else np.zeros(0, np.float32),
            distance.astype(np.float32),
            (np.minimum(*areas) / np.maximum(*areas)).astype(np.float32),
        )

    def _rows(self, start: int, end: int) -> csr_array:
        """The given rows of the stack, without a copy."""
        first, last = self.pixels.indptr[start], self.pixels.indptr[end]
        indptr = self.pixels.indptr[start : end + 1] - first
        pixels = self.pixels.data[first:last], self.pixels.indices[first:last], indptr
        return csr_array(pixels, shape=(end - start, self.pixels.shape[1]), copy=False)


def roi_towards(session: Ints32, row: Ints32, other: Ints32) -> Ints64:
    """One number for each combination of an ROI, given by session and `roi_row`, and another session."""
    n_rows, n_sessions = (1 + int(values.max(initial=0)) for values in (row, other))
    return (session.astype(np.int64) * n_rows + row) * n_sessions + other


_NONE = ComparedPairs(*(np.zeros(0, np.int32),) * 4, *(np.zeros(0, np.float32),) * 3)
