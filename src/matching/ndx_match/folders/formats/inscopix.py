"""Cell sets of Inscopix (`.isxd`), which the library isx reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...storage.opening import first_line
from ..libraries import import_library
from ..protocol import FolderFormat, Segmentation, SegmentedPlane, pixels_of

PROGRAM = "Inscopix"
EARLIEST = 1980  #: year; an earlier start means that the start is unknown


def _files(path: Path) -> Sequence[Path]:
    return [path] if path.suffix.lower() == ".isxd" and path.is_file() else []


def _opened(path: Path) -> Any:
    isx = import_library("isx", path, PROGRAM)
    try:
        return isx.CellSet.read(str(path), read_only=True)
    except Exception as error:  # isx can raise any exception for a file that is no cell set
        raise InputError(
            f"{path}: isx cannot read this as a cell set of {PROGRAM} ({first_line(error)}); write it again."
        ) from error


def _read(path: Path) -> Segmentation:
    cells = _opened(path)
    rows = range(cells.num_cells)
    masks = (np.asarray(cells.get_cell_image_data(row)) for row in rows)
    columns = {
        "cell_status": (f"Status of the cell in {PROGRAM}.", np.array([cells.get_cell_status(row) for row in rows])),
        "cell_name": (f"Name of the cell in {PROGRAM}.", np.array([cells.get_cell_name(row) for row in rows])),
    }
    ends, pixels = pixels_of(((*np.nonzero(mask), mask[mask != 0]) for mask in masks), str(path))
    n_rows, n_cols = map(int, cells.spacing.num_pixels)
    ids = np.arange(len(rows), dtype=np.int64)
    return Segmentation((SegmentedPlane("plane", ids, ends, pixels, (n_rows, n_cols), columns=columns),))


def _start(path: Path) -> datetime | None:
    """The start by the clock of the microscope, which is stored as UTC; None if it is unknown."""
    cells = _opened(path)  # must outlive `timing`, which lies in its memory
    timing = cells.timing
    start: datetime = timing.start.to_datetime()
    return start.replace(tzinfo=timezone.utc) if start.year >= EARLIEST else None


FORMAT = FolderFormat(PROGRAM, _files, _read, start=_start)
