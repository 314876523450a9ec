"""Results of CellReg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..model import Session
from .importing import NumberParameters, Reading, ToolCells, columns_of_sessions, whole_numbers
from .importing.files import as_table
from .protocol import Importer

STRUCT = "cell_registered_struct"


def read_cellreg(path: Path, sessions: Sequence[Session], parameters: Mapping[str, Any]) -> ToolCells:
    """Read `cellRegistered_DATE_TIME.mat`, in any version of the MATLAB format."""
    from ..storage.mat_files import read_mat

    table = as_table(read_mat(path, STRUCT, "cell_to_index_map"), str(path))
    scores = read_mat(path, STRUCT, "cell_scores", optional=True)
    if scores is not None and scores.size != len(table):
        raise InputError(
            f"{path}: holds {scores.size} cell_scores for {len(table)} cells; give the file as CellReg wrote it."
        )
    return ToolCells(
        whole_numbers(table, table == 0, str(path))[:, columns_of_sessions(table.shape[1], sessions, str(path))],
        Reading(count_from=1),
        confidence=None if scores is None else np.where(np.isnan(scores), np.nan, np.clip(scores, 0, 1)).ravel(),
    )


IMPORTER = Importer(
    "cellreg",
    "CellReg: cellRegistered_DATE_TIME.mat",
    "footprints of a session in CellReg's input, counted from 1",
    read_cellreg,
    NumberParameters,
)
