"""A column of the ROI tables that names the cell of each ROI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array, Ints64
from ..errors import InputError
from ..model import Session
from .importing import Reading, ToolCells, cells_of_labels
from .importing.files import MISSING
from .protocol import Importer


def read_column(path: Path, sessions: Sequence[Session], parameters: Mapping[str, Any]) -> ToolCells:
    """Read the column of this name in each session's file: ROIs of one value are one cell.

    An ROI of a negative number, NaN or a word such as `none` is a cell of its own that was not looked for elsewhere.
    """
    from ..matchfile.sources import open_sources
    from ..sources.selection import column_values
    from ..storage.datasets import text_of

    values: list[Array] = []
    with open_sources(sessions) as files:
        for session in sessions:
            table = files[session.data_source.uri].contents.table_at(session.data_source.roi_table_path)
            assert table is not None  # as the sources were opened
            place = f"{session.source.uri}, {table.path}"
            if str(path) not in table.table.colnames:
                known = ", ".join(table.table.colnames)
                raise InputError(f"{place}: there is no column {str(path)!r}; its columns are {known}.")
            column = column_values(table.table, str(path), place)
            values.append(column if column.dtype.kind in "biuf" else np.array([text_of(each) for each in column], str))
    labels, are_numbers = _labels(values)
    names = [session.name for session in sessions]
    numbers, ids = cells_of_labels(labels, f"column {path}", names)
    looked_for = np.ones(numbers.shape, bool)
    looked_for[len(ids) :] = False
    return ToolCells(numbers, Reading(), looked_for=looked_for, cell_ids=ids if are_numbers else None)


def _labels(values: Sequence[Array]) -> tuple[list[Ints64], bool]:
    """A number for each value, -1 for none, and whether these are the values themselves."""
    if all(each.dtype.kind in "biuf" for each in values):
        numbers = [each.astype(float) for each in values]
        if all((np.isnan(each) | (each == np.floor(each)) & (np.abs(each) < 2.0**53)).all() for each in numbers):
            return [np.where(each >= 0, each, -1).astype(np.int64) for each in numbers], True
    words = [np.array([str(each).strip() for each in column.tolist()]) for column in values]
    known = {word: number for number, word in enumerate(sorted({*np.concatenate(words).tolist()}))}
    known |= dict.fromkeys((word for word in known if word.lower() in MISSING), -1)
    return [np.array([known[word] for word in column.tolist()], np.int64) for column in words], False


IMPORTER = Importer(
    "column",
    "a column of the ROI tables that names the cell of each ROI, without a result file",
    "the rows themselves",
    read_column,
    reading_known=False,
    argument="NAME",
)
