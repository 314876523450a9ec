"""Scores of a match: against known truth, and, where there is none, of how well it agrees with itself.

A link is a pair of ROIs of two different sessions that are the same cell. Everything here is a pure function of
arrays and of the package's data model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.optimize import linear_sum_assignment

from .footprints import pairwise_iou, transform_points
from .model import MatchResult, Registration, Session
from .simulate import Simulation, body_masks
from .simulate.warp import Points, pixel_points

Integers = npt.NDArray[np.integer]


@dataclass(frozen=True)
class LinkCount:
    """Links that are true, found, and both (`correct`)."""

    true: int
    found: int
    correct: int

    @property
    def precision(self) -> float:
        """Share of the links found that are true; 1 where none was found."""
        return self.correct / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the true links that were found; 1 where there is none to find."""
        return self.correct / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where there was nothing to find and nothing was found."""
        total = self.true + self.found
        return 2 * self.correct / total if total else 1.0


@dataclass(frozen=True)
class LinkScore(LinkCount):
    """Links over all pairs of sessions, and of each pair (i, j) with i < j."""

    pairs: Mapping[tuple[int, int], LinkCount]


def score_links(cells: Integers, identity: Sequence[Integers]) -> LinkScore:
    """Compare the links of a match with the truth.

    A cell whose body is split over several ROIs of a session can be linked through any of them, once: between
    two sessions that hold n and m ROIs of a cell, min(n, m) links are true, and no more than that count as
    correct.

    Parameters
    ----------
    cells : ndarray of int, shape (n_cells, n_sessions)
        `roi_row` of each found cell's ROI in each session, -1 where it has none.
    identity : sequence of ndarray of int, one a session, shape (n_rois,)
        The true cell number of each ROI by `roi_row`, -1 where the ROI is no cell.

    Returns
    -------
    LinkScore
        Counts over all session pairs, with precision, recall, F1, and the same for each pair.

    Raises
    ------
    ValueError
        If the two arguments speak of different numbers of sessions.
    """
    found_cells = true_cells(cells, identity)
    pairs = {}
    for i, j in combinations(range(len(identity)), 2):
        both = (cells[:, i] >= 0) & (cells[:, j] >= 0)
        same = both & (found_cells[:, i] == found_cells[:, j]) & (found_cells[:, i] >= 0)
        true_number, true_count = _shared(identity[i], identity[j])
        number, count = np.unique(found_cells[same, i], return_counts=True)
        allowed = true_count[np.searchsorted(true_number, number)] if len(number) else count
        correct = int(np.minimum(count, allowed).sum())
        pairs[i, j] = LinkCount(true=int(true_count.sum()), found=int(both.sum()), correct=correct)
    return LinkScore(
        true=sum(count.true for count in pairs.values()),
        found=sum(count.found for count in pairs.values()),
        correct=sum(count.correct for count in pairs.values()),
        pairs=pairs,
    )


def true_cells(cells: Integers, identity: Sequence[Integers]) -> npt.NDArray[np.int64]:
    """The true cell number of every entry of `cells`: -1 for a false ROI, -2 where there is no ROI."""
    if cells.ndim != 2 or cells.shape[1] != len(identity):
        raise ValueError(f"cells of shape {cells.shape} do not fit the truth of {len(identity)} sessions")
    numbers = np.full(cells.shape, -2, np.int64)
    for session, truth in enumerate(identity):
        present = cells[:, session] >= 0
        numbers[present, session] = np.asarray(truth)[cells[present, session]]
    return numbers


def _shared(first: Integers, second: Integers) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cell numbers that two sessions share, sorted, and how many links each allows."""
    numbers_first, count_first = np.unique(first[first >= 0], return_counts=True)
    numbers_second, count_second = np.unique(second[second >= 0], return_counts=True)
    shared, at_first, at_second = np.intersect1d(numbers_first, numbers_second, assume_unique=True, return_indices=True)
    return shared.astype(np.int64), np.minimum(count_first[at_first], count_second[at_second]).astype(np.int64)


@dataclass(frozen=True)
class TrackScore:
    """Cells seen in every session: true, found, and found without an error."""

    true: int
    found: int
    correct: int

    @property
    def score(self) -> float:
        """CT = 2 * correct / (true + found); 1 where there was nothing to find and nothing was found."""
        total = self.true + self.found
        return 2 * self.correct / total if total else 1.0


