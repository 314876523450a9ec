"""The region that an ROI covers, and the same region in the common frame."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.sparse import csr_array

from ...arrays import Floats, Floats32
from ...footprints import from_pixels, pixel_coordinates


def supports(footprints: csr_array) -> csr_array:
    """Ones where a footprint reaches half of its own maximum: a binary mask as it is, a broad footprint's core."""
    peak = np.repeat(footprints.max(axis=1).toarray().ravel(), np.diff(footprints.indptr))
    regions = footprints.astype(np.float32)
    regions.data[:] = (footprints.data >= 0.5 * peak) & (footprints.data > 0)
    regions.eliminate_zeros()
    return regions


def typical_radius(regions: csr_array) -> float:
    """Radius in pixels of a disc of the regions' median area; NaN where all are empty."""
    areas = np.diff(regions.indptr)
    areas = areas[areas > 0]
    return float(np.sqrt(np.median(areas) / np.pi)) if len(areas) else float("nan")


def warp_supports(
    regions: csr_array, shape: tuple[int, int], places: Floats32, frame_points: Floats, stretch: float
) -> csr_array:
    """Bring regions into the common frame: bilinear interpolation, kept where it reaches 0.5.

    Parameters
    ----------
    regions : csr_array of ones, shape (n_rois, n_rows * n_cols)
        Of a session of `shape` (n_rows, n_cols).
    places : ndarray of float32, shape (frame rows, frame cols, 2)
        Where each pixel of the frame lies in the session, (x, y).
    frame_points : Points
        About where each region's middle lies in the frame.
    stretch : float
        How much larger lengths can be in the frame than in the session.
    """
    _, pixel_row, pixel_col = pixel_coordinates(regions, shape[1])
    n_rows, n_cols = places.shape[:2]
    found = [np.zeros(0, np.int64)] * regions.shape[0]
    for roi in np.flatnonzero(np.diff(regions.indptr)):
        own = slice(regions.indptr[roi], regions.indptr[roi + 1])
        rows, cols = pixel_row[own], pixel_col[own]
        top, left = rows.min() - 1, cols.min() - 1
        mask = np.zeros((rows.max() - top + 2, cols.max() - left + 2), np.float32)
        mask[rows - top, cols - left] = 1
        half = 0.5 * stretch * np.hypot(*mask.shape) + 6
        x, y = frame_points[roi]
        first_col, last_col = np.clip([int(x - half), int(x + half) + 1], 0, n_cols)
        first_row, last_row = np.clip([int(y - half), int(y + half) + 1], 0, n_rows)
        if first_col >= last_col or first_row >= last_row:
            continue
        part = places[first_row:last_row, first_col:last_col] - np.array([left, top], np.float32)
        warped = cv2.remap(mask, part[..., 0], part[..., 1], cv2.INTER_LINEAR)
        row, col = np.nonzero(warped >= 0.5)
        found[roi] = (row + first_row) * np.int64(n_cols) + col + first_col
    return from_pixels(found, n_rows * n_cols)
