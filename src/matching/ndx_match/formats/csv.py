"""Write matched cells as a CSV table with one row per cell, and read such a table from any tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..model import MatchedPlane, Session
from .importing import NumberParameters, Reading, ToolCells, columns_of_sessions, whole_numbers
from .importing.files import numbers_in, read_table
from .importing.names import named_columns
from .protocol import Exporter, Importer
from .tables import cells_dataframe

FIRST_TITLES = ("cell_id", "n_sessions")  #: titles of the first columns that :func:`write_csv` writes
FROM_EXPORT = (*FIRST_TITLES, "confidence")  #: titles in such a table that do not name a session


def write_csv(planes: Sequence[MatchedPlane], path: Path) -> None:
    """Write a table of cells as CSV."""
    cells_dataframe(planes).to_csv(path, index=False)


def read_csv(path: Path, sessions: Sequence[Session], parameters: Mapping[str, Any]) -> ToolCells:
    """Read a table with one row per cell and one column per session, whose values are ROI numbers or empty.

    The columns have the names of the sessions or of their files; otherwise there must be as many columns as sessions,
    in the same order, and one other column may come first. A negative number means that there is no ROI, unless the
    numbers are ids. Tables that :func:`write_csv` wrote are read by their ids.
    """
    titles, rows = read_table(path)
    if {"plane", *FIRST_TITLES} <= set(titles):
        raise InputError(f"{path}: holds several imaging planes; export one plane with `ndx-match export --plane`.")
    is_export = titles[: len(FIRST_TITLES)] == list(FIRST_TITLES)
    names = [title for title in titles if title not in FROM_EXPORT]
    if len(names) == len(sessions) + 1 and named_columns(names, sessions) is None:
        names = names[1:]
    columns = columns_of_sessions(names, sessions, str(path))
    at = [titles.index(names[k]) for k in columns]
    table = numbers_in([[row[k] for k in at] for row in rows], str(path)).reshape(len(rows), len(sessions))
    reading = Reading("ids") if is_export else Reading()
    absent = np.isnan(table)
    if reading.stated(parameters).numbers != "ids":
        absent |= table < 0
    beside = {
        title: numbers_in([row[titles.index(title)] for row in rows], str(path))
        for title in ("cell_id", "confidence")
        if is_export and title in titles
    }
    return ToolCells(
        whole_numbers(table, absent, str(path)),
        reading,
        confidence=beside.get("confidence"),
        cell_ids=whole_numbers(beside["cell_id"], False, str(path)) if is_export else None,
    )


IMPORTER = Importer(
    "csv",
    "any text table with one row per cell and one column per session",
    "rows of the ROI table, counted from 0, or as --numbers and --count-from state; ids if `export` wrote the table",
    read_csv,
    NumberParameters,
    reading_known=False,
)
EXPORTER = Exporter("CSV", ".csv", "a table: one row per cell, one column of ROI ids per session", write_csv)
