"""Checks of what a result is built from: positions of sessions and ROIs, and attributes in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._columns import array


def check_positions(table: Any, roi_tables: Sequence[Any]) -> None:
    """Raise ValueError if a table of pairs or registrations names a session or an ROI that does not exist."""
    n_rois = np.array([len(roi_table) for roi_table in roi_tables])
    for side in ("fixed", "moving") if table is not None and len(table) else ():
        sessions = array(table[f"{side}_session"])
        _check_range(table, f"{side}_session", sessions, np.full(len(sessions), len(n_rois)), "sessions")
        if f"{side}_roi_row" in table.colnames:
            rows = array(table[f"{side}_roi_row"])
            _check_range(table, f"{side}_roi_row", rows, n_rois[sessions], "ROIs in that session")


def _check_range(table: Any, column: str, rows: npt.NDArray[Any], n: npt.NDArray[Any], what: str) -> None:
    """Raise ValueError if a column of rows, counted from 0, holds a number that is not below that of the rows, `n`."""
    for position in np.flatnonzero((rows < 0) | (rows >= n))[:1]:
        raise ValueError(
            f"the column {column!r} of the table {table.name!r} holds {rows[position]} in row {position}, but there "
            f"are {n[position]} {what}; rows are counted from 0."
        )


def json_text(name: str, value: Mapping[str, Any] | str) -> str:
    """A mapping or a text in JSON as text in JSON; numpy's numbers and arrays become numbers and lists."""
    try:
        text = value if isinstance(value, str) else json.dumps(dict(value), allow_nan=False, default=_plain)
        if isinstance(json.loads(text), dict):
            return text
        problem = f"not {text}"
    except (TypeError, ValueError) as error:
        problem = str(error)
    raise ValueError(f"{name} must be one JSON object: {problem}.")


def _plain(value: Any) -> Any:
    """A number or an array of numpy as json writes it."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} is neither text, number, list nor mapping")
