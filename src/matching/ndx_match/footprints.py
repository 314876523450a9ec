"""Geometry of sparse footprints: pure functions on arrays, no I/O."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, diags_array

from .arrays import Array, Floats, Indices


def pixel_coordinates(footprints: csr_array, n_cols: int) -> tuple[Indices, Indices, Indices]:
    """Every pixel of every footprint.

    Parameters
    ----------
    footprints : csr_array, shape (n_rois, n_rows * n_cols)
        One ROI a row, pixels in row-major order.
    n_cols : int
        Width of the image in pixels.

    Returns
    -------
    roi_row, pixel_row, pixel_col : ndarray of int, shape (n_pixels,)
        In the order of the sparse array's data.
    """
    roi_row = np.repeat(np.arange(footprints.shape[0]), np.diff(footprints.indptr))
    pixel_row, pixel_col = np.divmod(footprints.indices.astype(np.intp), n_cols)
    return roi_row, pixel_row, pixel_col


def centroids(footprints: csr_array, n_cols: int) -> Floats:
    """Mean position of the pixels of each footprint, weights ignored.

    Returns
    -------
    ndarray of float64, shape (n_rois, 2)
        (x, y) in pixels; NaN for an empty footprint.
    """
    roi_row, pixel_row, pixel_col = pixel_coordinates(footprints, n_cols)
    n_rois = footprints.shape[0]
    areas = np.bincount(roi_row, minlength=n_rois).astype(float)
    areas[areas == 0] = np.nan
    sums = [np.bincount(roi_row, weights=values, minlength=n_rois) for values in (pixel_col, pixel_row)]
    return np.column_stack(sums) / areas[:, None]


def transform_points(matrix: Array, points: Array) -> Floats:
    """Apply a 3 x 3 homogeneous matrix to points.

    Parameters
    ----------
    matrix : ndarray, shape (3, 3)
    points : ndarray, shape (n, 2)
        (x, y).

    Returns
    -------
    ndarray of float64, shape (n, 2)
        (x, y).
    """
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(mapped[:, :2] / mapped[:, 2:], float)


def pairwise_iou(fixed: csr_array, moving: csr_array) -> csr_array:
    """Intersection over union of the pixel sets of every pair of footprints that overlap.

    Parameters
    ----------
    fixed, moving : csr_array, shape (n_fixed, n_pixels) and (n_moving, n_pixels)
        A pixel belongs to a footprint where it is stored; weights are ignored.

    Returns
    -------
    csr_array of float64, shape (n_fixed, n_moving)
        Only the pairs that share a pixel are stored.
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
    """The footprints with those of some ROIs emptied.

    Parameters
    ----------
    footprints : csr_array, shape (n_rois, n_pixels)
    rows : ndarray of int
        `roi_row` of the ROIs to empty.

    Returns
    -------
    csr_array of float32, shape (n_rois, n_pixels)
    """
    if len(rows) == 0:
        return footprints
    kept = np.ones(footprints.shape[0], np.float32)
    kept[rows] = 0
    emptied = csr_array(diags_array(kept) @ footprints)
    emptied.eliminate_zeros()
    return emptied.astype(np.float32)
