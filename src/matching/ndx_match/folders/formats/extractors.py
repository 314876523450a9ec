"""Results of CaImAn and EXTRACT, which roiextractors reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...storage.hdf5.reading import holds_any, open_dataset
from ...storage.opening import first_line
from ..libraries import import_library
from ..protocol import FolderFormat, Segmentation, SegmentedPlane, pixels_of

ACCEPTED = "is_accepted"  #: property that states which ROIs are accepted
INDICES = "estimates/idx_components"  #: dataset of the accepted ROIs in CaImAn's files, if CaImAn evaluated them


def _holding(path: Path, endings: Sequence[str], *datasets: str) -> Sequence[Path]:
    """The file itself, if its name has one of the endings and it is an HDF5 file with one of the datasets."""
    return [path] if path.suffix.lower() in endings and path.is_file() and holds_any(path, datasets) else []


def _read(path: Path, program: str, open_with: Callable[[Any, str], Any]) -> Segmentation:
    extractor = _opened(path, program, open_with)
    try:
        roi_ids = list(extractor.get_roi_ids())
        n_rows, n_cols = map(int, extractor.get_frame_shape())
        all_images = extractor.get_images_dict()
        masks = [np.asarray(extractor.get_roi_pixel_masks([roi_id])[0], float).reshape(-1, 3) for roi_id in roi_ids]
        accepted = extractor.get_property(ACCEPTED, roi_ids) if ACCEPTED in extractor.get_property_keys() else None
        if _accepts_none(path):
            accepted = np.zeros(len(roi_ids), bool)
        images = {name: image for name, image in all_images.items() if np.shape(image) == (n_rows, n_cols)}
    except Exception as error:  # roiextractors can raise any exception for a file of another kind
        raise _unreadable(path, program, error) from error
    columns = {} if accepted is None else {ACCEPTED: (f"Whether {program} accepts the ROI.", np.asarray(accepted))}
    pixels = ((mask[:, 0].astype(int), mask[:, 1].astype(int), mask[:, 2]) for mask in masks)
    plane = SegmentedPlane(
        "plane",
        np.arange(len(roi_ids), dtype=np.int64),
        *pixels_of(pixels, str(path)),
        (n_rows, n_cols),
        {name: np.asarray(image, np.float32) for name, image in images.items()},
        columns,
    )
    return Segmentation((plane,))


def _accepts_none(path: Path) -> bool:
    """Whether CaImAn accepted no ROI; roiextractors 0.10 then takes all of them to be accepted."""
    with open_dataset(path, INDICES) as indices:
        return indices is not None and indices.shape is not None and indices.size == 0


def _opened(path: Path, program: str, open_with: Callable[[Any, str], Any]) -> Any:
    library = import_library("roiextractors", path, program)
    try:
        return open_with(library, str(path))
    except Exception as error:
        raise _unreadable(path, program, error) from error


def _unreadable(path: Path, program: str, error: Exception) -> InputError:
    return InputError(
        f"{path}: roiextractors cannot read this as results of {program} ({first_line(error)}); write it again."
    )


def _caiman(library: Any, path: str) -> Any:
    return library.CaimanSegmentationExtractor(path)


def _extract(library: Any, path: str) -> Any:
    return library.ExtractSegmentationExtractor(path, sampling_frequency=1.0)  # required; nothing here depends on it


FORMATS = (
    FolderFormat(
        "CaImAn",
        lambda path: _holding(path, (".hdf5", ".h5"), "estimates/A"),
        partial(_read, program="CaImAn", open_with=_caiman),
        general_name=r"(analysis_|caiman_)?results\.\w+",
    ),
    FolderFormat(
        "EXTRACT",
        lambda path: _holding(path, (".mat",), "output/spatial_weights"),
        partial(_read, program="EXTRACT", open_with=_extract),
        general_name=r"(extract_)?output\.mat|extract\.mat",
    ),
)
