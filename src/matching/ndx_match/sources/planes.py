"""Read all imaging planes of several sessions, to be matched plane by plane."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pynwb import NWBFile

from ..errors import AmbiguousInputError, InputError
from ..model import Progress, Session
from ..storage.files import Location
from ..storage.remote import public_name, shared_access
from ..storage.unchanged import open_steady
from .candidates import TableCandidate, list_contents
from .choose import SourceOptions
from .layouts import depth_of_plane, recognise
from .masks import z_planes
from .pairing import DEPTH_TOLERANCE, RecordedPlane, check_tolerance, pair_planes
from .read import check_paths, check_together, session_in, source_warnings, with_distinct_names


@dataclass(frozen=True)
class Plane:
    """One imaging plane and the sessions that recorded it, at least two."""

    name: str
    sessions: tuple[Session, ...]


@dataclass(frozen=True)
class PlanesOfSessions:
    """What is to be matched.

    Attributes
    ----------
    planes : tuple of Plane
        Sorted by name.
    remarks : tuple of str
        What is left out and what was paired by depth, one sentence each.
    """

    planes: tuple[Plane, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class PlaneOfFile:
    """An imaging plane of a file that has an ROI table, its depth, and the options that choose it."""

    name: str
    depth: float | None
    options: SourceOptions


def list_planes(nwbfile: NWBFile, options: SourceOptions) -> list[PlaneOfFile]:
    """The imaging planes of an open file that have ROIs; voxel masks in several planes (z) make a plane of each."""
    contents = list_contents(nwbfile)
    layout = recognise(contents).layout
    tables: Sequence[TableCandidate] = contents.tables
    if options.roi_table is not None:
        tables = [table for table in tables if f"/{table.path}".endswith(f"/{options.roi_table.strip('/')}")]
    tables = [table for table in tables if layout is not None and layout.holds(table)] or tables
    first_of_plane = {table.plane_path: table for table in reversed(tables)}
    found = []
    for table in sorted(first_of_plane.values(), key=tables.index):
        namesakes = [other for other in first_of_plane.values() if other.plane == table.plane]
        if len(namesakes) > 1:
            name, chosen = _distinct_part(table, namesakes), replace(options, roi_table=table.path)
        else:
            name, chosen = table.plane, replace(options, plane=table.plane)
        in_z = z_planes(table.table) if table.mask_kind == "voxel_mask" and options.z_plane is None else []
        if len(in_z) > 1:  # the depth is that of one of them at most
            found += [PlaneOfFile(f"{name}_z{z}", None, replace(chosen, z_plane=z)) for z in in_z]
        else:
            found.append(PlaneOfFile(name, depth_of_plane(nwbfile, table.imaging_plane, layout), chosen))
    return found


def _distinct_part(table: TableCandidate, namesakes: Sequence[TableCandidate]) -> str:
    """What tells an ROI table's path from those of others whose planes have the same name."""
    paths = [other.path.split("/") for other in namesakes]
    parts = table.path.split("/")
    return "-".join(part for k, part in enumerate(parts) if any(part not in path[k : k + 1] for path in paths))


def check_all_planes(options: SourceOptions, depth_tolerance: float) -> None:
    """Refuse options that do not go with all planes.

    Raises
    ------
    InputError
        One plane is chosen, or the tolerance makes no sense.
    """
    if options.plane is not None or isinstance(options.z_plane, int):
        raise InputError("--all-planes excludes --plane and a number for --z-plane; give one of them.")
    check_tolerance(depth_tolerance)


