"""Read all imaging planes of several sessions, to be matched plane by plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from ..errors import AmbiguousInputError, InputError
from ..model import Progress, Session, with_progress
from ..storage.files import Location
from ..storage.remote import shared_access
from .candidates import TableCandidate, with_masks
from .choose import SourceOptions, given_options
from .layouts import depth_of_plane
from .masks import z_planes
from .pairing import DEPTH_TOLERANCE, RecordedPlane, check_tolerance, pair_planes
from .read import (
    SourceFile,
    check_together,
    locations_of,
    open_source,
    session_of,
    source_warnings,
    with_distinct_names,
)


@dataclass(frozen=True)
class Plane:
    """One imaging plane and the sessions that recorded it, at least two."""

    name: str
    sessions: tuple[Session, ...]


@dataclass(frozen=True)
class PlanesOfSessions:
    """The planes to be matched, sorted by name, and sentences on planes that are left out or were paired by depth."""

    planes: tuple[Plane, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class PlaneOfFile:
    """An imaging plane of a file that has an ROI table, its depth, and the options that choose it."""

    name: str
    depth: float | None
    options: SourceOptions


def list_planes(file: SourceFile, options: SourceOptions) -> list[PlaneOfFile]:
    """The imaging planes of an open file that have ROIs.

    If voxel masks lie in several planes (z), each of these is an imaging plane.
    """
    layout = file.recognised.layout
    tables: Sequence[TableCandidate] = file.contents.tables
    if options.roi_table is not None:
        tables = [table for table in tables if f"/{table.path}".endswith(f"/{options.roi_table.strip('/')}")]
    tables = [table for table in tables if layout.holds(table)] or tables
    first_of_plane = {table.plane_path: table for table in reversed((*with_masks(tables), *tables))}
    planes = []
    for table in sorted(first_of_plane.values(), key=tables.index):
        namesakes = [other for other in first_of_plane.values() if other.plane == table.plane]
        if len(namesakes) > 1:
            name, plane_options = _distinct_part(table, namesakes), replace(options, roi_table=table.path)
        else:
            name, plane_options = table.plane, replace(options, plane=table.plane)
        in_z: list[int] = []
        if table.mask_kind == "voxel_mask" and options.z_plane is None:
            in_z = z_planes(table.table, f"{file.name}, {table.path}")
        if len(in_z) > 1:  # the stated depth is that of at most one of them
            planes += [PlaneOfFile(f"{name}_z{z}", None, replace(plane_options, z_plane=z)) for z in in_z]
        else:
            planes.append(PlaneOfFile(name, depth_of_plane(file.nwbfile, table.imaging_plane, layout), plane_options))
    return planes


def _distinct_part(table: TableCandidate, namesakes: Sequence[TableCandidate]) -> str:
    """The part of an ROI table's path that differs from the paths of others whose planes have the same name."""
    paths = [other.path.split("/") for other in namesakes]
    parts = table.path.split("/")
    return "-".join(part for k, part in enumerate(parts) if any(part not in path[k : k + 1] for path in paths))


def check_all_planes(options: SourceOptions, depth_tolerance: float) -> None:
    """Raise InputError if a single plane is chosen, although all are to be matched, or if the tolerance is negative."""
    if options.plane is not None or isinstance(options.z_plane, int):
        raise InputError("--all-planes excludes --plane and a number for --z-plane; give one of them.")
    check_tolerance(depth_tolerance)


