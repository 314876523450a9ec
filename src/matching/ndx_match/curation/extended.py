"""Keep decisions of persons when a session is added to a result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..assignment import best_assignment
from ..decisions import AutomaticCells, Reviews
from ..model import MatchResult, cells_of_rois
from .cells import no_reviews


def with_decisions_of(extended: MatchResult, result: MatchResult) -> MatchResult:
    """The result after a session was added, with the decisions that were made before.

    The session was added to the cells after these decisions, so all of them are still valid. A cell keeps its review
    also if an ROI was added to it. New cells are not reviewed.
    """
    reviews = result.reviews
    if reviews is not None:
        new = no_reviews(len(extended.cells) - len(result.cells))
        reviews = Reviews(
            np.concatenate([reviews.review, new.review]),
            (*reviews.reviewer, *new.reviewer),
            (*reviews.reviewed_on, *new.reviewed_on),
            (*reviews.review_comment, *new.review_comment),
        )
    automatic = None if result.automatic is None else _extended(result.automatic, extended)
    return replace(extended, reviews=reviews, decisions=result.decisions, automatic=automatic)


def _extended(automatic: AutomaticCells, extended: MatchResult) -> AutomaticCells:
    """The cells as the method left them, with the new ROIs added.

    Each new ROI was added to a cell after decisions of persons. Here it is added to the cell of the method that has
    most ROIs of that cell. If several new ROIs would be added to the same cell, all but one become separate cells.
    """
    n = automatic.cells.shape[1]
    cell_rows = np.flatnonzero(extended.cells[:, n] >= 0)
    row, session = np.nonzero(extended.cells[cell_rows, :n] >= 0)
    before = cells_of_rois(automatic.cells, session.astype(np.int32), extended.cells[cell_rows[row], session])
    shared, counts = np.unique(np.stack([row, before], axis=1)[before >= 0], axis=0, return_counts=True)
    cell = best_assignment(shared[:, 0], shared[:, 1], counts, len(cell_rows), len(automatic.cells))
    alone = np.flatnonzero(cell < 0)
    cells = np.full((len(automatic.cells) + len(alone), n + 1), -1, np.int32)
    cells[: len(automatic.cells), :n] = automatic.cells
    cell[alone] = len(automatic.cells) + np.arange(len(alone))
    cells[cell, n] = extended.cells[cell_rows, n]
    ids = extended.cell_ids[cell_rows[alone]]
    used = np.isin(ids, automatic.cell_ids)
    ids[used] = 1 + max(extended.last_id, int(automatic.cell_ids.max(initial=-1))) + np.arange(used.sum())
    return AutomaticCells(cells, np.concatenate([automatic.cell_ids, ids]))
