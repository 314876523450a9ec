"""Classes that describe the format of another program's results, and the ROIs and images that are read from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from ..arrays import Array, Ints64
from ..errors import InputError

PIXEL = np.dtype([("x", "<u4"), ("y", "<u4"), ("weight", "<f4")])
MOST_PIXELS_ALONG = 100_000  #: largest plausible size of a field; a pixel beyond it means that the file is damaged


@dataclass(frozen=True)
class SegmentedPlane:
    """The ROIs of one imaging plane."""

    name: str
    roi_ids: Ints64  #: shape (n_rois,)
    ends: Ints64  #: where the pixels of each ROI end in `pixels`, shape (n_rois,)
    pixels: Array  #: of all ROIs, one ROI after the other; dtype `PIXEL`, x is the column and y the row
    shape: tuple[int, int] | None = None  #: (n_rows, n_cols) of the field, if known
    images: Mapping[str, Array] = field(default_factory=dict)  #: each [row, col], by name
    #: Other columns of the ROI table by name, each with its description and one value per ROI.
    columns: Mapping[str, tuple[str, Array]] = field(default_factory=dict)


@dataclass(frozen=True)
class Segmentation:
    """The ROIs and images of a session."""

    planes: tuple[SegmentedPlane, ...]


@dataclass(frozen=True)
class FolderFormat:
    """The format of a program's results. A module of :mod:`ndx_match.folders.formats` defines it as `FORMAT`."""

    program: str
    #: Lists the files that must be read from a folder or file, and none if it is not from this program. The function
    #: should open as few files as possible.
    files: Callable[[Path], Sequence[Path]]
    read: Callable[[Path], Segmentation]  #: reads a folder or file; raises InputError if it cannot
    #: Regular expression of the names of folders and files that do not identify a session, such as `suite2p`.
    general_name: str = "(?!)"
    #: Reads when the session began, if the program's results state it.
    start: Callable[[Path], datetime | None] = lambda _: None


def pixels_of(masks: Iterable[tuple[Array, Array, Array]], where: str) -> tuple[Ints64, Array]:
    """Join the pixels of ROIs for a :class:`SegmentedPlane`.

    Parameters
    ----------
    masks : iterable of (ndarray, ndarray, ndarray), each shape (n_pixels_of_roi,)
        Rows, columns and weights of the pixels of each ROI.
    where : str
        The beginning of the error message.

    Returns
    -------
    ends : ndarray of int64, shape (n_rois,)
        Where the pixels of each ROI end.
    pixels : ndarray of `PIXEL`, shape (n_pixels,)
        The pixels of all ROIs, one ROI after the other.

    Raises
    ------
    InputError
        If an ROI has different numbers of rows, columns and weights, or a pixel lies at an impossible place.
    """
    parts: list[Array] = []
    for row, col, weight in masks:
        if not row.shape == col.shape == weight.shape == (row.size,):
            raise InputError(f"{where}: rows, columns and weights of an ROI differ in number; write the file again.")
        for places in (row, col):
            if places.size and (places.min() < 0 or places.max() >= MOST_PIXELS_ALONG):
                raise InputError(
                    f"{where}: mask pixels lie at impossible places ({places.min()}, {places.max()}); write the file "
                    "again."
                )
        part = np.empty(len(row), PIXEL)
        part["x"], part["y"], part["weight"] = col, row, weight
        parts.append(part)
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return ends, np.concatenate([np.empty(0, PIXEL), *parts])
