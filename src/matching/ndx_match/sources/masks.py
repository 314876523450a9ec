"""Read the masks of an ROI table into sparse footprints, block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
from pynwb.ophys import PlaneSegmentation

from ..arrays import Array, Ints64
from ..errors import InputError
from ..storage.datasets import stored
from .checks import check_memory, check_numbers, check_pixels

BLOCK_BYTES = 16_000_000  #: size of the dense masks that are in memory at a time
MAXIMUM_BLOCK = 8  #: up to this many times as much if the chunks of the file span many ROIs


@dataclass(frozen=True)
class StoredMasks:
    """Masks in the frame of shape (n, m) in which they are stored in the file."""

    #: Shape (n_rois, n * m), float32: image masks as stored; for pixel and voxel masks, y is the row and x the column.
    footprints: scipy.sparse.csr_array
    shape: tuple[int, int]
    whole: bool  #: whether `shape` is the whole frame; for pixel and voxel masks it only reaches to their last pixels
    n_negative: int = 0  #: number of weights that were negative and are taken as 0

    def transposed(self) -> StoredMasks:
        """The masks with rows and columns swapped."""
        row, col = np.divmod(self.footprints.indices.astype(np.int64), self.shape[1])
        return self._moved(col * self.shape[0] + row, (self.shape[1], self.shape[0]))

    def unscrambled(self) -> StoredMasks:
        """The masks after undoing `mask.ravel().reshape(shape, order="F")`, which CaImAn's export does to them."""
        col, row = np.divmod(self.footprints.indices.astype(np.int64), self.shape[0])
        return self._moved(row * self.shape[1] + col, self.shape)

    def mirrored(self) -> StoredMasks:
        """The masks with their columns in reverse order."""
        row, col = np.divmod(self.footprints.indices.astype(np.int64), self.shape[1])
        return self._moved(row * self.shape[1] + self.shape[1] - 1 - col, self.shape)

    def within(self, shape: tuple[int, int]) -> StoredMasks:
        """The masks in a frame of another size, in which all their pixels lie."""
        if shape == self.shape:
            return self
        row, col = np.divmod(self.footprints.indices.astype(np.int64), self.shape[1])
        return self._moved(row * shape[1] + col, shape)

    def sample(self, most: int) -> StoredMasks:
        """At most `most` of the ROIs, spread evenly over the table."""
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
        return replace(self, footprints=footprints, shape=shape)


def read_masks(table: PlaneSegmentation, mask_kind: str, where: str, z_plane: int | None = None) -> StoredMasks:
    """Read the masks of all ROIs of a table, in the order of the table.

    Parameters
    ----------
    table : PlaneSegmentation
    mask_kind : str
        The column that holds the masks.
    where : str
        Beginning of error messages.
    z_plane : int, optional
        Read only the pixels of voxel masks that lie in this plane (z).

    Raises
    ------
    InputError
        The masks do not fit the ROIs, are too large for the memory, or have weights that are not finite or that are all
        negative, or pixels lie at negative positions.
    """
    of_images = mask_kind == "image_mask"
    masks = _from_images(table, where) if of_images else _from_pixels(table, mask_kind, where, z_plane)
    weights = masks.footprints.data
    if not np.isfinite(weights).all():
        raise InputError(f"{where}: the masks hold NaN or infinite weights; repair the file.")
    n_negative = int((weights < 0).sum())
    if n_negative and n_negative == len(weights):
        raise InputError(f"{where}: all weights of the masks are negative; repair the file.")
    if n_negative:
        weights[weights < 0] = 0
        masks.footprints.eliminate_zeros()
    return replace(masks, n_negative=n_negative)


def z_planes(table: PlaneSegmentation, where: str) -> list[int]:
    """The planes (z) in which a table's voxel masks lie; raises InputError as :func:`read_masks` does."""
    _, pixels = _ragged(table, "voxel_mask", where)
    return [int(z) for z in np.unique(_field(pixels, "z", "voxel_mask", where))]


