"""The result of matching: its tables and how they were made."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from hdmf.utils import get_data_shape
from pynwb import NWBFile, ProcessingModule, get_class, register_class

from ._checks import check_positions, json_text
from ._columns import array, texts
from ._namespace import NAMESPACE
from .activity import choose_series, labelled, responses
from .cells import MatchedCellsTable
from .codes import Presence, RegistrationOutcome, label_of
from .masks import StoredAs, sampled
from .registrations import Points, SessionRegistration, as_points, pixel_points
from .tables import DecisionsTable, MatchedSessionsTable, RoiPairsTable, SessionRegistrationsTable
from .traces import RoiTrace, by_session, find_roi_table, is_named, names_of, opened, roi_traces, series_of

_CellMatching: Any = get_class("CellMatching", NAMESPACE)


@register_class("CellMatching", NAMESPACE)
class CellMatching(_CellMatching):
    """Which ROIs of several imaging sessions are the same cell.

    Two numbers name an ROI: `roi_row` is its position in its session's ROI table (0, 1, 2, ...), and `roi_id` is the
    value of that table's `id` column. Likewise, `cell_row` is the position of a cell in the table `cells`, and its
    `cell_id` stays the same when the file is corrected or sessions are added. The methods take the `cell_id` of a cell,
    and the name of a session or its row in the table `sessions`.

    Only :meth:`mask` and :meth:`centroid` read a mask, and only the mask of one ROI. To find cells and ROIs, the other
    methods read only integers.

    Attributes
    ----------
    method, method_version : str
        The method that matched the cells, and its version.
    parameters : str
        The parameters of the method, as JSON.
    software : str or None
        Versions of the libraries on which the numbers depend, as JSON.
    warnings : array of str or None
        What the user should know about the result, one sentence each.
    imaging_plane : str or None
        Name of the imaging plane, in a file that holds the results of several planes.
    last_cell_id : int or None
        The greatest `cell_id` that was ever used; None if that cell is still in the table `cells`.
    sessions : MatchedSessionsTable
    cells : MatchedCellsTable
    roi_pairs : RoiPairsTable or None
    registrations : SessionRegistrationsTable or None
    decisions : DecisionsTable or None
    """

    @classmethod
    def from_arrays(
        cls,
        module: ProcessingModule,
        *,
        method: str,
        method_version: str,
        parameters: Mapping[str, Any] | str,
        sessions: MatchedSessionsTable,
        cells: npt.ArrayLike,
        presence: npt.ArrayLike,
        confidence: npt.ArrayLike | None = None,
        cell_ids: npt.ArrayLike | None = None,
        allow_unknown_codes: bool = False,
        roi_pairs: RoiPairsTable | None = None,
        registrations: SessionRegistrationsTable | None = None,
        decisions: DecisionsTable | None = None,
        software: Mapping[str, str] | str | None = None,
        warnings: Sequence[str] = (),
        name: str = "CellMatching",
        imaging_plane: str | None = None,
        last_cell_id: int | None = None,
        **review: Any,
    ) -> CellMatching:
        """Build the result and add it to a processing module.

        The module must already be in the NWB file, with the ROI tables and images to which `sessions` refers.

        Parameters
        ----------
        module : ProcessingModule
            Usually `ophys`.
        method, method_version, imaging_plane, last_cell_id, warnings
            The attributes of these names.
        parameters, software : mapping or str
            The attributes of these names; a str must be JSON.
        sessions : MatchedSessionsTable
            The sessions, in the order of the columns of `cells`.
        cells, presence, confidence, cell_ids, allow_unknown_codes, **review
            As for :meth:`MatchedCellsTable.from_array`.
        roi_pairs, registrations, decisions : RoiPairsTable, SessionRegistrationsTable, DecisionsTable
            A table without rows is left out.
        name : str
            Name of the group.

        Raises
        ------
        ValueError
            If the arguments do not fit each other, or `parameters` or `software` cannot be written as JSON. The module
            is then unchanged.
        """
        table = MatchedCellsTable.from_array(
            cells, presence, confidence, cell_ids=cell_ids, allow_unknown_codes=allow_unknown_codes, **review
        )
        names, roi_tables = texts(sessions["session_name"].data), list(sessions["roi_table"].data)
        table.check_session_columns(cells, names, roi_tables)
        check_positions(roi_pairs, roi_tables)
        check_positions(registrations, roi_tables)
        result = cls(
            name=name,
            method=method,
            method_version=method_version,
            parameters=json_text("parameters", parameters),
            software=None if not software else json_text("software", software),
            warnings=texts(warnings) or None,
            imaging_plane=imaging_plane,
            last_cell_id=None if last_cell_id is None else np.int64(last_cell_id),
            sessions=sessions,
            cells=table,
            roi_pairs=roi_pairs if roi_pairs is not None and len(roi_pairs) else None,
            registrations=registrations if registrations is not None and len(registrations) else None,
            decisions=decisions if decisions is not None and len(decisions) else None,
        )
        module.add(result)
        table.add_session_columns(cells, names, roi_tables)
        return result

    @property
    def session_names(self) -> list[str]:
        """Names of the sessions, in order."""
        return texts(self.sessions["session_name"].data[:])

    @property
    def n_sessions(self) -> int:
        """Number of sessions."""
        return len(self.sessions)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.cells)

    @property
    def cell_ids(self) -> npt.NDArray[np.int64]:
        """The `cell_id` of each cell, in the order of their rows; shape (n_cells,)."""
        return array(self.cells.id).astype(np.int64)

    def to_array(self) -> npt.NDArray[np.int32]:
        """The `roi_row` of each cell's ROI in each session, -1 where it has none; shape (n_cells, n_sessions)."""
        rows = np.empty((self.n_cells, self.n_sessions), dtype=np.int32)
        for position, name in enumerate(self.session_names):
            rows[:, position] = self.cells.session_rows(name)
        return rows

    def to_dataframe(self, values: Literal["roi_id", "roi_row"] = "roi_id") -> pd.DataFrame:
        """The ROI of each cell in each session, <NA> where it has none.

        Parameters
        ----------
        values : {"roi_id", "roi_row"}
            The number by which to name the ROIs.

        Returns
        -------
        DataFrame of Int64
            One row per cell and one column per session; the index `cell_id` holds the ids of the cells.

        Raises
        ------
        ValueError
            If `values` is neither of the two.
        """
        if values not in ("roi_id", "roi_row"):
            raise ValueError(f"values must be 'roi_id' or 'roi_row', not {values!r}.")
        columns = {}
        for position, name in enumerate(self.session_names):
            rows = self.cells.session_rows(name)
            numbers = rows if values == "roi_row" else _take(self._roi_ids(position), rows)
            columns[name] = pd.arrays.IntegerArray(numbers.astype(np.int64), rows < 0)
        return pd.DataFrame(columns, index=self._cell_index())

    def presence_labels(self) -> pd.DataFrame:
        """In words, why each cell has an ROI in each session or has none; one row per cell, one column per session."""
        words = np.array([label_of(Presence, code) for code in range(256)], dtype=object)
        return pd.DataFrame(words[array(self.cells["presence"])], index=self._cell_index(), columns=self.session_names)

    def cell_row(self, cell_id: int) -> int:
        """The position of a cell in the table of cells.

        Raises
        ------
        KeyError
            If there is no cell with this id.
        """
        rows = np.flatnonzero(self.cell_ids == operator.index(cell_id))
        if not len(rows):
            raise KeyError(f"there is no cell of id {cell_id}; `cell_ids` lists those that there are.")
        return int(rows[0])

    def roi_row(self, cell_id: int, session: str | int) -> int | None:
        """The `roi_row` of a cell's ROI in a session, None where it has none.

        Parameters
        ----------
        cell_id : int
            Id of the cell, not its row in the table.
        session : str or int
            Name of the session, or its row in the table of sessions.

        Raises
        ------
        IndexError
            If the table of sessions has no such row.
        KeyError
            If there is no cell with that id, or no session of that name.
        """
        row = self.cells.session_rows(self.session_names[self._position(session)])[self.cell_row(cell_id)]
        return None if row < 0 else int(row)

    def roi_id(self, cell_id: int, session: str | int) -> int | None:
        """The `roi_id` of a cell's ROI in a session, None where it has none; arguments as for :meth:`roi_row`."""
        row = self.roi_row(cell_id, session)
        return None if row is None else int(self._roi_ids(self._position(session))[row])

    def cell_of(self, session: str | int, *, roi_row: int | None = None, roi_id: int | None = None) -> int | None:
        """The id of the cell to which an ROI belongs.

        Parameters
        ----------
        session : str or int
            Name of the session, or its row in the table of sessions.
        roi_row, roi_id : int
            The ROI; give one of the two.

        Returns
        -------
        int or None
            None if the ROI took no part in the matching.

        Raises
        ------
        TypeError
            If both or none of `roi_row` and `roi_id` are given.
        IndexError, KeyError
            If there is no such session, or the session has no such ROI.
        """
        if (roi_row is None) == (roi_id is None):
            raise TypeError("give either roi_row or roi_id.")
        position = self._position(session)
        name = self.session_names[position]
        ids = self._roi_ids(position)
        if roi_id is not None:
            rows = np.flatnonzero(ids == operator.index(roi_id))
            if not len(rows):
                raise KeyError(f"the session {name!r} has no ROI of id {roi_id}.")
            roi_row = int(rows[0])
        elif not 0 <= operator.index(roi_row) < len(ids):  # type: ignore[arg-type]
            raise IndexError(f"the session {name!r} has {len(ids)} ROIs, so there is no row {roi_row}.")
        cell_rows = np.flatnonzero(self.cells.session_rows(name) == roi_row)
        return int(self.cell_ids[cell_rows[0]]) if len(cell_rows) else None

    def pairs_dataframe(self) -> pd.DataFrame:
        """The candidate pairs, with the names of the sessions and the ids of the ROIs beside their rows.

        Returns
        -------
        DataFrame
            The columns of the table `roi_pairs`, in which `fixed_session` and `moving_session` are names of sessions,
            and the columns `fixed_roi_id` and `moving_roi_id`. Without rows if the file has no such table.
        """
        table = self.roi_pairs
        if table is None:
            required = [column["name"] for column in RoiPairsTable.__columns__ if column.get("required")]
            nothing: dict[str, Any] = dict.fromkeys(required, ())
            table = RoiPairsTable.from_arrays(**nothing)
        names = np.array(self.session_names, dtype=object)
        frame = pd.DataFrame({name: array(table[name]) for name in table.colnames})
        for side in ("fixed", "moving"):
            sessions = frame[f"{side}_session"].to_numpy().astype(np.int64)
            rows = frame[f"{side}_roi_row"].to_numpy().astype(np.int64)
            ids = np.zeros(len(rows), dtype=np.int64)
            for position in np.unique(sessions):
                here = sessions == position
                ids[here] = self._roi_ids(int(position))[rows[here]]
            frame[f"{side}_session"] = names[sessions]
            frame.insert(list(frame.columns).index(f"{side}_roi_row") + 1, f"{side}_roi_id", ids)
        return frame

    def registration(self, fixed: str | int, moving: str | int) -> SessionRegistration | None:
        """The alignment of two sessions: a matrix and, if the tissue was deformed, a displacement that is added to it.

        Parameters
        ----------
        fixed, moving : str or int
            Sessions, by name or by row in the table of sessions.

        Returns
        -------
        SessionRegistration or None
            Maps pixels of `fixed` to pixels of `moving`: its `to_moving` applies the matrix and the displacement, its
            `matrix` leaves out the displacement. If the file holds only the registration in the other direction, its
            inverse is returned. None if the two sessions were not aligned.

        Raises
        ------
        IndexError, KeyError
            If there is no such session.
        """
        first, second = self._position(fixed), self._position(moving)
        if self.registrations is None:
            return None
        fixed_of, moving_of = (array(self.registrations[f"{side}_session"]) for side in ("fixed", "moving"))
        for row in np.flatnonzero((fixed_of == first) & (moving_of == second)):
            return self._registration(int(row))
        for row in np.flatnonzero((fixed_of == second) & (moving_of == first)):
            stored = self._registration(int(row))
            return stored and stored.inverse(None if stored.displacement is None else self._image_shape(first))
        return None

    def _registration(self, row: int) -> SessionRegistration | None:
        """The registration in a row of the table; None if the two sessions are not aligned."""
        table = self.registrations
        if table["outcome"].data[row] not in RegistrationOutcome.with_matrix():
            return None
        matrix = np.asarray(table["matrix"].data[row], dtype=np.float64)
        displacement = np.asarray(table["displacement"].data[row]) if "displacement" in table.colnames else None
        if displacement is None or not displacement.any():
            return SessionRegistration(matrix)
        return SessionRegistration(matrix, displacement, self._image_shape(int(table["fixed_session"].data[row])))

    def _image_shape(self, position: int) -> tuple[int, int]:
        """(n_rows, n_cols) of a session's image."""
        n_rows, n_cols = get_data_shape(self.sessions["image"].data[position].data)
        return (n_cols, n_rows) if self.sessions["image_transposed"].data[position] else (n_rows, n_cols)

    def traces(
        self, cell_id: int, nwbfiles: Mapping[str, NWBFile | str | os.PathLike[str]], name: str | None = None
    ) -> dict[str, list[RoiTrace]]:
        """The activity of a cell in the source files of the sessions.

        Parameters
        ----------
        cell_id : int
            Id of the cell.
        nwbfiles : mapping of str to NWBFile or path
            All or some of the source files, by the name of the session. A file given by its path is opened, and stays
            open as long as one of its traces is in use.
        name : str, optional
            Use only series of this name, or in a container of this name, for example `DfOverF`; or the series that both
            name: `DfOverF/RoiResponseSeries`.

        Returns
        -------
        dict of str to list of RoiTrace
            For each given session in which the cell has an ROI: every series of responses that holds the ROI, and the
            ROI's place in the series. `values` of each RoiTrace is the trace.

        Raises
        ------
        IndexError, KeyError
            If there is no such cell or session, or no file has a series or container of that name.
        ValueError
            If a file is not the source of its session, or it is unclear which axis of a series is that of the ROIs. A
            file is the source if it has the recorded ROI table with the same ROI ids: by its object id or, in a file
            with the recorded identifier or start, by its path.
        """
        rows, series = {}, {}
        for session, source in by_session(nwbfiles):
            position = self._position(session)
            nwbfile = opened(source)
            rows[session] = self.roi_row(cell_id, position)
            series[session] = series_of(nwbfile, self._source_table(position, nwbfile))
        all_series = [one for of_session in series.values() for one in of_session]
        if name is not None and nwbfiles and not any(is_named(one, name) for one in all_series):
            known = ", ".join(sorted({each for one in all_series for each in names_of(one)})) or "none"
            raise KeyError(f"no file has a series of responses {name!r} of these ROIs; there are: {known}.")
        return {
            session: list(roi_traces([one for one in series[session] if name is None or is_named(one, name)], row))
            for session, row in rows.items()
            if row is not None
        }

    def activity(
        self,
        nwbfiles: Mapping[str, NWBFile | str | os.PathLike[str]],
        name: str | None = None,
        *,
        xarray: bool = False,
    ) -> dict[str, Any]:
        """The activity of all cells in each session, read from the source files of the sessions.

        Parameters
        ----------
        nwbfiles : mapping of str to NWBFile or path
            As for :meth:`traces`, but a file given by its path is closed again.
        name : str, optional
            Name of the series of responses, of its container, for example `DfOverF`, or both:
            `DfOverF/RoiResponseSeries`. Required if a file holds several series.
        xarray : bool
            Whether to return DataArrays of xarray, which must be installed.

        Returns
        -------
        dict of str to DataFrame, or to DataArray
            For each given session, one row per cell in the order of the table of cells (`cell_id`), and one column per
            time (`time`, in seconds from the file's reference time). NaN if the cell has no ROI in the session, or the
            series lacks the ROI. Values are in the unit of the series; `attrs` names session, series and unit.

        Raises
        ------
        IndexError, KeyError
            If there is no such session, or a file has no series of responses of that name.
        ValueError
            If a file has several series that fit or is not the source of its session, or if it is unclear which axis
            of a series is that of the ROIs.
        """
        activity = {}
        for session, source in by_session(nwbfiles):
            position = self._position(session)
            nwbfile = opened(source)
            try:
                of_table = series_of(nwbfile, self._source_table(position, nwbfile))
                series = choose_series(of_table, name, self.session_names[position])
                values = responses(series, self.cells.session_rows(self.session_names[position]))
                activity[session] = labelled(values, self._cell_index(), series, self.session_names[position], xarray)
            finally:
                if nwbfile is not source and nwbfile.read_io is not None:
                    nwbfile.read_io.close()
        return activity

    def mask(self, cell_id: int, session: str | int) -> npt.NDArray[np.float32] | None:
        """The mask of a cell's ROI in a session; arguments as for :meth:`roi_row`.

        Returns
        -------
        ndarray of float32, shape (n_rows, n_cols), or None
            The weights as [row, col], like :meth:`image`, however the source stored them; None if the cell has no ROI.
        """
        row, position = self.roi_row(cell_id, session), self._position(session)
        if row is None:
            return None
        return self._stored_as(position).mask(self._roi_table(position), row, self._image_shape(position))

    def centroid(self, cell_id: int, session: str | int) -> npt.NDArray[np.float64] | None:
        """The mean (x, y) of the pixels of a cell's ROI in a session, in pixels; arguments as for :meth:`roi_row`.

        None if the cell has no ROI, NaN if the mask is empty.
        """
        mask = self.mask(cell_id, session)
        if mask is None:
            return None
        row, col = np.nonzero(mask)
        return np.array([col.mean(), row.mean()]) if len(row) else np.full(2, np.nan)

    def image(self, session: str | int) -> npt.NDArray[Any]:
        """The projection image of a session as [row, col], shape (n_rows, n_cols), however the source stored it."""
        position = self._position(session)
        return self._stored_as(position).image(np.asarray(self.sessions["image"].data[position].data[:]))

    def map_points(self, fixed: str | int, moving: str | int, points: npt.ArrayLike) -> Points:
        """Map points of one session to another, by the matrix and the displacement of their registration.

        Parameters
        ----------
        fixed, moving : str or int
            The session of the points and the other session, by name or by row in the table of sessions.
        points : array_like, shape (n, 2)
            (x, y) in pixels of `fixed`, x = column.

        Returns
        -------
        ndarray of float64, shape (n, 2)
            (x, y) in pixels of `moving`; points may lie outside its image. NaN where a point is NaN.

        Raises
        ------
        IndexError, KeyError
            If there is no such session.
        ValueError
            If the two sessions are not aligned, or the points have another shape.
        """
        first, second = self._position(fixed), self._position(moving)
        if first == second:
            return as_points(points).copy()
        registration = self.registration(first, second)
        if registration is None:
            names = self.session_names
            raise ValueError(f"the sessions {names[first]!r} and {names[second]!r} are not aligned.")
        return registration.to_moving(points)

    def warp_image(
        self, fixed: str | int, moving: str | int, image: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.float32]:
        """Warp an image of session `moving` onto the pixels of session `fixed`, by matrix and displacement.

        Parameters
        ----------
        fixed, moving : str or int
            Sessions, by name or by row in the table of sessions.
        image : array_like, shape (n_rows, n_cols), optional
            An image of `moving`, for example a mask; by default its projection image.

        Returns
        -------
        ndarray of float32, of the shape of the image of `fixed`
            Interpolated bilinearly; NaN at pixels that lie outside the image of `moving`.

        Raises
        ------
        IndexError, KeyError
            If there is no such session.
        ValueError
            If the two sessions are not aligned, or `image` does not have the shape of the image of `moving`.
        """
        values = self.image(moving) if image is None else np.asarray(image)
        moving_shape = self._image_shape(self._position(moving))
        if values.shape != moving_shape:
            raise ValueError(
                f"the image must have the shape {moving_shape}, as that of the session, not {values.shape}."
            )
        shape = self._image_shape(self._position(fixed))
        return sampled(values, self.map_points(fixed, moving, pixel_points(shape))).reshape(shape)

    def _stored_as(self, position: int) -> StoredAs:
        names = ("masks_transposed", "image_transposed", "masks_scrambled", "mirrored")
        flags = {name: bool(self.sessions[name].data[position]) for name in names}
        z_plane = int(self.sessions["z_plane"].data[position]) if "z_plane" in self.sessions.colnames else -1
        return StoredAs(**flags, z_plane=z_plane)

    def _source_table(self, position: int, nwbfile: NWBFile) -> Any:
        def recorded(column: str) -> str:
            return texts([self.sessions[column].data[position]])[0]

        path, identifier = recorded("source_roi_table_path"), recorded("source_identifier")
        table = find_roi_table(
            nwbfile,
            object_id=recorded("source_roi_table_object_id"),
            path=path,
            roi_ids=self._roi_ids(position),
            identifier=identifier,
            session_start=recorded("session_start"),
        )
        if table is None:
            raise ValueError(
                f"the file with the identifier {nwbfile.identifier!r} is not the source of the session "
                f"{self.session_names[position]!r}, or its ROI table was changed since; give the file with the "
                f"identifier {identifier!r}, which held the session's ROIs{f' in {path}' if path else ''}."
            )
        return table

    def _cell_index(self) -> pd.Index:
        return pd.Index(self.cell_ids, name="cell_id")

    def _position(self, session: str | int) -> int:
        names = self.session_names
        if isinstance(session, str):
            if session not in names:
                suggestion = "".join(f" (did you mean {name}?)" for name in get_close_matches(session, names, n=1))
                raise KeyError(f"there is no session {session!r}{suggestion}; the sessions are {', '.join(names)}.")
            return names.index(session)
        position = operator.index(session)
        if not 0 <= position < len(names):
            raise IndexError(f"there are {len(names)} sessions, so there is no session {position}.")
        return position

    def _roi_ids(self, position: int) -> npt.NDArray[np.int64]:
        return array(self._roi_table(position).id).astype(np.int64)

    def _roi_table(self, position: int) -> Any:
        name = self.session_names[position]
        # From Zarr the table can be reached by the session's column, but not by the object reference, which is
        # stored as a pickle that recent versions of numcodecs refuse to read.
        return (
            self.cells[name].target.table if name in self.cells.colnames else self.sessions["roi_table"].data[position]
        )


def _take(values: npt.NDArray[np.int64], rows: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """The values in the given rows, -1 where a row is -1."""
    result = np.full(len(rows), -1, dtype=np.int64)
    result[rows >= 0] = values[rows[rows >= 0]]
    return result
