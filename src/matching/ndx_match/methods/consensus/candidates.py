"""Pairs of ROIs that could be the same cell, pairs that cannot, and what is compared of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.sparse import csr_array

from ...arrays import Floats, Indices, Ints32
from ...footprints import centroids, near_pairs, pairwise_iou


@dataclass(frozen=True)
class ComparedPairs:
    """Pairs of ROIs in the common frame; arrays of one length. Sessions are positions among those of the frame."""

    first_session: Ints32
    second_session: Ints32
    first_row: Ints32  #: `roi_row`
    second_row: Ints32
    iou: Floats  #: of the regions
    distance: Floats  #: of the centroids, in pixels of the frame
    area_ratio: Floats  #: of the smaller to the larger region, 0 to 1

    def __len__(self) -> int:
        return len(self.iou)

    def take(self, entries: Indices) -> ComparedPairs:
        """The given entries, by position."""
        return ComparedPairs(**{name: values[entries] for name, values in vars(self).items()})

    @staticmethod
    def concatenate(parts: Sequence[ComparedPairs]) -> ComparedPairs:
        """All pairs of several collections, in order."""
        names = ComparedPairs.__dataclass_fields__
        return ComparedPairs(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def candidate_pairs(regions: Sequence[csr_array], n_cols: int, reach: float) -> ComparedPairs:
    """Pairs of ROIs of different sessions whose centroids are within reach, in pixels.

    Regions are in the common frame, which is `n_cols` wide; an empty region is in no pair.
    """
    places = [centroids(region, n_cols) for region in regions]
    return ComparedPairs.concatenate(
        [_compare(regions, places, i, j, reach) for i, j in combinations(range(len(regions)), 2)]
    )


def impossible_pairs(regions: Sequence[csr_array], n_cols: int, reach: float) -> ComparedPairs:
    """Ordered pairs of different ROIs of the same session within reach: they cannot be the same cell."""
    places = [centroids(region, n_cols) for region in regions]
    return ComparedPairs.concatenate([_compare(regions, places, k, k, reach) for k in range(len(regions))])


def _compare(
    regions: Sequence[csr_array], places: Sequence[Floats], first: int, second: int, reach: float
) -> ComparedPairs:
    a, b, distance = near_pairs(places[first], places[second], reach)
    if first == second:
        different = a != b
        a, b, distance = a[different], b[different], distance[different]
    overlap = pairwise_iou(regions[first], regions[second])
    areas = [np.diff(regions[k].indptr)[rows] for k, rows in ((first, a), (second, b))]
    return ComparedPairs(
        np.full(len(a), first, np.int32),
        np.full(len(a), second, np.int32),
        a.astype(np.int32),
        b.astype(np.int32),
        np.asarray(overlap[a, b], float).ravel() if len(a) else np.zeros(0),
        distance,
        np.minimum(*areas) / np.maximum(*areas) if len(a) else np.zeros(0),
    )
