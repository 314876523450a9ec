"""The region that an ROI covers, and the same region in the common frame."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ...arrays import Floats32

HALF = np.float32(0.5 - 1e-5)  #: half of an interpolated mask's weight, less a rounding error


def supports(footprints: csr_array) -> csr_array:
    """Ones where a footprint reaches half of its own maximum: all of a binary mask, the core of a broad footprint."""
    peak = np.repeat(footprints.max(axis=1).toarray().ravel(), np.diff(footprints.indptr))
    inside = ((footprints.data >= 0.5 * peak) & (footprints.data > 0)).astype(np.float32)
    # Indices of 32 bits take half the memory, and no image has more pixels than they can count.
    ends = footprints.indices.astype(np.int32), footprints.indptr.astype(np.int32)
    regions = csr_array((inside, *ends), shape=footprints.shape)
    regions.eliminate_zeros()
    return regions


def typical_radius(regions: csr_array) -> float:
    """Radius in pixels of a disc of the regions' median area; NaN if all are empty."""
    areas = np.diff(regions.indptr)
    areas = areas[areas > 0]
    return float(np.sqrt(np.median(areas) / np.pi)) if len(areas) else float("nan")


def warp_supports(regions: csr_array, shape: tuple[int, int], places: Floats32) -> csr_array:
    """Bring regions into the common frame by bilinear interpolation; pixels that reach 0.5 are kept.

    Parameters
    ----------
    regions : csr_array of ones, shape (n_rois, n_rows * n_cols)
        The regions of a session whose image has the `shape` (n_rows, n_cols).
    places : ndarray of float32, shape (frame rows, frame cols, 2)
        Where each pixel of the frame lies in the session, (x, y).
    """
    n_rows, n_cols = shape
    x, y = places.reshape(-1, 2).T
    left, top = (np.floor(np.clip(values, -2, n)).astype(np.int32) for values, n in ((x, n_cols), (y, n_rows)))
    # Only pixels of the frame next to a region are interpolated. Two empty rows and columns on each side stand for what
    # lies outside the session.
    covered = np.zeros((n_rows + 4, n_cols + 4), bool)
    covered[2:-2, 2:-2].flat[regions.indices] = True
    covered[:-1] |= covered[1:].copy()
    covered[:, :-1] |= covered[:, 1:].copy()
    near = np.flatnonzero(covered[top + 2, left + 2]).astype(np.int32)
    left, top = left[near], top[near]
    right_share, lower_share = x[near] - left, y[near] - top
    columns = np.stack([left, left + 1, left, left + 1], axis=1)
    rows = np.stack([top, top, top + 1, top + 1], axis=1)
    across = np.stack([1 - right_share, right_share] * 2, axis=1)
    down = np.repeat(np.stack([1 - lower_share, lower_share], axis=1), 2, axis=1)
    inside = (columns >= 0) & (columns < n_cols) & (rows >= 0) & (rows < n_rows)
    weights = np.where(inside, across * down, 0).astype(np.float32)
    sources = np.where(inside, rows * n_cols + columns, 0)
    ends = 4 * np.arange(len(near) + 1, dtype=np.int32)
    interpolation = csr_array((weights.ravel(), sources.ravel(), ends), shape=(len(near), n_rows * n_cols))
    # Transposed, because transposing the regions is faster than transposing the interpolation.
    warped = csr_array((interpolation @ csr_array(regions.T)).T)
    warped.data = (warped.data >= HALF).astype(np.float32)
    warped.eliminate_zeros()
    warped.sort_indices()
    return csr_array((warped.data, near[warped.indices], warped.indptr), shape=(regions.shape[0], places[..., 0].size))
