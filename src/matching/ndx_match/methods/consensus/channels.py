"""The channels by which a session is aligned: its projection image, without what is no tissue, and its ROI density."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.sparse import csr_array

from ...arrays import Array, Floats32


def image_channel(image: Floats32, radius: float) -> Floats32:
    """The projection image with its local contrast evened out, zero mean, unit variance.

    The local normalisation, whose scales follow the typical radius of an ROI in pixels, removes brightness, vignetting
    and illumination. A pattern fixed to the detector's rows or columns (stripes, frames) is constant along each of
    them, so subtracting their medians removes it and little else.
    """
    smooth = blur(image.astype(np.float32), max(0.5, radius / 10))
    detail = without_stripes(smooth - blur(smooth, 1.5 * radius))
    energy = np.sqrt(blur(detail * detail, 3 * radius))
    detail = detail / (energy + 0.3 * np.median(energy) + np.finfo(np.float32).tiny)
    return standardised(np.clip(detail, -4, 4))


def density_channel(regions: csr_array, shape: tuple[int, ...], radius: float) -> Floats32:
    """Where ROIs lie in an image, slightly blurred and without its slow variation, zero mean, unit variance."""
    count = np.bincount(regions.indices, minlength=shape[0] * shape[1]).reshape(shape)
    covered = blur(np.minimum(count, 2).astype(np.float32), max(0.5, radius / 4))
    return standardised(covered - blur(covered, 3 * radius))


def session_channels(image: Floats32, regions: csr_array, radius: float) -> Floats32:
    """Both channels of a session, shape (2, n_rows, n_cols): image, density."""
    return np.stack([image_channel(image, radius), density_channel(regions, image.shape, radius)])


def reduced(channels: Floats32, factor: float) -> Floats32:
    """The channels at a coarser resolution, at which `factor` pixels become one, each of unit variance."""
    if factor <= 1:
        return channels
    n_rows, n_cols = (max(8, round(length / factor)) for length in channels.shape[1:])
    small = [
        cv2.resize(blur(channel, 0.4 * factor), (n_cols, n_rows), interpolation=cv2.INTER_AREA) for channel in channels
    ]
    return np.stack([standardised(channel) for channel in small])


def without_stripes(image: Floats32) -> Floats32:
    """The image less the median of each row, then of each column."""
    image = image - np.median(image, axis=1, keepdims=True)
    return image - np.median(image, axis=0, keepdims=True)


def blur(image: Array, sigma: float) -> Floats32:
    """Gaussian blur that mirrors the image at its edges."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)


def standardised(image: Array) -> Floats32:
    """The image with mean 0 and variance 1; zeros where it is constant."""
    spread = float(image.std())
    centred = image - image.mean()
    return np.asarray(centred / spread if spread > 0 else centred, np.float32)
