"""Read the masks of an ROI table into sparse footprints, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from pynwb.ophys import PlaneSegmentation

from ..errors import InputError
from .opening import stored

BLOCK_BYTES = 16_000_000  #: of masks held dense at a time
MAXIMUM_BLOCK = 8  #: times as much where chunks span many ROIs


def read_footprints(
    table: PlaneSegmentation, mask_kind: str, shape: tuple[int, int], where: str
) -> scipy.sparse.csr_array:
    """Footprints of every ROI of a table, in its order.

    Parameters
    ----------
    table : PlaneSegmentation
    mask_kind : str
        `image_mask` (stored [roi, row, col]), `pixel_mask` or `voxel_mask` (x = column, y = row).
    shape : tuple of int
        (n_rows, n_cols) of the image.
    where : str
        File and table, for messages.

    Returns
    -------
    csr_array of float32, shape (n_rois, n_rows * n_cols)

    Raises
    ------
    InputError
        Weights are not finite, pixels lie outside the image, or voxels lie in several planes.
    """
    if mask_kind == "image_mask":
        footprints = _from_images(table["image_mask"].data, shape, where)
    else:
        footprints = _from_pixels(table, mask_kind, shape, where)
    if not np.isfinite(footprints.data).all():
        raise InputError(f"{where}: the masks hold NaN or infinite weights; repair the file.")
    return footprints


def _from_images(data: Any, shape: tuple[int, int], where: str) -> scipy.sparse.csr_array:
    n_rois = data.shape[0]
    block = max(1, BLOCK_BYTES // max(1, shape[0] * shape[1] * np.dtype(data.dtype).itemsize))
    if getattr(data, "chunks", None) and data.chunks[0] <= MAXIMUM_BLOCK * block:
        block = -(-block // data.chunks[0]) * data.chunks[0]  # whole chunks, so that none is decompressed twice
    counts, indices, weights = [], [], []
    for start in range(0, n_rois, block):
        dense = np.asarray(data[start : start + block]).reshape(-1, shape[0] * shape[1])
        row, pixel = np.nonzero(dense)
        counts.append(np.bincount(row, minlength=len(dense)))
        indices.append(pixel.astype(np.int32))
        weights.append(dense[row, pixel].astype(np.float32))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    footprints = scipy.sparse.csr_array(
        (np.concatenate(weights), np.concatenate(indices), indptr), shape=(n_rois, shape[0] * shape[1])
    )
    footprints.eliminate_zeros()  # weights too small for float32
    return footprints


def _from_pixels(
    table: PlaneSegmentation, mask_kind: str, shape: tuple[int, int], where: str
) -> scipy.sparse.csr_array:
    ends = np.asarray(table[mask_kind].data[:], np.int64)
    pixels = np.asarray(stored(table[mask_kind].target.data)[:])
    if (np.diff(ends, prepend=0) < 0).any() or ends[-1] != len(pixels):
        raise InputError(f"{where}: the column {mask_kind}_index does not fit {len(pixels)} mask pixels; repair it.")
    row_of_pixel = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    x, y, weight = (_field(pixels, name) for name in ("x", "y", "weight"))
    if mask_kind == "voxel_mask" and len(np.unique(_field(pixels, "z"))) > 1:
        raise InputError(f"{where}: the voxel masks lie in several planes (z), and one plane is needed here.")
    if len(x) and (x.min() < 0 or y.min() < 0 or x.max() >= shape[1] or y.max() >= shape[0]):
        raise InputError(
            f"{where}: image and masks differ in size: mask pixels reach x = {x.max()}, y = {y.max()}, but the image "
            f"has {shape[0]} rows and {shape[1]} columns; choose another image with --image."
        )
    present = weight != 0
    place = y[present].astype(np.int64) * shape[1] + x[present]
    footprints = scipy.sparse.coo_array(
        (weight[present].astype(np.float32), (row_of_pixel[present], place)),
        shape=(len(ends), shape[0] * shape[1]),
    ).tocsr()
    footprints.eliminate_zeros()
    return footprints


def _field(pixels: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    if pixels.dtype.names:
        return pixels[name]
    position = {"x": 0, "y": 1, "z": 2, "weight": pixels.shape[1] - 1 if pixels.ndim == 2 else 0}[name]
    return pixels[:, position] if pixels.ndim == 2 else np.zeros(0)
