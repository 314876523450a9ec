"""Cost and assignment of the ROIs of two registered sessions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from ...arrays import Bools, Floats, Indices
from ...footprints import centroids, near_pairs, pairwise_iou
from ...model import Registration, RoiPairs, Session
from .masks import layered_pixels, layers_without_overlap, overwrite_in_layers, warp_footprints
from .parameters import NwayParameters

FAR = 999.0  #: replaces distance / maximum_distance beyond the maximum
SMALLEST_WEIGHT = 0.002  #: a pair with a lower 1 / (1 + cost) is no edge of the Blossom graph


@dataclass(frozen=True)
class SessionMasks:
    """The masks of a session, and the layer of each mask."""

    footprints: csr_array
    layers: Indices
    shape: tuple[int, int]  #: (n_rows, n_cols) of the image
    painting_order: Indices  #: `roi_row`s in the order in which they are painted

    @staticmethod
    def of(session: Session) -> SessionMasks:
        """Assign layers in table order; within a layer ROIs are painted in the order of their ids."""
        layers = layers_without_overlap(session.footprints)
        return SessionMasks(session.footprints, layers, session.shape, np.argsort(session.roi_ids, kind="stable"))


def match_pair(
    fixed: SessionMasks, moving: SessionMasks, registration: Registration, parameters: NwayParameters
) -> RoiPairs:
    """Match the ROIs of two registered sessions.

    Every pair whose centroids lie less than `maximum_distance` apart is a candidate; assigned pairs are `accepted`.
    """
    warped = warp_footprints(moving.footprints, moving.shape, fixed.shape, registration.matrix)
    warped = overwrite_in_layers(warped, moving.layers, moving.painting_order)
    n_layers = int(max(fixed.layers.max(initial=0), moving.layers.max(initial=0))) + 1
    iou = pairwise_iou(
        layered_pixels(fixed.footprints, fixed.layers, n_layers), layered_pixels(warped, moving.layers, n_layers)
    )
    fixed_points, moving_points = (
        _places(footprints, fixed.shape[1], parameters.strict) for footprints in (fixed.footprints, warped)
    )
    row, col, _ = near_pairs(fixed_points, moving_points, parameters.maximum_distance)
    distance = np.linalg.norm(fixed_points[row] - moving_points[col], axis=1)
    overlap = np.asarray(iou[row, col]).ravel() if len(row) else np.zeros(0)
    cost = distance / parameters.maximum_distance + 1 - overlap
    if parameters.assignment_solver == "Blossom":
        assigned = maximum_weight(row, col, cost)
    else:
        assigned = minimum_cost(fixed_points, moving_points, iou, parameters.maximum_distance)[row, col]
    kept = distance < parameters.maximum_distance
    return RoiPairs(
        fixed_session=np.full(kept.sum(), registration.fixed_session, np.int32),
        moving_session=np.full(kept.sum(), registration.moving_session, np.int32),
        fixed_roi_row=row[kept].astype(np.int32),
        moving_roi_row=col[kept].astype(np.int32),
        centroid_distance=distance[kept],
        iou=overlap[kept],
        accepted=assigned[kept],
        cost=cost[kept],
    )


def maximum_weight(row: Indices, col: Indices, cost: Floats) -> Bools:
    """Which pairs are in the maximum-weight matching with weights 1 / (1 + cost).

    The graph is bipartite, so that each connected component is an assignment problem, which is solved exactly.
    """
    weight = 1 / (1 + cost)
    edges = np.flatnonzero(weight > SMALLEST_WEIGHT)
    assigned = np.zeros(len(row), bool)
    if len(edges) == 0:
        return assigned
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
        assigned[group] = chosen[row_at, col_at]
    return assigned


def minimum_cost(fixed_points: Floats, moving_points: Floats, iou: csr_array, maximum_distance: float) -> Bools:
    """The assignment of least total cost over all pairs, near or far, shape (n_fixed, n_moving)."""
    relative = cdist(fixed_points, moving_points) / maximum_distance
    cost = np.where(relative <= 1, relative, FAR) + 1 - iou.toarray()  # the NaN of an empty mask counts as far
    assigned = np.zeros(cost.shape, bool)
    assigned[linear_sum_assignment(cost)] = True
    return assigned


def _places(footprints: csr_array, n_cols: int, strict: bool) -> Floats:
    points = centroids(footprints, n_cols)
    return np.nan_to_num(points, nan=0.0) if strict else points
