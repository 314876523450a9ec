"""The tables of a match file as they are stored, for the rules that check them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from hdmf.common import DynamicTableRegion, VectorIndex
from pynwb.ophys import PlaneSegmentation

from ndx_cell_matching import CellMatching

from ..arrays import Array, Bools
from ..storage.datasets import text_of


class Contradiction(Exception):
    """A contradiction in a match file; the message is a clause."""


class StoredTables:
    """The tables of a result of matching. Each column is read once, when a rule first asks for it.

    All methods raise :class:`Contradiction` if what they should return is missing or has another form.
    """

    def __init__(self, matching: CellMatching) -> None:
        self.matching = matching
        self._columns: dict[tuple[int, str], Array] = {}

    @cached_property
    def names(self) -> list[str]:
        """The names of the sessions."""
        return [text_of(name) for name in self.column(self.matching.sessions, "session_name").data[:]]

    @cached_property
    def roi_tables(self) -> list[PlaneSegmentation]:
        """The ROI tables of the sessions."""
        roi_tables = [self.target("roi_table", position) for position in range(len(self.names))]
        for name, roi_table in zip(self.names, roi_tables, strict=True):
            if not isinstance(roi_table, PlaneSegmentation):
                raise Contradiction(f"the roi_table of the session {name!r} is not an ROI table")
        return roi_tables

    def roi_ids(self, position: int) -> Array:
        """The ids of the ROIs of a session."""
        return self._read(self.roi_tables[position].id)

    @cached_property
    def cell_ids(self) -> Array:
        """The ids of the cells."""
        return self._read(self.matching.cells.id)

    @cached_property
    def positions(self) -> list[int]:
        """The positions of the sessions that have a column in the table of cells."""
        return [position for position, name in enumerate(self.names) if name in self.matching.cells.colnames]

    @cached_property
    def present(self) -> Bools:
        """Which cells have an ROI in which session, shape (n_cells, n_sessions)."""
        present = np.zeros((len(self.cell_ids), len(self.names)), bool)
        for position in self.positions:
            present[:, position] = self.counts(position) > 0
        return present

    def where(self, position: int) -> str:
        """A session's column in the table of cells, in words."""
        return f"the column {self.names[position]!r} of the table of cells"

    def rows(self, position: int) -> Array:
        """The `roi_row`s in a session's column of the table of cells, one after the other."""
        return self._ragged(position)[1]

    def counts(self, position: int) -> Array:
        """How many ROIs of a session each cell has."""
        ends, rows = self._ragged(position)
        counts = np.diff(ends.astype(np.int64), prepend=0)
        if (counts < 0).any() or counts.sum() != len(rows):
            raise Contradiction(
                f"the index of {self.where(position)} does not ascend from 0 to {len(rows)}, the number of its rows"
            )
        return counts

    def _ragged(self, position: int) -> tuple[Array, Array]:
        column, where = self.matching.cells[self.names[position]], self.where(position)
        if not isinstance(column, VectorIndex) or not isinstance(column.target, DynamicTableRegion):
            raise Contradiction(f"{where} is not a ragged column of references to ROIs")
        if column.target.table is not self.roi_tables[position]:
            raise Contradiction(f"{where} refers to the ROI table of another session")
        ends, rows, n = self._read(column), self._read(column.target), len(self.cell_ids)
        if ends.shape != (n,) or ends.dtype.kind not in "iu" or rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise Contradiction(f"{where} does not hold whole numbers for {n} cells")
        return ends, rows

    def pairs_of_sessions(self, table: Any) -> tuple[Array, Array]:
        """The fixed and the moving session of each row of a table."""
        sides = []
        for side in ("fixed_session", "moving_session"):
            numbers = self.numbers(table, side, "iu", (len(table.id),)).astype(np.int64)
            wrong = numbers[(numbers < 0) | (numbers >= len(self.names))]
            if len(wrong):
                raise Contradiction(
                    f"{side} of {table.name} holds {wrong[0]}, but there are {len(self.names)} sessions, counted from 0"
                )
            sides.append(numbers)
        return sides[0], sides[1]

    def target(self, column: str, position: int) -> Any:
        """The object to which a reference in the table of sessions leads."""
        nothing = f"the {column} of the session {self.names[position]!r} refers to an object that does not exist"
        stored = self.column(self.matching.sessions, column)
        try:
            target = stored.data[position]
        except Exception as error:  # h5py, hdmf and zarr raise many kinds
            raise Contradiction(nothing) from error
        if target is None:
            raise Contradiction(nothing)
        return target

    def numbers(self, table: Any, name: str, kinds: str, shape: tuple[int, ...]) -> Array:
        """The numbers of a column, which must have the shape and one of the kinds (letters of `numpy.dtype.kind`)."""
        values = self._read(self.column(table, name))
        if values.dtype.kind not in kinds or values.shape != shape:
            what = "numbers" if "f" in kinds else "whole numbers"
            raise Contradiction(
                f"the column {name} of {table.name} must hold {what} of shape {shape}, not {values.dtype} of shape "
                f"{values.shape}"
            )
        return values

    def column(self, table: Any, name: str) -> Any:
        """A column of a table."""
        if name not in table.colnames:
            raise Contradiction(f"the table {table.name} has no column {name}")
        return table[name]

    def _read(self, column: Any) -> Array:
        key = id(column), column.name
        if key not in self._columns:
            self._columns[key] = np.asarray(column.data[:])
        return self._columns[key]
