"""Make projection images, [row, col], comparable by eye."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..arrays import Array, Floats32
from ..model import Registration
from ..warping import warp_registered

# The local brightness is measured over a tenth of the field: wider than any cell, narrower than uneven illumination.
FIELD_OVER_LOCAL = 10
# The median grey of an evened image, the same for all, so that the background of an overlay has no tint.
MEDIAN_GREY = 0.25


def stretch(image: Array, lowest: float = 0.5, highest: float = 99.7) -> Floats32:
    """Stretch the contrast for display: the given percentiles become 0 and 1, and values beyond them are clipped.

    The percentiles are taken over the pixels above the minimum, so that blank margins left by motion correction do not
    count.
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
    # Blurring at a tenth of the size gives the same result in a fraction of the time.
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
    """RGB of two images with values 0..1: the first in magenta, the second in green; agreement is grey to white."""
    return np.dstack([fixed, moving, fixed])


@dataclass(frozen=True)
class Projection:
    """A projection image in the two forms that the figures need, both of the same shape."""

    grey: Floats32  #: contrast stretched to 0..1, to be shown by itself
    even: Floats32  #: local brightness evened out, 0..1, to be shown in overlays

    @staticmethod
    def of(image: Floats32) -> Projection:
        """Prepare a session's image."""
        return Projection(stretch(image), even_out(image))

    def warped(self, registration: Registration, shape: tuple[int, int]) -> Projection:
        """The image warped into the fixed frame of a registration, which has `shape` (n_rows, n_cols)."""
        return Projection(*(warp_registered(part, registration, shape) for part in (self.grey, self.even)))


def register(moving: Projection, registration: Registration | None, shape: tuple[int, int]) -> Projection | None:
    """The moving image in the fixed frame, even if the registration was refused.

    The result is None if there is no registration or its matrix is not finite.
    """
    if registration is None or not np.isfinite(registration.matrix).all():
        return None
    return moving.warped(registration, shape)
