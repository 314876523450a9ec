"""Find the highest score that a method could reach, by matching with knowledge that no method has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.optimize import linear_sum_assignment

from ndx_match.arrays import Points
from ndx_match.footprints import pairwise_iou, pixel_points, transform_points
from ndx_match.model import Session
from ndx_match.simulate import Simulation, body_masks
from ndx_match.simulate.scores import Integers, LinkScore, score_links


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
    """Binary footprints: 1 where a weight is at least `minimum` times the largest weight of its ROI."""
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
    """Pairs of ROIs, assigned one to one, with the largest total IoU; pairs that do not overlap are left out."""
    dense = iou.toarray()
    rows, columns = linear_sum_assignment(dense, maximize=True)
    overlap = dense[rows, columns] > 0
    return rows[overlap], columns[overlap]


def yardstick_pairs(fixed: Session, moving: Session, matrix: npt.NDArray[np.float64], threshold: float = 0.3) -> int:
    """How many ROIs of two sessions overlap after a registration: a measure that needs no truth.

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
    """The score that overlap alone can reach if the true warps are known.

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
    """Match by overlap after the true warps: the bound for methods that use only masks and positions.

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
    IoU, if the IoU is above a threshold. The thresholds 0, 0.02, ... 0.6 are tried, and the one with the best F1 is
    taken. No method can know as much. The difference from 1 is what the masks do not show, whatever an image shows.

    Parameters
    ----------
    simulation : Simulation
        Sessions and truth.
    """
    assignments = []
    for number, session in enumerate(simulation.sessions):
        cells, outlines = body_masks(simulation, number)
        iou = pairwise_iou(binary(session.footprints), outlines)
        rows, columns = assign(iou)
        assignments.append((rows, cells[columns], iou.toarray()[rows, columns]))
    numbers = np.unique(np.concatenate([cells for _, cells, _ in assignments]))
    scores = []
    for threshold in np.arange(0, 0.61, 0.02):
        linked_cells = np.full((len(numbers), len(assignments)), -1)
        for column, (rows, cells, iou) in zip(linked_cells.T, assignments, strict=True):
            kept = iou > threshold
            column[np.searchsorted(numbers, cells[kept])] = rows[kept]
        scores.append(score_links(linked_cells, simulation.identity))
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
    return LinkScore.of_pairs(pairs)
