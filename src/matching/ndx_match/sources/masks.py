"""Read the masks of an ROI table into sparse footprints, block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse
from pynwb.ophys import PlaneSegmentation

from ..arrays import Array, Ints64
from ..errors import InputError
from ..storage.datasets import stored

BLOCK_BYTES = 16_000_000  #: of masks held dense at a time
MAXIMUM_BLOCK = 8  #: times as much where chunks span many ROIs


@dataclass(frozen=True)
class StoredMasks:
    """Masks in the frame, of shape (n, m), in which the file holds them."""

    #: Shape (n_rois, n * m), float32: image masks as stored; of pixel and voxel masks y is the row and x the column.
    footprints: scipy.sparse.csr_array
    shape: tuple[int, int]
    whole: bool  #: whether the shape is the image's; that of pixel and voxel masks only reaches to their last pixels

    def transposed(self) -> StoredMasks:
        """With rows and columns swapped."""
        row, col = np.divmod(self.footprints.indices.astype(np.int64), self.shape[1])
        return self._moved(col * self.shape[0] + row, (self.shape[1], self.shape[0]))

    def unscrambled(self) -> StoredMasks:
        """Of masks that were flattened by columns and shaped by rows: `mask.ravel().reshape(shape, order="F")`."""
        col, row = np.divmod(self.footprints.indices.astype(np.int64), self.shape[0])
        return self._moved(row * self.shape[1] + col, self.shape)

    def mirrored(self) -> StoredMasks:
        """With the columns in reverse order."""
        row, col = np.divmod(self.footprints.indices.astype(np.int64), self.shape[1])
        return self._moved(row * self.shape[1] + self.shape[1] - 1 - col, self.shape)

    def within(self, shape: tuple[int, int]) -> StoredMasks:
        """In a frame of another size that holds them."""
        if shape == self.shape:
            return self
        row, col = np.divmod(self.footprints.indices.astype(np.int64), self.shape[1])
        return self._moved(row * shape[1] + col, shape)

    def sample(self, most: int) -> StoredMasks:
        """At most so many of the ROIs, spread evenly over the table."""
        n_rois = self.footprints.shape[0]
        if n_rois <= most:
            return self
        return replace(self, footprints=self.footprints[np.linspace(0, n_rois - 1, most).astype(int)])

    def _moved(self, places: Ints64, shape: tuple[int, int]) -> StoredMasks:
        footprints = scipy.sparse.csr_array(
            (self.footprints.data.copy(), places.astype(np.int32), self.footprints.indptr),
            shape=(self.footprints.shape[0], shape[0] * shape[1]),
        )
        footprints.sort_indices()
        return StoredMasks(footprints, shape, self.whole)


def read_masks(table: PlaneSegmentation, mask_kind: str, where: str, z_plane: int | None = None) -> StoredMasks:
    """The masks of every ROI of a table, in its order; of voxel masks those in a plane (z), or in all if it is None.

    Raises InputError, beginning with `where`, if weights are not finite, or pixels lie at negative places.
    """
    if mask_kind == "image_mask":
        masks = _from_images(table["image_mask"].data)
    else:
        masks = _from_pixels(table, mask_kind, where, z_plane)
    if not np.isfinite(masks.footprints.data).all():
        raise InputError(f"{where}: the masks hold NaN or infinite weights; repair the file.")
    return masks


def z_planes(table: PlaneSegmentation) -> list[int]:
    """The planes (z) in which a table's voxel masks lie."""
    pixels = np.asarray(stored(table["voxel_mask"].target.data)[:])
    return [int(z) for z in np.unique(_field(pixels, "z"))]


def _from_images(data: Any) -> StoredMasks:
    n_rois, n_rows, n_cols = data.shape
    block = max(1, BLOCK_BYTES // max(1, n_rows * n_cols * np.dtype(data.dtype).itemsize))
    if getattr(data, "chunks", None) and data.chunks[0] <= MAXIMUM_BLOCK * block:
        block = -(-block // data.chunks[0]) * data.chunks[0]  # whole chunks, so that none is decompressed twice
    counts, indices, weights = [], [], []
    for start in range(0, n_rois, block):
        dense = np.asarray(data[start : start + block]).reshape(-1, n_rows * n_cols)
        row, pixel = np.divmod(np.flatnonzero(dense), dense.shape[1])  # faster than np.nonzero of two dimensions
        counts.append(np.bincount(row, minlength=len(dense)))
        indices.append(pixel.astype(np.int32))
        weights.append(dense[row, pixel].astype(np.float32))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    footprints = scipy.sparse.csr_array(
        (np.concatenate(weights), np.concatenate(indices), indptr), shape=(n_rois, n_rows * n_cols)
    )
    footprints.eliminate_zeros()  # weights too small for float32
    return StoredMasks(footprints, (n_rows, n_cols), whole=True)


def _from_pixels(table: PlaneSegmentation, mask_kind: str, where: str, z_plane: int | None) -> StoredMasks:
    ends = np.asarray(table[mask_kind].data[:], np.int64)
    pixels = np.asarray(stored(table[mask_kind].target.data)[:])
    if (np.diff(ends, prepend=0) < 0).any() or ends[-1] != len(pixels):
        raise InputError(f"{where}: the column {mask_kind}_index does not fit {len(pixels)} mask pixels; repair it.")
    row_of_pixel = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    x, y, weight = (_field(pixels, name) for name in ("x", "y", "weight"))
    if len(x) and (x.min() < 0 or y.min() < 0):
        raise InputError(f"{where}: mask pixels lie at negative places (x = {x.min()}, y = {y.min()}); repair them.")
    if mask_kind == "voxel_mask" and z_plane is not None:
        chosen = _field(pixels, "z") == z_plane
        row_of_pixel, x, y, weight = (values[chosen] for values in (row_of_pixel, x, y, weight))
    shape = (int(y.max()) + 1, int(x.max()) + 1) if len(x) else (1, 1)
    present = weight != 0
    place = y[present].astype(np.int64) * shape[1] + x[present].astype(np.int64)
    footprints = scipy.sparse.coo_array(
        (weight[present].astype(np.float32), (row_of_pixel[present], place)), shape=(len(ends), shape[0] * shape[1])
    ).tocsr()
    footprints.eliminate_zeros()
    return StoredMasks(footprints, shape, whole=False)


def _field(pixels: Array, name: str) -> Array:
    if pixels.dtype.names:
        return pixels[name]
    position = {"x": 0, "y": 1, "z": 2, "weight": pixels.shape[1] - 1 if pixels.ndim == 2 else 0}[name]
    return pixels[:, position] if pixels.ndim == 2 else np.zeros(0)
