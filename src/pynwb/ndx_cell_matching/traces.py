"""Find the responses of an ROI in the NWB file that its session came from."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pynwb import NWBFile
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from ._columns import array


class RoiTrace(NamedTuple):
    """One ROI's place in a series of ROI responses."""

    roi_response_series: RoiResponseSeries  #: of the source file
    #: Position of the ROI in the series: its trace is `roi_response_series.data[:, column]`. Not the ROI's row: a
    #: series may hold the ROIs of a table in part, or in another order.
    column: int

    @property
    def values(self) -> npt.NDArray[np.generic]:
        """The ROI's trace, shape (n_times,); read now if the series is in a file."""
        data = self.roi_response_series.data
        return np.asarray(data[:] if len(data.shape) == 1 else data[:, self.column])


def find_roi_table(
    nwbfile: NWBFile, *, object_id: str, path: str, roi_ids: npt.NDArray[np.int64], identifier: str, session_start: str
) -> PlaneSegmentation | None:
    """The ROI table of a source file.

    A file that was exported or converted again may have new object ids. Its table is then taken by path, if the file
    has the recorded identifier or start as well: the paths and ids of ROIs alone are often the same in every file.

    `object_id` and `path` are what was recorded of the table, `roi_ids` what its `id` column held, `identifier` and
    `session_start` (ISO 8601) what was recorded of the file. None if there is no such table, or its ids are not
    `roi_ids`.
    """
    tables = [item for item in nwbfile.all_children() if isinstance(item, PlaneSegmentation)]
    candidates = [table for table in tables if table.object_id == object_id]
    if not candidates and (nwbfile.identifier == identifier or _is_moment(session_start, nwbfile.session_start_time)):
        candidates = [table for table in tables if f"/{path.strip('/')}".endswith(_names(table))]
    return next((table for table in candidates if np.array_equal(array(table.id), roi_ids)), None)


def _is_moment(text: str, moment: datetime) -> bool:
    """Whether an ISO 8601 text names the moment."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")) == moment
    except ValueError:
        return False


def _names(table: PlaneSegmentation) -> str:
    """The end of the table's path, for example `/ophys/ImageSegmentation/PlaneSegmentation`."""
    names = [table.name, *(parent.name for parent in table.get_ancestors() if not isinstance(parent, NWBFile))]
    return "".join(f"/{name}" for name in reversed(names))


def roi_traces(nwbfile: NWBFile, roi_table: PlaneSegmentation, roi_row: int, name: str | None = None) -> list[RoiTrace]:
    """Every series of responses of an ROI, the row `roi_row` of a table of the source file.

    With a name, only series of this name, or in a container of this name.
    """
    return [
        RoiTrace(series, int(column))
        for series in nwbfile.all_children()
        if isinstance(series, RoiResponseSeries)
        and series.rois.table is roi_table
        and name in (None, series.name, series.parent.name)
        for column in np.flatnonzero(array(series.rois) == roi_row)
    ]
