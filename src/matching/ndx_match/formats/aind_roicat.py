"""The table of ROICaT's clusters that the Allen Institute for Neural Dynamics writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..model import Session
from .importing import ABSENT, NumberParameters, Reading, ToolCells, cells_of_labels, columns_of_sessions, whole_numbers
from .importing.files import numbers_in, read_table
from .protocol import Importer

TABLE = "ROICaT.tracking.results.csv"


def read_aind_roicat(path: Path, sessions: Sequence[Session], parameters: Mapping[str, Any]) -> ToolCells:
    """Read `ROICaT.tracking.results.csv`, which has one row per ROI, or the folder that holds it."""
    path = path / TABLE if path.is_dir() else path
    where = str(path)
    titles, rows = read_table(path)
    missing = {"session_name", "roi_session_index", "ucid"} - set(titles)
    if missing:
        raise InputError(f"{path}: has no column {min(missing)}; give {TABLE}.")
    columns = dict(zip(titles, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(titles, ())
    session_of_row = np.array(columns["session_name"], str)
    names = list(dict.fromkeys(columns["session_name"]))
    ucid = numbers_in(columns["ucid"], where)
    labels = whole_numbers(ucid, np.isnan(ucid) | (ucid < 0), where)
    numbers = whole_numbers(numbers_in(columns["roi_session_index"], where), False, where)
    of_session = [np.flatnonzero(session_of_row == names[k]) for k in columns_of_sessions(names, sessions, where)]
    cells, ids = cells_of_labels([labels[at] for at in of_session], where, [session.name for session in sessions])
    by_session = np.full(cells.shape, ABSENT)
    confidence = np.full(len(cells), np.inf)
    sure = columns.get("hdbscan_probability")
    for position, at in enumerate(of_session):
        present = cells[:, position] != ABSENT
        rows_of_table = at[cells[present, position]]
        by_session[present, position] = numbers[rows_of_table]
        if sure is not None:
            confidence[present] = np.fmin(confidence[present], numbers_in(sure, where)[rows_of_table])
    confidence = np.where(np.isfinite(confidence), np.clip(confidence, 0, 1), np.nan)
    return ToolCells(by_session, Reading(), confidence=None if sure is None else confidence, cell_ids=ids)


IMPORTER = Importer(
    "aind-roicat",
    f"ROICaT as the Allen Institute for Neural Dynamics runs it: {TABLE}, or its folder",
    "rows of the ROI table, counted from 0",
    read_aind_roicat,
    NumberParameters,
)
