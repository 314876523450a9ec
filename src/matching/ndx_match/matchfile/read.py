"""Read a match file back into sessions and a match result."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import scipy.sparse
from pynwb import NWBFile

from ndx_cell_matching import CellMatching, Review, label_of

from ..arrays import Array
from ..errors import AmbiguousInputError, InputError
from ..model import (
    FileState,
    MatchedPlane,
    MatchResult,
    Orientation,
    Presence,
    Progress,
    RegistrationOutcome,
    RoiPairs,
    RoiSelection,
    Session,
    SessionStatus,
    SourceInfo,
    Step,
    steps_of,
)
from ..sources.candidates import MASK_KINDS, path_of
from ..sources.inputs import the_one_file
from ..sources.masks import read_masks
from ..sources.orientation import orient
from ..storage.datasets import text_of
from ..storage.files import Location, as_location
from ..storage.opening import objects_of
from ..storage.remote import public_name
from ..storage.unchanged import open_steady
from ..suggestions import did_you_mean
from .check import check_matching, contradictions_refused
from .decisions import read_automatic, read_decisions_table, read_reviews
from .registrations import read_registrations
from .rules import checked_image
from .tables import ORIENTATION_FLAGS, TEXTS_OF_SESSIONS


def read_match_file(path: Location, footprints: bool = True, plane: str | None = None) -> MatchedPlane:
    """Read a match file of one imaging plane, or one plane of a match file.

    Parameters
    ----------
    path : path, str or binary file
        The match file, as for :func:`ndx_match.sources.open_nwb`.
    footprints : bool
        Whether to read the masks. If not, all footprints are empty and reading is fast.
    plane : str, optional
        Name of the imaging plane; required if the file holds several.

    Raises
    ------
    InputError
        If the file is damaged or not a match file, or has no plane of that name.
    AmbiguousInputError
        If the file holds several planes and none was chosen.

    Examples
    --------
    >>> import ndx_match
    >>> plane = ndx_match.read_match_file("matches.nwb")
    >>> plane.result.cells.shape[1] == len(plane.sessions) == 3
    True
    """
    planes = read_planes_of_match_file(path, footprints, plane)
    if len(planes) > 1:
        names = ", ".join(each.name for each in planes)
        where = public_name(as_location(path))
        raise AmbiguousInputError(f"{where}: this file holds several imaging planes; choose one with --plane: {names}.")
    return planes[0]


def read_planes_of_match_file(
    path: Location, footprints: bool = True, plane: str | None = None, progress: Progress | None = None
) -> tuple[MatchedPlane, ...]:
    """Read all imaging planes of a match file, in the order of their names, or only the plane of the given name.

    `progress` is called as `progress("opening", done, total)`.

    Raises
    ------
    InputError
        If the file is damaged or not a match file, or has no plane of that name.
    """
    location = as_location(path)
    if isinstance(path, (str, os.PathLike)):
        location = the_one_file(path, of_matches=True)
    with open_steady(location) as (nwbfile, state):
        planes = planes_of_open_file(nwbfile, public_name(location), footprints, plane, progress)
    return tuple(replace(each, sessions=_with_match_file_source(each.sessions, location, state)) for each in planes)


def _with_match_file_source(sessions: Sequence[Session], location: Any, state: FileState | None) -> tuple[Session, ...]:
    """The sessions, with the match file from which they were read recorded in each."""
    return tuple(
        replace(session, state=state, match_file_source=replace(session.match_file_source, uri=location))
        for session in sessions
        if session.match_file_source is not None
    )


def planes_of_open_file(
    nwbfile: NWBFile, where: str, footprints: bool, plane: str | None, progress: Progress | None = None
) -> tuple[MatchedPlane, ...]:
    """As :func:`read_planes_of_match_file`, for a file that is already open; messages begin with `where`."""
    matchings = [item for item in objects_of(nwbfile) if isinstance(item, CellMatching)]
    if not matchings:
        raise InputError(
            f"{where}: this NWB file holds no matched cells (CellMatching); make one with `ndx-match write`."
        )
    with contradictions_refused(where):
        named = [(_plane_name(matching), matching) for matching in sorted(matchings, key=lambda item: item.name)]
    chosen = [(name, matching) for name, matching in named if plane in (None, name)]
    if not chosen:
        names = sorted(name for name, _ in named)
        suggestion = did_you_mean(plane or "", names)
        raise InputError(
            f"{where}: this match file holds no plane {plane!r}{suggestion}; give --plane one of: {', '.join(names)}."
        )
    with contradictions_refused(where):
        step = steps_of(progress, "opening", sum(len(matching.sessions) for _, matching in chosen))
        return tuple(_read_plane(matching, name, where, footprints, step) for name, matching in chosen)


def _plane_name(matching: CellMatching) -> str:
    """The name of a result's imaging plane: the stated name, or that of its first session's plane."""
    return matching.imaging_plane or text_of(matching.sessions["source_plane_path"].data[0]).rsplit("/", 1)[-1]


def _read_plane(matching: CellMatching, name: str, where: str, footprints: bool, step: Step) -> MatchedPlane:
    check_matching(matching)
    result = _result(matching)
    sessions: list[Session] = []
    for position, rows in enumerate(result.cells.T):
        sessions.append(_session(matching, position, where, footprints, rows))
        step()
    warnings = (*result.warnings, *_unknown_codes(result, sessions))
    return MatchedPlane(tuple(sessions), replace(result, warnings=warnings), name)


def _session(matching: CellMatching, position: int, where: str, footprints: bool, cells: Array) -> Session:
    columns = {name: matching.sessions[name].data[position] for name in matching.sessions.colnames}

    def text(name: str) -> str:
        return text_of(columns.get(name, ""))

    stored_image = checked_image(columns["image"].data, text("session_name"))
    table = columns["roi_table"]
    roi_ids = np.asarray(table.id.data[:], np.int64)
    kind = next(kind for kind in MASK_KINDS if kind in table.colnames)
    z_plane = int(columns.get("z_plane", -1))
    flags = {name: bool(columns[name]) for name in ORIENTATION_FLAGS}
    orientation = Orientation(**flags, z_plane=None if z_plane < 0 else z_plane)
    where = f"{where}, {table.name}"
    if footprints:
        masks, image = orient(read_masks(table, kind, where, orientation.z_plane), stored_image, orientation, where)
    else:
        image = stored_image.T if orientation.image_transposed else stored_image
        masks = scipy.sparse.csr_array((len(roi_ids), image.size), dtype=np.float32)
    texts: dict[str, Any] = {name: text(name) for name in TEXTS_OF_SESSIONS}
    pixel_size, depth = columns.get("pixel_size"), columns.get("imaging_depth")
    return Session(
        name=text("session_name"),
        image=image,
        footprints=masks,
        roi_ids=roi_ids,
        takes_part=np.isin(np.arange(len(roi_ids)), cells),
        roi_selection=columns["roi_selection"],
        has_image=bool(text("source_image_path")),
        pixel_size=None if pixel_size is None or np.isnan(pixel_size).any() else (pixel_size[0], pixel_size[1]),
        imaging_depth=None if depth is None or np.isnan(depth) else float(depth),
        orientation=orientation,
        **texts,
        source=SourceInfo(**{field.name: text(f"source_{field.name}") for field in fields(SourceInfo)}),
        match_file_source=SourceInfo(
            where,
            identifier=matching.get_ancestor("NWBFile").identifier,
            roi_table_path=path_of(table),
            image_path=path_of(columns["image"]),
        ),
    )


def _result(matching: CellMatching) -> MatchResult:
    cells = matching.cells
    return MatchResult(
        method=matching.method,
        method_version=matching.method_version,
        parameters=json.loads(matching.parameters),
        software=json.loads(matching.software) if matching.software else {},
        cells=matching.to_array(),
        presence=np.asarray(cells["presence"].data[:], np.uint8),
        confidence=np.asarray(cells["confidence"].data[:]) if "confidence" in cells.colnames else None,
        cell_ids=matching.cell_ids,
        last_earlier_id=-1 if matching.last_cell_id is None else int(matching.last_cell_id),
        roi_pairs=_roi_pairs(matching),
        registrations=read_registrations(matching),
        session_status=np.asarray(matching.sessions["status"].data[:], np.uint8),
        status_reasons=tuple(text_of(reason) for reason in matching.sessions["status_reason"].data[:]),
        warnings=tuple(text_of(warning) for warning in (matching.warnings if matching.warnings is not None else ())),
        reviews=read_reviews(matching),
        decisions=read_decisions_table(matching),
        automatic=read_automatic(matching),
        session_names=tuple(text_of(name) for name in matching.sessions["session_name"].data[:]),
    )


def _roi_pairs(matching: CellMatching) -> RoiPairs:
    table = matching.roi_pairs
    if table is None:
        return RoiPairs.concatenate([])
    return RoiPairs(**{name: np.asarray(table[name].data[:]) for name in table.colnames})


def _unknown_codes(result: MatchResult, sessions: Sequence[Session]) -> Iterator[str]:
    """A sentence for each kind of code that this version does not know."""
    for what, codes, values in (
        ("presence", Presence, result.presence.ravel()),
        ("the status of a session", SessionStatus, result.session_status),
        ("the selection of ROIs", RoiSelection, [int(session.roi_selection) for session in sessions]),
        ("reviews", Review, [] if result.reviews is None else result.reviews.review),
        ("the outcome of a registration", RegistrationOutcome, [r.outcome for r in result.registrations]),
    ):
        for code in sorted({int(value) for value in np.unique(np.asarray(values, int))} - set(codes)):
            yield f"The column of {what} holds {label_of(codes, code)}; this code is kept unchanged."
