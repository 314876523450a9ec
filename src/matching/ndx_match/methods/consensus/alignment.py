"""Refine a rough alignment of two sessions to a sub-pixel affine one."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ...arrays import Channels, Floats, Matrix, Points
from ...footprints import transform_points
from .blocks import grid_points, local_shifts

#: Rounds of block matching: half side and largest shift of a block, in typical ROI radii.
COARSE_ROUNDS = ((6.0, 2.5), (5.0, 1.5))
FINE_ROUNDS = ((5.0, 0.8),)
STEP = 4.0  #: between blocks, in typical ROI radii
FEWEST_BLOCKS = 6  #: to fit an affine map to


def refine(
    fixed: Channels, moving: Channels, rough: Matrix, radius: float, rounds: Sequence[tuple[float, float]]
) -> Matrix:
    """Refine an alignment by block matching, with a robust affine fit in each round.

    Parameters
    ----------
    fixed, moving : ndarray of float32, shape (n_channels, n_rows, n_cols)
    rough : ndarray, shape (3, 3)
        Fixed (x, y, 1) to moving, right to about the first round's largest shift.
    radius : float
        Typical radius of an ROI in pixels of the channels.
    rounds : sequence of tuple of float
        Half side and largest shift of a block in each round, in ROI radii.

    Returns
    -------
    ndarray of float64, shape (3, 3)
    """
    matrix = rough
    points = grid_points(fixed.shape[1:], STEP * radius)
    for half, largest in rounds:
        warped = warp_channels(moving, matrix, fixed.shape[1:])
        found = local_shifts(fixed, warped, points, round(half * radius), max(2, round(largest * radius)))
        if np.count_nonzero(found.correlation) < FEWEST_BLOCKS:
            break
        target = transform_points(matrix, found.points + found.shifts)
        matrix = robust_affine(found.points, target, found.correlation**2)
    return matrix


def robust_affine(points: Points, targets: Points, weights: Floats, rounds: int = 10) -> Matrix:
    """Affine matrix from points to targets by iteratively reweighted least squares with Tukey's biweight.

    Parameters
    ----------
    points, targets : ndarray, shape (n, 2)
        (x, y).
    weights : ndarray, shape (n,)

    Returns
    -------
    ndarray of float64, shape (3, 3)
    """
    design = np.column_stack([points, np.ones(len(points))])
    current = weights
    matrix = np.eye(3)
    for _ in range(rounds):
        root = np.sqrt(current)[:, None]
        solution = np.linalg.lstsq(design * root, targets * root, rcond=None)[0]
        matrix[:2] = solution.T
        residual = np.linalg.norm(design @ solution - targets, axis=1)
        scale = max(3.0 * weighted_median(residual, weights), 0.5)
        updated = weights * np.clip(1 - (residual / (2.5 * scale)) ** 2, 0, None) ** 2
        if not (updated > 0).sum() >= 3:
            break
        current = updated
    return matrix


def warp_channels(channels: Channels, matrix: Matrix, shape: tuple[int, ...]) -> Channels:
    """Channels in another frame of (n_rows, n_cols): bilinear, 0 where the session does not reach."""
    flags, size = cv2.INTER_LINEAR + cv2.WARP_INVERSE_MAP, (shape[1], shape[0])
    return np.stack([cv2.warpAffine(channel, matrix[:2], size, flags=flags) for channel in channels])


def weighted_median(values: Floats, weights: Floats) -> float:
    """The value at which half of the weight is reached."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)]) if len(values) else 0.0
