"""Find the rough alignment of two sessions among all shifts, and many rotations and scales.

For each rotation and scale the channels of the moving session are warped and correlated with those of the fixed
session at all shifts at once by FFT (as in image registration since Kuglin and Hines 1975). The sum over the overlap
divided by the root of its size has, for unrelated contents, the same spread at every shift, which makes it a z score.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
import scipy.fft

from ...arrays import Channels, Floats, Floats32, Matrix

MINIMUM_OVERLAP = 0.15  #: of the fixed field, below which an alignment is not trusted
CLIPPED_FROM = 0.995  #: quantile of the scores beyond which they count no more in the spread


@dataclass(frozen=True)
class Pose:
    """A rotation in degrees and the scales along x and y that map fixed to moving."""

    rotation: float
    scale_x: float = 1.0
    scale_y: float = 1.0


@dataclass(frozen=True)
class RoughAlignment:
    """An alignment found by search: fixed (x, y, 1) to moving, in pixels of the channels; its z score and pose."""

    matrix: Matrix
    z: float
    pose: Pose


def rotations(largest: float, step: float) -> list[float]:
    """0, step, -step, 2 step, ... up to the largest, in degrees."""
    n = int(np.ceil(largest / step))
    return sorted((k * step for k in range(-n, n + 1)), key=abs)


def poses_without_scale(largest_rotation: float, step: float = 2.5) -> list[Pose]:
    """Rotations alone."""
    return [Pose(angle) for angle in rotations(largest_rotation, step)]


def poses_with_scale(
    largest_rotation: float, smallest_scale: float, largest_scale: float, step: float = 5.0, scale_step: float = 0.1
) -> list[Pose]:
    """Rotations and unequal scales of the two axes, the smallest changes first."""
    n = max(1, round((largest_scale - smallest_scale) / scale_step))
    scales = np.linspace(smallest_scale, largest_scale, n + 1)
    every = [Pose(a, float(x), float(y)) for a, x, y in product(rotations(largest_rotation, step), scales, scales)]
    return sorted(every, key=lambda p: abs(p.rotation) / step + (abs(p.scale_x - 1) + abs(p.scale_y - 1)) / scale_step)


def neighbours(pose: Pose, step: float, scale_step: float) -> list[Pose]:
    """The pose itself and those half a step away in rotation and scales."""
    return [
        Pose(pose.rotation + a * step / 2, pose.scale_x + x * scale_step / 2, pose.scale_y + y * scale_step / 2)
        for a, x, y in product((0, -1, 1), repeat=3)
    ]


class Search:
    """Alignments of two sets of channels over shifts, for given rotations and scales.

    Parameters
    ----------
    fixed, moving : ndarray of float32, shape (n_channels, n_rows, n_cols)
        Channels of zero mean; the two may differ in size.
    largest_shift : float
        Of the middle of the field, as a fraction of the fixed field along each axis.
    prior : ndarray, shape (3, 3), optional
        Where to look, fixed (x, y, 1) to moving: rotations, scales and shifts are added to it. By default the
        middles of the two fields fall together.
    """

    def __init__(self, fixed: Channels, moving: Channels, largest_shift: float, prior: Matrix | None = None) -> None:
        self.fixed, self.moving = fixed, moving
        n_rows, n_cols = fixed.shape[1:]
        middle = np.array([(n_cols - 1) / 2, (n_rows - 1) / 2])
        if prior is None:
            prior = np.eye(3)
            prior[:2, 2] = np.array([(moving.shape[2] - 1) / 2, (moving.shape[1] - 1) / 2]) - middle
        self.prior, self.middle = prior, middle
        padding = min(1.0, largest_shift + 0.1)
        self.padded = tuple(scipy.fft.next_fast_len(int(n * (1 + padding)), real=True) for n in (n_rows, n_cols))
        frequencies = [np.fft.fftfreq(n, 1 / n) for n in self.padded]
        self.allowed = (np.abs(frequencies[0])[:, None] <= largest_shift * n_rows) & (
            np.abs(frequencies[1])[None, :] <= largest_shift * n_cols
        )
        self.informative = np.asarray(fixed.any(axis=(1, 2)) & moving.any(axis=(1, 2)))
        covered = np.ones((1, n_rows, n_cols), np.float32)
        self.spectrum = np.conj(scipy.fft.rfft2(np.concatenate([fixed, covered]), self.padded))
        self.least_overlap = MINIMUM_OVERLAP * n_rows * n_cols

    def best(self, poses: Iterable[Pose], sufficient: float = np.inf) -> list[RoughAlignment]:
        """The best shift of each pose by each channel alone and by their sum, best z first.

        Parameters
        ----------
        poses : iterable of Pose
        sufficient : float
            Stop at the first pose that reaches this z.
        """
        found: list[RoughAlignment] = []
        for pose in poses:
            found += self._best_shifts(pose)
            if max(alignment.z for alignment in found[-3:]) >= sufficient:
                break
        return sorted(found, key=lambda alignment: -alignment.z)

    def z_of_shifts(self, matrix: Matrix) -> Floats32:
        """The channels' scores at every shift of a matrix, shape (n_channels, *padded); shift 0 comes first."""
        size = (self.fixed.shape[2], self.fixed.shape[1])
        layers = [*self.moving, np.ones(self.moving.shape[1:], np.float32)]
        flags = cv2.INTER_LINEAR + cv2.WARP_INVERSE_MAP
        warped = np.stack([cv2.warpAffine(layer, matrix[:2], size, flags=flags) for layer in layers])
        correlation = scipy.fft.irfft2(self.spectrum * scipy.fft.rfft2(warped, self.padded), self.padded)
        score = correlation[:-1] / np.sqrt(np.maximum(correlation[-1], self.least_overlap))
        square = score**2
        # The highest are clipped: a peak must not widen what it is measured by. Just these: where ROIs are few, most
        # shifts bring none together, and any that brings a few would stand out from what is typical.
        limit = np.quantile(square[:, ::2, ::2], CLIPPED_FROM, axis=(1, 2), keepdims=True)
        spread = np.sqrt(np.minimum(square, limit).mean(axis=(1, 2)))
        return score / np.maximum(spread, np.finfo(np.float32).tiny)[:, None, None]

    def combined(self, z: Floats32) -> Floats32:
        """The score of all channels together, shape padded; a channel that is constant in either session has no say."""
        return np.asarray(z.sum(axis=0) / np.sqrt(max(1, self.informative.sum())))

    def _best_shifts(self, pose: Pose) -> list[RoughAlignment]:
        matrix = self.prior @ _about(self.middle, pose)
        z = self.z_of_shifts(matrix)
        found = []
        for score in (self.combined(z), *z):
            peak = np.unravel_index(np.argmax(np.where(self.allowed, score, -np.inf)), score.shape)
            row, col = (int(k) if k <= n // 2 else int(k) - n for k, n in zip(peak, self.padded, strict=True))
            shift = np.eye(3)
            shift[:2, 2] = col, row
            found.append(RoughAlignment(matrix @ shift, float(score[peak]), pose))
        return found


def _about(middle: Floats, pose: Pose) -> Matrix:
    """The matrix that scales, then rotates about a point (x, y)."""
    angle = np.deg2rad(pose.rotation)
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag(
        [pose.scale_x, pose.scale_y]
    )
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = middle - linear @ middle
    return matrix


def to_full_resolution(
    matrix: Matrix, fixed: tuple[tuple[int, int], tuple[int, int]], moving: tuple[tuple[int, int], tuple[int, int]]
) -> Matrix:
    """Carry a matrix found on reduced images to the full images; pixel centres are at whole numbers.

    Parameters
    ----------
    matrix : ndarray, shape (3, 3)
        Fixed (x, y, 1) to moving, in reduced pixels.
    fixed, moving : tuple
        (full, reduced) sizes, each (n_rows, n_cols).
    """
    return np.linalg.inv(_reduction(*moving)) @ matrix @ _reduction(*fixed)


def _reduction(full: tuple[int, int], small: tuple[int, int]) -> Matrix:
    y, x = (s / f for f, s in zip(full, small, strict=True))
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
