"""Projection images, [row, col], made comparable by eye and by number."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from ..arrays import Array, Bools, Bytes, Floats32
from ..model import Registration
from ..warping import to_8_bit, warp_registered

# Below this many pixels a side the gaussian window of the default sigma (1.5) does not fit.
SMALLEST_SIDE_FOR_SSIM = 11
# The local brightness is measured over a tenth of the field: wider than any cell, narrower than uneven illumination.
FIELD_OVER_LOCAL = 10
# The grey that half the pixels of an evened image are below, so that the background of an overlay has no tint.
MEDIAN_GREY = 0.25


def stretch(image: Array, lowest: float = 0.5, highest: float = 99.7) -> Floats32:
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


def even_out(image: Array) -> Floats32:
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


def overlay(fixed: Floats32, moving: Floats32) -> Floats32:
    """RGB of two images of 0..1: the first in magenta, the second in green, so that agreement is grey to white."""
    return np.dstack([fixed, moving, fixed])


def ssim(first: Bytes, second: Bytes, where: Bools | None = None) -> float | None:
    """Structural similarity of two 8-bit images under a gaussian window of sigma 1.5; None if it is not defined.

    It is not for images of different shape, nor for those smaller than the window. `where` are the pixels that count;
    by default all but those so close to the edge that the window does not fit. After Wang, Bovik, Sheikh & Simoncelli
    (2004), IEEE Transactions on Image Processing 13, 600-612.
    """
    if first.shape != second.shape or min(first.shape) < SMALLEST_SIDE_FOR_SSIM:
        return None
    mean, local = structural_similarity(first, second, gaussian_weights=True, data_range=255, full=True)
    if where is None:
        return float(mean)
    return float(local[where].mean()) if where.any() else None


@dataclass(frozen=True)
class Projection:
    """A projection image as the figures need it; all of the same shape."""

    grey: Floats32  #: contrast stretched to 0..1, to be shown by itself
    even: Floats32  #: local brightness evened out, 0..1, to be shown in overlays
    eight_bit: Bytes  #: unadjusted but for its scale, for structural similarity
    seen: Bools  #: the pixels that the session saw

    @staticmethod
    def of(image: Floats32) -> Projection:
        """Prepare a session's image."""
        return Projection(stretch(image), even_out(image), to_8_bit(image), np.ones(image.shape, bool))

    def warped(self, registration: Registration, shape: tuple[int, int]) -> Projection:
        """The same in the fixed frame of a registration, whose image is of (n_rows, n_cols)."""
        grey, even, eight_bit = (
            warp_registered(part, registration, shape) for part in (self.grey, self.even, self.eight_bit)
        )
        seen = warp_registered(self.seen.astype(np.float32), registration, shape) > 0.999
        return Projection(grey, even, eight_bit, seen)


def register(moving: Projection, registration: Registration | None, shape: tuple[int, int]) -> Projection | None:
    """The moving image in the fixed frame, whether the registration was accepted or not.

    None where there is no registration, or no finite matrix.
    """
    if registration is None or not np.isfinite(registration.matrix).all():
        return None
    return moving.warped(registration, shape)
