"""Measure a match: its probabilities and registrations against the truth, and how well it agrees with itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ndx_match.arrays import Points
from ndx_match.footprints import pixel_points, transform_points
from ndx_match.model import MatchResult, Registration
from ndx_match.simulate import Simulation


@dataclass(frozen=True)
class Calibration:
    """How well probabilities agree with the frequencies of what they predict.

    Attributes
    ----------
    expected_calibration_error : float
        Mean over all entries of |mean probability - share true| of their bin; NaN where there is no entry.
    edges : ndarray, shape (n_bins + 1,)
        Edges of the bins of probability.
    mean_probability, share_true : ndarray, shape (n_bins,)
        The reliability curve; NaN in empty bins.
    count : ndarray of int64, shape (n_bins,)
        Entries in each bin.
    brier : float
        Mean squared difference of probability and truth.
    """

    expected_calibration_error: float
    edges: npt.NDArray[np.float64]
    mean_probability: npt.NDArray[np.float64]
    share_true: npt.NDArray[np.float64]
    count: npt.NDArray[np.int64]
    brier: float


def calibration(probability: npt.NDArray[np.floating], truth: npt.NDArray[np.bool_], n_bins: int = 10) -> Calibration:
    """Expected calibration error in bins of equal width.

    Parameters
    ----------
    probability : ndarray, shape (n,)
        From 0 to 1.
    truth : ndarray of bool, shape (n,)
        Whether each entry is true.
    n_bins : int
        Number of bins.

    Raises
    ------
    ValueError
        If a probability is outside 0 to 1 or NaN, or the lengths differ.
    """
    probability, outcome = np.asarray(probability, np.float64), np.asarray(truth, np.float64)
    if probability.shape != outcome.shape:
        raise ValueError(f"{len(probability)} probabilities do not fit {len(outcome)} outcomes")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probabilities lie between 0 and 1")
    edges = np.linspace(0, 1, n_bins + 1)
    bins = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    count = np.bincount(bins, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        mean_probability = np.bincount(bins, probability, n_bins) / count
        share_true = np.bincount(bins, outcome, n_bins) / count
    total = count.sum()
    gap = np.nansum(count * np.abs(mean_probability - share_true)) / total if total else np.nan
    brier = float(np.mean((probability - outcome) ** 2)) if total else float("nan")
    return Calibration(float(gap), edges, mean_probability, share_true, count.astype(np.int64), brier)


def registration_error(
    registrations: Sequence[Registration], simulation: Simulation, step: int = 16
) -> dict[tuple[int, int], float]:
    """Median distance, in pixels, between the positions to which matrices map points and their true positions.

    Over a grid of points that both sessions truly see. Pairs of sessions of different tissue, and pairs marked
    as not registered, are left out: they have no error.

    Parameters
    ----------
    registrations : sequence of Registration
        Matrices that map fixed (x, y, 1) to moving (x, y, 1).
    simulation : Simulation
        The truth.
    step : int
        Pixels between grid points.

    Returns
    -------
    dict
        Median error of each pair (fixed, moving); NaN where the two fields of view have nothing in common.
    """
    errors = {}
    for registration in registrations:
        fixed, moving = registration.fixed_session, registration.moving_session
        if not registration.registered or not simulation.related(fixed, moving):
            continue
        points = _grid(simulation.sessions[fixed].shape, step)
        truth = simulation.map_points(fixed, moving, points)
        common = inside(truth, simulation.sessions[moving].shape)
        distances = np.linalg.norm(transform_points(registration.matrix, points[common]) - truth[common], axis=-1)
        errors[fixed, moving] = float(np.median(distances)) if len(distances) else float("nan")
    return errors


def inside(points: Points, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Which points (x, y) lie in an image of (n_rows, n_cols)."""
    return np.all((points >= 0) & (points <= np.array(shape[::-1]) - 1), axis=-1)


def _grid(shape: tuple[int, int], step: int) -> Points:
    """Points (x, y) spread evenly over an image, shape (n, 2)."""
    points = pixel_points(shape)[step // 2 :: step, step // 2 :: step]
    return points.reshape(-1, 2)


def triangle_disagreement(
    registrations: Sequence[Registration], shape: tuple[int, int], step: int = 16
) -> dict[tuple[int, int, int], float]:
    """How far the registrations of three sessions disagree: the path from i to j to k and back to i.

    Parameters
    ----------
    registrations : sequence of Registration
        As many pairs as there are; those marked as not registered are left out.
    shape : tuple of int
        (n_rows, n_cols) of the first session's image.
    step : int
        Pixels between grid points.

    Returns
    -------
    dict
        For each triple (i, j, k) whose three pairs are registered the median distance in pixels, over the grid,
        between a point and where the loop brings it.
    """
    matrices = {(r.fixed_session, r.moving_session): r.matrix for r in registrations if r.registered}
    points = _grid(shape, step)
    result = {}
    for i, j, k in combinations(sorted({session for pair in matrices for session in pair}), 3):
        if {(i, j), (j, k), (i, k)} <= matrices.keys():
            loop = np.linalg.inv(matrices[i, k]) @ matrices[j, k] @ matrices[i, j]
            distances = np.linalg.norm(transform_points(loop, points) - points, axis=-1)
            result[i, j, k] = float(np.median(distances))
    return result


def supported_groups(result: MatchResult, minimum: int = 3) -> float:
    """Share of cells in which all pairs of ROIs were accepted, among the cells with at least `minimum` ROIs.

    NaN where no cell has that many.
    """
    pairs = result.roi_pairs.take(result.roi_pairs.accepted)
    cells = result.cells[result.n_sessions_of_cell >= minimum]
    if not len(cells):
        return float("nan")
    supported = np.ones(len(cells), bool)
    for i, j in combinations(range(cells.shape[1]), 2):
        of_pair = pairs.between(i, j)
        width = int(max(cells[:, j].max(), of_pair.moving_roi_row.max(initial=-1))) + 1
        accepted = of_pair.fixed_roi_row.astype(np.int64) * width + of_pair.moving_roi_row
        both = (cells[:, i] >= 0) & (cells[:, j] >= 0)
        supported &= ~both | np.isin(cells[:, i].astype(np.int64) * width + cells[:, j], accepted)
    return float(supported.mean())
