"""Read sessions from NWB files and check that they belong together."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
from pynwb import NWBFile

from ndx_cell_matching import CellMatching, MatchedCellsTable

from ..errors import InputError
from ..folders import take_folders
from ..model import FileState, Progress, Session, Sessions, SourceInfo, with_progress
from ..storage.files import Location, as_location, sha256_of
from ..storage.hdf5.borrowed import borrowed_data, borrowed_metadata
from ..storage.opening import objects_of, refuse_folder
from ..storage.remote import file_stem, is_url, public_name, same_place, shared_access
from ..storage.unchanged import open_steady
from .candidates import FileContents, ImageCandidate, TableCandidate, list_contents
from .checks import ids_of
from .choose import SourceOptions, choose_image, choose_table, choose_z_plane, given_options
from .images import read_projection
from .inputs import expand
from .layouts import Recognised, depth_of_plane, pixel_size_of_plane, recognise
from .masks import read_masks
from .orientation import about_fit, decide, orient
from .selection import select_rois
from .subjects import FACTS_OF_SUBJECT, facts_of, subject_id_of

COPY_FIRST = "copy them into this file first"  #: what to do with data that lie in another file


@dataclass(frozen=True)
class SourceFile:
    """An open NWB file, its content and its source; each is looked up once."""

    nwbfile: NWBFile
    location: str | os.PathLike[str]
    checksum: bool = False  #: whether its SHA-256 is to be recorded
    state: FileState | None = None  #: its sizes and times when it was opened, if known
    warnings: tuple[str, ...] = ()  #: what the user should know about how it was opened, one sentence each

    @property
    def name(self) -> str:
        """The location without passwords."""
        return public_name(self.location)

    @cached_property
    def contents(self) -> FileContents:
        """The ROI tables, images and imaging planes."""
        for phrase in borrowed_metadata(self.nwbfile):
            raise InputError(f"{self.name}: {phrase}; {COPY_FIRST}.")
        return list_contents(self.nwbfile)

    @cached_property
    def recognised(self) -> Recognised:
        """The layout of the file."""
        return recognise(self.contents)

    @property
    def subject_id(self) -> str:
        """The subject id, or the ids of several subjects; empty if the file does not state it."""
        return subject_id_of(self.nwbfile)

    @property
    def subject(self) -> dict[str, str]:
        """What the file states about the animal and what does not change from day to day, as texts."""
        return facts_of(self.nwbfile.subject)

    @cached_property
    def info(self) -> SourceInfo:
        """Where the file is from, without the paths in it."""
        with shared_access() as access:
            origin = access.origin(self.location, self.checksum)
        return SourceInfo(
            uri=origin.uri,
            identifier=self.nwbfile.identifier,
            object_id=self.nwbfile.object_id,
            session_id=self.nwbfile.session_id or "",
            sha256=sha256_of(self.location) if self.checksum and not is_url(self.location) else origin.sha256,
            dandiset_id=origin.dandiset_id,
            dandi_asset_id=origin.dandi_asset_id,
        )


@contextmanager
def open_source(path: Location, checksum: bool) -> Iterator[SourceFile]:
    """Open a file for reading, which must not change until the block ends; for errors see :func:`read_session`."""
    location = as_location(path)
    with shared_access() as access, open_steady(location) as (nwbfile, state):
        file = SourceFile(nwbfile, location, checksum, state, access.notes(location))
        if any(isinstance(item, CellMatching) for item in objects_of(nwbfile)):
            raise InputError(
                f"{file.name}: this is a match file, whose cells are matched already (`ndx-match show` prints them); "
                "give the NWB files of its sessions and of any new sessions."
            )
        yield file


def read_session(path: Location, options: SourceOptions | None = None) -> Session:
    """Read one session from an NWB file: a path, a URL, or an HDF5 file that is open in binary mode.

    A folder or file of another program's results can be given instead (:mod:`ndx_match.folders`).

    Raises
    ------
    InputError
        The file cannot be read or lacks what is needed, or its masks, image and ids do not fit each other.
    AmbiguousInputError
        The file has several planes, tables or images, and `options` does not choose one.

    Examples
    --------
    >>> import ndx_match
    >>> session = ndx_match.read_session("day1.nwb")
    >>> session.image.shape, session.footprints.shape[1]  # one row of `footprints` for each ROI
    ((150, 140), 21000)
    """
    options = given_options(options)
    take_folders([as_location(path)], options.session_starts, options.session_table)
    with open_source(path, options.checksum) as file:
        return session_of(file, options)


def session_of(file: SourceFile, options: SourceOptions) -> Session:
    """The chosen session of an open file; for errors see :func:`read_session`."""
    nwbfile, contents, where = file.nwbfile, file.contents, file.name
    table = choose_table(contents, options, where, file.recognised.layout)
    layout = file.recognised.of_table(table).layout
    z_plane = choose_z_plane(table, options, where)
    image = choose_image(contents, table, options, where, layout)
    _refuse_borrowed(file, table, image)
    place = f"{where}, {table.path}"
    roi_ids = ids_of(table.table.id.data, f"{place}: the ROI")
    masks = read_masks(table.table, table.mask_kind, place, z_plane)
    projection = read_projection(contents, image, options, where)
    decision = decide(
        masks, projection.stored, layout.convention_of(table), layout.writer, options.transposition_of(file.location)
    )
    if options.is_mirrored(file.location):
        decision = decision.mirrored()
    selection = select_rois(table.table, layout.accepted, options.where, options.all_rois, place)
    if z_plane is not None:
        takes_part = selection.takes_part & (np.diff(masks.footprints.indptr) > 0)
        text = f"{selection.text}, of which {takes_part.sum()} in z plane {z_plane}"
        selection = replace(selection, takes_part=takes_part, text=text)
    warnings = [*filter(None, [decision.warning]), *projection.warnings]
    if projection.stored is not None and projection.path:
        warnings += about_fit(masks, projection.stored, decision)
    if masks.n_negative:
        warnings.append(f"{masks.n_negative} weights of the masks are negative and are taken as 0.")
    warnings += filter(None, [selection.hint])
    if options.z_plane == "all" and table.mask_kind == "voxel_mask":
        warnings.append("The voxel masks of all z planes are projected onto one plane.")
    footprints, oriented_image = orient(masks, projection.stored, decision.orientation, place)
    return Session(
        name=_name(nwbfile.session_id or file_stem(file.location)),
        image=oriented_image,
        footprints=footprints,
        roi_ids=roi_ids,
        takes_part=selection.takes_part,
        roi_selection=selection.kind,
        roi_selection_reason=selection.text,
        has_image=bool(projection.path),
        pixel_size=pixel_size_of_plane(table.imaging_plane, layout),
        imaging_depth=depth_of_plane(nwbfile, table.imaging_plane, layout),
        session_start=nwbfile.session_start_time.isoformat(),
        subject_id=subject_id_of(nwbfile, table.table),
        subject=file.subject,
        orientation=replace(decision.orientation, z_plane=z_plane),
        orientation_reason=decision.reason,
        source=replace(
            file.info,
            plane_path=table.plane_path,
            roi_table_path=table.path,
            roi_table_object_id=table.table.object_id,
            image_path=projection.path,
        ),
        warnings=(*warnings, *file.warnings),
        state=file.state,
    )


def _refuse_borrowed(file: SourceFile, table: TableCandidate, image: ImageCandidate | None) -> None:
    """Raise InputError if data that are read and copied lie in another file."""
    data = [column.data for column in (table.table.id, *table.table.columns)]
    data += [] if image is None else [image.image.data]
    for phrase in borrowed_data(file.nwbfile, data):
        raise InputError(f"{file.name}: {phrase}; {COPY_FIRST}.")


def read_sessions(
    paths: Location | Sequence[Location], options: SourceOptions | None = None, progress: Progress | None = None
) -> Sessions:
    """Read the sessions to be matched, in the given order, with distinct names.

    Parameters
    ----------
    paths : path, str or binary file, or a sequence of them
        Paths or URLs of NWB files; folders and patterns, which are replaced by the NWB files in them; URLs of folders
        on DANDI, which are replaced by all optical physiology files in them; folders and files of other programs'
        results (:mod:`ndx_match.folders`); HDF5 files that are open in binary mode, which must stay open until the
        match file is written.
    options : SourceOptions, optional
    progress : callable, optional

    Raises
    ------
    InputError
        As :func:`read_session`; also if there are fewer than two files, a session is given twice, or the subjects
        differ.

    Examples
    --------
    >>> import ndx_match
    >>> sessions = ndx_match.read_sessions("sessions")  # a folder; or a list: ["day1.nwb", "day2.nwb"]
    >>> len(sessions)
    3
    """
    options = given_options(options)
    with shared_access():
        locations = locations_of(paths, options)
        return read_each([(location, options) for location in locations], progress)


def read_each(
    files: Sequence[tuple[str | os.PathLike[str], SourceOptions]], progress: Progress | None = None
) -> Sessions:
    """Read sessions as :func:`read_sessions` does, from single files, each with its options."""
    with shared_access():
        check_paths([location for location, _ in files])
        sessions = [read_session(location, options) for location, options in with_progress(progress, "reading", files)]
    check_together(sessions, files[0][1])
    return Sessions(with_distinct_names(sessions))


def read_more_sessions(
    paths: Location | Sequence[Location],
    earlier: Sequence[Session],
    options: SourceOptions | None = None,
    progress: Progress | None = None,
) -> list[Session]:
    """Read sessions, as :func:`read_sessions` does, that are to be added to earlier ones; no name is used twice.

    Raises
    ------
    InputError
        As :func:`read_sessions`; also if a session is one of the earlier ones, or is of another subject.
    """
    options = given_options(options)
    with shared_access():
        locations = locations_of(paths, options, fewest=1)
        sessions = [read_session(location, options) for location in with_progress(progress, "reading", locations)]
    check_together([*earlier, *sessions], options)
    used_names = [session.name for session in earlier]
    named = []
    for session in with_distinct_names(sessions):
        numbers = (session.name, *(f"{session.name}-{number}" for number in range(2, len(used_names) + 3)))
        named.append(replace(session, name=next(name for name in numbers if name not in used_names)))
        used_names.append(named[-1].name)
    return named


def locations_of(
    paths: Location | Sequence[Location], options: SourceOptions, fewest: int = 2
) -> list[str | os.PathLike[str]]:
    """The files and folders that the paths mean, one for each session.

    Raises InputError if one of them cannot be used, there are too few, or the options do not fit them.
    """
    locations = expand(paths, options.sessions)
    options.check_files(locations)
    take_folders(locations, options.session_starts, options.session_table)
    check_paths(locations, fewest)
    return locations


def check_paths(paths: Sequence[str | os.PathLike[str]], fewest: int = 2) -> None:
    """Raise InputError if there are too few files, a file is given twice, or a folder is not a Zarr store."""
    for path in paths:
        refuse_folder(path)
    if len(paths) < fewest:
        raise InputError("Matching needs at least two sessions; give two or more NWB files.")
    for real, n in Counter(same_place(path) for path in paths).items():
        if n > 1:
            raise InputError(f"{real}: this file is given {n} times; give each session once.")


def check_together(sessions: Sequence[Session], options: SourceOptions) -> None:
    """Raise InputError if a session is given twice, or if subjects differ and `options` do not allow that."""
    first_by_table: dict[tuple[str, str], Session] = {}
    for session in sessions:
        key = (session.source.object_id, session.source.roi_table_object_id)
        first = first_by_table.setdefault(key, session)
        if first is not session:
            raise InputError(
                f"{session.source.uri}: this is the same session as {first.source.uri} (the same NWB object id); "
                "give each session once."
            )
    subjects: dict[str, str] = {}
    for session in sessions:
        subjects.setdefault(session.subject_id, session.source.uri)
    subjects.pop("", None)
    if len(subjects) > 1 and not options.allow_different_subjects:
        listed = ", ".join(f"{subject} ({uri})" for subject, uri in subjects.items())
        raise InputError(
            f"The files are of different subjects: {listed}; cells can be matched only within one animal (give "
            "--allow-different-subjects if these are different spellings of one id)."
        )


def source_warnings(sessions: Sequence[Session]) -> list[str]:
    """Sentences on what a user should check before using a match of these sessions."""
    warnings = []
    starts = [datetime.fromisoformat(s.session_start) for s in sessions if s.session_start]
    if starts != sorted(starts):
        warnings.append(
            "The files are not in the order of their dates; columns and figures have the order of the files."
        )
    depths = {s.name: s.imaging_depth for s in sessions if s.imaging_depth is not None}
    if len(set(depths.values())) > 1:
        listed = ", ".join(f"{name} {depth:g} um" for name, depth in depths.items())
        warnings.append(f"The imaging depths differ: {listed}.")
    sizes = {s.name: s.pixel_size for s in sessions if s.pixel_size is not None}
    if any(not np.allclose(size, next(iter(sizes.values())), rtol=1e-3) for size in sizes.values()):
        listed = ", ".join(f"{name} {size[0]:g} x {size[1]:g} um" for name, size in sizes.items())
        warnings.append(f"The pixel sizes (row x column) differ: {listed}.")
    warnings += _about_subjects(sessions)
    for session in sessions:
        warnings += [f"{session.name}: {warning}" for warning in session.warnings]
        if len(session.empty_rows):
            ids = ", ".join(str(roi_id) for roi_id in session.roi_ids[session.empty_rows][:5])
            more = ", ..." if len(session.empty_rows) > 5 else ""
            warnings.append(
                f"{session.name}: {len(session.empty_rows)} of {session.n_rois} ROIs have an empty mask and are kept "
                f"unmatched (ROI ids {ids}{more})."
            )
    return warnings


def _about_subjects(sessions: Sequence[Session]) -> list[str]:
    """A sentence on files without a subject, and on each property of the subject in which the files disagree."""
    warnings = []
    nameless = [session.source.uri for session in sessions if not session.subject_id]
    if 0 < len(nameless) < len(sessions):
        listed = ", ".join(map(public_name, nameless))
        warnings.append(f"No subject is stated in {listed}; the subject of the other files is assumed.")
    for fact in FACTS_OF_SUBJECT:
        first_with: dict[str, str] = {}
        for session in sessions:
            if fact in session.subject:
                first_with.setdefault(session.subject[fact], public_name(session.source.uri))
        if len(first_with) > 1:
            listed = ", ".join(f"{value} in {uri}" for value, uri in first_with.items())
            unless = f" unless you give --{fact}" if fact in ("sex", "species") else ""
            about = f"the subject's {fact.replace('_', ' ')}: {listed}"
            warnings.append(f"The files disagree about {about}; it is left out of the match file{unless}.")
    return warnings


def _name(text: str) -> str:
    """A name that can be a column of the match file's table of cells."""
    name = re.sub(r"[^A-Za-z0-9_+-]+", "-", text).strip("-") or "session"
    try:
        MatchedCellsTable.check_session_name(name)
    except ValueError:
        return f"session-{name}"
    return name


def with_distinct_names(sessions: list[Session]) -> list[Session]:
    """Rename sessions that share a name: after their files or, if these share a name too, after their positions."""
    names = [session.name for session in sessions]
    by_file = [_name(file_stem(session.source.uri)) for session in sessions]
    by_position = [f"session-{position + 1}" for position in range(len(sessions))]
    for fallbacks in (by_file, by_position):
        counts = Counter(names)
        names = [fallback if counts[name] > 1 else name for name, fallback in zip(names, fallbacks, strict=True)]
    if len(set(names)) < len(names):
        names = by_position
    return [replace(session, name=name) for session, name in zip(sessions, names, strict=True)]
