"""The table of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hdmf.common import DynamicTableRegion, VectorIndex
from pynwb import get_class, register_class
from pynwb.ophys import PlaneSegmentation

from ._columns import array, table_from_columns
from ._namespace import NAMESPACE
from .codes import Presence

_MatchedCellsTable: Any = get_class("MatchedCellsTable", NAMESPACE)


@register_class("MatchedCellsTable", NAMESPACE)
class MatchedCellsTable(_MatchedCellsTable):
    """The cells, one row per cell, with a ragged column for each session that points at the cell's ROI there.

    The column `id` holds the cells' ids, which stay the same when the file is corrected or sessions are added. A cell's
    row is only its position in this table.

    Build it in two steps. First call :meth:`from_array` and add the table to the NWB file that holds the ROI tables;
    then call :meth:`add_session_columns`. (hdmf warns about a reference to a table that is not in the same file yet.)
    :meth:`CellMatching.from_arrays` takes both steps.
    """

    @classmethod
    def from_array(
        cls,
        cells: npt.ArrayLike,
        presence: npt.ArrayLike,
        confidence: npt.ArrayLike | None = None,
        *,
        cell_ids: npt.ArrayLike | None = None,
        allow_unknown_codes: bool = False,
        name: str = "cells",
        description: str = "The cells, one row per cell; a column for each session points at the cell's ROI there.",
        **review: npt.ArrayLike | None,
    ) -> MatchedCellsTable:
        """Build the table without the columns of the sessions.

        Parameters
        ----------
        cells : array_like of int, shape (n_cells, n_sessions)
            `roi_row` of each cell's ROI in each session, -1 where it has none.
        presence : array_like of int, shape (n_cells, n_sessions)
            Codes of :class:`Presence`; they must be PRESENT exactly where `cells` is not -1.
        confidence : array_like of float, shape (n_cells,), optional
            Probability that all ROIs of the cell are the same neuron; NaN if unknown.
        cell_ids : array_like of int, shape (n_cells,), optional
            The cells' ids, without duplicates; by default 0, 1, 2, ...
        allow_unknown_codes : bool
            Whether `presence` may hold codes that this version does not know: True to write a file of a newer version
            again.
        name, description : str
            Name and description of the table.
        **review : array_like, shape (n_cells,), optional
            What a person decided: `review` (codes of :class:`Review`), `reviewer`, `reviewed_on`, `review_comment`.

        Raises
        ------
        ValueError
            If the shapes do not fit, `cells` and `presence` contradict each other, a confidence is not between 0 and 1,
            or two cells have the same id.
        """
        rows = _checked_cells(cells)
        codes = np.asarray(presence)
        if codes.shape != rows.shape:
            raise ValueError(f"presence must have the shape of cells, {rows.shape}, not {codes.shape}.")
        if not allow_unknown_codes and not np.isin(codes, list(Presence)).all():
            raise ValueError(f"presence may hold only the codes {[int(code) for code in Presence]}.")
        if ((codes == Presence.PRESENT) != (rows >= 0)).any():
            raise ValueError("presence must say PRESENT exactly where a cell has an ROI.")
        probabilities = None if confidence is None else np.asarray(confidence, dtype=np.float64)
        if probabilities is not None and probabilities.shape != rows.shape[:1]:
            raise ValueError(f"confidence must have the shape {rows.shape[:1]}, not {probabilities.shape}.")
        if probabilities is not None and ((probabilities < 0) | (probabilities > 1)).any():
            raise ValueError("confidence must lie between 0 and 1, or be NaN if it is unknown.")
        ids = np.arange(len(rows)) if cell_ids is None else np.asarray(cell_ids)
        if ids.shape != rows.shape[:1] or ids.dtype.kind not in "iu" or len(np.unique(ids)) != len(ids):
            raise ValueError("cell_ids must be one whole number for each cell, without duplicates.")
        columns = {
            "n_sessions": (rows >= 0).sum(axis=1, dtype=np.int32),
            "confidence": probabilities,
            "presence": codes,
            **review,
        }
        return table_from_columns(cls, name, description, columns, ids)

    @classmethod
    def check_session_name(cls, name: str) -> None:
        """Raise ValueError if a session cannot have this name, because no column can have it."""
        if not name or "/" in name or ":" in name or name == ".":
            raise ValueError(f"a session cannot be named {name!r}: a name is not empty and has no '/' or ':'.")
        if name.endswith("_index") or hasattr(cls, name) or name in {column["name"] for column in cls.__columns__}:
            raise ValueError(f"a session cannot be named {name!r}: the table of cells uses that name itself.")

    def add_session_columns(
        self, cells: npt.ArrayLike, session_names: Sequence[str], roi_tables: Sequence[PlaneSegmentation]
    ) -> None:
        """Add, for each session, a column of references to its ROI table.

        Call it after this table and the ROI tables were added to the NWB file. A session in which no cell has an ROI
        gets no column, because common tools cannot read an empty column of references.

        Parameters
        ----------
        cells : array_like of int, shape (n_cells, n_sessions)
            As given to :meth:`from_array`.
        session_names, roi_tables : sequence of str, of PlaneSegmentation
            One name and one table per session. The ROI tables must be in the same file as this table.

        Raises
        ------
        ValueError
            If the shapes do not fit, the name of a session is reserved or used twice, an ROI is in two cells, or a
            `roi_row` lies beyond its table. The table is then unchanged.
        """
        rows = self.check_session_columns(cells, session_names, roi_tables)
        for session_name, roi_table, column in zip(session_names, roi_tables, rows.T, strict=True):
            present = column >= 0
            if present.any():
                self.add_column(
                    name=session_name,
                    description=(
                        f"The cell's ROI in the session {session_name!r}: its row in the ROI table "
                        f"{roi_table.name!r}; empty where the cell has none."
                    ),
                    data=column[present],
                    index=np.cumsum(present),
                    table=roi_table,
                    check_ragged=False,
                )

    def check_session_columns(
        self, cells: npt.ArrayLike, session_names: Sequence[str], roi_tables: Sequence[PlaneSegmentation]
    ) -> npt.NDArray[np.int32]:
        """Raise ValueError if :meth:`add_session_columns` would raise it; return `cells` as an array of int32."""
        rows = _checked_cells(cells)
        if rows.shape != (len(self), len(session_names)) or len(session_names) != len(roi_tables):
            raise ValueError(
                f"cells of shape {rows.shape} do not fit a table of {len(self)} cells, {len(session_names)} names of "
                f"sessions and {len(roi_tables)} ROI tables."
            )
        if len(set(session_names)) != len(session_names):
            raise ValueError(f"the names of the sessions must be unique, not {list(session_names)}.")
        for name, roi_table, column in zip(session_names, roi_tables, rows.T, strict=True):
            self.check_session_name(name)
            members = np.sort(column[column >= 0])
            if len(members) and members[-1] >= len(roi_table):
                raise ValueError(
                    f"the ROI table of the session {name!r} has {len(roi_table)} rows, "
                    f"so there is no row {members[-1]}."
                )
            repeated = members[1:][np.diff(members) == 0]
            if len(repeated):
                raise ValueError(f"the ROI in row {repeated[0]} of the session {name!r} is in more than one cell.")
        return rows

    def session_rows(self, session_name: str) -> npt.NDArray[np.int32]:
        """The `roi_row` of each cell's ROI in a session, -1 where it has none; shape (n_cells,).

        This reads two columns of integers and no mask. All rows are -1 if the table has no column of that name.

        Raises
        ------
        ValueError
            If the column is not what this extension defines, or a cell has several ROIs in it.
        """
        rows = np.full(len(self), -1, dtype=np.int32)
        if session_name not in self.colnames:
            return rows
        index = self[session_name]
        if not isinstance(index, VectorIndex) or not isinstance(index.target, DynamicTableRegion):
            raise ValueError(f"the column {session_name!r} of the table of cells is no ragged column of references.")
        ends = array(index).astype(np.int64)
        counts = np.diff(ends, prepend=0)
        if (counts > 1).any():
            raise ValueError(
                f"cell {int(np.argmax(counts > 1))} has several ROIs in the session {session_name!r}; "
                "a cell has at most one in each session."
            )
        present = counts == 1
        rows[present] = array(index.target)[ends[present] - 1]
        return rows


def _checked_cells(cells: npt.ArrayLike) -> npt.NDArray[np.int32]:
    rows = np.asarray(cells)
    if rows.ndim != 2 or rows.dtype.kind not in "iu":
        raise ValueError(
            f"cells must be integers of shape (n_cells, n_sessions), not {rows.dtype} of shape {rows.shape}."
        )
    if (rows < -1).any():
        raise ValueError("cells may hold rows of ROI tables, and -1 where a cell has no ROI, but nothing below -1.")
    return rows.astype(np.int32)
