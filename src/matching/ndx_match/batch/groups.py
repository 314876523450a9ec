"""Group the files that are matched with each other: those of one animal that show the same imaging plane."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import PurePath

from ndx_cell_matching import CellMatching

from ..errors import InputError, NdxMatchError
from ..folders import names_folder, take_folders
from ..sources import SourceOptions, open_nwb
from ..sources.pairing import DEPTH_TOLERANCE, PairedPlane, RecordedPlane, check_tolerance, pair_planes
from ..sources.planes import PlaneOfFile, list_planes
from ..sources.read import SourceFile
from ..storage.opening import first_line, objects_of
from ..storage.remote import file_stem, public_name, shared_access
from ..suggestions import did_you_mean
from .inputs import Input


@dataclass(frozen=True)
class BatchFile:
    """A file of a batch, and the properties that decide which files it is matched with."""

    source: Input
    subject: str = ""
    start: datetime | None = None
    planes: tuple[PlaneOfFile, ...] = ()
    problem: str = ""  #: why it cannot be read
    exclusion: str = ""  #: why it is not matched, for example because it is a match file or has no ROIs


@dataclass(frozen=True)
class Member:
    """An imaging plane of a file, as one session of a group."""

    location: str
    options: SourceOptions


@dataclass(frozen=True)
class Group:
    """Sessions of one animal and imaging plane, in the order in which they are matched."""

    name: str  #: name of its match file without the suffix; unique among the groups
    subject: str
    plane: str
    members: tuple[Member, ...] = ()
    problem: str = ""  #: why they cannot be matched
    problem_file: str = ""  #: the location of the file that has the problem


@dataclass(frozen=True)
class Grouping:
    """The groups, sorted by name, and one sentence for each file or plane that is not matched."""

    groups: tuple[Group, ...]
    notes: tuple[str, ...]


def look_at(source: Input, options: SourceOptions) -> BatchFile:
    """Open a file and read the properties that decide which files it is matched with, but no masks."""
    try:
        take_folders([source.location], options.session_starts, options.session_table)
        with shared_access(), open_nwb(source.location) as nwbfile:
            if any(isinstance(item, CellMatching) for item in objects_of(nwbfile)):
                return BatchFile(source, exclusion="it is a match file")
            file = SourceFile(nwbfile, source.location)
            if not file.contents.tables:
                return BatchFile(source, exclusion="it has no ROI table")
            plane_name = source.plane or options.plane
            planes = list_planes(file, options)
            selection = tuple(plane for plane in planes if plane_name in (None, "", plane.name, plane.options.plane))
            if not selection:
                names = [plane.name for plane in planes]
                suggestion = did_you_mean(str(plane_name), names)
                without = f"it has no plane {plane_name}{suggestion} with ROIs, only {', '.join(names)}"
                return BatchFile(source, exclusion=without)
            start = nwbfile.session_start_time
            in_utc = start if start.tzinfo else start.replace(tzinfo=timezone.utc)
            return BatchFile(source, source.subject or file.subject_id, in_utc, selection)
    except NdxMatchError as error:
        return BatchFile(source, source.subject, problem=str(error))
    except Exception as error:  # whatever is in this file, the others must still be matched
        where = public_name(source.location)
        return BatchFile(source, source.subject, problem=f"{where}: this file cannot be read ({first_line(error)}).")


def group_files(
    files: Sequence[BatchFile],
    options: SourceOptions,
    subject: str = "",
    tolerance: float = DEPTH_TOLERANCE,
    matched: Mapping[str, Collection[str]] | None = None,
) -> Grouping:
    """Group files by animal, and the files of each animal by imaging plane, using the planes' names and depths.

    Parameters
    ----------
    files : sequence of BatchFile
    options : SourceOptions
        The options of the batch.
    subject : str
        The subject of files that do not name one.
    tolerance : float
        Micrometres by which the depths of one plane may differ between sessions.
    matched : mapping, optional
        For each subject, the names of the files that were matched before.

    Notes
    -----
    If a file cannot be read, its animal is not matched, because one of its sessions would be missing. The animal is
    taken from the manifest or else from the name of the file or its folder (`sub-ID`, as in DANDI and BIDS). If neither
    names an animal, the file is assumed to belong to each animal that was matched before with a file of this name and
    that now has no such file.
    """
    check_tolerance(tolerance)
    notes = [f"{public_name(file.source.location)}: left out: {file.exclusion}." for file in files if file.exclusion]
    broken = [file for file in files if file.problem]
    by_subject: dict[str, list[BatchFile]] = {}
    groups: list[Group] = []
    for file in files:
        if file.problem or file.exclusion:
            continue
        if not (subject_id := file.subject or subject):
            where = public_name(file.source.location)
            problem = f"{where}: no subject is stated in this file; name it in a manifest, or give --subject-id ID."
            groups.append(_of_file(file, problem))
        else:
            by_subject.setdefault(subject_id, []).append(file)
    problems: dict[str, BatchFile] = {}
    for file in broken:
        hint = file.source.subject or _subject_in_name(file.source.location)
        subjects = [subject_id for subject_id in by_subject if hint and hint in (subject_id, _label(subject_id))]
        subjects = subjects[:1] or _lacking(_name(file), by_subject, matched or {})
        for subject_id in subjects:
            problems.setdefault(subject_id, file)
        if not subjects:
            groups.append(_of_file(file, file.problem, hint))
    for name, of_subject in by_subject.items():
        subject_groups, subject_notes = _planes_of(name, of_subject, options, tolerance)
        broken_file = problems.get(name)
        if broken_file is None:
            groups, notes = groups + subject_groups, notes + subject_notes
        else:
            subject_groups = subject_groups or [Group(_safe(f"sub-{name}"), name, "")]
            groups += [
                replace(each, problem=broken_file.problem, problem_file=broken_file.source.location)
                for each in subject_groups
            ]
    return Grouping(tuple(sorted(_with_unique_names(groups), key=lambda group: group.name)), tuple(notes))


def _lacking(
    name: str, by_subject: Mapping[str, Sequence[BatchFile]], matched: Mapping[str, Collection[str]]
) -> list[str]:
    """The animals that were matched before with a file of this name, and now have no readable file of this name."""
    return [
        subject
        for subject, files in by_subject.items()
        if name in matched.get(subject, ()) and name not in map(_name, files)
    ]


def _name(file: BatchFile) -> str:
    """The last part of a file's path or address."""
    return PurePath(public_name(file.source.location)).name


