"""Registrations of two sessions: a matrix, and a smooth displacement on a coarse grid that is added to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GRID = 17  #: points along each axis of a displacement grid, as ndx-match writes them
Points = npt.NDArray[np.float64]  #: (x, y), shape (n, 2)
Matrix = npt.NDArray[np.float64]  #: shape (3, 3)


@dataclass(frozen=True, eq=False)
class SessionRegistration:
    """The alignment of two sessions, which maps pixels of the fixed session to pixels of the moving session.

    :meth:`to_moving` applies both `matrix` and `displacement`. `matrix` alone is enough only if `displacement` is None.
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
        """Map pixels of the fixed image to the moving image.

        Parameters
        ----------
        points : array_like, shape (n, 2)
            (x, y), x = column.

        Returns
        -------
        ndarray of float64, shape (n, 2)
            (x, y); points may lie outside the moving image. NaN where a point is NaN.

        Raises
        ------
        ValueError
            If the points have another shape.
        """
        fixed = as_points(points)
        moving = transform_points(self.matrix, fixed)
        if self.displacement is not None and self.fixed_shape is not None:
            moving = moving + displacement_at(self.displacement, self.fixed_shape, fixed)
        return moving

    def inverse(self, moving_shape: tuple[int, int] | None = None) -> SessionRegistration:
        """The alignment in the other direction; if there is a displacement, the shape of the moving image is needed."""
        inverse = np.linalg.inv(self.matrix)
        inverse = inverse / inverse[2, 2]
        if self.displacement is None or self.fixed_shape is None:
            return SessionRegistration(inverse)
        if moving_shape is None:
            raise ValueError("a registration with a displacement needs the shape of the moving image.")
        displacement = inverse_displacement(self.matrix, self.displacement, self.fixed_shape, moving_shape)
        return SessionRegistration(inverse, displacement, moving_shape)


def as_points(points: npt.ArrayLike) -> Points:
    """Points (x, y) as an array of shape (n, 2); one point may be given alone. Other shapes raise a ValueError."""
    given = np.asarray(points, dtype=np.float64)
    if given.size == 0:
        return np.empty((0, 2))
    if given.shape != (2,) and (given.ndim != 2 or given.shape[1] != 2):
        raise ValueError(f"the points must have the shape (n, 2), with (x, y) in each row, not {given.shape}.")
    return given.reshape(-1, 2)


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
    """Displacement (x, y) at points, interpolated bilinearly; beyond the image, the displacement at its edge is used.

    The grid, shape (n, n, 2), covers the image, which is of `shape` (n_rows, n_cols).
    """
    last = np.array(grid.shape[1::-1]) - 1  # along x, y
    position = np.clip(points * last / np.maximum(np.array(shape[::-1]) - 1, 1), 0, last)
    before = np.minimum(np.nan_to_num(position).astype(np.intp), np.maximum(last - 1, 0))
    after = np.minimum(before + 1, last)
    x, y = (position - before).T[..., None]
    (left, top), (right, bottom) = before.T, after.T
    upper = grid[top, left] * (1 - x) + grid[top, right] * x
    lower = grid[bottom, left] * (1 - x) + grid[bottom, right] * x
    return np.asarray(upper * (1 - y) + lower * y, np.float64)


def inverse_displacement(
    matrix: Matrix, grid: npt.NDArray[np.floating], fixed_shape: tuple[int, int], moving_shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """The displacement of the inverse registration, on a grid over the moving image; float32, shape (n, n, 2).

    For deformations of 8 pixels, a point that is mapped to the other session and back lands at most 0.2 pixels from its
    start, or 1 pixel if it lies within one grid cell of the edge. The error is larger near the edge, because beyond the
    image the displacement at its edge is used.

    Parameters
    ----------
    matrix : ndarray, shape (3, 3)
        Maps fixed to moving pixels.
    grid : ndarray, shape (n, n, 2)
        The displacement on a grid over the fixed image.
    fixed_shape, moving_shape : tuple of int
        (n_rows, n_cols).
    """
    goal = displacement_points(moving_shape, len(grid))
    inverse = np.linalg.inv(matrix)
    straight = transform_points(inverse, goal)
    mapped = straight
    for _ in range(10):  # a contraction: deformations bend far less than a pixel per pixel
        before = mapped
        mapped = transform_points(inverse, goal - displacement_at(grid, fixed_shape, mapped))
        if np.abs(mapped - before).max() < 1e-4:
            break
    return (mapped - straight).reshape(len(grid), len(grid), 2).astype(np.float32)
