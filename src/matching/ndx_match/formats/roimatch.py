"""Results of ROIMatchGUI and ROIMatchPub, in which a person matches ROIs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..model import Session
from .importing import NumberParameters, Reading, ToolCells, columns_of_sessions, whole_numbers
from .importing.files import as_table, numbers_in, read_table
from .protocol import Importer


def read_roimatch(path: Path, sessions: Sequence[Session], parameters: Mapping[str, Any]) -> ToolCells:
    """Read a table of ROIMatchGUI, whose titles are `uuid,SESSION,...`, or `roiMatchData` of ROIMatchPub (MATLAB)."""
    if path.suffix.lower() == ".mat":
        from ..storage.mat_files import read_mat

        table = as_table(read_mat(path, "roiMatchData", "allSessionMapping"), str(path))
        names: Sequence[str] | int = table.shape[1]
        absent, reading = (table == 0) | np.isnan(table), Reading("accepted", 1)
    else:
        titles, rows = read_table(path)
        if titles[0].lower() != "uuid":
            raise InputError(f"{path}: the first column is {titles[0]!r}, not uuid; give a table of ROIMatchGUI.")
        names = titles[1:]
        table = numbers_in([row[1:] for row in rows], str(path)).reshape(len(rows), len(titles) - 1)
        absent, reading = np.isnan(table), Reading()
    columns = columns_of_sessions(names, sessions, str(path))
    return ToolCells(whole_numbers(table, absent, str(path))[:, columns], reading, accepted_only=True)


IMPORTER = Importer(
    "roimatch",
    "ROIMatchGUI's table (.csv), or roiMatchData of ROIMatchPub (.mat)",
    ".csv: rows of the ROI table, counted from 0; .mat: accepted ROIs, counted from 1",
    read_roimatch,
    NumberParameters,
)
