"""Label images painted from sparse footprints; the dense stack of masks is never made."""

from __future__ import annotations

import numpy as np

from ..arrays import Bools, Floats, Indices, Ints32
from ..model import Session, cell_of_roi

#: Pixels whose weight is below this part of their ROI's highest are not painted: the footprints of matrix
#: factorisations have faint tails that would bury their neighbours. Binary masks are painted whole.
FAINTEST_WEIGHT = 0.2


def roi_image(session: Session, on_top: Bools) -> Indices:
    """The `roi_row` of the ROI that is seen at each pixel.

    Where ROIs overlap, those marked in `on_top` hide the others, and among equals the smaller hides the larger.

    Parameters
    ----------
    session : Session
    on_top : ndarray of bool, shape (n_rois,)

    Returns
    -------
    ndarray of int, shape (n_rows, n_cols)
        -1 where there is no ROI.
    """
    footprints = session.footprints
    sizes = np.diff(footprints.indptr)
    roi_of_entry = np.repeat(np.arange(session.n_rois), sizes)
    highest = np.zeros(session.n_rois, footprints.dtype)
    np.maximum.at(highest, roi_of_entry, footprints.data)
    painted = footprints.data >= FAINTEST_WEIGHT * highest[roi_of_entry]
    # Each pixel keeps the ROI that comes last in this order, so that the order of the stored entries is all one.
    order = np.lexsort((-sizes, on_top))
    rank = np.empty(session.n_rois, np.intp)
    rank[order] = np.arange(session.n_rois)
    top = np.full(session.image.size, -1, np.intp)
    np.maximum.at(top, footprints.indices[painted], rank[roi_of_entry[painted]])
    return np.append(order, -1)[top].reshape(session.shape)


def cell_image(session: Session, rows: Ints32, on_top: Bools) -> Indices:
    """The cell, as a row of `MatchResult.cells`, that is seen at each pixel of a session.

    Parameters
    ----------
    session : Session
    rows : ndarray of int, shape (n_cells,)
        The session's column of `MatchResult.cells`.
    on_top : ndarray of bool, shape (n_cells,)
        The cells that hide the others where ROIs overlap, for example the matched ones.

    Returns
    -------
    ndarray of int, shape (n_rows, n_cols)
        -1 where there is no ROI.
    """
    cells = cell_of_roi(rows, session.n_rois)
    return np.append(cells, -1)[roi_image(session, np.append(on_top, False)[cells])]


def roi_centroids(session: Session) -> Floats:
    """Mean (x, y) of every ROI's pixels, shape (n_rois, 2); NaN for an empty mask."""
    footprints = session.footprints
    sizes = np.diff(footprints.indptr)
    roi_of_entry = np.repeat(np.arange(session.n_rois), sizes)
    y, x = np.divmod(footprints.indices, session.shape[1])
    sums = [np.bincount(roi_of_entry, coordinate, session.n_rois) for coordinate in (x, y)]
    return np.stack(sums, axis=1) / np.where(sizes > 0, sizes, np.nan)[:, None]
