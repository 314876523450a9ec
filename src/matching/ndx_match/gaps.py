"""Pixels of an image that hold no data, as at a border that motion correction left empty."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

from .arrays import Bools, Floats32


def filled(image: Floats32) -> tuple[Floats32, Bools | None]:
    """Replace pixels that are not finite by the nearest finite ones; also say which are finite (None if all are).

    An image without any finite pixel becomes zeros.
    """
    has_data = np.isfinite(image)
    if has_data.all():
        return image, None
    if not has_data.any():
        return np.zeros_like(image), has_data
    nearest = distance_transform_edt(~has_data, return_distances=False, return_indices=True)
    return np.ascontiguousarray(image[tuple(nearest)]), has_data