def _planes_of(
    subject: str, files: Sequence[BatchFile], options: SourceOptions, tolerance: float
) -> tuple[list[Group], list[str]]:
    """The groups of one animal, and one sentence for each of its planes that only one session has."""
    ordered = sorted(files, key=_order)
    recorded = {
        RecordedPlane(file.source.location, plane.name, plane.depth): Member(
            file.source.location, _for_file(plane.options, file.source.location)
        )
        for file in ordered
        for plane in file.planes
    }
    planes: tuple[PairedPlane, ...] = ()
    with suppress(InputError):  # no plane is in two sessions
        planes = pair_planes(list(recorded), tolerance).planes
    paired = {member for plane in planes for member in plane.members}
    alone = [
        f"{public_name(each.session)}: the plane {each} of subject {subject} is in no other session, so it is not "
        "matched."
        for each in recorded
        if each not in paired
    ]
    groups = [
        Group(
            _safe(f"sub-{subject}_plane-{plane.name}"),
            subject,
            plane.name,
            tuple(recorded[member] for member in plane.members),
        )
        for plane in planes
    ]
    return groups, alone


def _order(file: BatchFile) -> tuple[int, float, str]:
    """The key that sorts files by their position in a manifest, or else by date."""
    start = 0.0 if file.start is None else file.start.timestamp()
    return (-1 if file.source.position is None else file.source.position, start, file.source.location)


def _for_file(options: SourceOptions, location: str) -> SourceOptions:
    """The options without those that concern other files."""
    mirror = (location,) if options.is_mirrored(location) else ()
    transpose = options.transposition_of(location)
    starts = tuple((name, start) for name, start in options.session_starts if not name or names_folder(location, name))
    table = tuple(row for row in options.session_table if names_folder(location, row.folder))
    return replace(
        options, transpose=transpose, transpose_file=(), mirror=mirror, sessions=(),
        session_starts=starts, session_table=table,
    )  # fmt: skip


def _of_file(file: BatchFile, problem: str, subject: str = "") -> Group:
    """A group for a file that cannot be assigned to other files."""
    where = file.source.location
    return Group(_safe(file_stem(where)), subject, "", problem=problem, problem_file=where)


def _subject_in_name(location: str) -> str:
    """The label of the subject in the name of a file or else of one of its folders; empty if there is none."""
    for part in reversed(PurePath(location).parts):
        if label_match := re.match(r"sub-([^_/.]+)", part):
            return label_match.group(1)
    return ""


def _label(subject: str) -> str:
    """A subject's id as DANDI writes it in file names."""
    return re.sub(r"[._,/:@%\s]+", "-", subject)


def _safe(text: str) -> str:
    """Turn a text into a file name; if the text is changed, a hash is added, so that different texts stay different."""
    safe = re.sub(r"[^A-Za-z0-9_+-]+", "-", text).strip("-")
    return safe if safe == text else f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _with_unique_names(groups: Sequence[Group]) -> Iterator[Group]:
    """The groups, with a number added to names that occur twice; case is ignored, as it is on some disks."""
    counts: dict[str, int] = {}
    for group in groups:
        key = group.name.casefold()
        counts[key] = counts.get(key, 0) + 1
        yield group if counts[key] == 1 else replace(group, name=f"{group.name}-{counts[key]}")