def read_planes(
    paths: Location | Sequence[Location],
    options: SourceOptions | None = None,
    depth_tolerance: float = DEPTH_TOLERANCE,
    progress: Progress | None = None,
) -> PlanesOfSessions:
    """Read every imaging plane of the sessions to be matched, and pair the planes of the sessions.

    Planes are paired by name if their depths agree, otherwise by depth. A plane that cannot be read, or that only one
    session has, is left out and reported.

    Parameters
    ----------
    paths : path or sequence of path
        One file per session, in the order of the sessions; folders and patterns are replaced by the NWB files in them.
    options : SourceOptions, optional
        Without `plane`.
    depth_tolerance : float
        By how many micrometres the depths of one plane may differ between sessions.
    progress : callable, optional

    Raises
    ------
    InputError
        As :func:`ndx_match.sources.read_sessions`; also if no plane of a file can be read, or no plane is in two
        sessions.
    AmbiguousInputError
        A plane has several ROI tables or images, and `options` does not choose one.

    Examples
    --------
    >>> import ndx_match
    >>> read = ndx_match.read_planes(["planes1.nwb", "planes2.nwb"])
    >>> [plane.name for plane in read.planes]
    ['deep', 'upper']
    """
    options = given_options(options)
    check_all_planes(options, depth_tolerance)
    files: list[dict[str, Session]] = []
    same: dict[tuple[str, str], None] = {}  # pairs of planes, in order
    problems: list[dict[str, InputError]] = []
    with shared_access():
        locations = locations_of(paths, options)
        for location in with_progress(progress, "reading", locations):
            with open_source(location, options.checksum) as file:
                sessions, failed = read_planes_of(file, list_planes(file, options))
                for error in failed.values():
                    if isinstance(error, AmbiguousInputError):
                        raise error
                if not sessions:
                    named = "" if options.roi_table is None else f" {options.roi_table!r}"
                    nothing = InputError(f"{file.name}: there is no ROI table{named} in this file.")
                    raise next(iter(failed.values()), nothing)
            files.append(sessions)
            same.update(dict.fromkeys(_same_rois(sessions)))
            problems.append(failed)
    representatives = with_distinct_names([next(iter(sessions.values())) for sessions in files])
    check_together(representatives, options)
    names = [session.name for session in representatives]
    recorded = {
        RecordedPlane(name, plane, session.imaging_depth): replace(session, name=name)
        for name, sessions in zip(names, files, strict=True)
        for plane, session in sessions.items()
    }
    pairing = pair_planes(list(recorded), depth_tolerance)
    notes = [
        f"{name}: the plane {plane} is left out: {problem}"
        for name, failed in zip(names, problems, strict=True)
        for plane, problem in failed.items()
    ]
    notes += [
        f"The planes {first} and {second} have the same ROIs, like two channels of one plane, so each cell is in the "
        "match file twice; match one of them with --plane."
        for first, second in same
    ]
    planes = [Plane(plane.name, tuple(recorded[member] for member in plane.members)) for plane in pairing.planes]
    for plane in planes:  # ROI tables of one file may be of different subjects
        check_together(plane.sessions, options)
    return PlanesOfSessions(tuple(planes), (*notes, *pairing.warnings))


def read_planes_of(file: SourceFile, planes: Sequence[PlaneOfFile]) -> tuple[dict[str, Session], dict[str, InputError]]:
    """The session of each plane of an open file, and the error of each plane that cannot be read, by plane name."""
    sessions: dict[str, Session] = {}
    failed: dict[str, InputError] = {}
    for plane in planes:
        try:
            sessions[plane.name] = replace(session_of(file, plane.options), imaging_depth=plane.depth)
        except InputError as error:
            failed[plane.name] = error
    return sessions, failed


def _same_rois(sessions: dict[str, Session]) -> list[tuple[str, str]]:
    """Pairs of planes of a file (their names) whose depths do not differ and whose ROIs have the same masks."""
    return [
        (first, second)
        for first, second in combinations(sessions, 2)
        if sessions[first].imaging_depth == sessions[second].imaging_depth
        and sessions[first].footprints.shape == sessions[second].footprints.shape
        and (sessions[first].footprints != sessions[second].footprints).nnz == 0
    ]


def plane_warnings(planes: Sequence[Plane]) -> list[str]:
    """Sentences on what a user should check before using matches of these planes; what concerns all planes, once."""
    warnings = {plane.name: source_warnings(plane.sessions) for plane in planes}
    common = [
        sentence for sentence in warnings[planes[0].name] if all(sentence in other for other in warnings.values())
    ]
    return common + [
        f"{name}: {sentence}"
        for name, sentences in warnings.items()
        for sentence in sentences
        if sentence not in common
    ]
