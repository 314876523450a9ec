"""What speaks for and against the matches, from the candidate pairs of ROIs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ...arrays import Array, Bools, Floats, Indices
from ...model import MatchResult, RoiPairs, Session, cell_of_roi

N_BINS = 40
Values = npt.NDArray[np.floating[Any]]


def distributions(pairs: RoiPairs) -> list[dict[str, Any]]:
    """Histograms of accepted and rejected pairs, and of the nearest and second nearest neighbour of each ROI."""
    made = []
    for name, values in (
        ("Intersection over union", pairs.iou),
        ("Centroid distance (pixels)", pairs.centroid_distance),
        ("Probability of being the same cell", pairs.probability),
        ("Margin over the best alternative", pairs.margin),
    ):
        if values is not None and len(values):
            made.append(_histogram(name, values, {"accepted": pairs.accepted, "rejected": ~pairs.accepted}))
    if len(pairs):
        first, second = neighbours(pairs)
        nearest = {"nearest": first, "second nearest": second}
        made.append(_histogram("Distance to neighbours (pixels)", pairs.centroid_distance, nearest))
        made.append(_histogram("Intersection over union with neighbours", pairs.iou, nearest))
    return made


def _histogram(name: str, values: Values, groups: dict[str, Bools]) -> dict[str, Any]:
    finite = np.isfinite(values)
    shown = values[finite & np.logical_or.reduce(list(groups.values()))]
    lowest = min(0.0, float(shown.min(initial=0)))
    highest = 1.0 if "pixels" not in name else max(1.0, float(np.ceil(shown.max(initial=0))))
    edges = np.linspace(lowest, highest, N_BINS + 1)
    counts = {group: np.histogram(values[chosen & finite], edges)[0].tolist() for group, chosen in groups.items()}
    return {"name": name, "lowest": lowest, "highest": highest, "counts": counts}


def neighbours(pairs: RoiPairs) -> tuple[Bools, Bools]:
    """Which pairs join a fixed ROI with the candidate nearest to it in the moving session, and with the second."""
    roi = (pairs.fixed_session, pairs.moving_session, pairs.fixed_roi_row)
    order = np.lexsort((pairs.centroid_distance, *reversed(roi)))
    same = np.ones(max(len(pairs) - 1, 0), bool)
    for values in roi:
        same &= np.diff(values[order]) == 0
    starts = np.append(True, ~same)[: len(pairs)]
    seconds = np.append(False, starts[:-1]) & ~starts
    nearest, second = np.zeros(len(pairs), bool), np.zeros(len(pairs), bool)
    nearest[order[starts]] = True
    second[order[seconds]] = True
    return nearest, second


def measure_of(pairs: RoiPairs) -> tuple[str, Values]:
    """The number by which pairs are compared, and its name: their probability, where there is none their IoU."""
    return ("IoU", pairs.iou) if pairs.probability is None else ("probability", pairs.probability)


def support_and_rivals(sessions: Sequence[Session], result: MatchResult) -> list[tuple[Floats, Floats, Indices]]:
    """How well each ROI fits its cell, and the cell that it would fit best otherwise; a triple for each session.

    Returns
    -------
    support : ndarray of float64, shape (n_rois,)
        Mean measure (:func:`measure_of`) of the stored pairs with the other ROIs of its cell, NaN without any.
    rival_measure : ndarray of float64, shape (n_rois,)
        The highest of those with ROIs of another cell, 0 without any.
    rival : ndarray of int, shape (n_rois,)
        That other cell, -1 without any.
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
