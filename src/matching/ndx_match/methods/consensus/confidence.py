"""The confidence of each cell, and the sessions in which another ROI could be the cell."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from ...arrays import Bytes, Floats, Ints32
from ...model import Presence, RoiPairs, cells_of_rois

AMBIGUOUS = 0.2  #: probability of a candidate from which an absent cell is called ambiguous


def confidence_of(cells: Ints32, pairs: RoiPairs) -> Floats:
    """Probability that all ROIs of a cell are one cell: that of its most probable spanning tree; NaN for one ROI."""
    assert pairs.probability is not None
    present = cells >= 0
    n_rois = present.sum(axis=1)
    # ROIs are numbered cell by cell, in 32 bits because SciPy's trees before 1.16 take nothing else.
    number = (np.cumsum(present).reshape(cells.shape) - 1).astype(np.int32)
    first, second = (
        cells_of_rois(cells, sessions, rows)
        for sessions, rows in ((pairs.fixed_session, pairs.fixed_roi_row), (pairs.moving_session, pairs.moving_roi_row))
    )
    within = np.flatnonzero((first == second) & (first >= 0) & (pairs.probability > 0))
    loss = -np.log(np.minimum(pairs.probability[within].astype(float), 1)) + 1  # above 0, as a sparse graph requires
    places = number[first[within], pairs.fixed_session[within]], number[second[within], pairs.moving_session[within]]
    n = int(n_rois.sum())
    tree = minimum_spanning_tree(coo_array((loss, places), shape=(n, n)).tocsr()).tocoo()
    cell_of = np.repeat(np.arange(len(cells)), n_rois)[tree.coords[0]]
    total = np.bincount(cell_of, weights=tree.data - 1, minlength=len(cells))
    links = np.bincount(cell_of, minlength=len(cells))
    confidence = np.where(links == n_rois - 1, np.exp(-total), 0.0)
    return np.where(n_rois > 1, confidence, np.nan)


def with_ambiguous(presence: Bytes, cells: Ints32, pairs: RoiPairs) -> Bytes:
    """The presence codes, AMBIGUOUS where a cell is absent from a session but an ROI there could belong to it."""
    presence = presence.copy()
    assert pairs.probability is not None
    likely = pairs.take(pairs.probability >= AMBIGUOUS)
    for sessions, rows, others in (
        (likely.fixed_session, likely.fixed_roi_row, likely.moving_session),
        (likely.moving_session, likely.moving_roi_row, likely.fixed_session),
    ):
        cell = cells_of_rois(cells, sessions, rows)
        absent = presence[cell, others] == Presence.NOT_DETECTED
        presence[cell[absent], others[absent]] = Presence.AMBIGUOUS
    return presence
