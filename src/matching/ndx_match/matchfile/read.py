"""Read a match file back into sessions and a match result."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from ndx_cell_matching import CellMatching

from ..errors import AmbiguousInputError, InputError
from ..footprints import without_rows
from ..model import MatchResult, RoiPairs, Session, SourceInfo
from ..sources import open_nwb
from ..sources.candidates import MASK_KINDS
from ..sources.masks import read_masks
from ..sources.orientation import Convention, orient
from ..storage.datasets import text_of
from ..storage.remote import public_name
from .registrations import read_registrations


@dataclass(frozen=True)
class MatchFile:
    """What a match file says of an imaging plane, usually its only one: the sessions and the result.

    Attributes
    ----------
    sessions : tuple of Session
    result : MatchResult
    plane : str
        Name of the imaging plane; empty where it does not matter, because there is only one.
    first_cell : int
        How many cells the file has in the planes before this one: what is added to a cell's position to number the
        cells of all planes.
    """

    sessions: tuple[Session, ...]
    result: MatchResult
    plane: str = ""
    first_cell: int = 0


def read_match_file(path: str | os.PathLike[str], footprints: bool = True, plane: str | None = None) -> MatchFile:
    """Read a match file, of one imaging plane.

    Parameters
    ----------
    path : path
    footprints : bool
        Read the masks; without them every footprint is empty and reading is fast.

    plane : str, optional
        Name of the imaging plane, needed where the file holds several.

    Raises
    ------
    InputError
        The file is damaged or no match file, or it holds no such plane.
    AmbiguousInputError
        It holds several planes and none was chosen.
    """
    planes = read_planes_of_match_file(path, footprints, plane)
    if len(planes) > 1:
        names = ", ".join(found.plane for found in planes)
        raise AmbiguousInputError(
            f"{public_name(path)}: this file holds several imaging planes; choose one with --plane: {names}."
        )
    return planes[0]


def read_planes_of_match_file(
    path: str | os.PathLike[str], footprints: bool = True, plane: str | None = None
) -> tuple[MatchFile, ...]:
    """Read all imaging planes of a match file, in the order of their names, or the one of the given name.

    Raises
    ------
    InputError
        The file is damaged or no match file, or it holds no such plane.
    """
    with open_nwb(path) as nwbfile:
        matchings = [item for item in nwbfile.objects.values() if isinstance(item, CellMatching)]
        if not matchings:
            raise InputError(
                f"{public_name(path)}: this NWB file holds no matched cells (CellMatching); make one with "
                "`ndx-match write`."
            )
        where = public_name(path)
        planes: list[MatchFile] = []
        n_cells = 0
        for matching in sorted(matchings, key=lambda matching: matching.name):
            name = _plane(matching)
            if plane in (None, name):
                planes.append(_plane_of_match_file(matching, name, n_cells, where, footprints))
            n_cells += matching.n_cells
        if not planes:
            names = ", ".join(sorted(_plane(matching) for matching in matchings))
            raise InputError(f"{where}: this match file holds no plane {plane!r}; give --plane one of: {names}.")
        return tuple(planes)


def _plane(matching: CellMatching) -> str:
    """The name of a result's imaging plane: as stated, or that of its first session."""
    return matching.imaging_plane or text_of(matching.sessions["imaging_plane_path"].data[0]).rsplit("/", 1)[-1]


def _plane_of_match_file(matching: CellMatching, plane: str, first_cell: int, path: str, footprints: bool) -> MatchFile:
    result = _result(matching)
    sessions = tuple(_session(matching, k, path, footprints, result.cells[:, k]) for k in range(matching.n_sessions))
    return MatchFile(sessions, result, plane, first_cell)


def _session(matching: CellMatching, position: int, path: str, footprints: bool, cells: npt.NDArray[Any]) -> Session:
    columns = {name: matching.sessions[name].data[position] for name in matching.sessions.colnames}
    stored_image = np.asarray(columns["image"].data[:], np.float32)
    table = columns["roi_table"]
    roi_ids = np.asarray(table.id.data[:], np.int64)
    kind = next(kind for kind in MASK_KINDS if kind in table.colnames)
    orientation, selection = text_of(columns["mask_orientation"]), text_of(columns["roi_selection"])
    convention, where = Convention.parse(orientation), f"{path}, {table.name}"
    excluded = np.zeros(0, np.intp)
    if selection != SourceInfo.roi_selection:
        excluded = np.setdiff1d(np.arange(len(roi_ids)), cells)
    if footprints:
        masks, image = orient(read_masks(table, kind, where, convention.z_plane), stored_image, convention, where)
        masks = without_rows(masks, excluded)
    else:
        image = stored_image.T if convention.image_transposed else stored_image
        masks = scipy.sparse.csr_array((len(roi_ids), image.size), dtype=np.float32)
    pixel_size = columns.get("pixel_size")
    depth = columns.get("imaging_depth")
    return Session(
        name=text_of(columns["session_name"]),
        image=image,
        footprints=masks,
        roi_ids=roi_ids,
        pixel_size=None if pixel_size is None or np.isnan(pixel_size).any() else (pixel_size[0], pixel_size[1]),
        source=SourceInfo(
            uri=text_of(columns["source_uri"]),
            nwb_identifier=text_of(columns["nwb_identifier"]),
            nwb_object_id=text_of(columns["nwb_object_id"]),
            session_start=text_of(columns["session_start"]),
            subject_id=text_of(columns.get("subject_id", "")),
            plane_path=text_of(columns["imaging_plane_path"]),
            roi_table_path=text_of(columns["roi_table_path"]),
            roi_table_object_id=text_of(columns["roi_table_object_id"]),
            image_path=text_of(columns["image_path"]),
            mask_kind=kind,
            orientation=orientation,
            roi_selection=selection,
            imaging_depth=None if depth is None or np.isnan(depth) else float(depth),
            sha256=text_of(columns.get("sha256", "")),
            dandiset_id=text_of(columns.get("dandiset_id", "")),
            dandi_asset_id=text_of(columns.get("dandi_asset_id", "")),
        ),
        excluded=excluded,
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
        roi_pairs=_roi_pairs(matching),
        registrations=read_registrations(matching),
        session_status=tuple(text_of(status) for status in matching.sessions["status"].data[:]),
        warnings=tuple(text_of(warning) for warning in (matching.warnings if matching.warnings is not None else ())),
    )


def _roi_pairs(matching: CellMatching) -> RoiPairs:
    if matching.roi_pairs is None:
        return RoiPairs.concatenate([])
    names = {"fixed_roi_row": "fixed_row", "moving_roi_row": "moving_row"}
    table = matching.roi_pairs
    return RoiPairs(**{names.get(name, name): np.asarray(table[name].data[:]) for name in table.colnames})
