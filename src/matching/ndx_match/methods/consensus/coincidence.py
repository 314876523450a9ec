"""Count the ROIs of two sessions that lie in the same place, at an alignment and at shifts that must be wrong."""

from __future__ import annotations

import numpy as np

from ...arrays import Points

NEAR = 0.5  #: radii within which two centroids coincide
WRONG = 4.0  #: radii beyond which a shift must be wrong


def coincidences(fixed: Points, moving: Points, radius: float, largest_shift: Points) -> tuple[int, int]:
    """How many centroids (x, y) of two sessions in one frame coincide, without a shift and at the best wrong shift.

    Parameters
    ----------
    fixed, moving : Points
        Without NaN.
    radius : float
        The typical radius of an ROI in pixels. Centroids coincide if they are within half of it along x and y.
    largest_shift : Points, shape (2,)
        Pixels along (x, y) up to which shifts are tried.
    """
    step = NEAR * radius
    n_cols, n_rows = (max(2, int(np.ceil(limit / step))) for limit in largest_shift)
    size = (2 * n_rows, 2 * n_cols)  # the shift 0 is the corner at (n_rows, n_cols)
    votes = np.zeros(size[0] * size[1], np.int64)
    for place in fixed:
        col, row = np.floor((moving - place) / step).astype(np.int64).T + np.array([[n_cols], [n_rows]])
        inside = (row >= 0) & (row < size[0]) & (col >= 0) & (col < size[1])
        np.add.at(votes, row[inside] * size[1] + col[inside], 1)
    by_shift = votes.reshape(size)
    around = by_shift[:-1, :-1] + by_shift[1:, :-1] + by_shift[:-1, 1:] + by_shift[1:, 1:]  # of each inner corner
    row, col = np.ogrid[1 : size[0], 1 : size[1]]
    wrong = (np.abs(row - n_rows) * NEAR > WRONG) | (np.abs(col - n_cols) * NEAR > WRONG)
    return int(around[n_rows - 1, n_cols - 1]), int(around[wrong].max(initial=0))
