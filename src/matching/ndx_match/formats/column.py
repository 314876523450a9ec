"""A column of the ROI tables that names the cell of each ROI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
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
    """Read the column named `path` in each session's ROI table: ROIs with the same value are one cell.

    An ROI with a negative or infinite number, NaN or a word such as `none` is a separate cell, which counts as not
    looked for in the other sessions.
    """
    from ..matchfile.sources import open_sources
    from ..sources.selection import column_values
    from ..storage.datasets import text_of

    values: list[Array] = []
    with open_sources(sessions) as files:
        for session in sessions:
            table = files[session.data_source.uri].contents.table_at(session.data_source.roi_table_path)
            assert table is not None  # open_sources checks this
            place = f"{session.source.uri}, {table.path}"
            if str(path) not in table.table.colnames:
                titles = ", ".join(table.table.colnames)
                raise InputError(f"{place}: there is no column {str(path)!r}; choose one of {titles}.")
            column = column_values(table.table, str(path), place)
            values.append(column if column.dtype.kind in "biuf" else np.array([text_of(each) for each in column], str))
    labels, words = _labels(values)
    names = [session.name for session in sessions]
    numbers, ids = cells_of_labels(labels, f"column {path}", names, words.__getitem__ if words else str)
    looked_for = np.ones(numbers.shape, bool)
    looked_for[len(ids) :] = False
    return ToolCells(numbers, Reading(), looked_for=looked_for, cell_ids=None if words else ids)


def _labels(values: Sequence[Array]) -> tuple[list[Ints64], list[str]]:
    """A number for each value, -1 if it names no cell; and the words whose positions these are, if they are words."""
    if all(each.dtype.kind in "biuf" for each in values):
        numbers = [np.where(np.isfinite(each), each, np.nan) for each in (each.astype(float) for each in values)]
        if all((np.isnan(each) | (each == np.floor(each)) & (np.abs(each) < 2.0**53)).all() for each in numbers):
            return [np.where(each >= 0, each, -1).astype(np.int64) for each in numbers], []
    texts = [[_word(each) for each in column.tolist()] for column in values]
    words = sorted({text for column in texts for text in column})
    place = {word: -1 if word.lower() in MISSING else number for number, word in enumerate(words)}
    return [np.array([place[text] for text in column], np.int64) for column in texts], words


def _word(value: object) -> str:
    """A value as a text; whole numbers are the same text in every type, and infinite numbers name no cell."""
    if isinstance(value, float):
        return "" if not isfinite(value) else str(int(value)) if value.is_integer() else str(value)
    return str(value).strip()


IMPORTER = Importer(
    "column",
    "a column of the ROI tables that names the cell of each ROI, without a result file",
    "none, because each value is in the row of its ROI",
    read_column,
    reading_known=False,
    argument="NAME",
)
