"""Results of CaImAn's register_multisession, which users save themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..model import Session
from .importing import NumberParameters, Reading, ToolCells, columns_of_sessions, whole_numbers
from .importing.files import as_table, read_npy
from .protocol import Importer

NAME = "assignments"


def read_caiman(path: Path, sessions: Sequence[Session], parameters: Mapping[str, Any]) -> ToolCells:
    """Read `assignments`, the second value that register_multisession returns; NaN means that there is no ROI."""
    if path.suffix.lower() == ".mat":
        from ..storage.mat_files import read_mat

        table = as_table(read_mat(path, NAME), str(path))
    else:
        table = as_table(read_npy(path, name=NAME), str(path))
    columns = columns_of_sessions(table.shape[1], sessions, str(path))
    return ToolCells(whole_numbers(table, np.isnan(table), str(path))[:, columns], Reading())


IMPORTER = Importer(
    "caiman",
    f"CaImAn: the {NAME} that register_multisession returns, saved as .npy, .npz or .mat",
    "components of a session, counted from 0",
    read_caiman,
    NumberParameters,
)
