"""Geometry of sparse footprints: pure functions on arrays, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.spatial import cKDTree

from ndx_cell_matching.registrations import transform_points as transform_points

from .arrays import Array, Floats, Floats32, Indices, Ints64, Matrix, Points

LARGEST_CONDITION = 1e14  #: a matrix with a greater condition number counts as singular


def pixel_coordinates(footprints: csr_array, n_cols: int) -> tuple[Indices, Indices, Indices]:
    """The `roi_row`, image row and image column of every pixel that is stored, in the order of the data.

    Footprints have the shape (n_rois, n_rows * n_cols): one row per ROI, pixels in row-major order.
    """
    roi_row = np.repeat(np.arange(footprints.shape[0]), np.diff(footprints.indptr))
    pixel_row, pixel_col = np.divmod(footprints.indices.astype(np.intp), n_cols)
    return roi_row, pixel_row, pixel_col


def centroids(footprints: csr_array, n_cols: int) -> Floats:
    """Mean (x, y) of the pixels of each footprint, weights ignored, shape (n_rois, 2); NaN for an empty footprint."""
    roi_row, pixel_row, pixel_col = pixel_coordinates(footprints, n_cols)
    n_rois = footprints.shape[0]
    areas = np.bincount(roi_row, minlength=n_rois).astype(float)
    areas[areas == 0] = np.nan
    sums = [np.bincount(roi_row, weights=values, minlength=n_rois) for values in (pixel_col, pixel_row)]
    return np.column_stack(sums) / areas[:, None]


def aligns(matrix: Array) -> bool:
    """Whether a 3 x 3 homogeneous matrix maps points and can be inverted: it is finite and not nearly singular."""
    if not np.isfinite(matrix).all() or np.linalg.cond(matrix) > LARGEST_CONDITION:
        return False
    return bool(matrix[2, 2] != 0 and np.linalg.inv(matrix)[2, 2] != 0)


def affine_matrix(linear: Floats, source: Points, target: Points) -> Matrix:
    """The matrix of a linear map of (x, y), shape (2, 2), that carries the point `source` to `target`."""
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = target - linear @ source
    return matrix


def affine_near(matrix: Matrix, points: Points) -> Matrix:
    """The affine map nearest to a projective one at given points (x, y): three or more, and not all in one line."""
    design = np.column_stack([points, np.ones(len(points))])
    solution = np.linalg.lstsq(design, transform_points(matrix, points), rcond=None)[0]
    return np.vstack([solution.T, [0.0, 0.0, 1.0]])


def pixel_points(shape: tuple[int, int]) -> Points:
    """(x, y) of every pixel of an image of (n_rows, n_cols), shape (n_rows, n_cols, 2)."""
    return np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in shape[::-1])), axis=-1)


def corners(shape: tuple[int, ...]) -> Points:
    """(x, y) of the pixels in the four corners of an image of (n_rows, n_cols), shape (4, 2)."""
    return pixel_points((2, 2)).reshape(4, 2) * (np.array(shape[::-1]) - 1.0)


def near_pairs(first: Points, second: Points, reach: float) -> tuple[Indices, Indices, Floats]:
    """Pairs of points within reach: their positions in both arrays, by which they are sorted, and their distances.

    A point with NaN is in no pair.
    """
    known = [np.flatnonzero(np.isfinite(points).all(axis=1)) for points in (first, second)]
    trees = [cKDTree(points[rows]) for points, rows in zip((first, second), known, strict=True)]
    near = trees[0].sparse_distance_matrix(trees[1], reach, output_type="coo_matrix")
    row, col = known[0][near.row], known[1][near.col]
    order = np.lexsort((col, row))
    return row[order], col[order], near.data[order]


def from_pixels(pixels: Sequence[Ints64], n_pixels: int, weights: Sequence[Floats32] | None = None) -> csr_array:
    """Footprints with the given pixels, numbered in row-major order; by default each pixel has the weight 1."""
    indptr = np.concatenate([[0], np.cumsum([len(part) for part in pixels])]).astype(np.int64)
    indices = np.concatenate([np.zeros(0, np.int64), *pixels])
    data = np.ones(len(indices), np.float32) if weights is None else np.concatenate([np.zeros(0, np.float32), *weights])
    return csr_array((data, indices, indptr), shape=(len(pixels), n_pixels))


def pairwise_iou(fixed: csr_array, moving: csr_array) -> csr_array:
    """Intersection over union of the pixel sets of every pair of footprints that overlap.

    The footprints have the shapes (n_fixed, n_pixels) and (n_moving, n_pixels). A pixel belongs to a footprint if it is
    stored, whatever its weight. The result, shape (n_fixed, n_moving), stores only the pairs that share a pixel.
    """
    fixed, moving = pixel_sets(fixed), pixel_sets(moving)
    intersection = (fixed @ moving.T).tocoo()
    fixed_area, moving_area = np.diff(fixed.indptr), np.diff(moving.indptr)
    row, col = intersection.coords
    union = fixed_area[row] + moving_area[col] - intersection.data
    iou = intersection.data.astype(float) / union
    return csr_array((iou, (row, col)), shape=intersection.shape)


def pixel_sets(footprints: csr_array) -> csr_array:
    """The footprints with 1 as the weight of every pixel; csr_array of float32, shape (n_rois, n_pixels)."""
    return csr_array(
        (np.ones(footprints.nnz, np.float32), footprints.indices, footprints.indptr), shape=footprints.shape
    )


def without_rows(footprints: csr_array, rows: Indices) -> csr_array:
    """The footprints, shape (n_rois, n_pixels), with those of the given `roi_row`s emptied."""
    if len(rows) == 0:
        return footprints
    kept = np.ones(footprints.shape[0], np.float32)
    kept[rows] = 0
    emptied = csr_array(diags_array(kept) @ footprints)
    emptied.eliminate_zeros()
    return emptied.astype(np.float32)
