"""Make the tables of a match file from the model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from pynwb import ProcessingModule

from ndx_cell_matching import CellMatching, MatchedSessionsTable, RoiPairsTable

from ..model import MatchedPlane, Session, SourceInfo
from ..storage.formats import StorageFormat
from ..storage.remote.locations import is_url, recorded_location
from .copying import SessionCopy
from .decisions import decisions_table, review_columns
from .registrations import registrations_table

ROI_TABLES, IMAGES = "processing/ophys/roi_tables", "processing/ophys/projection_images"
#: Columns of the table of sessions: texts that Session has under the same names, and flags that Orientation has.
TEXTS_OF_SESSIONS = ("session_start", "subject_id", "roi_selection_reason", "orientation_reason")
ORIENTATION_FLAGS = ("masks_transposed", "image_transposed", "masks_scrambled", "mirrored")
COMPRESSED_BYTES = 4000  #: size from which a column of a table is compressed


def add_result(
    module: ProcessingModule,
    plane: MatchedPlane,
    suffix: str,
    copies: Sequence[SessionCopy],
    more_warnings: Sequence[str],
    match_file: Path,
    file_format: StorageFormat,
) -> None:
    """Add the result of a plane to a processing module, which must already hold the copies of the sessions.

    The name of the result ends in `suffix`, which is empty unless the match file holds several planes. `more_warnings`
    are written besides the warnings of the result.
    """
    result = plane.result
    pairs = RoiPairsTable.from_arrays(**vars(result.pairs_not_ruled_out))
    registrations = registrations_table(result.registrations, plane.sessions)
    with warnings.catch_warnings():
        # hdmf warns about columns that refer to a table in another file; here both are in the same file.
        warnings.simplefilter("ignore")
        matching = CellMatching.from_arrays(
            module,
            name=f"CellMatching{suffix}",
            imaging_plane=plane.name if suffix else None,
            last_cell_id=result.last_id if result.last_id > result.cell_ids.max(initial=-1) else None,
            method=result.method,
            method_version=result.method_version,
            parameters=dict(result.parameters),
            software=dict(result.software),
            warnings=tuple(dict.fromkeys((*more_warnings, *result.warnings))),
            sessions=_sessions_table(plane, copies, match_file),
            cells=result.cells,
            presence=result.presence,
            confidence=result.confidence,
            cell_ids=result.cell_ids,
            allow_unknown_codes=True,  # of a match file of a newer version, which is written again
            roi_pairs=pairs,
            registrations=registrations,
            decisions=decisions_table(result.decisions),
            **review_columns(result.reviews),
        )
    for table in (matching.cells, pairs, registrations):
        for column in (table.id, *table.columns) if table is not None else ():
            data = column.data
            if isinstance(data, np.ndarray) and data.dtype.kind in "biuf" and data.nbytes >= COMPRESSED_BYTES:
                column.set_data_io(file_format.compressed, {})


def _sessions_table(plane: MatchedPlane, copies: Sequence[SessionCopy], match_file: Path) -> MatchedSessionsTable:
    sessions, result = plane.sessions, plane.result
    columns: dict[str, Any] = {name: [getattr(session, name) for session in sessions] for name in TEXTS_OF_SESSIONS}
    columns |= {
        "session_name": [session.name for session in sessions],
        "roi_table": [copy.table for copy in copies],
        "roi_table_path": [f"/{ROI_TABLES}/{copy.table.name}" for copy in copies],
        "image": [copy.image for copy in copies],
        "image_path": [f"/{IMAGES}/{copy.image.name}" for copy in copies],
        "roi_selection": [session.roi_selection for session in sessions],
        "status": result.session_status,
        "status_reason": result.status_reasons,
        "imaging_depth": [np.nan if s.imaging_depth is None else s.imaging_depth for s in sessions],
        "pixel_size": [session.pixel_size or (np.nan, np.nan) for session in sessions],
    }
    for flag in ORIENTATION_FLAGS:
        columns[flag] = [getattr(session.orientation, flag) for session in sessions]
    z_planes = [session.orientation.z_plane for session in sessions]
    if any(z_plane is not None for z_plane in z_planes):
        columns["z_plane"] = [-1 if z_plane is None else z_plane for z_plane in z_planes]
    for field in fields(SourceInfo):
        columns[f"source_{field.name}"] = [getattr(session.source, field.name) for session in sessions]
    columns["source_uri"] = [recorded_location(_source_uri(session), match_file) for session in sessions]
    return MatchedSessionsTable.from_arrays(**columns)


def _source_uri(session: Session) -> str | os.PathLike[str]:
    """Where a session came from; a path recorded in a match file is relative to that file's folder."""
    uri = session.source.uri
    if session.match_file_source is None or is_url(uri) or is_url(session.match_file_source.uri):
        return uri
    return Path(session.match_file_source.uri).parent / uri
