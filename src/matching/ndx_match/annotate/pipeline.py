"""Write copies of source files with a column of cell numbers, each checked against its source."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError, OutputError
from ..matchfile.read import planes_of_open_file
from ..model import FileState, MatchedPlane, MatchResult, Progress, Session, with_progress
from ..sources import list_contents, open_nwb
from ..sources.inputs import expand, listed
from ..storage.columns import COLUMN, Columns, has_column
from ..storage.files import copy_files, sha256_of
from ..storage.opening import damaged, format_of
from ..storage.outputs import check_folder, check_name, check_output, folder_for_outputs, naming_written
from ..storage.publish import publish
from ..storage.remote import is_url, public_name
from ..storage.unchanged import check_unchanged, state_of
from .identity import RecognisedTable, cell_ids_of_rois, group_path, recognise


@dataclass(frozen=True)
class AnnotatedFile:
    """A file that was written."""

    source: Path  #: the file that was copied
    path: Path  #: the file that was written; the source itself if it was annotated in place
    sessions: tuple[str, ...]  #: its sessions in the match file, with their planes if the match file has several
    n_rois: int  #: number of ROIs of these sessions
    n_shared: int  #: how many of these ROIs share their cell with an ROI of another session
    warnings: tuple[str, ...]  #: what the user should know, one sentence each


def annotate_files(
    matches: str | os.PathLike[str],
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str] | None = None,
    *,
    in_place: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    plane: str | None = None,
) -> tuple[AnnotatedFile, ...]:
    """Write copies of source files whose ROI tables state the cell of each ROI, in a column `global_roi_id`.

    The number is the cell's id in the match file's table of cells, so that the same number in two files of one match
    file is the same cell; -1 means that the ROI is in no cell. Cells that were seen in only one session have numbers
    too, and cells of different imaging planes have different numbers.

    Everything is checked before the first file is written. Each file gets its name only after it was compared with its
    source object by object, read by pynwb and validated.

    Parameters
    ----------
    matches : path
        The match file.
    inputs : path or sequence of path
        Files from which its sessions were read, or some of them; folders and patterns mean the files in them.
    folder : path, optional
        Folder for the copies, which have the names of the inputs; made if it does not exist.
    in_place : bool
        Replace the inputs themselves by their annotated copies; `folder` must not be given.
    overwrite : bool
        Replace existing copies, and a column of this name if an input already has one.
    plane : str, optional
        Annotate only the ROI tables of this imaging plane.

    Raises
    ------
    InputError
        If a file cannot be read, is not a session of the match file, has changed, or already has such a column.
    OutputError
        If a copy exists already, cannot be written, or differs from its source in more than the column.

    Examples
    --------
    >>> import ndx_match
    >>> files = ndx_match.annotate_files("matches.nwb", "sessions", folder="annotated")
    >>> len(files)
    3
    """
    if (folder is None) != in_place:
        raise OutputError("Give either a folder for the annotated copies (-o DIR) or --in-place.")
    for location in (matches, *listed(inputs)):
        if is_url(location):
            raise InputError(
                f"{public_name(location)}: only files on the local disk can be annotated; download this file and give "
                "the path of the copy."
            )
    sources = [Path(path) for path in expand(inputs)]
    with open_nwb(matches) as nwbfile:
        planes = planes_of_open_file(nwbfile, str(matches), footprints=False, plane=plane)
        description = _description(planes[0].result, nwbfile.identifier)
    jobs = _jobs(sources, Path(matches), folder, overwrite, planes)
    for job in jobs:
        job.check(in_place, overwrite)
    annotated_files: list[AnnotatedFile] = []
    paths: list[Path] = []
    with naming_written(paths), nullcontext() if folder is None else folder_for_outputs(Path(folder)):
        for job in with_progress(progress, "annotating", jobs):
            annotated_files.append(_annotate(job, planes, description, in_place, overwrite))
            paths.append(annotated_files[-1].path)
    return tuple(annotated_files)


@dataclass(frozen=True)
class _Job:
    """A source, its state when it was looked at, the file to write for it, and the ROI tables to annotate."""

    source: Path
    target: Path
    state: FileState | None
    tables: tuple[RecognisedTable, ...]

    def check(self, in_place: bool, overwrite: bool) -> None:
        """Refuse a source that cannot be annotated."""
        source, file_format = self.source, format_of(self.source)
        if in_place and file_format.is_folder:
            raise OutputError(f"{source}: a Zarr store is not annotated in place; annotate a copy of it with -o DIR.")
        for table in self.tables:
            with file_format.table(source, table.path) as group:
                if "colnames" not in group.attrs:
                    raise InputError(f"{source}: the ROI table {table.path} has no list of columns; repair the file.")
                if f"{COLUMN}_index" in group:
                    raise InputError(
                        f"{source}: the ROI table {table.path} has a column {COLUMN} with several values per row, "
                        "which ndx-match did not write; rename it first."
                    )
                if has_column(group) and not overwrite:
                    raise InputError(
                        f"{source}: the ROI table {table.path} has a column {COLUMN} already; replace it with "
                        "--overwrite."
                    )
        missing = [] if in_place else format_of(source).unreachable_files(source, self.target)
        if missing:
            raise InputError(
                f"{source}: this file takes data from {missing[0]} beside it, which a copy in {self.target.parent} "
                "would not find; use --in-place or put that file there first."
            )


def _jobs(
    sources: Sequence[Path],
    matches: Path,
    folder: str | os.PathLike[str] | None,
    overwrite: bool,
    planes: Sequence[MatchedPlane],
) -> list[_Job]:
    """The job for each source; no source is given twice, and no two copies have the same name."""
    for real, n in Counter(os.path.realpath(source) for source in sources).items():
        if n > 1:
            raise InputError(f"{real}: this file is given {n} times; give each file once.")
    by_target: dict[Path, Path] = {}
    for source in sources:
        target = _target(source, folder, overwrite, [*sources, matches])
        if target in by_target:
            raise OutputError(
                f"{source}: its copy would have the same name as that of {by_target[target]}; annotate them into "
                "different folders."
            )
        by_target[target] = source
    return [
        _Job(source, target, state_of(source), recognise(source, [plane.sessions for plane in planes], matches))
        for target, source in by_target.items()
    ]


def _annotate(
    job: _Job, planes: Sequence[MatchedPlane], description: str, in_place: bool, overwrite: bool
) -> AnnotatedFile:
    source, target = job.source, job.target
    sessions = [planes[table.plane].sessions[table.session] for table in job.tables]
    columns: dict[str, npt.NDArray[np.signedinteger]] = {}
    n_shared = 0
    for table, session in zip(job.tables, sessions, strict=True):
        result = planes[table.plane].result
        ids = cell_ids_of_rois(result, table.session, session.n_rois)
        n_shared += int((result.n_sessions_of_cell[result.cells[:, table.session] >= 0] > 1).sum())
        # Planes of voxel masks share a table, and each plane has some of its ROIs.
        columns[table.path] = np.maximum(ids, columns.get(table.path, ids))
    for path, ids in columns.items():
        if ids.max(initial=0) <= np.iinfo(np.int32).max:  # ids that another tool gave may be greater
            columns[path] = ids.astype(np.int32)
    file_format = format_of(source)
    with publish(target, overwrite or in_place, file_format.is_folder) as temporary:
        try:
            checksum = copy_files(source, temporary)
        except OSError:
            _refuse_unreadable(source)
            raise
        file_format.add_columns(temporary, columns, description)
        _check(source, temporary, target, columns)
        if in_place:
            with open(temporary, "r+b") as file:
                os.fsync(file.fileno())  # so that the file is not empty if the power fails
        check_unchanged(source, job.state, checksum)
    names = tuple(
        f"{session.name} ({planes[table.plane].name})" if len(planes) > 1 else session.name
        for table, session in zip(job.tables, sessions, strict=True)
    )
    n_rois = sum(len(ids) for ids in columns.values())
    return AnnotatedFile(source, target, names, n_rois, n_shared, tuple(_warnings(job, sessions, checksum)))


def _description(result: MatchResult, identifier: str) -> str:
    """The description of the column."""
    return (
        f"The cell to which the ROI belongs: its id in the table of cells of the NWB file {identifier}, in which the "
        "ROIs of several sessions were matched. The same number in another session of that file is the same cell; "
        f"-1: none. Matched by ndx-match with {result.method} {result.method_version}."
    )


def _warnings(job: _Job, sessions: Sequence[Session], checksum: str) -> Iterator[str]:
    if any(session.source.sha256 not in ("", checksum) for session in sessions):
        yield f"{job.source}: this file has changed since it was matched (another SHA-256); its ROI ids have not."
    if not all(table.by_object_id for table in job.tables):
        names = ", ".join(session.name for session in sessions)
        yield (
            f"{job.source}: recognised as session {names} by its identifier and ROI ids, because its object ids are "
            "not those that were recorded."
        )


def _check(source: Path, copy: Path, target: Path, columns: Columns) -> None:
    """Refuse a copy that differs in more than the columns, cannot be read by pynwb, or has more validation errors."""
    try:
        problem = _first_problem(source, copy, columns)
    except Exception as error:  # h5py, hdmf and pynwb raise many kinds
        reason = str(error).replace(str(copy), "the copy").strip().rstrip(".") or type(error).__name__
        problem = " ".join(reason.split())
    if problem:
        raise OutputError(f"{target}: the annotated copy failed its check and was not kept ({problem}).")


def _first_problem(source: Path, copy: Path, columns: Columns) -> str | None:
    file_format = format_of(source)
    difference = file_format.difference(source, copy, columns)
    if difference:
        return difference
    with open_nwb(copy) as nwbfile:
        by_path = {group_path(candidate): candidate.table for candidate in list_contents(nwbfile).tables}
        for table, values in columns.items():
            if not np.array_equal(by_path[table][COLUMN].data[:], values):
                return f"pynwb reads other values of {table}/{COLUMN}"
    errors = file_format.validation_errors(copy)
    for error in errors - file_format.validation_errors(source) if errors else ():
        return f"it has a validation error that its source does not have: {error}"
    return None


def _target(source: Path, folder: str | os.PathLike[str] | None, overwrite: bool, inputs: Sequence[Path]) -> Path:
    """The file to write for a source: the source itself if there is no folder."""
    if folder is None:
        target = Path(os.path.realpath(source))  # a symbolic link stays one
        if target.is_file():
            if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
                raise OutputError(f"{source}: this file may not be changed; annotate a copy of it with -o DIR.")
            check_output(target, overwrite=True)
        return target
    target = Path(folder, source.name)
    check_folder(target.parent)
    if not target.parent.is_dir():
        check_output(target.parent, inputs=inputs)
        check_name(target)
        return target
    if target.exists() and any(path.exists() and os.path.samefile(target, path) for path in inputs):
        raise OutputError(
            f"{target}: the copy would replace one of the inputs; give another folder, or --in-place to change them."
        )
    check_output(target, overwrite, inputs)
    return target


def _refuse_unreadable(source: Path) -> None:
    """Raise InputError if a source cannot be read, after copying it failed."""
    try:
        sha256_of(source)
    except OSError as error:
        raise damaged(source, error) from error
