"""Cost and assignment of the ROIs of two registered sessions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from ...arrays import Bools, Floats, Indices, Ints32, Ints64
from ...footprints import centroids, pairwise_iou
from .masks import layered_pixels, layers_without_overlap, overwrite_in_layers, warp_footprints
from .parameters import NwayParameters

FAR = 999.0  #: replaces distance / maximum_distance beyond the maximum
SMALLEST_WEIGHT = 0.002  #: a pair of lower 1 / (1 + cost) is no edge of the Blossom graph


@dataclass(frozen=True)
class SessionMasks:
    """A session as the pipeline compares it: its pixel sets, their layers and its image's size (rows, columns)."""

    footprints: csr_array
    layers: Indices
    shape: tuple[int, int]
    painting_order: Indices

    @staticmethod
    def of(footprints: csr_array, roi_ids: Ints64, shape: tuple[int, int]) -> SessionMasks:
        """Assign layers in table order; within a layer ROIs are painted in the order of their ids."""
        return SessionMasks(footprints, layers_without_overlap(footprints), shape, np.argsort(roi_ids, kind="stable"))


@dataclass(frozen=True)
class CandidatePairs:
    """Pairs of ROIs of two sessions within the maximum distance; arrays of equal length, sorted by fixed, moving."""

    fixed_row: Ints32
    moving_row: Ints32
    distance: Floats
    iou: Floats
    cost: Floats
    accepted: Bools


def match_pair(fixed: SessionMasks, moving: SessionMasks, matrix: Floats, parameters: NwayParameters) -> CandidatePairs:
    """Match the ROIs of two sessions, given their registration.

    Parameters
    ----------
    fixed, moving : SessionMasks
    matrix : ndarray, shape (3, 3)
        Fixed (x, y, 1) to moving.
    parameters : NwayParameters

    Returns
    -------
    CandidatePairs
        Every pair whose centroids lie less than `maximum_distance` apart, those assigned being `accepted`.
    """
    warped = warp_footprints(moving.footprints, moving.shape, fixed.shape, matrix)
    warped = overwrite_in_layers(warped, moving.layers, moving.painting_order)
    n_layers = int(max(fixed.layers.max(initial=0), moving.layers.max(initial=0))) + 1
    iou = pairwise_iou(
        layered_pixels(fixed.footprints, fixed.layers, n_layers), layered_pixels(warped, moving.layers, n_layers)
    )
    fixed_points, moving_points = (
        _places(footprints, fixed.shape[1], parameters.strict) for footprints in (fixed.footprints, warped)
    )
    row, col, distance = _near(fixed_points, moving_points, parameters.maximum_distance)
    overlap = np.asarray(iou[row, col]).ravel() if len(row) else np.zeros(0)
    cost = distance / parameters.maximum_distance + 1 - overlap
    if parameters.assignment_solver == "Blossom":
        assigned = maximum_weight(row, col, cost)
    else:
        assigned = minimum_cost(fixed_points, moving_points, iou, parameters.maximum_distance)[row, col]
    kept = distance < parameters.maximum_distance
    return CandidatePairs(
        row[kept].astype(np.int32),
        col[kept].astype(np.int32),
        distance[kept],
        overlap[kept],
        cost[kept],
        assigned[kept],
    )


def maximum_weight(row: Indices, col: Indices, cost: Floats) -> Bools:
    """Which pairs a maximum-weight matching with weights 1 / (1 + cost) takes.

    The graph is bipartite, so that each of its connected components is an assignment problem, solved exactly.
    """
    weight = 1 / (1 + cost)
    edges = np.flatnonzero(weight > SMALLEST_WEIGHT)
    taken = np.zeros(len(row), bool)
    if len(edges) == 0:
        return taken
    n_rows, n_cols = int(row.max()) + 1, int(col.max()) + 1
    graph = coo_array(
        (np.ones(len(edges)), (row[edges], n_rows + col[edges])), shape=(n_rows + n_cols, n_rows + n_cols)
    )
    _, component = connected_components(graph, directed=False)
    by_component = edges[np.argsort(component[row[edges]], kind="stable")]
    starts = np.flatnonzero(np.diff(component[row[by_component]])) + 1
    for group in np.split(by_component, starts):
        rows, row_at = np.unique(row[group], return_inverse=True)
        cols, col_at = np.unique(col[group], return_inverse=True)
        weights = np.zeros((len(rows), len(cols)))
        weights[row_at, col_at] = weight[group]
        chosen = np.zeros(weights.shape, bool)
        chosen[linear_sum_assignment(weights, maximize=True)] = True
        taken[group] = chosen[row_at, col_at]
    return taken


def minimum_cost(fixed_points: Floats, moving_points: Floats, iou: csr_array, maximum_distance: float) -> Bools:
    """The assignment of least total cost over all pairs, those beyond the maximum distance included.

    Returns
    -------
    ndarray of bool, shape (n_fixed, n_moving)
    """
    relative = cdist(fixed_points, moving_points) / maximum_distance
    cost = np.where(relative <= 1, relative, FAR) + 1 - iou.toarray()  # NaN, of an empty mask, is far too
    assigned = np.zeros(cost.shape, bool)
    assigned[linear_sum_assignment(cost)] = True
    return assigned


def _places(footprints: csr_array, n_cols: int, strict: bool) -> Floats:
    points = centroids(footprints, n_cols)
    return np.nan_to_num(points, nan=0.0) if strict else points


def _near(fixed_points: Floats, moving_points: Floats, maximum_distance: float) -> tuple[Indices, Indices, Floats]:
    fixed_known = np.flatnonzero(np.isfinite(fixed_points).all(axis=1))
    moving_known = np.flatnonzero(np.isfinite(moving_points).all(axis=1))
    near = cKDTree(fixed_points[fixed_known]).sparse_distance_matrix(
        cKDTree(moving_points[moving_known]), maximum_distance, output_type="coo_matrix"
    )
    row, col = fixed_known[near.row], moving_known[near.col]
    order = np.lexsort((col, row))
    row, col = row[order], col[order]
    return row, col, np.linalg.norm(fixed_points[row] - moving_points[col], axis=1)
