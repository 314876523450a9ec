"""Find cells whose activity is fitted better by a nearby ROI than by their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..arrays import Array, Bools, Floats, Floats32, Indices, Ints32, Points

N_NEIGHBOURS = 8  #: number of ROIs near a cell's ROI that are tried in its place
#: Number of standard errors by which another ROI must fit better. Among some thousand comparisons of right matches, the
#: probability that one of them reaches this number by chance is about 1 in 20.
CLEARLY_BETTER = 4.0
#: Fraction of the median fit of all cells that the other ROI must reach. Therefore, a silent cell is not doubted
#: because of ROIs that do not fit it either.
LEAST_FIT = 0.5


@dataclass(frozen=True)
class Doubt:
    """A cell whose ROI in a session fits it less well than another ROI nearby."""

    cell: int  #: row in the table of cells
    session: int
    roi_row: int  #: `roi_row` of the cell's ROI
    better_row: int  #: `roi_row` of the ROI that fits better
    fit: float  #: correlation between the ROI's correlations with other cells and the cell's in other sessions
    better_fit: float  #: the fit of the better ROI
    t: float  #: standard errors by which the better ROI fits better


def doubtful_cells(
    cells: Ints32,
    correlations: Mapping[int, Floats32],
    points: Mapping[int, Points],
    partners: Mapping[int, Sequence[int]],
) -> list[Doubt]:
    """The cells that disagree, the most doubtful first.

    Each cell is listed once, for the session in which another ROI fits better by most.

    Parameters
    ----------
    cells : ndarray of int32, shape (n_cells, n_sessions)
        `roi_row`, -1 if the cell is absent.
    correlations : mapping
        For each session, the correlations of its ROIs' traces, shape (n_rois, n_rois); NaN for ROIs without a trace.
    points : mapping
        For each session, (x, y) of its ROIs, shape (n_rois, 2).
    partners : mapping
        For each session, the sessions with which it is compared.
    """
    doubts: dict[int, Doubt] = {}
    for session, others in partners.items():
        for doubt in _doubts(cells, correlations, points[session], session, others):
            if doubt.cell not in doubts or doubt.t > doubts[doubt.cell].t:
                doubts[doubt.cell] = doubt
    return sorted(doubts.values(), key=lambda doubt: -doubt.t)


def _doubts(
    cells: Ints32, correlations: Mapping[int, Floats32], points: Points, session: int, others: Sequence[int]
) -> list[Doubt]:
    known = {k: np.isfinite(np.diag(correlations[k])) for k in (session, *others)}
    candidates = np.flatnonzero(known[session] & np.isfinite(points).all(axis=1))
    n_neighbours = min(N_NEIGHBOURS, len(candidates) - 1)
    if n_neighbours < 1 or not others:
        return []
    tree = cKDTree(points[candidates])
    shape = (len(cells), n_neighbours)
    total, fits, better, count = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(len(cells))
    near = np.full(shape, -1, np.intp)
    for other in others:
        both = np.flatnonzero((cells[:, session] >= 0) & (cells[:, other] >= 0))
        both = both[known[session][cells[both, session]] & known[other][cells[both, other]]]
        both = both[np.isfinite(points[cells[both, session]]).all(axis=1)]
        rows, reference = cells[both, session], correlations[other][np.ix_(cells[both, other], cells[both, other])]
        near[both] = _neighbours(tree, candidates, points, rows, n_neighbours)
        for slot in range(n_neighbours):
            roi_fit, other_fit, t = _compare(reference, correlations[session], rows, near[both, slot])
            total[both, slot] += t
            fits[both, slot] += roi_fit
            better[both, slot] += other_fit
        count[both] += 1
    compared = np.maximum(count, 1)[:, None]
    t, fits, better = total / np.sqrt(compared), fits / compared, better / compared
    is_doubtful = (t >= CLEARLY_BETTER) & (better >= LEAST_FIT * np.median(fits[count > 0])) & (count > 0)[:, None]
    best = np.where(is_doubtful, t, -np.inf).argmax(axis=1)
    return [
        Doubt(
            cell=int(cell),
            session=session,
            roi_row=int(cells[cell, session]),
            better_row=int(near[cell, best[cell]]),
            fit=float(fits[cell, best[cell]]),
            better_fit=float(better[cell, best[cell]]),
            t=float(t[cell, best[cell]]),
        )
        for cell in np.flatnonzero(is_doubtful.any(axis=1))
    ]


def _neighbours(tree: cKDTree, candidates: Indices, points: Points, rows: Array, n: int) -> Indices:
    """The `roi_row`s of the `n` ROIs nearest to each ROI of `rows`, without that ROI itself, shape (n_rows, n)."""
    nearest = candidates[tree.query(points[rows], n + 1)[1].reshape(len(rows), -1)]
    is_itself = nearest == rows[:, None]
    is_itself[~is_itself.any(axis=1), -1] = True  # several ROIs in one place
    return nearest[~is_itself].reshape(len(rows), n)


def _compare(
    reference: Floats32, correlations: Floats32, rows: Array, alternatives: Array
) -> tuple[Floats, Floats, Floats]:
    """The fits of each cell's ROI and of an alternative, and by how many standard errors the alternative is better.

    The fit is the correlation, over all other cells, between the ROI's correlations with them and the cell's
    correlations with them in another session, `reference`. The cell itself and the cell of the alternative are left
    out. The standard errors are those of Williams' test for two correlations that have one variable in common.
    """
    counts = (rows[None, :] != rows[:, None]) & (rows[None, :] != alternatives[:, None])
    of_rois, other = correlations[np.ix_(rows, rows)], correlations[np.ix_(alternatives, rows)]
    x, y, z = (_standardised_rows(values, counts) for values in (reference, of_rois, other))
    roi_fit, other_fit, between = (x * y).sum(axis=1), (x * z).sum(axis=1), (y * z).sum(axis=1)
    n = counts.sum(axis=1)
    determinant = 1 - roi_fit**2 - other_fit**2 - between**2 + 2 * roi_fit * other_fit * between
    variance = 2 * (n - 1) / np.maximum(n - 3, 1) * determinant + ((roi_fit + other_fit) / 2) ** 2 * (1 - between) ** 3
    t = (other_fit - roi_fit) * np.sqrt((n - 1) * (1 + between) / np.maximum(variance, 1e-12))
    return roi_fit, other_fit, np.nan_to_num(t)


def _standardised_rows(values: Floats32, counts: Bools) -> Floats:
    """Rows with mean 0 and norm 1 over the entries that count, 0 elsewhere."""
    level = np.where(counts, values, 0).astype(np.float64)
    level -= np.where(counts, level.sum(axis=1, keepdims=True) / np.maximum(counts.sum(axis=1, keepdims=True), 1), 0)
    return np.asarray(level / np.maximum(np.linalg.norm(level, axis=1, keepdims=True), 1e-30))
