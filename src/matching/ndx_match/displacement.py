"""Smooth displacements on coarse grids: what a registration adds to its matrix."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from .arrays import Array, Floats, Floats32
from .footprints import transform_points

GRID = 17  #: points along each axis of a displacement grid


def displacement_points(shape: tuple[int, int], n: int = GRID) -> Floats:
    """Points (x, y) of a displacement grid over an image of (n_rows, n_cols), from its first to its last pixel.

    Row by row, shape (n * n, 2).
    """
    x, y = np.meshgrid(np.linspace(0, shape[1] - 1, n), np.linspace(0, shape[0] - 1, n))
    return np.column_stack([x.ravel(), y.ravel()])


def displacement_at(grid: Array, shape: tuple[int, int], points: Floats) -> Floats:
    """Displacement (x, y) at points of an image, interpolated bilinearly; beyond the image that of its edge.

    The grid, shape (n, n, 2), covers the image, which is of `shape` (n_rows, n_cols).
    """
    scale = (np.array(grid.shape[:2]) - 1) / np.maximum(np.array(shape) - 1, 1)
    position = [points[:, 1] * scale[0], points[:, 0] * scale[1]]
    return np.column_stack([map_coordinates(grid[..., k], position, order=1, mode="nearest") for k in range(2)])


def inverse_displacement(
    matrix: Floats, grid: Array, fixed_shape: tuple[int, int], moving_shape: tuple[int, int]
) -> Floats32:
    """The grid of float32, shape (n, n, 2), over the moving image that belongs to the inverse matrix.

    Deformations of 8 pixels come back to 0.2 pixels, within a cell of the grid from the edge to a pixel: beyond the
    image a displacement is that of its edge, so that the inverse bends within a cell.

    Parameters
    ----------
    matrix : Matrix
        Fixed to moving.
    grid : ndarray, shape (n, n, 2)
        Over the fixed image.
    fixed_shape, moving_shape : tuple of int
        (n_rows, n_cols).
    """
    goal = displacement_points(moving_shape, len(grid))
    inverse = np.linalg.inv(matrix)
    straight = transform_points(inverse, goal)
    found = straight
    for _ in range(10):  # a contraction: deformations bend far less than a pixel per pixel
        found = transform_points(inverse, goal - displacement_at(grid, fixed_shape, found))
    return (found - straight).reshape(len(grid), len(grid), 2).astype(np.float32)
