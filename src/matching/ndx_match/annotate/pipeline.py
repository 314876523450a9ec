"""Write copies of source files with a column of cell numbers, each checked against its source."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError, NdxMatchError, OutputError
from ..matchfile import read_planes_of_match_file
from ..model import FileState, MatchedPlane, Progress, Session
from ..sources import list_contents, open_nwb
from ..storage.columns import COLUMN, Columns, has_column
from ..storage.files import copy_files, sha256_of
from ..storage.opening import damaged, format_of
from ..storage.outputs import check_folder, check_name, check_output, folder_for_outputs
from ..storage.publish import publish
from ..storage.remote import is_url, public_name
from ..storage.unchanged import check_unchanged, state_of
from .identity import RecognisedTable, cell_ids_of_rois, group_path, recognise


@dataclass(frozen=True)
class AnnotatedFile:
    """A file that was written.

    Attributes
    ----------
    source, path : Path
        The file that was copied and the file that was written; the same file where it was annotated in place.
    sessions : tuple of str
        The sessions of the match file that it holds; with their planes where the match file has several.
    n_rois, n_shared : int
        The ROIs of these sessions, and how many of them share their cell with an ROI of another session.
    warnings : tuple of str
        What the user should know, one sentence each.
    """

    source: Path
    path: Path
    sessions: tuple[str, ...]
    n_rois: int
    n_shared: int
    warnings: tuple[str, ...]


def annotate_files(
    matches: str | os.PathLike[str],
    inputs: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str] | None = None,
    *,
    in_place: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    plane: str | None = None,
) -> tuple[AnnotatedFile, ...]:
    """Write copies of source files whose ROI tables say which cell each ROI is, in a column `global_roi_id`.

    The number is the cell's id in the match file's table of cells, so the same number in two files of one match
    file is the same cell; cells seen in one session only have numbers too; -1 means that the ROI is in no cell.
    Cells of different imaging planes have different numbers.
    Everything is checked before the first file is written, and each file takes its name only when it was compared
    with its source object by object, read by pynwb and validated.

    Parameters
    ----------
    matches : path
        The match file.
    inputs : sequence of path
        Files from which its sessions were read, not necessarily all.
    folder : path, optional
        Where to write the copies, under the names of the inputs; made if it does not exist.
    in_place : bool
        Replace the inputs themselves by their annotated copies; `folder` must not be given.
    overwrite : bool
        Replace existing copies, and a column of this name that an input has already.
    plane : str, optional
        Annotate the ROI tables of this imaging plane only.

    Raises
    ------
    InputError
        A file cannot be read, is of no session of the match file, has changed, or has such a column already.
    OutputError
        A copy exists already, cannot be written, or differs from its source in more than the column.
    """
    if (folder is None) != in_place:
        raise OutputError("Give either a folder for the annotated copies (-o DIR) or --in-place.")
    for location in (matches, *inputs):
        if is_url(location):
            raise InputError(
                f"{public_name(location)}: files are annotated on the local disk; download this one and give the copy."
            )
    sources = [Path(path) for path in inputs]
    planes = read_planes_of_match_file(matches, footprints=False, plane=plane)
    with open_nwb(matches) as nwbfile:
        description = _description(planes, nwbfile.identifier)
    _refuse_repeated(sources)
    targets = [_target(source, folder, overwrite, [*sources, Path(matches)]) for source in sources]
    _refuse_same_name(sources, targets)
    states = [state_of(source) for source in sources]
    tables = [recognise(source, [plane.sessions for plane in planes], matches) for source in sources]
    _refuse_stores(sources, in_place)
    for source, target, found in zip(sources, targets, tables, strict=True):
        _refuse_annotated(source, found, overwrite)
        if not in_place:
            _refuse_lost_files(source, target)
    written: list[AnnotatedFile] = []
    try:
        with nullcontext() if folder is None else folder_for_outputs(Path(folder)):
            for source, target, found, state in zip(sources, targets, tables, states, strict=True):
                if progress:
                    progress("annotating", len(written), len(sources))
                written.append(_annotate(source, target, found, state, planes, description, in_place, overwrite))
    except NdxMatchError as error:
        if not written:
            raise
        done = ", ".join(str(file.path) for file in written)
        raise type(error)(f"{str(error).rstrip('.')}; written before it: {done}.") from error
    if progress:
        progress("annotating", len(written), len(sources))
    return tuple(written)


def _annotate(
    source: Path,
    target: Path,
    tables: Sequence[RecognisedTable],
    state: FileState | None,
    planes: Sequence[MatchedPlane],
    description: str,
    in_place: bool,
    overwrite: bool,
) -> AnnotatedFile:
    sessions = [planes[table.plane].sessions[table.session] for table in tables]
    columns: dict[str, npt.NDArray[np.int32]] = {}
    n_shared = 0
    for table, session in zip(tables, sessions, strict=True):
        plane = planes[table.plane]
        ids = cell_ids_of_rois(plane.result, table.session, session.n_rois)
        rows = plane.result.cells[:, table.session]
        n_shared += int((plane.result.n_sessions_of_cell[rows >= 0] > 1).sum())
        # Planes of voxel masks share a table, of which each has some ROIs.
        columns[table.path] = np.maximum(ids, columns.get(table.path, ids))
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
            _to_disk(temporary)
        check_unchanged(source, state, checksum)
    return AnnotatedFile(
        source,
        target,
        tuple(
            f"{session.name} ({planes[table.plane].name})" if len(planes) > 1 else session.name
            for table, session in zip(tables, sessions, strict=True)
        ),
        sum(len(ids) for ids in columns.values()),
        n_shared,
        tuple(_warnings(source, tables, sessions, checksum)),
    )


def _description(planes: Sequence[MatchedPlane], identifier: str) -> str:
    """Of the column."""
    result = planes[0].result
    return (
        f"The cell to which the ROI belongs: its id in the table of cells of the NWB file {identifier}, in which the "
        "ROIs of several sessions were matched. The same number in another session of that file is the same cell; "
        f"-1: none. Matched by ndx-match with {result.method} {result.method_version}."
    )


def _warnings(source: Path, tables: Sequence[RecognisedTable], sessions: Sequence[Session], checksum: str) -> list[str]:
    found = []
    if any(session.source.sha256 not in ("", checksum) for session in sessions):
        found.append(f"{source}: this file has changed since it was matched (another SHA-256); its ROI ids have not.")
    if not all(table.by_object_id for table in tables):
        names = ", ".join(session.name for session in sessions)
        found.append(
            f"{source}: recognised as session {names} by its identifier and ROI ids, because its object ids are not "
            "those that were recorded."
        )
    return found


def _check(source: Path, copy: Path, target: Path, columns: Columns) -> None:
    """Refuse a copy that differs in more than the columns, that pynwb cannot read, or that is less valid."""
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
        by_path = {group_path(found): found.table for found in list_contents(nwbfile).tables}
        for table, values in columns.items():
            if not np.array_equal(by_path[table][COLUMN].data[:], values):
                return f"pynwb reads other values of {table}/{COLUMN}"
    errors = file_format.validation_errors(copy)
    for error in errors - file_format.validation_errors(source) if errors else ():
        return f"it is less valid: {error}"
    return None


def _target(source: Path, folder: str | os.PathLike[str] | None, overwrite: bool, inputs: Sequence[Path]) -> Path:
    """The file to write for a source, the file itself where there is no folder."""
    if folder is None:
        target = Path(os.path.realpath(source))  # a symbolic link stays one
        if target.is_file():
            if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
                raise OutputError(f"{source}: this file may not be changed; annotate a copy of it with -o DIR.")
            check_output(target, overwrite=True)
        return target
    folder = Path(folder)
    check_folder(folder)
    if not folder.is_dir():
        check_output(folder, inputs=inputs)
        check_name(folder / source.name)
        return folder / source.name
    target = folder / source.name
    if target.exists() and any(path.exists() and os.path.samefile(target, path) for path in inputs):
        raise OutputError(
            f"{target}: the copy would replace one of the inputs; give another folder, or --in-place to change them."
        )
    check_output(target, overwrite, inputs)
    return target


def _refuse_repeated(sources: Sequence[Path]) -> None:
    for real, n in Counter(os.path.realpath(source) for source in sources).items():
        if n > 1:
            raise InputError(f"{real}: this file is given {n} times; give each file once.")


def _refuse_same_name(sources: Sequence[Path], targets: Sequence[Path]) -> None:
    by_target: dict[Path, Path] = {}
    for source, target in zip(sources, targets, strict=True):
        if target in by_target:
            raise OutputError(
                f"{source}: its copy would have the same name as that of {by_target[target]}; annotate them into "
                "different folders."
            )
        by_target[target] = source


def _refuse_annotated(source: Path, tables: Sequence[RecognisedTable], overwrite: bool) -> None:
    for table in tables:
        with format_of(source).table(source, table.path) as group:
            if f"{COLUMN}_index" in group:
                raise InputError(
                    f"{source}: the ROI table {table.path} has a column {COLUMN} with several values a row, which is "
                    "not that of ndx-match; rename it first."
                )
            if has_column(group) and not overwrite:
                raise InputError(
                    f"{source}: the ROI table {table.path} has a column {COLUMN} already; replace it with --overwrite."
                )


def _refuse_stores(sources: Sequence[Path], in_place: bool) -> None:
    for source in sources:
        if in_place and format_of(source).is_folder:
            raise OutputError(f"{source}: a Zarr store is not annotated in place; annotate a copy of it with -o DIR.")


def _refuse_lost_files(source: Path, target: Path) -> None:
    lost = format_of(source).lost_files(source, target)
    if lost:
        raise InputError(
            f"{source}: this file takes data from {lost[0]} beside it, which a copy in {target.parent} would not find; "
            "use --in-place or put that file there first."
        )


def _to_disk(path: Path) -> None:
    """So that after a power failure the name does not lead to an empty file."""
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def _refuse_unreadable(source: Path) -> None:
    """Where copying failed and it is the source that cannot be read."""
    try:
        sha256_of(source)
    except OSError as error:
        raise damaged(source, error) from error
