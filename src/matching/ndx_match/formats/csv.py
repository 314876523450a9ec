"""Write matched cells as a CSV table with one row per cell, and read such a table from any tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Floats
from ..errors import InputError
from ..model import MatchedPlane, Session
from .importing import NumberParameters, Reading, ToolCells, columns_of_sessions, whole_numbers
from .importing.files import MISSING, numbers_in, read_table
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
    in the same order, and a column of different values, such as ids of the cells, may come first. Titles that are
    numbers must be names of sessions. A negative number means that there is no ROI, unless the numbers are ids. Tables
    that :func:`write_csv` wrote are read by their ids.
    """
    titles, rows = read_table(path)
    if {"plane", *FIRST_TITLES} <= set(titles):
        raise InputError(f"{path}: holds several imaging planes; export one plane with `ndx-match export --plane`.")
    is_export = titles[: len(FIRST_TITLES)] == list(FIRST_TITLES)
    of_sessions = [k for k, title in enumerate(titles) if title not in FROM_EXPORT]
    names = [titles[k] for k in of_sessions]
    if named_columns(names, sessions) is None:
        _refuse_numbers(names, sessions, path)
        if len(names) == len(sessions) + 1 and _are_ids([row[of_sessions[0]] for row in rows]):
            of_sessions, names = of_sessions[1:], names[1:]
    at = [of_sessions[k] for k in columns_of_sessions(names, sessions, str(path))]
    table = numbers_in([[row[k] for k in at] for row in rows], str(path)).reshape(len(rows), len(sessions))
    reading = Reading("ids") if is_export else Reading()
    absent = np.isnan(table)
    if reading.stated(parameters).numbers != "ids":
        absent |= table < 0
    beside: dict[str, Floats] = {
        title: numbers_in([row[titles.index(title)] for row in rows], str(path))
        for title in ("cell_id", "confidence")
        if is_export and title in titles
    }
    _refuse_changed(beside, path)
    return ToolCells(
        whole_numbers(table, absent, str(path)),
        reading,
        confidence=beside.get("confidence"),
        cell_ids=whole_numbers(beside["cell_id"], False, str(path)) if is_export else None,
    )


def _are_ids(words: Sequence[str]) -> bool:
    """Whether the values of a column can be ids of the cells: all are different, and none means that there is none."""
    texts = {word.strip().lower() for word in words}
    return len(texts) == len(words) and texts.isdisjoint(MISSING) and "-1" not in texts


def _refuse_numbers(titles: Sequence[str], sessions: Sequence[Session], path: Path) -> None:
    """Refuse titles that are all numbers or empty, because they may be a cell of a table without titles."""
    if all(_is_number(title) for title in titles):
        raise InputError(
            f"{path}: its first line ({', '.join(titles)}) names no session, and may be a cell; begin the table with a "
            f"line of the names of the sessions ({', '.join(session.name for session in sessions)})."
        )


def _is_number(title: str) -> bool:
    try:
        float(title or 0)
    except ValueError:
        return title.lower() in MISSING
    return True


def _refuse_changed(beside: Mapping[str, Floats], path: Path) -> None:
    """Refuse ids and confidences of cells that `export` does not write."""
    ids, confidence = (beside.get(title, np.zeros(0)) for title in ("cell_id", "confidence"))
    as_written = "give the table as `ndx-match export` wrote it"
    if not (ids >= 0).all():
        raise InputError(f"{path}: a cell has the cell_id {ids[~(ids >= 0)][0]:g}; {as_written}.")
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{path}: several cells have the cell_id {values[counts > 1][0]:.0f}; {as_written}.")
    outside = confidence[(confidence < 0) | (confidence > 1)]
    if len(outside):
        raise InputError(f"{path}: the confidence {outside[0]:g} of a cell is not between 0 and 1; {as_written}.")


IMPORTER = Importer(
    "csv",
    "any text table with one row per cell and one column per session",
    "rows of the ROI table, counted from 0, or as --numbers and --count-from state; ids if `export` wrote the table",
    read_csv,
    NumberParameters,
    reading_known=False,
)
EXPORTER = Exporter("CSV", ".csv", "a table: one row per cell, one column of ROI ids per session", write_csv)