def complete_tracks_score(cells: Integers, identity: Sequence[Integers]) -> TrackScore:
    """Compare the cells found in all sessions with those that truly have an ROI in all sessions.

    The measure "CT" by which Track2p was judged. Of a cell that is split in some session one track counts.

    Parameters
    ----------
    cells, identity
        As for :func:`score_links`.
    """
    numbers = true_cells(cells, identity)
    complete = (cells >= 0).all(axis=1)
    right = complete & (numbers >= 0).all(axis=1) & (numbers == numbers[:, :1]).all(axis=1)
    true = np.unique(identity[0][identity[0] >= 0])
    for truth in identity[1:]:
        true = np.intersect1d(true, truth[truth >= 0])
    correct = len(np.unique(numbers[right, 0]))
    return TrackScore(true=len(true), found=int(complete.sum()), correct=correct)


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities mean what they say.

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
    """Median distance in pixels between where matrices put points and where these truly lie.

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
        away = np.linalg.norm(transform_points(registration.matrix, points[common]) - truth[common], axis=-1)
        errors[fixed, moving] = float(np.median(away)) if len(away) else float("nan")
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
    """How far the registrations of three sessions are from agreeing: i to j to k and back to i.

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
            away = np.linalg.norm(transform_points(loop, points) - points, axis=-1)
            result[i, j, k] = float(np.median(away))
    return result


def supported_groups(result: MatchResult, minimum: int = 3) -> float:
    """Share of the cells with at least `minimum` ROIs all of whose pairs of ROIs were accepted.

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


def warp_footprints(
    footprints: scipy.sparse.csr_array,
    moving_shape: tuple[int, int],
    moving_points: Points,
) -> scipy.sparse.csr_array:
    """Bring footprints into the fixed session's frame by bilinear interpolation.

    Parameters
    ----------
    footprints : csr_array, shape (n_rois, n_moving_pixels)
        Weights in the moving session's frame.
    moving_shape : tuple of int
        (n_rows, n_cols) of the moving session.
    moving_points : ndarray, shape (..., 2)
        Where each fixed pixel, in row-major order, lies in the moving session, (x, y).

    Returns
    -------
    csr_array, shape (n_rois, n_fixed_pixels)
        Interpolated weights; 0 where a pixel comes from outside the moving image.
    """
    n_rows, n_cols = moving_shape
    x, y = moving_points.reshape(-1, 2).T
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right_part, bottom_part = x - left, y - top
    fixed_pixel = np.arange(len(x))
    rows, columns, weights = [], [], []
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (bottom_part if dy else 1 - bottom_part) * (right_part if dx else 1 - right_part)
        row, column = top + dy, left + dx
        known = (row >= 0) & (row < n_rows) & (column >= 0) & (column < n_cols) & (weight > 0)
        rows.append((row * n_cols + column)[known])
        columns.append(fixed_pixel[known])
        weights.append(weight[known])
    interpolation = scipy.sparse.csr_array(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))),
        shape=(n_rows * n_cols, len(x)),
    )
    return scipy.sparse.csr_array(footprints.astype(np.float64) @ interpolation)


def binary(footprints: scipy.sparse.csr_array, minimum: float = 0.5) -> scipy.sparse.csr_array:
    """1 where a weight reaches `minimum` of its ROI's largest, nothing elsewhere."""
    largest = footprints.max(axis=1).toarray().ravel()
    entries = footprints.tocoo()
    kept = entries.data >= minimum * np.maximum(largest[entries.row], np.finfo(float).tiny)
    ones = np.ones(int(kept.sum()))
    return scipy.sparse.csr_array((ones, (entries.row[kept], entries.col[kept])), shape=footprints.shape)


def _warped_iou(fixed: Session, moving: Session, moving_points: Points) -> scipy.sparse.csr_array:
    warped = warp_footprints(binary(moving.footprints), moving.shape, moving_points)
    warped.data[warped.data < 0.5] = 0
    warped.eliminate_zeros()
    warped.data[:] = 1
    return pairwise_iou(binary(fixed.footprints), warped)


def assign(iou: scipy.sparse.csr_array) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """One-to-one pairs of the largest total IoU; pairs that do not overlap are left out."""
    dense = iou.toarray()
    rows, columns = linear_sum_assignment(dense, maximize=True)
    overlap = dense[rows, columns] > 0
    return rows[overlap], columns[overlap]


def yardstick_pairs(fixed: Session, moving: Session, matrix: npt.NDArray[np.float64], threshold: float = 0.3) -> int:
    """How many ROIs of two sessions a registration brings to overlap: a measure that needs no truth.

    The moving session's masks are brought to the fixed frame by the matrix and kept where the interpolated mask
    is 0.5 or more; ROIs are assigned one to one by the largest total IoU.

    Parameters
    ----------
    fixed, moving : Session
        The two sessions.
    matrix : ndarray, shape (3, 3)
        Maps fixed (x, y, 1) to moving (x, y, 1).
    threshold : float
        A pair counts where its IoU is larger.

    Returns
    -------
    int
        The number of pairs. Compare it with that of a deliberately wrong matrix: chance gives some, too.
    """
    iou = _warped_iou(fixed, moving, transform_points(matrix, pixel_points(fixed.shape).reshape(-1, 2)))
    rows, columns = assign(iou)
    return int((iou.toarray()[rows, columns] > threshold).sum())


