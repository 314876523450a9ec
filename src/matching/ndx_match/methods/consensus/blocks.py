"""Local shifts between two aligned sets of channels: block matching by normalised cross-correlation."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft

from ...arrays import Channels, Floats, Floats32, Indices, Points

BATCH = 32  #: blocks transformed at a time, so that they fit a processor's cache
LEAST_COVER = 0.5  #: a block of which a session covers less (with pixels where any channel is not 0) is left out


@dataclass(frozen=True)
class LocalShifts:
    """What lies at `points` in the fixed channels lies at `points + shifts` in the moving ones."""

    points: Points
    shifts: Points
    correlation: Floats  #: at the best shift, 0 to 1


def grid_points(shape: tuple[int, int], step: float) -> Points:
    """Points (x, y) spread evenly over an image of (n_rows, n_cols), about `step` pixels apart."""
    n_rows, n_cols = shape
    axes = []
    for length in (n_cols, n_rows):
        n = max(2, round(length / step))
        axes.append((np.arange(n) + 0.5) * length / n - 0.5)
    x, y = np.meshgrid(*axes)
    return np.column_stack([x.ravel(), y.ravel()])


def local_shifts(fixed: Channels, moving: Channels, points: Points, half: int, largest: int) -> LocalShifts:
    """Match blocks of the fixed channels within the moving ones.

    Each block is weighted by a Gaussian window; its correlation with the moving channels is summed over the channels
    and normalised by the energies of both, and its peak is refined to sub-pixel by a parabola.

    Parameters
    ----------
    fixed, moving : Channels
        In one frame; zero where a session does not reach.
    points : Points
        Middles of the blocks; a block of which either session covers less than :data:`LEAST_COVER` is left out.
    half : int
        Half the side of a block, in pixels; rounded up to a size that is transformed fast.
    largest : int
        Largest shift along each axis, in pixels, below `half`.
    """
    half = scipy.fft.next_fast_len(half)
    profile = np.exp(-2 * ((np.arange(-half, half) + 0.5) / half) ** 2).astype(np.float32)
    window = profile[:, None] * profile[None, :]
    shifts_tried = np.arange(-largest - 1, largest + 2)
    around = np.stack([np.roll(profile, shift) for shift in shifts_tried])  # sums of a block's rows or columns
    middles = np.rint(points).astype(int)
    middles = middles[np.minimum(*(_cover(channels, middles, half) for channels in (fixed, moving))) >= LEAST_COVER]
    padded = [np.pad(channels, ((0, 0), (half, half), (half, half))) for channels in (fixed, moving)]
    shifts, correlations = [np.zeros((0, 2))], [np.zeros(0)]
    for start in range(0, len(middles), BATCH):
        batch = middles[start : start + BATCH]
        blocks, places = (_patches(channels, batch, half) for channels in padded)
        weighted = blocks * window
        energy = around @ np.einsum("ncij,ncij->nij", places, places) @ around.T
        energy = np.maximum(energy, 1e-3 * max(float(energy.max()), 1e-12))
        fixed_energy = np.maximum(np.einsum("ncij,ncij->n", weighted, blocks), 1e-12)[:, None, None]
        scores = _products(weighted, places, shifts_tried) / np.sqrt(fixed_energy * energy)
        shift, correlation = _peaks(scores)
        shifts.append(shift - (largest + 1))
        correlations.append(correlation)
    return LocalShifts(middles.astype(float), np.concatenate(shifts), np.concatenate(correlations))


def _products(fixed: Channels, moving: Channels, shifts: Indices) -> Floats32:
    """Sum of products of blocks over channels and pixels at all shifts, shape (n, n_shifts, n_shifts)."""
    size = fixed.shape[-2:]
    cross = scipy.fft.irfft2((np.conj(scipy.fft.rfft2(fixed)) * scipy.fft.rfft2(moving)).sum(axis=1), size)
    return np.asarray(cross[:, (shifts % size[0])[:, None], shifts % size[1]])


def _peaks(scores: Floats32) -> tuple[Points, Floats]:
    """Sub-pixel position (x, y) of each block's best inner score, and that score."""
    inner = scores[:, 1:-1, 1:-1]
    row, col = np.divmod(inner.reshape(len(inner), -1).argmax(axis=1), inner.shape[2])
    row, col, each = row + 1, col + 1, np.arange(len(scores))
    best = scores[each, row, col].astype(float)
    x = col + _vertex(scores[each, row, col - 1], best, scores[each, row, col + 1])
    y = row + _vertex(scores[each, row - 1, col], best, scores[each, row + 1, col])
    return np.column_stack([x, y]), np.clip(best, 0, 1)


def _vertex(before: Floats32, at: Floats, after: Floats32) -> Floats:
    """Where a parabola through three neighbouring values has its maximum, -0.5 to 0.5 from the middle one."""
    bend = before - 2 * at + after
    flat = np.abs(bend) < 1e-9
    return np.where(flat, 0.0, np.clip(0.5 * (before - after) / np.where(flat, 1, bend), -0.5, 0.5))


def _cover(channels: Channels, middles: Indices, half: int) -> Floats:
    """The share of the pixels of each block (side 2 * half, about its middle) in which any channel is not 0."""
    covered = np.pad((channels != 0).any(axis=0), half).astype(np.uint8)
    total = cv2.integral(covered)
    col, row = middles.T
    last_row, last_col = row + 2 * half, col + 2 * half
    count = total[last_row, last_col] - total[row, last_col] - total[last_row, col] + total[row, col]
    return np.asarray(count / (2 * half) ** 2)


def _patches(padded: Channels, middles: Indices, half: int) -> Channels:
    """Squares about the middles (x, y), of channels that are padded by `half`; shape (n, n_channels, side, side)."""
    side = 2 * half
    patches = np.empty((len(middles), len(padded), side, side), padded.dtype)
    for patch, (col, row) in zip(patches, middles.tolist(), strict=True):
        patch[:] = padded[:, row : row + side, col : col + side]
    return patches
