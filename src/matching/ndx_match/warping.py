"""Warp images with a registration."""

from __future__ import annotations

import cv2
import numpy as np

from .arrays import Array, Bytes, Floats, Floats32, Matrix
from .footprints import pixel_points, transform_points
from .model import Registration


def to_8_bit(image: Array) -> Bytes:
    """Scale an image from its minimum to its maximum onto 0 to 255 and truncate.

    Truncating, not rounding, is part of the published preparation for the nway pipeline: it can change which
    registration wins.
    """
    shifted = image.astype(np.float32) - np.float32(image.min())
    largest = shifted.max()
    if largest == 0:
        return np.zeros(image.shape, np.uint8)
    return (shifted / largest * 255).astype(np.uint8)


def warp_image(image: Array, matrix: Matrix, shape: tuple[int, ...], perspective: bool | None = None) -> Array:
    """Warp a moving image to the fixed session: bilinear, 0 outside the moving image, with the same dtype.

    Parameters
    ----------
    image : ndarray, shape (n_rows, n_cols)
    matrix : Matrix
        Fixed to moving.
    shape : tuple of int
        (n_rows, n_cols) of the fixed image.
    perspective : bool, optional
        Whether to use the whole matrix rather than its affine part; by default only if the matrix has perspective.
    """
    flags, size = cv2.INTER_LINEAR + cv2.WARP_INVERSE_MAP, (shape[1], shape[0])
    if perspective is None:
        perspective = not is_affine(matrix)
    if perspective:
        return np.asarray(cv2.warpPerspective(image, matrix, size, flags=flags))
    return np.asarray(cv2.warpAffine(image, matrix[:2] / matrix[2, 2], size, flags=flags))


def is_affine(matrix: Floats) -> bool:
    """Whether the last row is (0, 0, w), so that the matrix has no perspective."""
    return bool(np.allclose(matrix[2, :2], 0, atol=1e-12) and matrix[2, 2] != 0)


def warp_registered(image: Array, registration: Registration, shape: tuple[int, int]) -> Array:
    """Warp a moving image to the fixed session by a registration, including its displacement.

    `shape` is (n_rows, n_cols) of the fixed image. Interpolation is bilinear, pixels outside the moving image are 0,
    and the dtype stays the same.
    """
    if registration.displacement is None:
        return warp_image(image, registration.matrix, shape)
    rows, cols = (
        displacement_weights(np.arange(length), length, n)
        for length, n in zip(shape, registration.displacement.shape, strict=False)
    )
    bending = np.stack([rows @ along @ cols.T for along in np.moveaxis(registration.displacement, -1, 0)], axis=-1)
    straight = transform_points(registration.matrix, pixel_points(shape).reshape(-1, 2)).reshape(bending.shape)
    places = (straight + bending).astype(np.float32)
    return np.asarray(cv2.remap(image, places[..., 0], places[..., 1], cv2.INTER_LINEAR))


def displacement_weights(positions: Array, length: int, n_points: int) -> Floats:
    """Weights of the points of a displacement grid at positions along one axis, shape (n, n_points).

    The points are spaced evenly over the axis of an image, from the first to the last of its `length` pixels. Positions
    beyond the image get the weights of its edge. :func:`ndx_cell_matching.registrations.displacement_at` does the same
    for both axes at once.
    """
    place = np.clip(positions * (n_points - 1) / max(length - 1, 1), 0, n_points - 1)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(n_points)))


def affine_places(matrix: Matrix, shape: tuple[int, int]) -> Floats32:
    """Where an affine map brings each pixel of an image of (n_rows, n_cols): (x, y), shape (n_rows, n_cols, 2)."""
    n_rows, n_cols = shape
    x, y = np.arange(n_cols, dtype=float), np.arange(n_rows, dtype=float)[:, None]
    places = np.empty((n_rows, n_cols, 2), np.float32)
    for axis, (from_x, from_y, offset) in enumerate(matrix[:2]):
        places[..., axis] = from_x * x + (from_y * y + offset)
    return places