def _from_images(table: PlaneSegmentation, where: str) -> StoredMasks:
    data = table["image_mask"].data
    check_numbers(data, f"{where}: the image masks")
    n_rois, n_rows, n_cols = data.shape
    check_pixels((n_rows, n_cols), f"{where}: the image masks")
    if n_rois != len(table.id):
        raise InputError(f"{where}: there are {n_rois} image masks for {len(table.id)} ROIs; repair the file.")
    block = max(1, BLOCK_BYTES // max(1, n_rows * n_cols * np.dtype(data.dtype).itemsize))
    if getattr(data, "chunks", None) and data.chunks[0] <= MAXIMUM_BLOCK * block:
        block = -(-block // data.chunks[0]) * data.chunks[0]  # whole chunks, so that none is decompressed twice
    counts, indices, weights = [], [], []
    for start in range(0, n_rois, block):
        dense = np.asarray(data[start : start + block]).reshape(-1, n_rows * n_cols)
        row, pixel = np.divmod(np.flatnonzero(dense), dense.shape[1])  # faster than np.nonzero of two dimensions
        counts.append(np.bincount(row, minlength=len(dense)))
        indices.append(pixel.astype(np.int32))
        weights.append(_as_float32(dense[row, pixel]))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    footprints = scipy.sparse.csr_array(
        (np.concatenate(weights), np.concatenate(indices), indptr), shape=(n_rois, n_rows * n_cols)
    )
    footprints.eliminate_zeros()  # weights that are too small for float32
    return StoredMasks(footprints, (n_rows, n_cols), whole=True)


def _from_pixels(table: PlaneSegmentation, mask_kind: str, where: str, z_plane: int | None) -> StoredMasks:
    ends, pixels = _ragged(table, mask_kind, where)
    row_of_pixel = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    x, y, weight = (_field(pixels, name, mask_kind, where) for name in ("x", "y", "weight"))
    if len(x) and (x.min() < 0 or y.min() < 0):
        raise InputError(
            f"{where}: mask pixels lie at negative positions (x = {x.min()}, y = {y.min()}); repair the file."
        )
    if mask_kind == "voxel_mask" and z_plane is not None:
        chosen = _field(pixels, "z", mask_kind, where) == z_plane
        row_of_pixel, x, y, weight = (values[chosen] for values in (row_of_pixel, x, y, weight))
    shape = (int(y.max()) + 1, int(x.max()) + 1) if len(x) else (1, 1)
    check_pixels(shape, f"{where}: the mask pixels, which reach x = {shape[1] - 1}, y = {shape[0] - 1},")
    present = weight != 0
    place = y[present].astype(np.int64) * shape[1] + x[present].astype(np.int64)
    footprints = scipy.sparse.coo_array(
        (_as_float32(weight[present]), (row_of_pixel[present], place)), shape=(len(ends), shape[0] * shape[1])
    ).tocsr()
    footprints.eliminate_zeros()
    return StoredMasks(footprints, shape, whole=False)


def _as_float32(weights: Array) -> Array:
    with np.errstate(over="ignore"):  # weights that become infinite are refused
        return weights.astype(np.float32)


def _ragged(table: PlaneSegmentation, mask_kind: str, where: str) -> tuple[Ints64, Array]:
    """The position after the last pixel of each ROI, and the pixels of all ROIs."""
    column = table[mask_kind]
    if not hasattr(column, "target") or hasattr(column.target, "target"):
        raise InputError(f"{where}: the column {mask_kind} needs one index ({mask_kind}_index); repair the file.")
    stored_ends, stored_pixels = column.data, stored(column.target.data)
    for data in (stored_ends, stored_pixels):
        check_memory(data, f"{where}: the column {mask_kind}")
    ends = np.asarray(stored_ends[:])
    pixels = np.asarray(stored_pixels[:])
    fits = ends.ndim == 1 and ends.dtype.kind in "iu" and len(ends) == len(table.id)
    if fits and len(ends):
        fits = bool((ends[1:] >= ends[:-1]).all()) and ends[0] >= 0 and ends[-1] == len(pixels)
    if not fits:
        raise InputError(
            f"{where}: the column {mask_kind}_index does not fit {len(table.id)} ROIs and {len(pixels)} mask pixels; "
            "repair the file."
        )
    return ends.astype(np.int64), pixels


def _field(pixels: Array, name: str, mask_kind: str, where: str) -> Array:
    """One field of mask pixels, which are elements with named fields, or rows of numbers (x, y, (z,) weight)."""
    if pixels.dtype.names:
        values = pixels[name] if name in pixels.dtype.names else None
    elif pixels.ndim == 2 and pixels.shape[1] == (4 if mask_kind == "voxel_mask" else 3):
        values = pixels[:, {"x": 0, "y": 1, "z": 2, "weight": -1}[name]]
    else:
        values = np.zeros(0) if len(pixels) == 0 else None
    if values is None or values.ndim != 1:
        raise InputError(f"{where}: the elements of {mask_kind} have no field {name}; repair the file.")
    check_numbers(values, f"{where}: the field {name} of {mask_kind}")
    if name != "weight" and not np.isfinite(values).all():
        raise InputError(f"{where}: the field {name} of {mask_kind} holds NaN or infinite positions; repair the file.")
    return values
