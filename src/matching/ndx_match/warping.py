"""Warp images with a registration matrix."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt


def to_8_bit(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale an image from its minimum to its maximum onto 0 to 255 and truncate.

    Truncating, not rounding, is part of the published preparation for the nway pipeline: it can change which
    registration wins.
    """
    shifted = image.astype(np.float32) - np.float32(image.min())
    largest = shifted.max()
    if largest == 0:
        return np.zeros(image.shape, np.uint8)
    return (shifted / largest * 255).astype(np.uint8)


def warp_image(
    image: npt.NDArray[Any],
    matrix: npt.NDArray[np.float64],
    shape: tuple[int, int],
    perspective: bool | None = None,
) -> npt.NDArray[Any]:
    """The moving image as the fixed session sees it: bilinear, zero outside.

    Parameters
    ----------
    image : ndarray, shape (n_rows, n_cols)
        The moving image.
    matrix : ndarray, shape (3, 3)
        Fixed (x, y, 1) to moving.
    shape : tuple of int
        (n_rows, n_cols) of the fixed image.
    perspective : bool, optional
        Use all of the matrix, not just its affine part; by default where the matrix has more than that.

    Returns
    -------
    ndarray, shape (n_rows, n_cols) of the fixed image, dtype of the moving image
    """
    flags, size = cv2.INTER_LINEAR + cv2.WARP_INVERSE_MAP, (shape[1], shape[0])
    if perspective is None:
        perspective = not np.array_equal(matrix[2], [0, 0, 1])
    if perspective:
        return np.asarray(cv2.warpPerspective(image, matrix, size, flags=flags))
    return np.asarray(cv2.warpAffine(image, matrix[:2], size, flags=flags))
