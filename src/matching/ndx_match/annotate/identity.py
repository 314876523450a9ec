"""Recognise the sessions of a match file in source files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pynwb import NWBFile

from ..arrays import Ints64
from ..errors import InputError
from ..model import MatchResult, Session, cell_of_roi
from ..sources import TableCandidate, list_contents, open_nwb
from ..storage.datasets import is_in_file, location_of


@dataclass(frozen=True)
class RecognisedTable:
    """An ROI table of a source file, and its session in the match file."""

    plane: int  #: position among the match file's imaging planes
    session: int  #: position among the sessions of the plane
    path: str  #: absolute path of the table's group in the file
    by_object_id: bool  #: whether it was recognised by the object ids, and not by the file's identifier and ROI ids


def recognise(
    path: str | os.PathLike[str], planes: Sequence[Sequence[Session]], matches: str | os.PathLike[str]
) -> tuple[RecognisedTable, ...]:
    """Find which sessions of a match file, given plane by plane, were read from a file.

    Raises InputError if the file cannot be read, if it is none of the sessions, if it could be several of them, or if
    its ROI table has changed.
    """
    with open_nwb(path) as nwbfile:
        tables = sessions_in(nwbfile, path, planes, matches)
        return tuple(RecognisedTable(plane, k, _path_in(path, table), by_id) for plane, k, table, by_id in tables)


def sessions_in(
    nwbfile: NWBFile,
    path: str | os.PathLike[str],
    planes: Sequence[Sequence[Session]],
    matches: str | os.PathLike[str],
) -> list[tuple[int, int, TableCandidate, bool]]:
    """As :func:`recognise`, for an open file: plane, session, ROI table, and whether object ids agree, for each."""
    tables = list_contents(nwbfile).tables
    recognised = []
    for plane, sessions in enumerate(planes):
        session_tables = _by_object_id(nwbfile, tables, sessions, path)
        by_object_id = bool(session_tables)
        session_tables = session_tables or _by_identifier(nwbfile, tables, sessions, path)
        recognised += [(plane, k, table, by_object_id) for k, table in session_tables]
    if not recognised:
        raise InputError(f"{path}: no session of {matches} was read from this file; give only files that were matched.")
    return recognised


def cell_ids_of_rois(result: MatchResult, session: int, n_rois: int) -> Ints64:
    """The `cell_id` of each ROI of a session, shape (n_rois,); -1 if it is in no cell."""
    cell_row = cell_of_roi(result.cells[:, session], n_rois)
    return np.where(cell_row < 0, -1, result.cell_ids[cell_row]).astype(np.int64)


def group_path(table: TableCandidate) -> str:
    """Absolute path of a table's group in its file."""
    return location_of(table.table.id.data)[1].rpartition("/")[0]


SessionTables = list[tuple[int, TableCandidate]]


def _by_object_id(
    nwbfile: NWBFile, tables: Sequence[TableCandidate], sessions: Sequence[Session], path: str | os.PathLike[str]
) -> SessionTables:
    session_tables = []
    for k, session in enumerate(sessions):
        if session.source.object_id != nwbfile.object_id:
            continue
        for table in tables:
            if table.table.object_id == session.source.roi_table_object_id:
                if not _same_rois(table, session):
                    raise InputError(
                        f"{path}: the ROI ids of {table.path} have changed since session {session.name!r} was matched; "
                        "match the files again."
                    )
                session_tables.append((k, table))
    return session_tables


def _by_identifier(
    nwbfile: NWBFile, tables: Sequence[TableCandidate], sessions: Sequence[Session], path: str | os.PathLike[str]
) -> SessionTables:
    """Recognise files that have no object ids, or new ones, as after some exports."""
    session_tables: SessionTables = []
    for k, session in enumerate(sessions):
        if not nwbfile.identifier or session.source.identifier != nwbfile.identifier:
            continue
        same = [table for table in tables if _same_rois(table, session)]
        same = [table for table in same if table.path == session.source.roi_table_path] or same
        if len(same) != 1:
            raise InputError(
                f"{path}: this file has the identifier of session {session.name!r}, but {len(same) or 'none'} of its "
                "ROI tables have the ROI ids that were matched; match the files again."
            )
        session_tables.append((k, same[0]))
    if len({table.path for _, table in session_tables}) < len(session_tables):
        names = ", ".join(sessions[k].name for k, _ in session_tables)
        raise InputError(
            f"{path}: this file could be any of the sessions {names}, which have the same identifier and ROI ids; give "
            "the file that was matched."
        )
    return session_tables


def _same_rois(table: TableCandidate, session: Session) -> bool:
    return np.array_equal(table.table.id.data[:], session.roi_ids)


def _path_in(path: str | os.PathLike[str], table: TableCandidate) -> str:
    if not is_in_file(table.table.id.data):
        raise InputError(f"{path}: the ROI table {table.path} has no column id; repair the file.")
    holder, _ = location_of(table.table.id.data)
    if not os.path.samefile(holder, path):
        raise InputError(
            f"{path}: its ROI table {table.path} is a link to {Path(holder).name}; annotate a file that "
            "holds the table itself."
        )
    return group_path(table)
