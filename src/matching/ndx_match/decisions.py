"""What persons decide on cells and alignments, and how the cells were before."""

from __future__ import annotations

from dataclasses import dataclass

from ndx_cell_matching.codes import DecisionKind

from .arrays import Bytes, Ints32, Ints64


@dataclass(frozen=True)
class Decision:
    """One decision of a person. ROIs are named by session and `roi_id`, which any result of these sessions has.

    It must name: to split a cell, the ROIs that leave it; to join cells, both, by their ids or by ROIs of them; to move
    an ROI, it and the cell to which it goes; to remove an ROI, it; to accept or doubt a cell, it, by its id or by ROIs
    of it; to align two sessions, them and the matrix. The rest is filled in when the decision is applied.
    """

    kind: DecisionKind
    cell_id: int | None = None  #: the cell that it is about, or to which the ROI is moved
    other_cell_id: int | None = None  #: of a join the other cell; of a split or removal the cell that the ROIs became
    rois: tuple[tuple[str, int], ...] = ()  #: (session name, `roi_id`) of each ROI that it names
    sessions: tuple[str, str] | None = None  #: of an alignment: the names of the fixed and the moving session
    #: Of an alignment: as in a `Registration`.
    matrix: tuple[tuple[float, float, float], ...] | None = None
    plane: str = ""  #: name of the imaging plane; empty where there is only one
    reviewer: str = ""
    reviewed_on: str = ""  #: ISO 8601
    review_comment: str = ""
    applied: bool = True  #: whether the result that holds the decision follows it
    reason: str = ""  #: why it does not, for people


@dataclass(frozen=True)
class Reviews:
    """What persons decided on each cell: columns of the table of cells, each of length n_cells."""

    review: Bytes  #: codes of :class:`~ndx_cell_matching.Review`
    reviewer: tuple[str, ...]
    reviewed_on: tuple[str, ...]  #: ISO 8601
    review_comment: tuple[str, ...]


@dataclass(frozen=True)
class AutomaticCells:
    """The cells as the method left them, of a result that a person decided on."""

    cells: Ints32  #: `roi_row`, -1 where absent, shape (n_cells, n_sessions)
    cell_ids: Ints64  #: shape (n_cells,)
