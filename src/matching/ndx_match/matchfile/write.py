"""Write a match result and copies of what it refers to into a new NWB file."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pynwb import NWBFile
from pynwb.base import Images
from pynwb.image import RGBImage
from pynwb.ophys import ImageSegmentation

from ..arrays import Ints64
from ..errors import OutputError
from ..model import (
    MatchedPlane,
    MatchResult,
    Progress,
    Session,
    Step,
    check_fit,
    listed_planes,
    steps_of,
    with_distinct_cell_ids,
)
from ..sources import Plane, source_warnings
from ..sources.read import SourceFile
from ..storage.formats import StorageFormat
from ..storage.opening import format_of
from ..storage.outputs import check_name, check_output, folder_for_outputs
from ..storage.publish import publish
from ..warping import to_8_bit, warp_registered
from .copying import ImagingPlaneCopies, SessionCopy, copy_session, fill_pixels
from .decisions import automatic_cell_ids
from .metadata import (
    FileMetadata,
    MissingField,
    build_nwbfile,
    default_session_id,
    given_metadata,
    missing_fields,
)
from .sources import check_sources, open_sources
from .tables import IMAGES, ROI_TABLES, add_result


@dataclass(frozen=True)
class WrittenFile:
    """A written file: its path, what DANDI would miss in it, and warnings for the user, one sentence each."""

    path: Path
    missing: tuple[MissingField, ...]
    warnings: tuple[str, ...]


def write_match_file(
    sessions: Sequence[Session],
    result: MatchResult,
    output: str | os.PathLike[str],
    metadata: FileMetadata | None = None,
    overwrite: bool = False,
    dandi_name: bool = False,
    progress: Progress | None = None,
) -> WrittenFile:
    """Write the match file completely or not at all.

    Parameters
    ----------
    sessions : sequence of Session
        The sessions that :func:`ndx_match.sources.read_sessions` read. Their files are opened again, read-only, to copy
        ROI tables, imaging planes, images and metadata.
    result : MatchResult
    output : path
        The file to write: a Zarr store if its name ends in `.zarr`, otherwise HDF5. With `dandi_name`, the dandiset's
        folder.
    metadata : FileMetadata, optional
        Metadata that replace those of the sources.
    overwrite : bool
        Replace an existing file.
    dandi_name : bool
        Name the file in DANDI's style, `sub-<id>/sub-<id>_ses-<id>_desc-cellmatches_ophys.nwb`.
    progress : callable, optional
        Called as `progress("writing", done, total)`.

    Raises
    ------
    OutputError
        If the file exists, its folder does not, the file cannot be written, or a library for its format is missing.
    InputError
        If a source is damaged or was changed since it was read.

    Examples
    --------
    >>> import ndx_match
    >>> sessions = ndx_match.read_sessions("sessions")
    >>> result = ndx_match.match(sessions)
    >>> written = ndx_match.write_match_file(sessions, result, "new_matches.nwb")
    >>> written.path.name
    'new_matches.nwb'
    """
    check_fit(sessions, result, "write_match_file")
    return write_planes([MatchedPlane(tuple(sessions), result)], output, metadata, overwrite, dandi_name, (), progress)


def write_planes(
    planes: Sequence[MatchedPlane],
    output: str | os.PathLike[str],
    metadata: FileMetadata | None = None,
    overwrite: bool = False,
    dandi_name: bool = False,
    warnings: Sequence[str] = (),
    progress: Progress | None = None,
) -> WrittenFile:
    """Write a match file of one or several imaging planes, completely or not at all.

    Parameters
    ----------
    planes : sequence of MatchedPlane
        The result of each plane; if there are several planes, their names must differ.
    output, metadata, overwrite, dandi_name, progress
        As for :func:`write_match_file`.
    warnings : sequence of str
        What users of the file should know about its planes, besides the warnings of the results and of the sources.

    Raises
    ------
    OutputError, InputError
        As for :func:`write_match_file`.

    Examples
    --------
    >>> import ndx_match
    >>> read = ndx_match.read_planes(["planes1.nwb", "planes2.nwb"])
    >>> matched = ndx_match.match_planes(read.planes)
    >>> written = ndx_match.write_planes(matched.planes, "matches_of_planes.nwb")
    """
    metadata = given_metadata(metadata)
    planes = listed_planes(planes, "write_planes")
    if not planes:
        raise ValueError("write_planes needs at least one MatchedPlane, and was given none")
    planes = with_distinct_cell_ids(planes)
    for plane in planes:
        for name, n in Counter(session.name for session in plane.sessions).items():
            if n > 1:
                raise ValueError(f"{n} sessions are named {name!r}; give each session once, with a name of its own")
    sessions = sessions_of(planes)
    path = output_path(sessions, output, metadata, overwrite, dandi_name)
    file_format = format_of(path)
    every_plane = [session for plane in planes for session in plane.sessions]
    with open_sources(every_plane) as sources:
        of_sessions = [sources[session.data_source.uri].nwbfile for session in sessions]
        if all(session.match_file_source is not None for session in sessions):
            metadata = replace(metadata, session_id=metadata.session_id or of_sessions[0].session_id)
        nwbfile = build_nwbfile(of_sessions, [session.name for session in sessions], planes, metadata)
        write_each = steps_of(progress, "writing", 2 * len(every_plane))  # each is prepared and filled
        copies = _add_data(nwbfile, planes, sources, metadata.location, warnings, path, file_format, write_each)
        missing = tuple(missing_fields(nwbfile, path))
        with folder_for_outputs(path.parent), publish(path, overwrite, file_format.is_folder) as temporary:
            file_format.write(temporary, nwbfile, lambda root: _fill(root, copies, write_each))
            check_sources(every_plane)
    omissions = [
        f"{session.name}: the copy of the ROI table does not have these columns, which cannot be copied: "
        f"{', '.join(copy.omitted_columns)}."
        for session, copy in zip(every_plane, copies, strict=True)
        if copy.omitted_columns
    ]
    return WrittenFile(path, missing, tuple(dict.fromkeys(omissions)))


def sessions_of(planes: Sequence[MatchedPlane | Plane]) -> list[Session]:
    """The sessions of several planes, each once, as in the first plane that has it."""
    return list({session.name: session for plane in planes for session in plane.sessions}.values())


def output_path(
    sessions: Sequence[Session],
    output: str | os.PathLike[str],
    metadata: FileMetadata | None = None,
    overwrite: bool = False,
    dandi_name: bool = False,
) -> Path:
    """The path that :func:`write_match_file` will write, checked before the work is done.

    Raises
    ------
    OutputError
        As for :func:`write_match_file`; with `dandi_name`, also if the subject has no id.
    """
    metadata = given_metadata(metadata)
    path = Path(output)
    inputs = [session.data_source.uri for session in sessions]
    if not dandi_name:
        check_output(path, overwrite, inputs)
        format_of(path)
        return path
    if not path.is_dir():
        raise OutputError(
            f"{path}: there is no such folder; with --dandi-name, the output (-o DIR) is the dandiset's folder."
        )
    subject_id = metadata.subject_id or next((s.subject_id for s in sessions if s.subject_id), "")
    if not re.search("[A-Za-z0-9]", subject_id):
        raise OutputError(
            f"A name in DANDI's style needs the subject's id, but the id in the inputs is {subject_id!r}; "
            "give --subject-id ID."
        )
    names = [session.name for session in sessions]
    path = dandi_path(path, subject_id, metadata.session_id or default_session_id(names))
    check_name(path)
    check_output(path if path.parent.is_dir() else path.parent, overwrite, inputs)
    return path


def dandi_path(folder: Path, subject_id: str, session_id: str) -> Path:
    """A path that DANDI accepts; its folder is not made."""
    subject, session = (re.sub(r"[^A-Za-z0-9+-]+", "-", text).strip("-") for text in (subject_id, session_id))
    return folder / f"sub-{subject}" / f"sub-{subject}_ses-{session}_desc-cellmatches_ophys.nwb"


def _fill(root: Any, copies: Sequence[SessionCopy], step: Step) -> None:
    for copy in copies:
        fill_pixels(root[ROI_TABLES], copy)
        step()


def _add_data(
    nwbfile: NWBFile,
    planes: Sequence[MatchedPlane],
    sources: Mapping[str, SourceFile],
    location: str | None,
    warnings: Sequence[str],
    path: Path,
    file_format: StorageFormat,
    step: Step,
) -> list[SessionCopy]:
    """Add everything but mask pixels to the file; returns the copies of the sessions, which get their pixels later."""
    module = nwbfile.create_processing_module("ophys", "Cells matched across imaging sessions.")
    segmentation = ImageSegmentation(name=ROI_TABLES.rsplit("/", 1)[-1])
    images = Images(
        name=IMAGES.rsplit("/", 1)[-1],
        description="The projection image of each session, as stored in its file, and an overlay of all sessions "
        "registered to the first.",
    )
    module.add(segmentation)
    module.add(images)
    copied_planes = ImagingPlaneCopies(nwbfile, location)
    copies: list[SessionCopy] = []
    for number, plane in enumerate(planes):
        suffix = f"_{plane.name}" if len(planes) > 1 else ""
        copied = []
        for each, automatic in zip(plane.sessions, _automatic(plane), strict=True):
            name, source = f"{each.name}{suffix}", sources[each.data_source.uri]
            copied.append(copy_session(each, source, copied_planes, name, file_format, automatic))
            step()
        for copy in copied:
            segmentation.add_plane_segmentation(copy.table)
            images.add_image(copy.image)
        images.add_image(_overlay(plane.sessions, plane.result, f"overlay{suffix}", file_format))
        of_plane = [*source_warnings(plane.sessions), *(warnings if number == 0 else ())]
        add_result(module, plane, suffix, copied, of_plane, path, file_format)
        copies += copied
    return copies


def _automatic(plane: MatchedPlane) -> list[Ints64 | None]:
    """For each session, the cells in which the method had put its ROIs; None if no person decided on cells."""
    automatic = plane.result.automatic
    return [
        None if automatic is None else automatic_cell_ids(automatic, position, session.n_rois)
        for position, session in enumerate(plane.sessions)
    ]


def _overlay(sessions: Sequence[Session], result: MatchResult, name: str, file_format: StorageFormat) -> RGBImage:
    """The first session in magenta, the mean of the others registered to it in green."""
    first = to_8_bit(sessions[0].image)
    others = [
        warp_registered(to_8_bit(sessions[r.moving_session].image), r, first.shape)
        for r in result.registrations
        if r.fixed_session == 0 and r.registered
    ]
    mean = np.mean(others, axis=0).astype(np.uint8) if others else np.zeros_like(first)
    return RGBImage(
        name=name,
        data=file_format.compressed(np.dstack([first, mean, first])),
        description=f"{sessions[0].name} in magenta, the mean of the {len(others)} other sessions that were registered "
        "to it in green.",
    )
