"""Find the rough alignment of two sessions among all shifts (by FFT) and many rotations and scales.

If the contents are unrelated, the sum of products over the overlap, divided by the root of the overlap's size, has the
same spread at every shift. This makes it a z score.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.fft

from ...arrays import Bools, Channels, Floats, Floats32, Matrix, Points
from ...footprints import affine_matrix
from .alignment import warp_channels

PLAIN_STEP = 2.5  #: degrees between rotations, if only these are searched
STEP, SCALE_STEP = 5.0, 0.1  #: between rotations in degrees, and scales, where both are searched
MINIMUM_OVERLAP = 0.15  #: of the fixed field; a smaller overlap counts as this large, which lowers its score
CLIPPED_FROM = 0.995  #: quantile at which squared scores are clipped for the spread


@dataclass(frozen=True)
class Pose:
    """A rotation in degrees and the scales along x and y that map fixed to moving."""

    rotation: float
    scale_x: float = 1.0
    scale_y: float = 1.0

    @property
    def linear(self) -> Floats:
        """The map of (x, y) that scales, then rotates, shape (2, 2)."""
        angle = np.deg2rad(self.rotation)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return rotation @ np.diag([self.scale_x, self.scale_y])


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


def poses_without_scale(largest_rotation: float) -> list[Pose]:
    """Rotations alone."""
    return [Pose(angle) for angle in rotations(largest_rotation, PLAIN_STEP)]


def poses_with_scale(largest_rotation: float, smallest_scale: float, largest_scale: float) -> list[Pose]:
    """Rotations and unequal scales of the two axes, the smallest changes first."""
    n = max(1, round((largest_scale - smallest_scale) / SCALE_STEP))
    scales = np.linspace(smallest_scale, largest_scale, n + 1)
    every = [Pose(a, float(x), float(y)) for a, x, y in product(rotations(largest_rotation, STEP), scales, scales)]
    return sorted(every, key=lambda p: abs(p.rotation) / STEP + (abs(p.scale_x - 1) + abs(p.scale_y - 1)) / SCALE_STEP)


def neighbours(pose: Pose) -> list[Pose]:
    """The pose itself and those half a step away in rotation and scales."""
    return [
        Pose(pose.rotation + a * STEP / 2, pose.scale_x + x * SCALE_STEP / 2, pose.scale_y + y * SCALE_STEP / 2)
        for a, x, y in product((0, -1, 1), repeat=3)
    ]


class Search:
    """Alignments of two sets of channels of zero mean over shifts, for given rotations and scales.

    Parameters
    ----------
    fixed, moving : Channels
    largest_shift : float
        Largest shift of the middle of the field, as a fraction of the fixed field along each axis.
    prior : Matrix, optional
        Start of the search, fixed to moving, to which rotations, scales and shifts are added. By default it joins the
        middles of the two fields.
    """

    def __init__(self, fixed: Channels, moving: Channels, largest_shift: float, prior: Matrix | None = None) -> None:
        self.fixed, self.moving = fixed, moving
        n_rows, n_cols = fixed.shape[1:]
        self.middle = middle_of(fixed)
        self.prior = affine_matrix(np.eye(2), self.middle, middle_of(moving)) if prior is None else prior
        padding = min(1.0, largest_shift + 0.1)
        self.padded = tuple(scipy.fft.next_fast_len(int(n * (1 + padding)), real=True) for n in (n_rows, n_cols))
        self.allowed = shifts_within(self.padded, (largest_shift * n_rows, largest_shift * n_cols))
        self.informative = np.asarray(fixed.any(axis=(1, 2)) & moving.any(axis=(1, 2)))
        covered = np.ones((1, n_rows, n_cols), np.float32)
        self.spectrum = np.conj(scipy.fft.rfft2(np.concatenate([fixed, covered]), self.padded))
        self.least_overlap = MINIMUM_OVERLAP * n_rows * n_cols

    def best(self, poses: Iterable[Pose], sufficient: float = np.inf) -> list[RoughAlignment]:
        """The best shifts of each pose, by each channel alone and by all together, best z first.

        The search stops at the first pose that reaches `sufficient`.
        """
        alignments: list[RoughAlignment] = []
        for pose in poses:
            alignments += self._best_shifts(pose)
            if max(alignment.z for alignment in alignments[-3:]) >= sufficient:
                break
        return sorted(alignments, key=lambda alignment: -alignment.z)

    def z_of_shifts(self, matrix: Matrix) -> Floats32:
        """The channels' scores at every shift of a matrix, shape (n_channels, *padded); shift 0 comes first."""
        layers = [*self.moving, np.ones(self.moving.shape[1:], np.float32)]
        warped = warp_channels(layers, matrix, self.fixed.shape[1:])
        correlation = scipy.fft.irfft2(self.spectrum * scipy.fft.rfft2(warped, self.padded), self.padded)
        score = correlation[:-1] / np.sqrt(np.maximum(correlation[-1], self.least_overlap))
        square = score**2
        # The highest scores are clipped, so that a peak does not widen the spread by which it is measured. No more are
        # clipped, because if ROIs are few, most shifts bring none together, and any that brings a few would stand out.
        limit = np.quantile(square[:, ::2, ::2], CLIPPED_FROM, axis=(1, 2), keepdims=True)
        spread = np.sqrt(np.minimum(square, limit).mean(axis=(1, 2)))
        return score / np.maximum(spread, np.finfo(np.float32).tiny)[:, None, None]

    def combined(self, z: Floats32) -> Floats32:
        """The score of all channels together, of the padded shape; channels constant in either session do not count."""
        return np.asarray(z.sum(axis=0) / np.sqrt(max(1, int(self.informative.sum()))))

    def _best_shifts(self, pose: Pose) -> list[RoughAlignment]:
        matrix = self.prior @ affine_matrix(pose.linear, self.middle, self.middle)
        z = self.z_of_shifts(matrix)
        alignments = []
        for score in (self.combined(z), *z):
            peak = np.unravel_index(np.argmax(np.where(self.allowed, score, -np.inf)), score.shape)
            row, col = (int(k) if k <= n // 2 else int(k) - n for k, n in zip(peak, self.padded, strict=True))
            shift = np.eye(3)
            shift[:2, 2] = col, row
            alignments.append(RoughAlignment(matrix @ shift, float(score[peak]), pose))
        return alignments


def shifts_within(shape: tuple[int, ...], largest: tuple[float, float]) -> Bools:
    """Which entries of a correlation, whose shift 0 comes first, are of shifts up to the largest (rows, columns)."""
    rows, cols = (np.abs(np.fft.fftfreq(n, 1 / n)) <= limit for n, limit in zip(shape, largest, strict=True))
    return np.asarray(rows[:, None] & cols)


def middle_of(channels: Channels) -> Points:
    """(x, y) of the middle of the field, shape (2,)."""
    return (np.array(channels.shape[:0:-1]) - 1) / 2


def to_full_resolution(
    matrix: Matrix, fixed: tuple[tuple[int, int], tuple[int, int]], moving: tuple[tuple[int, int], tuple[int, int]]
) -> Matrix:
    """Carry a matrix, fixed to moving, found on reduced images to the full ones; pixel centres are at whole numbers.

    Sizes are (full, reduced), each (n_rows, n_cols).
    """
    return np.linalg.inv(_reduction(*moving)) @ matrix @ _reduction(*fixed)


def _reduction(full: tuple[int, int], small: tuple[int, int]) -> Matrix:
    y, x = (s / f for f, s in zip(full, small, strict=True))
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
