"""A small movie of known cells on two days, for programs that find cells themselves. Needs numpy and scipy alone."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, shift

SHAPE = (96, 128)  #: rows, columns
N_FRAMES, RATE = 600, 10.0
SHIFTS = ((0.0, 0.0), (3.0, -4.0))  #: (rows, columns) by which the tissue lies on each day
RADIUS = 4.0


def centres(day: int, plane: int = 0) -> np.ndarray:
    """Where the cells of a plane lie on a day, (row, column); those that lie beside the field or are silent too."""
    rng = np.random.default_rng(50 + plane)
    places: list[np.ndarray] = []
    for place in rng.uniform((9, 9), (SHAPE[0] - 9, SHAPE[1] - 9), (2000, 2)):
        if all(np.hypot(*(place - other)) > 15 for other in places):
            places.append(place)
    return np.array(places) + SHIFTS[day]


def movie(day: int, plane: int = 0) -> np.ndarray:
    """Frames [time, row, column], int16: cells with transients of their own on uneven tissue, and noise."""
    tissue = np.random.default_rng(60 + plane)
    rng = np.random.default_rng(70 + 10 * plane + day)
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    background = 200 + 60 * shift(gaussian_filter(tissue.normal(size=SHAPE), 3) * 8, SHIFTS[day], mode="reflect")
    frames = np.broadcast_to(background, (N_FRAMES, *SHAPE)).astype(np.float32).copy()
    decay = np.exp(-np.arange(40) / 8)
    for row, col in centres(day, plane):
        distance = np.hypot(rows - row, cols - col) / RADIUS
        cell = np.exp(-((np.maximum(distance - 0.7, 0) / 0.35) ** 2)) * (distance < 1.4)
        spikes = (rng.random(N_FRAMES) < 0.012) * rng.uniform(0.7, 1.3, N_FRAMES)
        activity = 60 + 400 * np.convolve(spikes, decay)[:N_FRAMES]
        frames += activity[:, None, None].astype(np.float32) * cell.astype(np.float32)
    return np.clip(frames + rng.normal(0, 25, frames.shape), 0, 32000).astype(np.int16)


def cell_of_each(places: np.ndarray, day: int, plane: int = 0) -> list[int]:
    """The cell of each place (row, column) that a program found, -1 if none is within half a cell's diameter."""
    distance = np.hypot(*(places[:, None] - centres(day, plane)[None]).transpose(2, 0, 1))
    nearest = distance.argmin(1)
    return [int(k) if distance[row, k] < RADIUS else -1 for row, k in enumerate(nearest)]
