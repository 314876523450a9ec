"""Results of Track2p."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Floats
from ..errors import InputError
from ..methods import parameter
from ..model import Session
from .importing import NumberParameters, Reading, ToolCells, columns_of_sessions, whole_numbers
from .importing.files import as_table, numbers_in, read_npy, read_table
from .protocol import Importer

INDICES, MATCHES = "_suite2p_indices", "_match_mat"  #: parts of the names of its files
SAFE = (".csv", "_nan.npy", ".mat")  #: endings of the files that hold the same numbers without pickled objects


@dataclass(frozen=True)
class Track2pParameters(NumberParameters):
    """Facts about a result of Track2p that users can state."""

    allow_pickle: bool = parameter(
        False,
        "read a .npy file of pickled objects; it can run any program that its author put into it",
        stored=False,
    )


def read_track2p(path: Path, sessions: Sequence[Session], parameters: Mapping[str, Any]) -> ToolCells:
    """Read `planeN_suite2p_indices` as .csv, _nan.npy or .mat, or the folder `track2p` that holds them.

    Track2p starts at the first session and follows each accepted ROI until a session in which it does not find it.
    """
    path = _the_file(path)
    names, table = _table(path, bool(parameters.get("allow_pickle")))
    numbers = whole_numbers(table, ~np.isfinite(table), str(path))
    missed = np.cumsum(~np.isfinite(table), axis=1)
    columns = columns_of_sessions(names or table.shape[1], sessions, str(path))
    return ToolCells(
        numbers[:, columns],
        Reading("accepted" if MATCHES in path.name else "rows"),
        looked_for=(missed <= 1)[:, columns],
        accepted_only=True,
    )


def _the_file(path: Path) -> Path:
    """The file to read: the file of the only plane in a folder, and one without pickled objects if it is there."""
    if path.is_dir():
        folder = path / "track2p" if (path / "track2p").is_dir() else path
        stems = sorted({each.name.split(INDICES)[0] for each in folder.glob(f"plane*{INDICES}*")})
        if len(stems) != 1:
            if not stems:
                raise InputError(f"{path}: this folder holds no planeN{INDICES}.csv; give Track2p's folder track2p.")
            names = ", ".join(stems)
            raise InputError(f"{path}: this folder holds several planes ({names}); give the file of one plane.")
        path = folder / f"{stems[0]}{INDICES}.npy"
    if path.name.endswith(f"{INDICES}.npy"):
        beside = [path.with_name(path.name.removesuffix(".npy") + ending) for ending in SAFE]
        return next((each for each in beside if each.is_file()), path)
    return path


def _table(path: Path, allow_pickle: bool) -> tuple[list[str], Floats]:
    """The names of the sessions (empty if the file has none) and the table, NaN where a cell has no ROI."""
    if path.suffix == ".csv":
        names, rows = read_table(path, ";")
        return names, numbers_in(rows, str(path)).reshape(len(rows), len(names))
    if path.suffix == ".mat":
        from ..storage.mat_files import read_mat

        return [], as_table(read_mat(path, "data"), str(path))
    return [], as_table(read_npy(path, allow_pickle), str(path))


IMPORTER = Importer(
    "track2p",
    f"Track2p: planeN{INDICES} (.csv, _nan.npy or .mat), or the folder track2p",
    "rows of the ROI table, counted from 0",
    read_track2p,
    Track2pParameters,
)
