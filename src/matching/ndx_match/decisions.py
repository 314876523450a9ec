"""The decisions of persons on cells and alignments, and the cells as they were before."""

from __future__ import annotations

from dataclasses import dataclass

from ndx_cell_matching.codes import DecisionKind

from .arrays import Bytes, Ints32, Ints64


@dataclass(frozen=True)
class Decision:
    """One decision of a person. It names ROIs by session and `roi_id`, which every result of these sessions has.

    What it must name depends on its kind:

    - split a cell: the ROIs that leave the cell;
    - join cells: both cells, by their ids or by ROIs of them;
    - move an ROI: the ROI, and the cell to which it goes;
    - remove an ROI: the ROI;
    - accept or doubt a cell: the cell, by its id or by ROIs of it;
    - align two sessions: the two sessions, and the matrix.

    The other fields are filled in when the decision is applied.
    """

    kind: DecisionKind
    cell_id: int | None = None  #: the cell that it is about, or to which the ROI is moved
    other_cell_id: int | None = None  #: in a join the other cell; in a split or removal the new cell of the ROIs
    rois: tuple[tuple[str, int], ...] = ()  #: (session name, `roi_id`) of each ROI that it names
    sessions: tuple[str, str] | None = None  #: in an alignment: the names of the fixed and the moving session
    #: In an alignment: as in a `Registration`.
    matrix: tuple[tuple[float, float, float], ...] | None = None
    plane: str = ""  #: name of the imaging plane; empty if there is only one
    reviewer: str = ""
    reviewed_on: str = ""  #: ISO 8601
    review_comment: str = ""
    applied: bool = True  #: whether the result that holds the decision follows it
    reason: str = ""  #: why it does not, for people


@dataclass(frozen=True)
class Reviews:
    """The decisions of persons on each cell: columns of the table of cells, each of length n_cells."""

    review: Bytes  #: codes of :class:`~ndx_cell_matching.Review`
    reviewer: tuple[str, ...]
    reviewed_on: tuple[str, ...]  #: ISO 8601
    review_comment: tuple[str, ...]


@dataclass(frozen=True)
class AutomaticCells:
    """The cells as the method left them, before a person decided on them."""

    cells: Ints32  #: `roi_row`, -1 where absent, shape (n_cells, n_sessions)
    cell_ids: Ints64  #: shape (n_cells,)
