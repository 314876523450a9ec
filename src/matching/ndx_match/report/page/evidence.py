"""The evidence for and against the matches, from the candidate pairs of ROIs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from ndx_cell_matching.registrations import SessionRegistration

from ...arrays import Array, Floats, Indices
from ...footprints import centroids
from ...model import MatchResult, Registration, RoiPairs, Session, cell_of_roi

N_BINS = 40
MOST = 99.0  # per cent of distances that are shown
MOST_PAIRS = 300  # of sessions, whose neighbours are measured
Values = npt.NDArray[np.floating[Any]]


def distributions(sessions: Sequence[Session], result: MatchResult) -> list[dict[str, Any]]:
    """Histograms of accepted and rejected pairs, and of the nearest and second nearest neighbour of each ROI."""
    pairs = result.roi_pairs
    histograms = []
    for name, values in (
        ("Intersection over union", pairs.iou),
        ("Centroid distance (pixels)", pairs.centroid_distance),
        ("Probability of being the same cell", pairs.probability),
        ("Margin over the best alternative", pairs.margin),
    ):
        if values is not None and len(values):
            histograms.append(
                _histogram(name, {"accepted": values[pairs.accepted], "rejected": values[~pairs.accepted]})
            )
    nearest, second = neighbour_distances(sessions, result.registrations)
    if len(nearest):
        histograms.append(_histogram("Distance to neighbours (pixels)", {"nearest": nearest, "second nearest": second}))
    return histograms


def _histogram(name: str, groups: dict[str, Values]) -> dict[str, Any]:
    """Counts between 0, or the lowest value, and 1; for pixels, up to the value that 99 % of the distances reach."""
    finite = {group: values[np.isfinite(values)] for group, values in groups.items()}
    highest = 1.0
    if "pixels" in name:
        highest = max(1.0, *(float(np.ceil(np.percentile(each, MOST))) for each in finite.values() if len(each)))
    lowest = min(0.0, *(float(each.min(initial=0)) for each in finite.values()))
    edges = np.linspace(lowest, highest, N_BINS + 1)
    counts = {group: np.histogram(values, edges)[0].tolist() for group, values in finite.items()}
    return {"name": name, "lowest": lowest, "highest": highest, "counts": counts}


def neighbour_distances(sessions: Sequence[Session], registrations: Sequence[Registration]) -> tuple[Floats, Floats]:
    """The distances of ROIs, mapped to another session, from the nearest and the second nearest ROI there.

    Distances are those of centroids, in pixels of the moving session. If there are many pairs of sessions, evenly
    chosen pairs are used. ROIs that are mapped to a position outside the moving session's field are left out.
    """
    aligned = [r for r in registrations if r.registered]
    chosen = aligned[:: -(-len(aligned) // MOST_PAIRS)] if aligned else []
    places = [centroids(session.footprints, session.shape[1]) for session in sessions]
    places = [points[np.isfinite(points).all(axis=1)] for points in places]
    distances = [np.zeros((0, 2))]
    for r in chosen:
        fixed, moving = sessions[r.fixed_session], sessions[r.moving_session]
        carried = SessionRegistration(r.matrix, r.displacement, fixed.shape).to_moving(places[r.fixed_session])
        if len(places[r.moving_session]) > 1:
            inside = carried[moving.holds(carried)]
            distances.append(cKDTree(places[r.moving_session]).query(inside, k=2)[0].reshape(-1, 2))
    nearest, second = np.concatenate(distances).T
    return nearest, second


def measure_of(pairs: RoiPairs) -> tuple[str, Values]:
    """The name and the values of the measure by which pairs are compared: probability or, if there is none, IoU."""
    return ("IoU", pairs.iou) if pairs.probability is None else ("probability", pairs.probability)


def support_and_rivals(sessions: Sequence[Session], result: MatchResult) -> list[tuple[Floats, Floats, Indices]]:
    """How well each ROI fits its cell, and which other cell it would fit best; a triple for each session.

    Returns
    -------
    support : ndarray of float64, shape (n_rois,)
        Mean measure (:func:`measure_of`) of the stored pairs with the other ROIs of its cell; NaN if there are none.
    rival_measure : ndarray of float64, shape (n_rois,)
        The highest measure of its stored pairs with ROIs of other cells; 0 if there are none.
    rival : ndarray of int, shape (n_rois,)
        The other cell of that pair; -1 if there is none.
    """
    pairs = result.roi_pairs
    starts = np.append(0, np.cumsum([session.n_rois for session in sessions]))
    cell = np.concatenate(
        [cell_of_roi(rows, s.n_rois) for s, rows in zip(sessions, result.cells.T, strict=True)] + [np.zeros(0, np.intp)]
    )
    one, other = (
        starts[session] + row
        for session, row in ((pairs.fixed_session, pairs.fixed_roi_row), (pairs.moving_session, pairs.moving_roi_row))
    )
    roi, partner = np.append(one, other), np.append(other, one)
    measure = np.tile(np.nan_to_num(np.asarray(measure_of(pairs)[1], float)), 2)
    within = (cell[roi] == cell[partner]) & (cell[roi] >= 0)
    total = np.bincount(roi[within], measure[within], len(cell))
    number = np.bincount(roi[within], minlength=len(cell))
    support = np.divide(total, number, out=np.full(len(cell), np.nan), where=number > 0)
    rival_measure, rival = _best(roi[~within], measure[~within], cell[partner[~within]], len(cell))
    return [(support[a:b], rival_measure[a:b], rival[a:b]) for a, b in pairwise(starts)]


def _best(roi: Indices, measure: Array, cell: Indices, n_rois: int) -> tuple[Floats, Indices]:
    best, which = np.zeros(n_rois), np.full(n_rois, -1, np.intp)
    order = np.lexsort((cell, measure))  # the last that is written stays: the highest
    best[roi[order]] = measure[order]
    which[roi[order]] = cell[order]
    return best, which
