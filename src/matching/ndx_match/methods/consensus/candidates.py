"""Pairs of ROIs that could be the same cell, pairs that cannot, and what is compared of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from ...arrays import Floats, Indices, Ints32
from ...footprints import centroids, pairwise_iou


@dataclass(frozen=True)
class ComparedPairs:
    """Pairs of ROIs in the common frame; arrays of one length.

    Attributes
    ----------
    first_session, second_session : ndarray of int32
        Positions among the sessions of the frame.
    first_row, second_row : ndarray of int32
        `roi_row`.
    iou : ndarray of float64
        Of the regions.
    distance : ndarray of float64
        Of the centroids, in pixels of the frame.
    area_ratio : ndarray of float64
        Of the smaller to the larger region, 0 to 1.
    """

    first_session: Ints32
    second_session: Ints32
    first_row: Ints32
    second_row: Ints32
    iou: Floats
    distance: Floats
    area_ratio: Floats

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
    """Pairs of ROIs of different sessions whose centroids are within reach.

    Parameters
    ----------
    regions : sequence of csr_array, shape (n_rois, frame pixels)
        Of each session, in the common frame; an empty region is in no pair.
    n_cols : int
        Width of the frame.
    reach : float
        Largest distance of centroids in pixels.
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
    known = [np.flatnonzero(np.isfinite(places[k]).all(axis=1)) for k in (first, second)]
    trees = [cKDTree(places[k][rows]) for k, rows in zip((first, second), known, strict=True)]
    near = trees[0].sparse_distance_matrix(trees[1], reach, output_type="coo_matrix")
    a, b, distance = known[0][near.row], known[1][near.col], near.data
    if first == second:
        different = a != b
        a, b, distance = a[different], b[different], distance[different]
    order = np.lexsort((b, a))
    a, b, distance = a[order], b[order], distance[order]
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
