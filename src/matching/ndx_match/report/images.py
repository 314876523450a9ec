"""Projection images made comparable by eye and by number: contrast, warping, overlay, structural similarity.

Images are indexed [row, col]; matrices map (x, y, 1) of the fixed to the moving image, in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from ..model import Registration

# Below this many pixels a side the gaussian window of the default sigma (1.5) does not fit.
SMALLEST_SIDE_FOR_SSIM = 11
# The local brightness is measured over a tenth of the field: wider than any cell, narrower than uneven illumination.
FIELD_OVER_LOCAL = 10
# The grey that half the pixels of an evened image are below, so that the background of an overlay has no tint.
MEDIAN_GREY = 0.25


def to_8bit(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale an image from its minimum and maximum to 0..255, truncated; a constant image becomes 0."""
    scaled = image.astype(np.float32) - np.float32(image.min())
    highest = scaled.max()
    return (scaled / highest * 255).astype(np.uint8) if highest > 0 else np.zeros(image.shape, np.uint8)


def stretch(image: npt.NDArray[Any], lowest: float = 0.5, highest: float = 99.7) -> npt.NDArray[np.float32]:
    """Stretch the contrast for display: the given percentiles become 0 and 1, what lies outside is clipped.

    The percentiles are those of the pixels above the minimum, so that the blank margins that motion correction
    leaves do not count.
    """
    above = image[image > image.min()]
    if not above.size:
        return np.zeros(image.shape, np.float32)
    low, high = np.percentile(above, [lowest, highest])
    if high <= low:
        low, high = image.min(), image.max()
    return np.clip((image - low) / (high - low), 0, 1).astype(np.float32)


def even_out(image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Divide an image by its local brightness, stretch the contrast, and bring the median to a fixed grey.

    Without this, uneven illumination colours an overlay more than a shift by several pixels does.
    """
    positive = image.astype(np.float32) - np.float32(image.min())
    n_rows, n_cols = image.shape
    # Blurred at a tenth of the size, which gives the same for a fraction of the time.
    coarse = (max(n_cols // FIELD_OVER_LOCAL, 1), max(n_rows // FIELD_OVER_LOCAL, 1))
    local = cv2.resize(positive, coarse, interpolation=cv2.INTER_AREA)
    local = cv2.GaussianBlur(local, (0, 0), max(min(coarse) / FIELD_OVER_LOCAL, 0.5))
    local = cv2.resize(local, (n_cols, n_rows), interpolation=cv2.INTER_LINEAR)
    # The added tenth of the mean keeps dark margins dark.
    floor = 0.1 * float(positive.mean()) or 1.0
    even = stretch(positive / (local + floor))
    median = float(np.median(even))
    return even ** np.float32(np.log(MEDIAN_GREY) / np.log(median)) if 0 < median < 1 else even


def warp_to_fixed(
    moving: npt.NDArray[Any], matrix: npt.NDArray[np.float64], shape: tuple[int, int]
) -> npt.NDArray[Any]:
    """Warp a moving image bilinearly into the fixed frame.

    Parameters
    ----------
    moving : ndarray, shape (n_rows, n_cols)
        Of a type that OpenCV interpolates (uint8, float32, ...); kept.
    matrix : ndarray of float64, shape (3, 3)
        Maps fixed (x, y, 1) to moving (x, y).
    shape : tuple of int
        (n_rows, n_cols) of the fixed image.

    Returns
    -------
    ndarray of the given shape
        0 outside the moving field of view.
    """
    size = (shape[1], shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if is_affine(matrix):
        return cv2.warpAffine(moving, matrix[:2] / matrix[2, 2], size, flags=flags)
    return cv2.warpPerspective(moving, matrix, size, flags=flags)


def is_affine(matrix: npt.NDArray[np.float64]) -> bool:
    """Whether the last row is (0, 0, w), so that the matrix has no perspective."""
    return bool(np.allclose(matrix[2, :2], 0, atol=1e-12) and matrix[2, 2] != 0)


def overlay(fixed: npt.NDArray[np.float32], moving: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """RGB of two images of 0..1: the first in magenta, the second in green, so that agreement is grey to white."""
    return np.dstack([fixed, moving, fixed])


def ssim(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> float | None:
    """Structural similarity of two 8-bit images under a gaussian window of sigma 1.5; None if it is not defined.

    It is not for images of different shape, nor for those smaller than the window.

    References
    ----------
    Wang, Bovik, Sheikh & Simoncelli (2004), Image quality assessment: from error visibility to structural
    similarity, IEEE Transactions on Image Processing 13, 600-612.
    """
    if first.shape != second.shape or min(first.shape) < SMALLEST_SIDE_FOR_SSIM:
        return None
    return float(structural_similarity(first, second, gaussian_weights=True, data_range=255))


@dataclass(frozen=True)
class Projection:
    """A projection image as the figures need it; all of the same shape.

    Attributes
    ----------
    grey : ndarray of float32
        Contrast stretched to 0..1, to be shown by itself.
    even : ndarray of float32
        Local brightness evened out, 0..1, to be shown in overlays.
    eight_bit : ndarray of uint8
        Unadjusted but for its scale, for structural similarity.
    """

    grey: npt.NDArray[np.float32]
    even: npt.NDArray[np.float32]
    eight_bit: npt.NDArray[np.uint8]

    @staticmethod
    def of(image: npt.NDArray[np.float32]) -> Projection:
        """Prepare a session's image."""
        return Projection(stretch(image), even_out(image), to_8bit(image))

    def warped(self, matrix: npt.NDArray[np.float64], shape: tuple[int, int]) -> Projection:
        """The same in the fixed frame of a registration; see :func:`warp_to_fixed`."""
        return Projection(*(warp_to_fixed(part, matrix, shape) for part in (self.grey, self.even, self.eight_bit)))


def register(moving: Projection, registration: Registration | None, shape: tuple[int, int]) -> Projection | None:
    """The moving image in the fixed frame, whether the registration was accepted or not.

    None where there is no registration, or no finite matrix.
    """
    if registration is None or not np.isfinite(registration.matrix).all():
        return None
    return moving.warped(registration.matrix, shape)
