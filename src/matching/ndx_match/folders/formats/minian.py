"""Folders that minian writes: Zarr stores of arrays; `A.zarr` holds the footprints [unit, row, col]."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import InputError
from ..libraries import import_library
from ..protocol import FolderFormat, Segmentation, SegmentedPlane, pixels_of

MASKS, UNITS, IMAGE = "A", "unit_id", "max_proj"


def _files(path: Path) -> Sequence[Path]:
    if not (path / f"{MASKS}.zarr" / MASKS).is_dir():
        return []
    stores = [path / f"{store}.zarr" / name for store, name in ((MASKS, MASKS), (MASKS, UNITS), (IMAGE, IMAGE))]
    return sorted(file for store in stores for file in store.rglob("*") if file.is_file())


def _read(path: Path) -> Segmentation:
    masks = _array(path / f"{MASKS}.zarr", MASKS)
    units = _array(path / f"{MASKS}.zarr", UNITS)[:]
    if masks.ndim != 3 or units.shape != masks.shape[:1] or units.dtype.kind not in "iu":
        raise InputError(f"{path}: {MASKS} of shape {masks.shape} does not fit {len(units)} units; run minian again.")
    ends, pixels = pixels_of((_pixels(masks[k]) for k in range(len(units))), str(path))
    images = {}
    if (path / f"{IMAGE}.zarr").is_dir():
        image = np.asarray(_array(path / f"{IMAGE}.zarr", IMAGE)[:], np.float32)
        images = {IMAGE: image} if image.shape == masks.shape[1:] else {}
    return Segmentation((SegmentedPlane("plane", units.astype(np.int64), ends, pixels, masks.shape[1:], images),))


def _pixels(mask: Array) -> tuple[Array, Array, Array]:
    row, col = np.nonzero(mask)
    return row, col, mask[row, col]


def _array(store: Path, name: str) -> Any:
    """An array of a store. Raises InputError if a chunk is missing, which Zarr would read as zeros."""
    zarr = import_library("zarr", store, "minian")
    try:
        array = zarr.open_group(str(store), mode="r")[name]
    except Exception as error:  # zarr can raise any exception
        raise InputError(f"{store}: {name} cannot be read ({type(error).__name__}); copy the folder again.") from error
    missing = array.nchunks - array.nchunks_initialized
    if missing:
        raise InputError(f"{store}: {missing} of {array.nchunks} pieces of {name} are missing; copy the folder again.")
    return array


FORMAT = FolderFormat("minian", _files, _read, general_name=r"minian")
