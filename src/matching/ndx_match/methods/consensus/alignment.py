"""Refine a rough alignment of two sessions to a sub-pixel affine one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ...arrays import Channels, Floats, Floats32, Matrix, Points
from ...footprints import transform_points
from ...warping import warp_image
from .blocks import grid_points, local_shifts

#: Rounds of block matching: half side and largest shift of a block, in typical ROI radii.
COARSE_ROUNDS = ((6.0, 2.5), (5.0, 1.5))
FINE_ROUNDS = ((4.0, 0.8),)
STEP = 4.0  #: between blocks, in typical ROI radii
MOST_BLOCKS = 250  #: per field; more hardly improve an estimate of six numbers
FEWEST_BLOCKS = 6  #: to fit an affine map to


def refine(
    fixed: Channels, moving: Channels, rough: Matrix, radius: float, rounds: Sequence[tuple[float, float]]
) -> Matrix:
    """Refine an alignment by block matching, with a robust affine fit in each round.

    Parameters
    ----------
    fixed, moving : Channels
    rough : Matrix
        Fixed to moving, wrong by no more than about the first round's largest shift.
    radius : float
        Typical radius of an ROI in pixels of the channels.
    rounds : sequence of tuple of float
        Half side and largest shift of a block in each round, in ROI radii.
    """
    matrix = rough
    step = max(STEP * radius, np.sqrt(fixed[0].size / MOST_BLOCKS))
    points = grid_points(fixed.shape[1:], step)
    for half, largest in rounds:
        warped = warp_channels(moving, matrix, fixed.shape[1:])
        matched = local_shifts(fixed, warped, points, round(half * radius), max(2, round(largest * radius)))
        if np.count_nonzero(matched.correlation) < FEWEST_BLOCKS:
            break
        target = transform_points(matrix, matched.points + matched.shifts)
        matrix = robust_affine(matched.points, target, matched.correlation**2)
    return matrix


def robust_affine(points: Points, targets: Points, weights: Floats, rounds: int = 10) -> Matrix:
    """Affine matrix from points to targets by iteratively reweighted least squares with Tukey's biweight."""
    design = np.column_stack([points, np.ones(len(points))])
    current = weights
    matrix = np.eye(3)
    for _ in range(rounds):
        root = np.sqrt(current)[:, None]
        solution = np.linalg.lstsq(design * root, targets * root, rcond=None)[0]
        matrix[:2] = solution.T
        residual = np.linalg.norm(design @ solution - targets, axis=1)
        updated = biweight(residual, weights)
        if (updated > 0).sum() < 3:
            break
        current = updated
    return matrix


def warp_channels(channels: Iterable[Floats32], matrix: Matrix, shape: tuple[int, ...]) -> Channels:
    """Warp channels to another frame of (n_rows, n_cols): bilinear, 0 outside the session."""
    return np.stack([warp_image(channel, matrix, shape, perspective=False) for channel in channels])


def biweight(residual: Floats, weights: Floats) -> Floats:
    """The weights, reduced for outliers by Tukey's biweight."""
    scale = max(3 * weighted_median(residual, weights), 0.5)
    return np.asarray(weights * np.clip(1 - (residual / (2.5 * scale)) ** 2, 0, None) ** 2)


def weighted_median(values: Floats, weights: Floats) -> float:
    """The value at which half of the weight is reached."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)]) if len(values) else 0.0
