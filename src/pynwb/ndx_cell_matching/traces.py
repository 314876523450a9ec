"""Find the responses of an ROI in the NWB file that its session came from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pynwb import NWBFile
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from ._columns import array


class RoiTrace(NamedTuple):
    """One ROI's place in a series of ROI responses.

    Attributes
    ----------
    roi_response_series : RoiResponseSeries
        Of the source file.
    column : int
        Position of the ROI in the series: its trace is `roi_response_series.data[:, column]`. Not the ROI's row: a
        series may hold the ROIs of a table in part, or in another order.
    """

    roi_response_series: RoiResponseSeries
    column: int

    @property
    def values(self) -> npt.NDArray[np.generic]:
        """The ROI's trace, shape (n_times,); read now if the series is in a file."""
        data = self.roi_response_series.data
        return np.asarray(data[:] if len(data.shape) == 1 else data[:, self.column])


def find_roi_table(
    nwbfile: NWBFile, object_id: str, path: str, roi_ids: npt.NDArray[np.int64]
) -> PlaneSegmentation | None:
    """The ROI table of a source file.

    Parameters
    ----------
    nwbfile : NWBFile
        The source file.
    object_id : str
        Of the table.
    path : str
        Of the table inside the file.
    roi_ids : ndarray of int64, shape (n_rois,)
        What its `id` column held when the cells were matched.

    Returns
    -------
    PlaneSegmentation or None
        The table with that object id; failing that, since a file that was converted again gets new object ids, the
        table at that path; None if neither exists or its ids are not `roi_ids`.
    """
    tables = [item for item in nwbfile.objects.values() if isinstance(item, PlaneSegmentation)]
    candidates = [table for table in tables if table.object_id == object_id] or [
        table for table in tables if f"/{path.strip('/')}".endswith(_names(table))
    ]
    for table in candidates:
        if np.array_equal(array(table.id), roi_ids):
            return table
    return None


def _names(table: PlaneSegmentation) -> str:
    """The table's path below the root's `processing`, for example `/ophys/ImageSegmentation/PlaneSegmentation`."""
    names = [table.name, *(parent.name for parent in table.get_ancestors() if not isinstance(parent, NWBFile))]
    return "".join(f"/{name}" for name in reversed(names))


def roi_traces(nwbfile: NWBFile, roi_table: PlaneSegmentation, roi_row: int, name: str | None = None) -> list[RoiTrace]:
    """Every series of responses of an ROI.

    Parameters
    ----------
    nwbfile : NWBFile
        The source file.
    roi_table : PlaneSegmentation
        A table of that file.
    roi_row : int
        Row of the ROI in the table.
    name : str, optional
        Take only series of this name, or in a container of this name.
    """
    return [
        RoiTrace(series, int(column))
        for series in nwbfile.objects.values()
        if isinstance(series, RoiResponseSeries)
        and series.rois.table is roi_table
        and name in (None, series.name, series.parent.name)
        for column in np.flatnonzero(array(series.rois) == roi_row)
    ]
