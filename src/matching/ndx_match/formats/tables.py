"""Matched cells as a table of ROI ids, for pandas, CSV and Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import InputError, OutputError
from ..matchfile import sessions_of
from ..model import MatchedPlane, MatchResult, Session
from ..storage.publish import whole_or_absent


def cells_dataframe(result: MatchResult, sessions: Sequence[Session]) -> pd.DataFrame:
    """The cells of a match result as a table.

    Parameters
    ----------
    result : MatchResult
    sessions : sequence of Session
        The sessions of the result.

    Returns
    -------
    pandas.DataFrame
        One row per cell: `cell_id`, `n_sessions`, `confidence` if the result has it, and one column per session,
        named as the session, of the ROI ids (`Int64`; missing where the cell has none).

    Raises
    ------
    InputError
        A session's name is that of another column.
    """
    columns: dict[str, object] = {
        "cell_id": result.cell_ids,
        "n_sessions": result.n_sessions_of_cell,
    }
    if result.confidence is not None:
        columns["confidence"] = result.confidence
    for session, roi_rows in zip(sessions, result.cells.T, strict=True):
        if session.name in columns:
            raise InputError(
                f"{session.source.uri or session.name}: a session named {session.name!r} cannot have a column beside "
                f"{', '.join(columns)}; give it another name."
            )
        absent = roi_rows < 0
        roi_ids = np.zeros(len(roi_rows), np.int64)
        roi_ids[~absent] = session.roi_ids[roi_rows[~absent]]
        columns[session.name] = pd.arrays.IntegerArray(roi_ids, absent)
    return pd.DataFrame(columns)


def planes_dataframe(planes: Sequence[MatchedPlane]) -> pd.DataFrame:
    """The cells of several imaging planes as one table.

    Parameters
    ----------
    planes : sequence of MatchedPlane
        As :func:`ndx_match.matchfile.read_planes_of_match_file` gives them.

    Returns
    -------
    pandas.DataFrame
        As :func:`cells_dataframe`, with a first column `plane`.

    Raises
    ------
    InputError
        A session's name is that of another column.
    """
    tables = []
    for plane in planes:
        table = cells_dataframe(plane.result, plane.sessions)
        if "plane" in table:
            raise InputError("A session named 'plane' cannot have a column beside the planes'; give it another name.")
        table.insert(0, "plane", plane.name)
        tables.append(table)
    whole = pd.concat(tables, ignore_index=True)
    leading = [name for name in ("plane", "cell_id", "n_sessions", "confidence") if name in whole]
    return whole[leading + [session.name for session in sessions_of(planes)]]


def write_cells(dataframe: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table of cells as CSV or Parquet, by the suffix of the path; whole or not at all.

    Parameters
    ----------
    dataframe : pandas.DataFrame
        As :func:`cells_dataframe` gives it.
    path : path
        Ends in `.csv` or `.parquet`; an existing file is replaced.

    Raises
    ------
    OutputError
        The suffix is another, pyarrow is needed and not installed, or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        with whole_or_absent(path) as temporary:
            dataframe.to_csv(temporary, index=False)
    elif suffix == ".parquet":
        _require_pyarrow(path)
        with whole_or_absent(path) as temporary:
            dataframe.to_parquet(temporary, engine="pyarrow", index=False)
    else:
        raise OutputError(f"{path}: the name of a table of cells must end in .csv or .parquet.")


def _require_pyarrow(path: Path) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise OutputError(
            f'{path}: writing Parquet needs pyarrow; run pip install "ndx-cell-matching[parquet]", or write .csv.'
        ) from None
