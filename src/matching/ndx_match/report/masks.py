"""Label images painted from sparse footprints; the dense stack of masks is never made."""

from __future__ import annotations

import numpy as np

from ..arrays import Bools, Indices
from ..model import Session

#: Pixels whose weight is below this part of their ROI's highest are not painted: the footprints of matrix
#: factorisations have faint tails that would bury their neighbours. Binary masks are painted whole.
FAINTEST_WEIGHT = 0.2


def roi_image(session: Session, on_top: Bools) -> Indices:
    """The `roi_row` of the ROI that is seen at each pixel, shape (n_rows, n_cols); -1 where there is none.

    Where ROIs overlap, those marked in `on_top`, shape (n_rois,), hide the others, and among equals the smaller hides
    the larger.
    """
    footprints = session.footprints
    sizes = np.diff(footprints.indptr)
    roi_of_entry = np.repeat(np.arange(session.n_rois), sizes)
    highest = footprints.max(axis=1).toarray().ravel()
    painted = footprints.data >= FAINTEST_WEIGHT * highest[roi_of_entry]
    # Each pixel keeps the ROI that comes last in this order, so that the order of the stored entries is all one.
    order = np.lexsort((-sizes, on_top))
    rank = np.empty(session.n_rois, np.intp)
    rank[order] = np.arange(session.n_rois)
    top = np.full(session.image.size, -1, np.intp)
    np.maximum.at(top, footprints.indices[painted], rank[roi_of_entry[painted]])
    return np.append(order, -1)[top].reshape(session.shape)
