"""Read sessions from NWB files and check that they belong together."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
from pynwb import NWBFile

from ndx_cell_matching import MatchedCellsTable

from ..errors import InputError
from ..model import Progress, Session, SourceInfo
from ..storage.files import Location, as_location, sha256_of
from ..storage.remote import file_stem, is_url, public_name, same_place, shared_access
from ..storage.unchanged import open_steady
from .candidates import ImageCandidate, TableCandidate, list_contents
from .choose import SourceOptions, choose_image, choose_table, choose_z_plane
from .layouts import Recognised, depth_of_plane, pixel_size_of_plane, recognise
from .masks import StoredMasks, read_masks
from .orientation import Decision, decide, orient
from .selection import Selection, select_rois


def read_session(path: Location, options: SourceOptions | None = None) -> Session:
    """Read one session from an NWB file: a path, a URL, or an HDF5 file that is open in binary mode.

    Raises
    ------
    InputError
        The file cannot be read or lacks what is needed.
    AmbiguousInputError
        It holds several planes, tables or images and `options` does not settle which.
    """
    location = as_location(path)
    with open_steady(location) as (nwbfile, state):
        return replace(session_in(nwbfile, location, options or SourceOptions()), state=state)


def session_in(nwbfile: NWBFile, path: str | os.PathLike[str], options: SourceOptions) -> Session:
    """The session of an open file; raises as :func:`read_session`."""
    return as_session(nwbfile, path, choose(nwbfile, options, public_name(path)), options)


def as_session(nwbfile: NWBFile, path: str | os.PathLike[str], chosen: Chosen, options: SourceOptions) -> Session:
    """The session of what was chosen in an open file.

    Raises
    ------
    InputError
        Masks, image and ids do not fit each other, or the image holds NaN.
    """
    table = chosen.table
    where = f"{public_name(path)}, {table.path}"
    footprints, image = orient(chosen.masks, chosen.stored_image, chosen.decision.orientation, where)
    layout, subject = chosen.recognised.layout, nwbfile.subject
    with shared_access() as access:
        notes = access.notes(path)
    return Session(
        name=_name(nwbfile.session_id or file_stem(path)),
        image=image,
        footprints=footprints,
        roi_ids=np.asarray(table.table.id.data[:], np.int64),
        takes_part=chosen.selection.takes_part,
        selection=chosen.selection.kind,
        selection_reason=chosen.selection.text,
        has_image=chosen.image is not None,
        pixel_size=pixel_size_of_plane(table.imaging_plane, layout),
        imaging_depth=depth_of_plane(nwbfile, table.imaging_plane, layout),
        session_start=nwbfile.session_start_time.isoformat(),
        subject_id=(subject.subject_id or "") if subject is not None else "",
        orientation=chosen.decision.orientation,
        orientation_reason=chosen.decision.reason,
        source=_source(nwbfile, path, chosen, options),
        notes=(*chosen.notes, *notes),
    )


@dataclass(frozen=True)
class Chosen:
    """What is used of a file, and why.

    Attributes
    ----------
    recognised : Recognised
        The layout.
    table : TableCandidate
    image : ImageCandidate or None
        None where the file holds none.
    stored_image : ndarray of float32 or None
    masks : StoredMasks
    decision : Decision
        The orientation of masks and image.
    selection : Selection
        The ROIs that take part.
    notes : tuple of str
        What the user should know, one sentence each.
    """

    recognised: Recognised
    table: TableCandidate
    image: ImageCandidate | None
    stored_image: npt.NDArray[np.float32] | None
    masks: StoredMasks
    decision: Decision
    selection: Selection
    notes: tuple[str, ...]


def choose(nwbfile: NWBFile, options: SourceOptions, where: str) -> Chosen:
    """Recognise a file's layout and choose table, image, orientation and ROIs.

    Raises
    ------
    InputError
        The file lacks what is needed.
    AmbiguousInputError
        It holds several planes, tables or images and `options` does not settle which.
    """
    contents = list_contents(nwbfile)
    recognised = recognise(contents)
    layout = recognised.layout
    table = choose_table(contents, options, where, layout)
    if layout is not None and not layout.holds(table):
        recognised, layout = Recognised(None, f"the table chosen is not where {layout.writer} puts it"), None
    z_plane = choose_z_plane(table, options, where)
    image = choose_image(contents, table, options, where, layout)
    place = f"{where}, {table.path}"
    masks = read_masks(table.table, table.mask_kind, place, z_plane)
    stored_image = None if image is None else np.asarray(image.image.data[:], np.float32)
    convention = None if layout is None else layout.convention
    decision = decide(masks, stored_image, convention, recognised.writer, options.transpose)
    selection = select_rois(
        table.table, () if layout is None else layout.accepted, options.where, options.all_rois, place
    )
    if z_plane is not None:
        decision = replace(decision, orientation=replace(decision.orientation, z_plane=z_plane))
        takes_part = selection.takes_part & (np.diff(masks.footprints.indptr) > 0)
        text = f"{selection.text}, of which {takes_part.sum()} in z plane {z_plane}"
        selection = replace(selection, takes_part=takes_part, text=text)
    notes = [decision.warning] if decision.warning else []
    if image is None:
        reason = "No projection image is used" if contents.images else "The file holds no projection image"
        notes.append(f"{reason}, so the session is registered by its ROIs alone.")
    if options.z_plane == "all" and table.mask_kind == "voxel_mask":
        notes.append("The voxel masks of all z planes are projected onto one plane.")
    return Chosen(recognised, table, image, stored_image, masks, decision, selection, tuple(notes))


def read_sessions(
    paths: Sequence[Location],
    options: SourceOptions | None = None,
    progress: Progress | None = None,
) -> list[Session]:
    """Read the sessions to be matched, in the order given, with distinct names.

    Paths, URLs of files, URLs of folders on DANDI, which stand for all optical physiology files in them, and HDF5 files
    that are open in binary mode; these must stay open until the match file is written.

    Raises
    ------
    InputError
        As :func:`read_session`; also fewer than two files, the same session twice, or different subjects.
    """
    options = options or SourceOptions()
    with shared_access() as access:
        locations = access.expand(paths, options.sessions)
        check_paths(locations)
        sessions = []
        for done, location in enumerate(locations):
            if progress:
                progress("reading", done, len(locations))
            sessions.append(read_session(location, options))
    if progress:
        progress("reading", len(locations), len(locations))
    check_together(sessions, options)
    return with_distinct_names(sessions)


def check_paths(paths: Sequence[str | os.PathLike[str]]) -> None:
    """Refuse fewer than two files, or the same file twice.

    Raises
    ------
    InputError
        It is so.
    """
    if len(paths) < 2:
        raise InputError("Matching needs at least two sessions; give two or more NWB files.")
    for real, n in Counter(same_place(path) for path in paths).items():
        if n > 1:
            raise InputError(f"{real}: this file is given {n} times; give each session once.")


def check_together(sessions: Sequence[Session], options: SourceOptions) -> None:
    """Refuse the same session twice, or sessions of different subjects unless `options` allow them.

    Raises
    ------
    InputError
        It is so.
    """
    _refuse_same_session(sessions)
    if not options.allow_different_subjects:
        _refuse_different_subjects(sessions)


def source_warnings(sessions: Sequence[Session]) -> list[str]:
    """What a user should know before trusting a match of these sessions, one sentence each."""
    found = []
    starts = [datetime.fromisoformat(s.session_start) for s in sessions if s.session_start]
    if starts != sorted(starts):
        found.append("The files are not in the order of their dates; columns and figures follow the files' order.")
    depths = {s.name: s.imaging_depth for s in sessions if s.imaging_depth is not None}
    if len(set(depths.values())) > 1:
        listed = ", ".join(f"{name} {depth:g} um" for name, depth in depths.items())
        found.append(f"The imaging depths differ: {listed}.")
    sizes = {s.name: s.pixel_size for s in sessions if s.pixel_size is not None}
    if any(not np.allclose(size, next(iter(sizes.values())), rtol=1e-3) for size in sizes.values()):
        listed = ", ".join(f"{name} {size[0]:g} x {size[1]:g} um" for name, size in sizes.items())
        found.append(f"The pixel sizes (row x column) differ: {listed}.")
    for session in sessions:
        found += [f"{session.name}: {note}" for note in session.notes]
        if len(session.empty_rows):
            ids = ", ".join(str(roi_id) for roi_id in session.roi_ids[session.empty_rows][:5])
            more = ", ..." if len(session.empty_rows) > 5 else ""
            found.append(
                f"{session.name}: {len(session.empty_rows)} of {session.n_rois} ROIs have an empty mask and are kept "
                f"unmatched (ROI ids {ids}{more})."
            )
    return found


def _source(nwbfile: NWBFile, path: str | os.PathLike[str], chosen: Chosen, options: SourceOptions) -> SourceInfo:
    table = chosen.table
    with shared_access() as access:
        origin = access.origin(path, options.checksum)
    return SourceInfo(
        uri=origin.uri,
        identifier=nwbfile.identifier,
        object_id=nwbfile.object_id,
        session_id=nwbfile.session_id or "",
        plane_path=table.plane_path,
        roi_table_path=table.path,
        roi_table_object_id=table.table.object_id,
        image_path="" if chosen.image is None else chosen.image.path,
        sha256=origin.sha256 if is_url(path) or not options.checksum else sha256_of(path),
        dandiset_id=origin.dandiset_id,
        dandi_asset_id=origin.dandi_asset_id,
    )


def _name(text: str) -> str:
    """A name that can be a column of the match file's table of cells."""
    name = re.sub(r"[^A-Za-z0-9_+-]+", "-", text).strip("-") or "session"
    try:
        MatchedCellsTable.check_session_name(name)
    except ValueError:
        return f"session-{name}"
    return name


def with_distinct_names(sessions: list[Session]) -> list[Session]:
    """The sessions, those of the same name named after their files, or after their positions where these agree too."""
    names = [session.name for session in sessions]
    by_file = [_name(file_stem(session.source.uri)) for session in sessions]
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
        key = (session.source.object_id, session.source.roi_table_object_id)
        first = first_by_table.setdefault(key, session)
        if first is not session:
            raise InputError(
                f"{session.source.uri}: this is the same session as {first.source.uri} (the same NWB object id); "
                "give each session once."
            )


def _refuse_different_subjects(sessions: Sequence[Session]) -> None:
    subjects: dict[str, str] = {}
    for session in sessions:
        if session.subject_id:
            subjects.setdefault(session.subject_id, session.source.uri)
    if len(subjects) > 1:
        listed = ", ".join(f"{subject} ({uri})" for subject, uri in subjects.items())
        raise InputError(
            f"The files are of different subjects: {listed}; cells are matched within one animal "
            "(--allow-different-subjects if the ids are spelled differently)."
        )
