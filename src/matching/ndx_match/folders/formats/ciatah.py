"""Files that CIAtah writes after EXTRACT (`.mat`, MATLAB's format 7.3), in which HDF5 has every array transposed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import InputError
from ...storage.hdf5.reading import holds_any, open_dataset
from ...storage.opening import first_line
from ..protocol import FolderFormat, Segmentation, SegmentedPlane, pixels_of

PROGRAM = "CIAtah"
MASKS = "extractAnalysisOutput/filters"  #: [ROI, col, row] in HDF5
IMAGE = "summary_image"


def _files(path: Path) -> Sequence[Path]:
    return [path] if path.suffix.lower() == ".mat" and path.is_file() and holds_any(path, (MASKS,)) else []


def _read(path: Path) -> Segmentation:
    try:
        with open_dataset(path, MASKS) as masks:
            if masks is None or masks.ndim != 3:
                raise InputError(f"{path}: {MASKS} does not hold masks of ROIs; give the file as CIAtah wrote it.")
            n_rois, n_cols, n_rows = masks.shape
            ends, pixels = pixels_of(_pixels(masks), str(path))
        with open_dataset(path, f"extractAnalysisOutput/info/{IMAGE}") as image:
            images = {} if image is None else {IMAGE: np.asarray(image[()], np.float32).T}
    except (OSError, ValueError, TypeError) as error:  # the file is damaged
        raise InputError(f"{path}: {MASKS} cannot be read ({first_line(error)}); write the file again.") from error
    shape = (n_rows, n_cols)
    images = {name: image for name, image in images.items() if image.shape == shape}
    return Segmentation((SegmentedPlane("plane", np.arange(n_rois, dtype=np.int64), ends, pixels, shape, images),))


def _pixels(masks: Any) -> Iterator[tuple[Array, Array, Array]]:
    for roi_row in range(len(masks)):
        mask = np.asarray(masks[roi_row], float).T
        row, col = np.nonzero(mask)
        yield row, col, mask[row, col]


FORMAT = FolderFormat(PROGRAM, _files, _read, general_name=r"(extract_)?output\.mat|extract\.mat")