def read_planes(
    paths: Sequence[Location],
    options: SourceOptions | None = None,
    depth_tolerance: float = DEPTH_TOLERANCE,
    progress: Progress | None = None,
) -> PlanesOfSessions:
    """Read every imaging plane of the sessions to be matched, and pair the planes of the sessions.

    Planes are paired by name where their depths agree, else by depth. A plane that cannot be read, or is in one
    session only, is left out and reported.

    Parameters
    ----------
    paths : sequence of path
        One file a session, in the order of the sessions.
    options : SourceOptions, optional
        Without `plane`.
    depth_tolerance : float
        Micrometres by which the depths of one plane may differ between sessions.
    progress : callable, optional

    Raises
    ------
    InputError
        As :func:`ndx_match.sources.read_sessions`; also where none of a file's planes can be read, or no plane is in
        two sessions.
    AmbiguousInputError
        A plane has several ROI tables or images and `options` does not settle which.
    """
    options = options or SourceOptions()
    check_all_planes(options, depth_tolerance)
    with shared_access() as access:
        return _read_planes(access.expand(paths, options.sessions), options, depth_tolerance, progress)


def _read_planes(
    paths: Sequence[str | os.PathLike[str]], options: SourceOptions, depth_tolerance: float, progress: Progress | None
) -> PlanesOfSessions:
    check_paths(paths)
    files: list[dict[str, Session]] = []
    problems: list[tuple[int, str, str]] = []
    depths: list[dict[str, float | None]] = []
    for done, path in enumerate(paths):
        if progress:
            progress("reading", done, len(paths))
        sessions, failed = {}, {}
        with open_steady(path) as (nwbfile, state):
            listed = list_planes(nwbfile, options)
            for plane, session in _read(nwbfile, path, listed, options):
                if isinstance(session, Session):
                    sessions[plane.name] = replace(session, state=state)
                else:
                    failed[plane.name] = session
        if not sessions:
            named = "" if options.roi_table is None else f" {options.roi_table!r}"
            raise next(
                iter(failed.values()), InputError(f"{public_name(path)}: there is no ROI table{named} in this file.")
            )
        problems += [(done, name, str(error)) for name, error in failed.items()]
        files.append(sessions)
        depths.append({plane.name: plane.depth for plane in listed})
    if progress:
        progress("reading", len(paths), len(paths))
    representatives = with_distinct_names([next(iter(file.values())) for file in files])
    check_together(representatives, options)
    names = [session.name for session in representatives]
    recorded = [
        RecordedPlane(name, plane, depth[plane])
        for name, file, depth in zip(names, files, depths, strict=True)
        for plane in file
    ]
    pairing = pair_planes(recorded, depth_tolerance)
    by_name = dict(zip(names, files, strict=True))
    planes = tuple(
        Plane(
            plane.name,
            tuple(replace(by_name[member.session][member.name], name=member.session) for member in plane.members),
        )
        for plane in pairing.planes
    )
    left_out = [f"{names[k]}: the plane {plane} is left out: {problem}" for k, plane, problem in problems]
    return PlanesOfSessions(planes, (*left_out, *pairing.remarks))


def plane_warnings(planes: Sequence[Plane]) -> list[str]:
    """What a user should know before trusting matches of these planes, one sentence each; what holds of all, once."""
    found = {plane.name: source_warnings(plane.sessions) for plane in planes}
    common = [sentence for sentence in found[planes[0].name] if all(sentence in other for other in found.values())]
    return common + [
        f"{name}: {sentence}" for name, sentences in found.items() for sentence in sentences if sentence not in common
    ]


def _read(
    nwbfile: NWBFile, path: str | os.PathLike[str], planes: Sequence[PlaneOfFile], options: SourceOptions
) -> Iterator[tuple[PlaneOfFile, Session | InputError]]:
    """Each plane with its session, or with why it cannot be read; the file's checksum is computed once."""
    sha256 = None if options.checksum else ""
    for plane in planes:
        try:
            session = session_in(nwbfile, path, replace(plane.options, checksum=sha256 is None))
        except AmbiguousInputError:
            raise
        except InputError as error:
            yield plane, error
        else:
            sha256 = session.source.sha256 if sha256 is None else sha256
            yield plane, replace(session, imaging_depth=plane.depth, source=replace(session.source, sha256=sha256))
