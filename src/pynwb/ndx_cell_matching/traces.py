"""Open the source files of sessions, and find the responses of an ROI in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from hdmf.utils import get_data_shape
from pynwb import NWBFile, read_nwb
from pynwb.ophys import PlaneSegmentation, RoiResponseSeries

from ._columns import array


class RoiTrace(NamedTuple):
    """One ROI's place in a series of ROI responses."""

    roi_response_series: RoiResponseSeries  #: of the source file
    #: Position of the ROI in the series. This is not the ROI's row in its table, because a series may hold only some
    #: ROIs of a table, or hold them in another order. The trace is `roi_response_series.data[:, column]` or, in a
    #: series stored as [ROI, time], `data[column]`; :attr:`values` chooses between them.
    column: int

    @property
    def values(self) -> npt.NDArray[np.generic]:
        """The ROI's trace in the series' unit, shape (n_times,); read from the file on each access.

        If the series has a `conversion` or an `offset`, these are applied to the data that are stored.
        """
        axis = roi_axis(self.roi_response_series)
        data: Any = self.roi_response_series.data
        if isinstance(data, list | tuple):
            data = np.asarray(data)
        if axis is None:
            return in_unit(np.asarray(data[:]), self.roi_response_series)
        stored = np.asarray(data[self.column] if axis == 0 else data[:, self.column])
        return in_unit(stored, self.roi_response_series)


def in_unit(stored: npt.NDArray[Any], series: RoiResponseSeries) -> npt.NDArray[Any]:
    """Stored values in the unit of their series; float32 or, for long integers, float64 if they are converted."""
    if series.conversion == 1 and series.offset == 0:
        return stored
    dtype = np.result_type(stored.dtype, np.float32)
    return (stored * series.conversion + series.offset).astype(dtype)


def roi_axis(series: RoiResponseSeries) -> int | None:
    """The axis of a series' data along which its ROIs lie; None if the data have one axis and hold a single ROI.

    In NWB it is the second axis, but many files are written the other way round. Therefore the axis that is as long as
    `rois` is taken.

    Raises
    ------
    ValueError
        If neither axis has that length, or both have.
    """
    n_rois, shape = len(series.rois), tuple(get_data_shape(series.data))
    if len(shape) == 1 and n_rois == 1:
        return None
    axes = [axis for axis, length in enumerate(shape) if length == n_rois] if len(shape) == 2 else []
    if len(axes) == 1 or shape == (1, 1):
        return axes[0]
    problem = "either axis could be that of the ROIs" if axes else "neither axis is that of the ROIs"
    raise ValueError(
        f"the series {_names(series)} holds {n_rois} ROIs in data of shape {shape}, so that {problem}; take another "
        "series by its name, or repair the file."
    )


def find_roi_table(
    nwbfile: NWBFile, *, object_id: str, path: str, roi_ids: npt.NDArray[np.int64], identifier: str, session_start: str
) -> PlaneSegmentation | None:
    """Find the ROI table of a session in its source file; None if it is not there or its ids are not `roi_ids`.

    A file that was exported or converted again may have new object ids. The table is then found by its path, but only
    if the file has the recorded identifier or start, because paths and ROI ids are often the same in different files.

    `object_id` and `path` were recorded for the table, and `roi_ids` are the values of its `id` column. `identifier`
    and `session_start` (ISO 8601) were recorded for the file.
    """
    tables = [item for item in nwbfile.all_children() if isinstance(item, PlaneSegmentation)]
    candidates = [table for table in tables if table.object_id == object_id]
    if not candidates and (nwbfile.identifier == identifier or _is_moment(session_start, nwbfile.session_start_time)):
        candidates = [table for table in tables if f"/{path.strip('/')}".endswith(_names(table))]
    return next((table for table in candidates if np.array_equal(array(table.id), roi_ids)), None)


def _is_moment(text: str, moment: datetime) -> bool:
    """Whether an ISO 8601 text names this moment; False if it is no date."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")) == moment
    except ValueError:
        return False


def _names(item: PlaneSegmentation | RoiResponseSeries) -> str:
    """The end of the item's path, for example `/ophys/ImageSegmentation/PlaneSegmentation`."""
    names = [item.name, *(parent.name for parent in item.get_ancestors() if not isinstance(parent, NWBFile))]
    return "".join(f"/{name}" for name in reversed(names))


def series_of(nwbfile: NWBFile, roi_table: PlaneSegmentation) -> list[RoiResponseSeries]:
    """Every series of responses in the file that refers to the ROIs of this table."""
    return [
        item for item in nwbfile.all_children() if isinstance(item, RoiResponseSeries) and item.rois.table is roi_table
    ]


def names_of(series: RoiResponseSeries) -> tuple[str, str]:
    """The names of a series' container and of the series, by which it can be chosen."""
    return series.parent.name, series.name


def is_named(series: RoiResponseSeries, name: str) -> bool:
    """Whether this is the name of a series, of its container, or of both as `CONTAINER/NAME`."""
    return name in (*names_of(series), path_of(series))


def path_of(series: RoiResponseSeries) -> str:
    """The names of a series and its container, for example `DfOverF/RoiResponseSeries`."""
    return "/".join(names_of(series))


def rows_of(series: RoiResponseSeries) -> npt.NDArray[np.intp]:
    """The `roi_row` of each ROI of a series.

    Raises
    ------
    ValueError
        If its table of ROIs has no such row.
    """
    rows, n_rois = array(series.rois).astype(np.intp), len(series.rois.table)
    outside = rows[(rows < 0) | (rows >= n_rois)]
    if len(outside):
        raise ValueError(
            f"the series {path_of(series)} refers to row {outside[0]} of its ROI table, which has {n_rois} rows; "
            "repair the file."
        )
    return rows


def roi_traces(series: list[RoiResponseSeries], roi_row: int) -> Iterator[RoiTrace]:
    """The places of the ROI in row `roi_row` of an ROI table in series of responses of that table.

    Raises
    ------
    ValueError
        If it is unclear which axis of a series that holds the ROI is that of the ROIs (:func:`roi_axis`), or a series
        refers to ROIs that the table does not have.
    """
    for each in series:
        for column in np.flatnonzero(rows_of(each) == roi_row):
            roi_axis(each)
            yield RoiTrace(each, int(column))


def by_session(nwbfiles: Any) -> list[tuple[str, Any]]:
    """The sessions and their files; TypeError if they are not given as a mapping."""
    if not isinstance(nwbfiles, Mapping):
        raise TypeError(
            "nwbfiles must be a mapping of session names to files, for example {'day1': 'day1.nwb'}, and was "
            f"{type(nwbfiles).__name__}."
        )
    return list(nwbfiles.items())


def opened(source: NWBFile | str | os.PathLike[str]) -> Any:
    """The given file, or the file at a given path, opened; TypeError for anything else."""
    if not isinstance(source, NWBFile | str | os.PathLike):
        raise TypeError(f"the file of a session must be an NWBFile or a path, and was {type(source).__name__}.")
    return read_nwb(os.fspath(source)) if isinstance(source, str | os.PathLike) else source
