"""Pairs of ROIs that could be the same cell, pairs that cannot, and what is compared of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack

from ...arrays import Floats, Floats32, Indices, Ints32, Ints64
from ...footprints import centroids, near_pairs, pairwise_iou


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
    sessions and ROIs. With `steps`, only sessions are compared whose positions differ by one of them.
    """
    places = [centroids(region, n_cols) for region in regions]
    n = len(regions)
    later = [[j for j in range(i + 1, n) if steps is None or j - i in steps] for i in range(n)]
    return ComparedPairs.concatenate(
        [_compare(regions, places, i, others, reach) for i, others in enumerate(later) if others]
    )


def pairs_with_first(regions: Sequence[csr_array], n_cols: int, reach: float) -> ComparedPairs:
    """As :func:`candidate_pairs`, only those of the first session with the others."""
    places = [centroids(region, n_cols) for region in regions]
    return _compare(regions, places, 0, range(1, len(regions)), reach)


def impossible_pairs(regions: Sequence[csr_array], n_cols: int, reach: float) -> ComparedPairs:
    """Ordered pairs of different ROIs of the same session within reach: they cannot be the same cell."""
    places = [centroids(region, n_cols) for region in regions]
    return ComparedPairs.concatenate([_compare(regions, places, k, [k], reach) for k in range(len(regions))])


def _compare(
    regions: Sequence[csr_array], places: Sequence[Floats], first: int, others: Sequence[int], reach: float
) -> ComparedPairs:
    """The near pairs between the ROIs of one session and those of others, compared at once."""
    starts = np.cumsum([0, *(regions[k].shape[0] for k in others)])
    stacked = regions[others[0]] if len(others) == 1 else csr_array(vstack([regions[k] for k in others], format="csr"))
    a, b, distance = near_pairs(places[first], np.concatenate([places[k] for k in others]), reach)
    position = np.searchsorted(starts, b, side="right") - 1
    order = np.argsort(position, kind="stable")
    if list(others) == [first]:
        order = order[a != b]
    a, b, distance, position = a[order], b[order], distance[order], position[order]
    overlap = pairwise_iou(stacked, regions[first])  # only the masks of the second are sorted by pixels
    areas = [np.diff(region.indptr)[rows] for region, rows in ((regions[first], a), (stacked, b))]
    return ComparedPairs(
        np.full(len(a), first, np.int32),
        np.asarray(others, np.int32)[position],
        a.astype(np.int32),
        (b - starts[position]).astype(np.int32),
        np.asarray(overlap[b, a], np.float32).ravel() if len(a) else np.zeros(0, np.float32),
        distance.astype(np.float32),
        (np.minimum(*areas) / np.maximum(*areas)).astype(np.float32) if len(a) else np.zeros(0, np.float32),
    )


def roi_towards(session: Ints32, row: Ints32, other: Ints32) -> Ints64:
    """One number for each ROI, given by session and `roi_row`, and another session."""
    n_rows, n_sessions = (1 + int(values.max(initial=0)) for values in (row, other))
    return (session.astype(np.int64) * n_rows + row) * n_sessions + other


_NONE = ComparedPairs(*(np.zeros(0, np.int32),) * 4, *(np.zeros(0, np.float32),) * 3)