@dataclass(frozen=True)
class Oracle:
    """What overlap alone can reach when the true warps are known.

    Attributes
    ----------
    score : LinkScore
        Pair by pair, at `threshold`.
    threshold : float
        The least IoU of a link.
    iou_same : ndarray of float64
        IoU after true registration of every pair of ROIs that are the same cell, over all session pairs; 0 where
        they do not overlap.
    """

    score: LinkScore
    threshold: float
    iou_same: npt.NDArray[np.float64]


def oracle(simulation: Simulation, threshold: float | None = None) -> Oracle:
    """Match by overlap after the true warps: the bound for methods that see nothing but masks and place.

    ROIs of each pair of sessions are assigned one to one by the largest total IoU and kept above a threshold.
    Sessions of different tissue are not linked. Links are not merged into groups.

    Parameters
    ----------
    simulation : Simulation
        Sessions and truth.
    threshold : float or None
        The least IoU of a link; None tries 0, 0.02, ... 0.6 and takes the one of the best F1.
    """
    sessions, identity = simulation.sessions, simulation.identity
    assigned: dict[tuple[int, int], tuple[Integers, Integers, npt.NDArray[np.float64]]] = {}
    iou_same = []
    for i, j in combinations(range(len(sessions)), 2):
        if not simulation.related(i, j):
            assigned[i, j] = (np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))
            continue
        points = simulation.map_points(i, j, pixel_points(sessions[i].shape))
        iou = _warped_iou(sessions[i], sessions[j], points)
        rows, columns = assign(iou)
        dense = iou.toarray()
        assigned[i, j] = (rows, columns, dense[rows, columns])
        same = (identity[i][:, None] == identity[j]) & (identity[i][:, None] >= 0)
        iou_same.append(dense[same])
    candidates = np.arange(0, 0.61, 0.02) if threshold is None else [threshold]
    scores = [_score_pairs(assigned, identity, float(value)) for value in candidates]
    best = int(np.argmax([score.f1 for score in scores]))
    return Oracle(scores[best], float(candidates[best]), np.concatenate([*iou_same, np.zeros(0)]))


def known_bodies(simulation: Simulation) -> LinkScore:
    """Link the ROIs that lie on the same cell, when the true outline of every cell in every session is known.

    Each ROI of a session is given to the cell whose true outline it overlaps most, one to one by the largest total
    IoU, if the IoU is above a threshold, for which 0, 0.02, ... 0.6 are tried and that of the best F1 is taken. No
    method can know as much: how far this is from 1 is what the masks do not tell, whatever an image shows.

    Parameters
    ----------
    simulation : Simulation
        Sessions and truth.
    """
    given = []
    for number, session in enumerate(simulation.sessions):
        cells, outlines = body_masks(simulation, number)
        iou = pairwise_iou(binary(session.footprints), outlines)
        rows, columns = assign(iou)
        given.append((rows, cells[columns], iou.toarray()[rows, columns]))
    numbers = np.unique(np.concatenate([cells for _, cells, _ in given]))
    scores = []
    for threshold in np.arange(0, 0.61, 0.02):
        found = np.full((len(numbers), len(given)), -1)
        for column, (rows, cells, iou) in zip(found.T, given, strict=True):
            kept = iou > threshold
            column[np.searchsorted(numbers, cells[kept])] = rows[kept]
        scores.append(score_links(found, simulation.identity))
    return max(scores, key=lambda score: score.f1)


def _score_pairs(
    assigned: Mapping[tuple[int, int], tuple[Integers, Integers, npt.NDArray[np.float64]]],
    identity: Sequence[Integers],
    threshold: float,
) -> LinkScore:
    """Score of links given pair by pair, as :func:`score_links` counts them."""
    pairs = {}
    for (i, j), (rows, columns, iou) in assigned.items():
        kept = iou > threshold
        cells = np.column_stack([rows[kept], columns[kept]])
        pairs[i, j] = score_links(cells, [identity[i], identity[j]]).pairs[0, 1]
    return LinkScore(
        true=sum(count.true for count in pairs.values()),
        found=sum(count.found for count in pairs.values()),
        correct=sum(count.correct for count in pairs.values()),
        pairs=pairs,
    )
