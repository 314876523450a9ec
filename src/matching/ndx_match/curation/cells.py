"""Change the cells of a result, and update its presence, confidence and reviews."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ndx_cell_matching.codes import Review

from ..arrays import Bools, Bytes, Indices, Ints32, Ints64
from ..decisions import AutomaticCells, Reviews
from ..model import MatchResult, Presence, cells_of_rois


def with_cells(result: MatchResult, cells: Ints32, cell_ids: Ints64) -> MatchResult:
    """The result with the same ROIs in other cells; cells are changed only through this function.

    The method's name, candidate pairs and registrations stay as they are. A cell that has the same ROIs as a cell of
    the given result keeps the presence, confidence and review of that cell. For any other cell, the
    confidence is NaN, because the method did not rate it, and the review says that a person changed it. In a session
    in which such a cell has no ROI, its presence is that of the cell from which most of its ROIs come, or
    *not detected* if that cell had an ROI there.

    Parameters
    ----------
    result : MatchResult
    cells : ndarray of int32, shape (n_cells, n_sessions)
        `roi_row`, -1 where a cell has no ROI.
    cell_ids : ndarray of int64, shape (n_cells,)

    Raises
    ------
    ValueError
        If an ROI of the result is not in exactly one of the cells.
    """
    origin, same = _origins(result, cells)
    presence = result.presence[origin]
    presence[presence == Presence.PRESENT] = Presence.NOT_DETECTED
    presence[cells >= 0] = Presence.PRESENT
    confidence = None if result.confidence is None else np.where(same, result.confidence[origin], np.nan)
    return replace(
        result,
        cells=cells,
        cell_ids=cell_ids,
        presence=presence,
        confidence=confidence,
        reviews=_reviews(result, origin, same),
        automatic=result.automatic or AutomaticCells(result.cells, result.cell_ids),
    )


def automatic_result(result: MatchResult) -> MatchResult:
    """The result with the cells as the method left them, without reviews and decisions.

    Cells that a person had changed have the confidence NaN, because it is no longer known.
    """
    automatic = result.automatic
    if automatic is None:
        return result
    restored = with_cells(result, automatic.cells, automatic.cell_ids)
    return replace(restored, reviews=None, decisions=(), automatic=None)


def _origins(result: MatchResult, cells: Ints32) -> tuple[Indices, Bools]:
    """For each cell, the row of the earlier cell with most of its ROIs, and whether both have the same ROIs."""
    places, sessions = np.nonzero(cells >= 0)
    before = cells_of_rois(result.cells, sessions.astype(np.int32), cells[places, sessions])
    if len(before) != (result.cells >= 0).sum() or (before < 0).any():
        raise ValueError("the ROIs of the cells must be those of the result")
    pairs, counts = np.unique(np.stack([places, before], axis=1), axis=0, return_counts=True)
    pairs = pairs[np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))]
    rows, first = np.unique(pairs[:, 0], return_index=True)
    if len(rows) != len(cells):
        raise ValueError("every cell must have an ROI")
    origin = pairs[first, 1]
    return origin, (result.cells[origin] == cells).all(axis=1)


def _reviews(result: MatchResult, origin: Indices, same: Bools) -> Reviews:
    old = result.reviews or no_reviews(len(result.cells))
    codes: Bytes = np.where(same, old.review[origin], Review.CHANGED).astype(np.uint8)
    texts = [
        tuple(values[row] if is_same else "" for row, is_same in zip(origin, same, strict=True))
        for values in (old.reviewer, old.reviewed_on, old.review_comment)
    ]
    return Reviews(codes, *texts)


def no_reviews(n_cells: int) -> Reviews:
    """The reviews of cells that nobody has reviewed."""
    nothing = ("",) * n_cells
    return Reviews(np.full(n_cells, Review.NOT_REVIEWED, np.uint8), nothing, nothing, nothing)
