"""The format of another program's results, and what is read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from ..arrays import Array, Ints64
from ..errors import InputError

PIXEL = np.dtype([("x", "<u4"), ("y", "<u4"), ("weight", "<f4")])
MOST_PIXELS_ALONG = 100_000  #: one axis of a field; a pixel beyond it means that the file is wrong


@dataclass(frozen=True)
class SegmentedPlane:
    """The ROIs of one imaging plane."""

    name: str
    roi_ids: Ints64  #: shape (n_rois,)
    ends: Ints64  #: where the pixels of each ROI end, shape (n_rois,)
    pixels: Array  #: of all ROIs, one ROI after the other; dtype `PIXEL`, x is the column and y the row
    shape: tuple[int, int] | None = None  #: (n_rows, n_cols) of the field, if known
    images: Mapping[str, Array] = field(default_factory=dict)  #: [row, col], by name
    #: Further columns of the ROI table, by name: a description, and one value per ROI.
    columns: Mapping[str, tuple[str, Array]] = field(default_factory=dict)


@dataclass(frozen=True)
class Segmentation:
    """What is read from a session."""

    planes: tuple[SegmentedPlane, ...]


@dataclass(frozen=True)
class FolderFormat:
    """How one program stores its results: the `FORMAT` of a module of :mod:`ndx_match.folders.formats`."""

    program: str
    #: Lists the files to read from a folder or file; none if it is not of this program. Opens as few as possible.
    files: Callable[[Path], Sequence[Path]]
    read: Callable[[Path], Segmentation]  #: raises InputError
    #: Pattern of whole names of folders and files that do not identify a session, such as `suite2p`.
    general_name: str = "(?!)"
    #: Reads when the session began, if the program's results state it.
    start: Callable[[Path], datetime | None] = lambda _: None


def pixels_of(masks: Iterable[tuple[Array, Array, Array]], where: str) -> tuple[Ints64, Array]:
    """Join the (rows, columns, weights) of the ROIs: where the pixels of each ROI end, and the pixels of all.

    Raises InputError, beginning with `where`, if their numbers differ or pixels lie at impossible places.
    """
    parts: list[Array] = []
    for row, col, weight in masks:
        if not row.shape == col.shape == weight.shape == (row.size,):
            raise InputError(f"{where}: rows, columns and weights of an ROI's pixels differ in number; run it again.")
        for places in (row, col):
            if places.size and (places.min() < 0 or places.max() >= MOST_PIXELS_ALONG):
                raise InputError(f"{where}: mask pixels lie at impossible places ({places.min()}, {places.max()}).")
        part = np.empty(len(row), PIXEL)
        part["x"], part["y"], part["weight"] = col, row, weight
        parts.append(part)
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return ends, np.concatenate([np.empty(0, PIXEL), *parts])
