"""Folders that Suite2p writes, in all versions with `stat.npy`: `suite2p/plane0/stat.npy` and the files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Array, Floats32
from ...errors import InputError
from ..objects import load_array, load_dict
from ..protocol import MOST_PIXELS_ALONG, FolderFormat, Segmentation, SegmentedPlane, pixels_of

ROIS, ACCEPTED = "stat.npy", "iscell.npy"
#: The file with the size of the field and the images, and the files that hold these if it is missing, as it is with the
#: setting `save_ops_orig` off.
SETTINGS, OTHER_SETTINGS = "ops.npy", ("db.npy", "reg_outputs.npy")
IMAGES = ("meanImg", "meanImgE", "meanImg_chan2", "max_proj", "Vcorr")
COMBINED = "combined"


def _planes(path: Path) -> list[Path]:
    """The folders of the planes in a folder, or the folder itself if it is the folder of one plane."""
    if (path / ROIS).is_file():
        return [path]
    planes = [each for each in path.glob("plane*") if re.fullmatch(r"plane\d+", each.name) and (each / ROIS).is_file()]
    return sorted(planes, key=lambda plane: int(plane.name.removeprefix("plane")))


def _files(path: Path) -> Sequence[Path]:
    files = [plane / name for plane in _planes(path) for name in (ROIS, ACCEPTED, *_settings_of(plane))]
    return [file for file in files if file.is_file()]


def _settings_of(plane: Path) -> Sequence[str]:
    """The names of the settings files that are read."""
    return (SETTINGS,) if (plane / SETTINGS).is_file() else OTHER_SETTINGS


def _read(path: Path) -> Segmentation:
    if path.resolve().name == COMBINED:
        raise InputError(
            f"{path}: this folder shows all planes side by side; give the folder that holds it, with --plane or "
            "--all-planes if there are several planes."
        )
    return Segmentation(tuple(map(_plane, _planes(path))))


def _plane(folder: Path) -> SegmentedPlane:
    stat, where = load_array(folder / ROIS), str(folder / ROIS)
    rois = list(stat.ravel())
    try:
        masks = [(_whole(roi["ypix"]), _whole(roi["xpix"]), np.asarray(roi["lam"], np.float32)) for roi in rois]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{where}: ROIs need ypix, xpix and lam, as Suite2p writes them ({error}); copy the file again."
        ) from error
    ends, pixels = pixels_of(masks, where)
    settings: dict[str, Any] = {}
    for name in _settings_of(folder):
        if (folder / name).is_file():
            settings.update(load_dict(folder / name))
    shape = _shape(settings)
    if shape is not None and not all(0 < size <= MOST_PIXELS_ALONG for size in shape):
        raise InputError(
            f"{folder}: the settings state a field of {shape[0]} rows and {shape[1]} columns (Ly, Lx), which is "
            "impossible; copy the folder again."
        )
    columns = {}
    if (folder / ACCEPTED).is_file():
        iscell = load_array(folder / ACCEPTED)
        if iscell.shape[:1] != (len(rois),) or iscell.dtype.kind not in "biuf":
            what = f"{len(iscell)} rows" if iscell.ndim and iscell.dtype.kind in "biuf" else "no rows of numbers"
            raise InputError(f"{folder / ACCEPTED}: it holds {what} for {len(rois)} ROIs; copy it and {ROIS} again.")
        columns["iscell"] = ("Whether Suite2p takes the ROI for a cell, and its probability.", iscell.astype(float))
    name = folder.resolve().name
    return SegmentedPlane(
        name=name if name.startswith("plane") else "plane0",
        roi_ids=np.arange(len(rois), dtype=np.int64),
        ends=ends,
        pixels=pixels,
        shape=shape,
        images=dict(_images(settings, shape)),
        columns=columns,
    )


def _whole(values: Any) -> Array:
    """Pixel coordinates as whole numbers; raises ValueError if they have another type."""
    coordinates = np.asarray(values)
    if coordinates.dtype.kind not in "iu" and coordinates.size:
        raise ValueError(f"pixels of type {coordinates.dtype}")
    return coordinates.astype(np.int64)


def _shape(settings: Mapping[str, Any]) -> tuple[int, int] | None:
    """(n_rows, n_cols) of the field; None if it is unknown."""
    mean = settings.get("meanImg")
    sizes = [settings.get(side) for side in ("Ly", "Lx")]
    if None in sizes and isinstance(mean, np.ndarray) and mean.ndim == 2:
        sizes = list(mean.shape)
    return (int(sizes[0]), int(sizes[1])) if all(isinstance(size, int | np.integer) for size in sizes) else None  # type: ignore[arg-type]


def _images(settings: Mapping[str, Any], shape: tuple[int, int] | None) -> Iterator[tuple[str, Floats32]]:
    """The images in the size of the field; images that motion correction cropped are filled up with NaN."""
    for name in IMAGES:
        image = settings.get(name)
        if not isinstance(image, np.ndarray) or image.ndim != 2 or image.dtype.kind not in "biuf":
            continue
        if shape is not None and image.shape != shape:
            try:
                rows, cols = (slice(*map(int, settings[side])) for side in ("yrange", "xrange"))
                whole = np.full(shape, np.nan, np.float32)
                whole[rows, cols] = image
            except (KeyError, TypeError, ValueError):
                continue
            image = whole
        yield name, image.astype(np.float32)


FORMAT = FolderFormat("Suite2p", _files, _read, general_name=r"suite2p|plane\d+|combined")
