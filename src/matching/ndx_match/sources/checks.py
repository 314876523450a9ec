"""Refuse data of a file that are not numbers or do not fit into memory, before they are read."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from ..arrays import Floats, Ints64
from ..errors import InputError

REPAIR = "repair the file"
MOST_PIXELS = 100_000_000  #: most pixels of a field of view; the largest recorded fields have a quarter of them
MOST_COORDINATES = 3  #: most numbers of a position or a size
PART_OF_MEMORY = 4  #: a dataset may take at most the computer's memory divided by this number
MEMORY_OF_UNKNOWN = 8_000_000_000  #: bytes, assumed if the system does not report its memory


def check_numbers(data: Any, what: str, remedy: str = REPAIR) -> None:
    """Raise InputError, ending with the phrase `remedy`, if data, called `what`, are not real numbers."""
    kind = np.dtype(data.dtype).kind
    if kind not in "biuf":
        content = {"c": "complex numbers", "O": "text or objects", "S": "text", "U": "text"}.get(kind, str(data.dtype))
        raise InputError(f"{what} hold {content}, not numbers; {remedy}.")


def check_pixels(shape: tuple[int, ...], what: str, remedy: str = REPAIR) -> None:
    """Raise InputError if a field of view of this shape, (n_rows, n_cols), has more pixels than can be matched."""
    if math.prod(shape) > MOST_PIXELS:
        raise InputError(
            f"{what} have {shape[0]} rows and {shape[1]} columns, more than the {MOST_PIXELS} pixels that can be "
            f"matched; {remedy}."
        )


def check_memory(data: Any, what: str) -> None:
    """Raise InputError if a dataset, called `what`, is too large for the memory."""
    n_bytes = math.prod(np.shape(data)) * np.dtype(getattr(data, "dtype", float)).itemsize
    if n_bytes > memory() // PART_OF_MEMORY:
        raise InputError(f"{what} takes {n_bytes} bytes, more than this computer can hold; repair the file.")


def vector_of(data: Any) -> Floats | None:
    """The finite numbers of a position or a size; None if there are none or the data are something else."""
    if data is None or len(np.shape(data)) != 1 or np.shape(data)[0] > MOST_COORDINATES:
        return None
    values = np.asarray(data[:])
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        return None
    return values.astype(float)


def ids_of(data: Any, what: str) -> Ints64:
    """The ids of a table, shape (n_rois,); raises InputError if they are not whole numbers that 64 bits can hold."""
    check_memory(data, f"{what} ids")
    ids = np.asarray(data[:])
    if ids.ndim == 1 and ids.dtype.kind == "u" and len(ids) and ids.max() > np.iinfo(np.int64).max:
        raise InputError(f"{what} ids reach {ids.max()}, which is too large for 64 bits; renumber the ROIs.")
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise InputError(f"{what} ids are not whole numbers, one for each ROI; repair the file.")
    return ids.astype(np.int64)


def memory() -> int:
    """Bytes of the computer's memory."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # as on Windows
        return MEMORY_OF_UNKNOWN
