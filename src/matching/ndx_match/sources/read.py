"""Read sessions from NWB files and check that they belong together."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from pynwb import NWBFile

from ndx_cell_matching import MatchedCellsTable

from ..errors import InputError
from ..model import Progress, Session, SourceInfo
from .candidates import ImageCandidate, TableCandidate, imaging_depth, list_contents, pixel_size
from .choose import SourceOptions, choose_image, choose_table
from .masks import read_footprints
from .opening import open_nwb, sha256_of


def read_session(path: str | os.PathLike[str], options: SourceOptions | None = None) -> Session:
    """Read one session from a local NWB file.

    Raises
    ------
    InputError
        The file cannot be read or lacks what is needed.
    AmbiguousInputError
        It holds several planes, tables or images and `options` does not settle which.
    """
    options = options or SourceOptions()
    where = str(path)
    with open_nwb(path) as nwbfile:
        contents = list_contents(nwbfile)
        table = choose_table(contents, options, where)
        image = choose_image(contents, table, options, where)
        data = np.asarray(image.image.data[:], np.float32)
        footprints = read_footprints(table.table, table.mask_kind, image.shape, f"{where}, {table.path}")
        return Session(
            name=_name(nwbfile.session_id or Path(path).stem),
            image=data,
            footprints=footprints,
            roi_ids=np.asarray(table.table.id.data[:], np.int64),
            pixel_size=pixel_size(table.table.imaging_plane),
            source=_source(nwbfile, path, table, image, options),
        )


def read_sessions(
    paths: Sequence[str | os.PathLike[str]],
    options: SourceOptions | None = None,
    progress: Progress | None = None,
) -> list[Session]:
    """Read the sessions to be matched, in the order given, with distinct names.

    Raises
    ------
    InputError
        As :func:`read_session`; also fewer than two files, the same session twice, or different subjects.
    """
    options = options or SourceOptions()
    if len(paths) < 2:
        raise InputError("Matching needs at least two sessions; give two or more NWB files.")
    for real, n in Counter(os.path.realpath(path) for path in paths).items():
        if n > 1:
            raise InputError(f"{real}: this file is given {n} times; give each session once.")
    sessions = []
    for done, path in enumerate(paths):
        if progress:
            progress("reading", done, len(paths))
        sessions.append(read_session(path, options))
    if progress:
        progress("reading", len(paths), len(paths))
    _refuse_same_session(sessions)
    if not options.allow_different_subjects:
        _refuse_different_subjects(sessions)
    return _with_distinct_names(sessions)


def source_warnings(sessions: Sequence[Session]) -> list[str]:
    """What a user should know before trusting a match of these sessions, one sentence each."""
    found = []
    starts = [datetime.fromisoformat(s.source.session_start) for s in sessions if s.source.session_start]
    if starts != sorted(starts):
        found.append("The files are not in the order of their dates; columns and figures follow the files' order.")
    depths = {s.name: s.source.imaging_depth for s in sessions if s.source.imaging_depth is not None}
    if len(set(depths.values())) > 1:
        listed = ", ".join(f"{name} {depth:g} um" for name, depth in depths.items())
        found.append(f"The imaging depths differ: {listed}.")
    sizes = {s.name: s.pixel_size for s in sessions if s.pixel_size is not None}
    if any(not np.allclose(size, next(iter(sizes.values())), rtol=1e-3) for size in sizes.values()):
        listed = ", ".join(f"{name} {size[0]:g} x {size[1]:g} um" for name, size in sizes.items())
        found.append(f"The pixel sizes (row x column) differ: {listed}.")
    for session in sessions:
        if len(session.empty_rows):
            ids = ", ".join(str(roi_id) for roi_id in session.roi_ids[session.empty_rows][:5])
            more = ", ..." if len(session.empty_rows) > 5 else ""
            found.append(
                f"{session.name}: {len(session.empty_rows)} of {session.n_rois} ROIs have an empty mask and are kept "
                f"unmatched (ROI ids {ids}{more})."
            )
    return found


def _source(
    nwbfile: NWBFile,
    path: str | os.PathLike[str],
    table: TableCandidate,
    image: ImageCandidate,
    options: SourceOptions,
) -> SourceInfo:
    subject = nwbfile.subject
    return SourceInfo(
        uri=str(path),
        nwb_identifier=nwbfile.identifier,
        nwb_object_id=nwbfile.object_id,
        session_id=nwbfile.session_id or "",
        session_start=nwbfile.session_start_time.isoformat(),
        subject_id=(subject.subject_id or "") if subject is not None else "",
        plane_path=f"general/optophysiology/{table.plane}",
        roi_table_path=table.path,
        roi_table_object_id=table.table.object_id,
        image_path=image.path,
        mask_kind=table.mask_kind,
        orientation="as stored: [roi, row, col]" if table.mask_kind == "image_mask" else "x = column, y = row",
        imaging_depth=imaging_depth(nwbfile, table.table.imaging_plane),
        sha256=sha256_of(path) if options.checksum else "",
    )


def _name(text: str) -> str:
    """A name that can be a column of the match file's table of cells."""
    name = re.sub(r"[^A-Za-z0-9_+-]+", "-", text).strip("-") or "session"
    try:
        MatchedCellsTable.check_session_name(name)
    except ValueError:
        return f"session-{name}"
    return name


def _with_distinct_names(sessions: list[Session]) -> list[Session]:
    """The sessions, those of the same name named after their files, or after their positions where these agree too."""
    names = [session.name for session in sessions]
    by_file = [_name(Path(session.source.uri).stem) for session in sessions]
    by_position = [f"session-{position + 1}" for position in range(len(sessions))]
    for fallbacks in (by_file, by_position):
        counts = Counter(names)
        names = [fallback if counts[name] > 1 else name for name, fallback in zip(names, fallbacks, strict=True)]
    if len(set(names)) < len(names):
        names = by_position
    return [replace(session, name=name) for session, name in zip(sessions, names, strict=True)]


def _refuse_same_session(sessions: Sequence[Session]) -> None:
    first_by_table: dict[tuple[str, str], Session] = {}
    for session in sessions:
        key = (session.source.nwb_object_id, session.source.roi_table_object_id)
        first = first_by_table.setdefault(key, session)
        if first is not session:
            raise InputError(
                f"{session.source.uri}: this is the same session as {first.source.uri} (the same NWB object id); "
                "give each session once."
            )


def _refuse_different_subjects(sessions: Sequence[Session]) -> None:
    subjects: dict[str, str] = {}
    for session in sessions:
        if session.source.subject_id:
            subjects.setdefault(session.source.subject_id, session.source.uri)
    if len(subjects) > 1:
        listed = ", ".join(f"{subject} ({uri})" for subject, uri in subjects.items())
        raise InputError(
            f"The files are of different subjects: {listed}; cells are matched within one animal "
            "(--allow-different-subjects if the ids are spelled differently)."
        )
