"""How two sessions are aligned: a matrix, and a smooth displacement on a coarse grid that is added to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GRID = 17  #: points along each axis of a displacement grid, as ndx-match writes them
Points = npt.NDArray[np.float64]  #: (x, y), shape (n, 2)
Matrix = npt.NDArray[np.float64]  #: shape (3, 3)


@dataclass(frozen=True, eq=False)
class SessionRegistration:
    """The alignment of two sessions: pixels of the fixed one to pixels of the moving one.

    `matrix` alone is the whole alignment only where `displacement` is None; :meth:`to_moving` applies both.
    """

    matrix: Matrix  #: maps fixed (x, y, 1) to moving (x, y, 1), x = column
    #: What a smooth deformation adds to the moving (x, y), shape (n, n, 2), at points spaced evenly over the fixed
    #: image, from the centre of its first pixel to that of its last along rows and columns; None if there is none.
    displacement: npt.NDArray[np.floating] | None = None
    fixed_shape: tuple[int, int] | None = None  #: (n_rows, n_cols) of the fixed image, if there is a displacement

    def __repr__(self) -> str:
        matrix = np.array2string(self.matrix, precision=4, suppress_small=True, separator=", ").replace("\n", "")
        if self.displacement is None:
            return f"SessionRegistration(matrix={matrix})"
        largest = np.linalg.norm(self.displacement, axis=-1).max(initial=0)
        return f"SessionRegistration(matrix={matrix}, displacement=up to {largest:.1f} pixels)"

    def to_moving(self, points: npt.ArrayLike) -> Points:
        """Where pixels of the fixed image lie in the moving one.

        Parameters
        ----------
        points : array_like, shape (n, 2)
            (x, y), x = column.

        Returns
        -------
        ndarray of float64, shape (n, 2)
            (x, y); may lie outside the moving image.
        """
        fixed = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        moving = transform_points(self.matrix, fixed)
        if self.displacement is not None and self.fixed_shape is not None:
            moving = moving + displacement_at(self.displacement, self.fixed_shape, fixed)
        return moving

    def inverse(self, moving_shape: tuple[int, int] | None = None) -> SessionRegistration:
        """The alignment the other way round; one with a displacement needs the shape of the moving image."""
        inverse = np.linalg.inv(self.matrix)
        inverse = inverse / inverse[2, 2]
        if self.displacement is None or self.fixed_shape is None:
            return SessionRegistration(inverse)
        if moving_shape is None:
            raise ValueError("a registration with a displacement needs the shape of the moving image.")
        bent = inverse_displacement(self.matrix, self.displacement, self.fixed_shape, moving_shape)
        return SessionRegistration(inverse, bent, moving_shape)


def transform_points(matrix: npt.NDArray[np.floating], points: npt.NDArray[np.floating]) -> Points:
    """Apply a 3 x 3 homogeneous matrix to points (x, y), shape (n, 2)."""
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(mapped[:, :2] / mapped[:, 2:], np.float64)


def pixel_points(shape: tuple[int, int]) -> Points:
    """(x, y) of every pixel of an image of (n_rows, n_cols), row by row, shape (n_rows * n_cols, 2)."""
    return np.argwhere(np.ones(shape, bool))[:, ::-1].astype(np.float64)


def displacement_points(shape: tuple[int, int], n: int = GRID) -> Points:
    """Points (x, y) of a displacement grid over an image of (n_rows, n_cols), from its first to its last pixel.

    Row by row, shape (n * n, 2).
    """
    x, y = np.meshgrid(np.linspace(0, shape[1] - 1, n), np.linspace(0, shape[0] - 1, n))
    return np.column_stack([x.ravel(), y.ravel()])


def displacement_at(grid: npt.NDArray[np.floating], shape: tuple[int, int], points: Points) -> Points:
    """Displacement (x, y) at points of an image, interpolated bilinearly; beyond the image that of its edge.

    The grid, shape (n, n, 2), covers the image, which is of `shape` (n_rows, n_cols).
    """
    last = np.array(grid.shape[1::-1]) - 1  # along x, y
    position = np.clip(points * last / np.maximum(np.array(shape[::-1]) - 1, 1), 0, last)
    before = np.minimum(position.astype(np.intp), np.maximum(last - 1, 0))
    after = np.minimum(before + 1, last)
    x, y = (position - before).T[..., None]
    (left, top), (right, bottom) = before.T, after.T
    upper = grid[top, left] * (1 - x) + grid[top, right] * x
    lower = grid[bottom, left] * (1 - x) + grid[bottom, right] * x
    return np.asarray(upper * (1 - y) + lower * y, np.float64)


def inverse_displacement(
    matrix: Matrix, grid: npt.NDArray[np.floating], fixed_shape: tuple[int, int], moving_shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """The grid of float32, shape (n, n, 2), over the moving image that belongs to the inverse matrix.

    Deformations of 8 pixels come back to 0.2 pixels, within a cell of the grid from the edge to a pixel: beyond the
    image a displacement is that of its edge, so that the inverse bends within a cell.

    Parameters
    ----------
    matrix : ndarray, shape (3, 3)
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
        before = found
        found = transform_points(inverse, goal - displacement_at(grid, fixed_shape, found))
        if np.abs(found - before).max() < 1e-4:
            break
    return (found - straight).reshape(len(grid), len(grid), 2).astype(np.float32)
