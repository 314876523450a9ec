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

from ..errors import InputError
from ..model import MatchResult, RoiPairs, Session, SourceInfo
from ..sources import open_nwb
from ..sources.candidates import MASK_KINDS
from ..sources.masks import read_masks
from ..sources.orientation import Convention, orient
from ..sources.read import without_rows
from ..sources.remote import public_name
from .registrations import read_registrations


@dataclass(frozen=True)
class MatchFile:
    """What a match file says: the sessions and the result."""

    sessions: tuple[Session, ...]
    result: MatchResult


def read_match_file(path: str | os.PathLike[str], footprints: bool = True) -> MatchFile:
    """Read a match file.

    Parameters
    ----------
    path : path
    footprints : bool
        Read the masks; without them every footprint is empty and reading is fast.

    Raises
    ------
    InputError
        The file is damaged or no match file.
    """
    with open_nwb(path) as nwbfile:
        found = [item for item in nwbfile.objects.values() if isinstance(item, CellMatching)]
        if not found:
            raise InputError(
                f"{public_name(path)}: this NWB file holds no matched cells (CellMatching); make one with "
                "`ndx-match write`."
            )
        matching = found[0]
        result = _result(matching)
        sessions = tuple(
            _session(matching, k, public_name(path), footprints, result.cells[:, k]) for k in range(matching.n_sessions)
        )
        return MatchFile(sessions, result)


def _session(matching: CellMatching, position: int, path: str, footprints: bool, cells: npt.NDArray[Any]) -> Session:
    columns = {name: matching.sessions[name].data[position] for name in matching.sessions.colnames}
    stored_image = np.asarray(columns["image"].data[:], np.float32)
    table = columns["roi_table"]
    roi_ids = np.asarray(table.id.data[:], np.int64)
    kind = next(kind for kind in MASK_KINDS if kind in table.colnames)
    orientation, selection = _text(columns["mask_orientation"]), _text(columns["roi_selection"])
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
        name=_text(columns["session_name"]),
        image=image,
        footprints=masks,
        roi_ids=roi_ids,
        pixel_size=None if pixel_size is None or np.isnan(pixel_size).any() else (pixel_size[0], pixel_size[1]),
        source=SourceInfo(
            uri=_text(columns["source_uri"]),
            nwb_identifier=_text(columns["nwb_identifier"]),
            nwb_object_id=_text(columns["nwb_object_id"]),
            session_start=_text(columns["session_start"]),
            subject_id=_text(columns.get("subject_id", "")),
            plane_path=_text(columns["imaging_plane_path"]),
            roi_table_path=_text(columns["roi_table_path"]),
            roi_table_object_id=_text(columns["roi_table_object_id"]),
            image_path=_text(columns["image_path"]),
            mask_kind=kind,
            orientation=orientation,
            roi_selection=selection,
            imaging_depth=None if depth is None or np.isnan(depth) else float(depth),
            sha256=_text(columns.get("sha256", "")),
            dandiset_id=_text(columns.get("dandiset_id", "")),
            dandi_asset_id=_text(columns.get("dandi_asset_id", "")),
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
        session_status=tuple(_text(status) for status in matching.sessions["status"].data[:]),
        warnings=tuple(_text(warning) for warning in (matching.warnings if matching.warnings is not None else ())),
    )


def _roi_pairs(matching: CellMatching) -> RoiPairs:
    if matching.roi_pairs is None:
        return RoiPairs.concatenate([])
    names = {"fixed_roi_row": "fixed_row", "moving_roi_row": "moving_row"}
    table = matching.roi_pairs
    return RoiPairs(**{names.get(name, name): np.asarray(table[name].data[:]) for name in table.colnames})


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
