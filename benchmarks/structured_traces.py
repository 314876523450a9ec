"""Make traces whose correlations depend on the cells and not on the days, in memory and in files of simulations."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from scipy.ndimage import gaussian_filter1d

from ndx_match.arrays import Floats32, Ints64, Points

N_SOURCES = 8
DECAY = 18  #: decay time in frames


def traces_of(cells: Ints64, structure: float, day: int, n_times: int = 3000, seed: int = 0) -> Floats32:
    """dF/F of the ROIs of a session, shape (n_rois, n_times).

    Each cell follows sources with weights of its own, which are the same on all days; the time course of the sources is
    new each day. So pairwise correlations are kept, but traces are not.

    Parameters
    ----------
    cells : ndarray of int64, shape (n_rois,)
        The true cell of each ROI; -1 for one that is no cell, which follows no source.
    structure : float
        The share of a cell's variance that the sources give, 0 to 1.
    day : int
        By which sources and noise are drawn.
    n_times : int
    seed : int
        By which the weights of the cells are drawn.
    """
    rng = np.random.default_rng([seed, day, 1])
    weights = np.array([np.random.default_rng([seed, 2, int(cell) + 1]).standard_normal(N_SOURCES) for cell in cells])
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    share = np.where(cells >= 0, structure, 0.0)[:, None]
    sources, own_activity = _transients(rng, N_SOURCES, n_times), _transients(rng, len(cells), n_times)
    signal = np.sqrt(share) * (weights @ sources) + np.sqrt(1 - share) * own_activity
    return (0.2 * signal + 0.1 * rng.standard_normal(signal.shape)).astype(np.float32)


def neuropil_of(points: Points, length: float, day: int, seed: int = 0, n_times: int = 3000) -> Floats32:
    """dF/F of the neuropil at the ROIs of a session, shape (n_rois, n_times); as strong as cells, and new each day.

    Its correlation at two points (x, y) is a Gaussian of their distance, with standard deviation `length`, in pixels.
    """
    rng = np.random.default_rng([seed, day, 3])
    nearness = np.exp(-((points[:, None] - points) ** 2).sum(axis=2) / (2 * length**2))
    sources = gaussian_filter1d(rng.standard_normal((len(points), n_times)), DECAY / 2, axis=1)
    activity = np.linalg.cholesky(nearness + 1e-6 * np.eye(len(points))) @ sources
    return (0.2 * activity / sources.std()).astype(np.float32)


def _transients(rng: np.random.Generator, n: int, n_times: int) -> np.ndarray:
    kernel = np.exp(-np.arange(4 * DECAY) / DECAY)
    events = rng.poisson(0.02, (n, n_times))
    traces = np.stack([np.convolve(each, kernel)[:n_times] for each in events])
    return (traces - traces.mean(axis=1, keepdims=True)) / traces.std(axis=1, keepdims=True)


def put_traces(path: Path, traces: Floats32) -> None:
    """Replace the only series of responses in a simulated file."""
    with h5py.File(path, "r+") as file:
        series_names: list[str] = []
        file.visititems(lambda name, item: series_names.append(name) if _is_series(item) else None)
        (name,) = series_names
        data = file[name]["data"]
        attributes = dict(data.attrs)
        del file[name]["data"]
        file[name].create_dataset("data", data=traces.T)
        file[name]["data"].attrs.update(attributes)


def _is_series(item: object) -> bool:
    return isinstance(item, h5py.Group) and item.attrs.get("neurodata_type") == "RoiResponseSeries"
