"""The activity of all cells in a session, read from a series of responses in the session's source file."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from hdmf.utils import get_data_shape
from pynwb.ophys import RoiResponseSeries

from .traces import in_unit, is_named, path_of, roi_axis, rows_of

BLOCK_BYTES = 64_000_000  #: how much of a series is read at a time


def choose_series(series: list[RoiResponseSeries], name: str | None, session: str) -> RoiResponseSeries:
    """Choose a session's series of responses by its name, its container's name, or both as `CONTAINER/NAME`.

    Raises
    ------
    KeyError
        If there is no series, or none of that name.
    ValueError
        If several series fit.
    """
    known = ", ".join(sorted(map(path_of, series))) or "none"
    if name is not None:
        series = [each for each in series if is_named(each, name)]
    if not series:
        named = "" if name is None else f" {name!r}"
        raise KeyError(f"the file of the session {session!r} has no series of responses{named}; there are: {known}.")
    if len(series) > 1:
        listed = ", ".join(sorted(map(path_of, series)))
        raise ValueError(
            f"the file of the session {session!r} has several series of responses; give name one of: {listed}."
        )
    return series[0]


def responses(series: RoiResponseSeries, roi_rows: npt.NDArray[np.integer]) -> npt.NDArray[np.floating]:
    """The traces of ROIs in the series' unit, shape (n, n_times), NaN where a row is -1 or the series lacks the ROI.

    The data are read piece by piece. `roi_rows` are rows of the ROI table; the series may hold only some of the table's
    ROIs, in any order.

    Raises
    ------
    ValueError
        If it is unclear which axis of the series is that of the ROIs, the series holds one of the ROIs twice or refers
        to ROIs that the table does not have, or it does not hold real numbers.
    """
    axis = roi_axis(series)
    data: Any = np.asarray(series.data) if isinstance(series.data, list | tuple) else series.data
    if np.dtype(data.dtype).kind not in "biuf":
        raise ValueError(f"the series {path_of(series)} does not hold real numbers; take another series by its name.")
    shape = tuple(get_data_shape(data))
    places = _places(series, roi_rows)
    present = np.flatnonzero(places >= 0)
    n_times = shape[1] if axis == 0 else shape[0]
    dtype = np.result_type(data.dtype, np.float32)
    values = np.full((len(roi_rows), n_times), np.nan, dtype)
    step = max(1, BLOCK_BYTES * shape[0] // max(1, int(np.prod(shape)) * data.dtype.itemsize))
    for start in range(0, shape[0], step):
        block = np.asarray(data[start : start + step])
        if axis == 0:
            in_block = present[(places[present] >= start) & (places[present] < start + step)]
            values[in_block] = block[places[in_block] - start]
        else:
            block = block.reshape(len(block), -1)  # the data of a single ROI may have one axis only
            values[present, start : start + step] = block[:, places[present]].T
    return in_unit(values, series)


def times_of(series: RoiResponseSeries, n_times: int) -> npt.NDArray[np.float64]:
    """The time of each sample in seconds from the file's reference time, shape (n_times,).

    Raises
    ------
    ValueError
        If there are not as many timestamps as samples, or the rate is not positive.
    """
    if series.timestamps is None:
        if not series.rate > 0:
            raise ValueError(f"the series {path_of(series)} has the rate {series.rate} Hz; repair the file.")
        return (series.starting_time or 0.0) + np.arange(n_times) / series.rate
    times = np.asarray(series.timestamps[:], np.float64)
    if len(times) != n_times:
        raise ValueError(
            f"the series {path_of(series)} holds {n_times} samples, but {len(times)} timestamps; repair the file."
        )
    return times


def labelled(
    values: npt.NDArray[np.floating], cells: pd.Index, series: RoiResponseSeries, session: str, xarray: bool
) -> Any:
    """The traces of cells, shape (n_cells, n_times), as a DataFrame or as a DataArray of xarray."""
    times = pd.Index(times_of(series, values.shape[1]), name="time")
    about = {"session": session, "series": path_of(series), "units": str(series.unit)}
    if xarray:
        try:
            from xarray import DataArray
        except ImportError as error:
            raise ImportError('this needs xarray; run pip install "ndx-cell-matching[xarray]".') from error
        coordinates = {"cell_id": cells.to_numpy(), "time": times.to_numpy()}
        traces = DataArray(values, coordinates, ("cell_id", "time"), name="activity", attrs=about)
        traces["time"].attrs["units"] = "s"
        return traces
    frame = pd.DataFrame(values, index=cells, columns=times)
    frame.attrs.update(about)
    return frame


def _places(series: RoiResponseSeries, roi_rows: npt.NDArray[np.integer]) -> npt.NDArray[np.intp]:
    """The position of each ROI along the series' axis of ROIs; -1 if the series lacks it."""
    series_rows = rows_of(series)
    counts = np.bincount(series_rows, minlength=int(roi_rows.max(initial=-1)) + 1)
    twice = roi_rows[(roi_rows >= 0) & (counts[roi_rows] > 1)]
    if len(twice):
        raise ValueError(f"the series {path_of(series)} holds the ROI in row {twice[0]} of its table more than once.")
    place = np.full(len(counts) + 1, -1, np.intp)  # the last element serves the rows that are -1
    place[series_rows] = np.arange(len(series_rows))
    return place[roi_rows]
