"""Matched cells as a table of ROI ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..model import MatchedPlane

if TYPE_CHECKING:
    import pandas as pd


def cells_dataframe(planes: Sequence[MatchedPlane]) -> pd.DataFrame:
    """The cells of one imaging plane or of several as one table.

    Parameters
    ----------
    planes : sequence of MatchedPlane
        As :func:`ndx_match.matchfile.read_planes_of_match_file` returns them.

    Returns
    -------
    pandas.DataFrame
        One row per cell, with the columns `plane` (if there are several), `cell_id`, `n_sessions`, `confidence` (if
        the result has it), and one column per session. This column has the session's name and holds the ids of the
        ROIs (`Int64`; missing where the cell has no ROI).

    Raises
    ------
    InputError
        If a session has the name of another column.
    """
    import pandas as pd

    from ..matchfile import sessions_of

    tables = [_table(plane, len(planes) > 1) for plane in planes]
    whole = pd.concat(tables, ignore_index=True)
    names = [session.name for session in sessions_of(planes)]
    return whole[[name for name in whole if name not in names] + names]


def _table(plane: MatchedPlane, several: bool) -> pd.DataFrame:
    import pandas as pd

    result = plane.result
    columns: dict[str, object] = {"plane": [plane.name] * len(result.cells)} if several else {}
    columns["cell_id"] = result.cell_ids
    columns["n_sessions"] = result.n_sessions_of_cell
    if result.confidence is not None:
        columns["confidence"] = result.confidence
    for session, roi_rows in zip(plane.sessions, result.cells.T, strict=True):
        if session.name in columns:
            raise InputError(
                f"{session.source.uri or session.name}: the session {session.name!r} has the same name as another "
                f"column ({', '.join(columns)}); give it another name."
            )
        absent = roi_rows < 0
        roi_ids = np.zeros(len(roi_rows), np.int64)
        roi_ids[~absent] = session.roi_ids[roi_rows[~absent]]
        columns[session.name] = pd.arrays.IntegerArray(roi_ids, absent)
    return pd.DataFrame(columns)
