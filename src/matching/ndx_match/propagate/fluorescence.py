"""Read the fluorescence of ROIs and of the neuropil around them from a movie, piece by piece."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from scipy.sparse import csr_array, diags_array, vstack

from ..arrays import Bools, Floats32, Indices, Ints64
from ..footprints import from_pixels
from ..model import Progress

GAP = 2.0  #: pixels between an ROI and its ring
RING_AREA = 4  #: pixels of a ring for each pixel of the ROI
LEAST_RING = 100  #: least number of pixels of a ring
BLOCK_BYTES = 64_000_000  #: bytes of a movie that are read at a time
Piece = tuple[slice, slice, slice]  #: frames, and rows and columns of the frames as stored


def neuropil_rings(masks: csr_array, of_cells: Bools) -> csr_array:
    """A ring around each ROI, made of pixels that belong to no cell.

    A ring begins at a distance of more than :data:`GAP` pixels from the ROI. It consists of the nearest pixels:
    :data:`RING_AREA` for each pixel of the ROI, but at least :data:`LEAST_RING`, and all others that are as near as the
    last of them.

    Parameters
    ----------
    masks : csr_array, shape (n_rois, n_rows * n_cols)
    of_cells : ndarray of bool, shape (n_rows, n_cols)
        Pixels that belong to cells, or hold no data.

    Returns
    -------
    csr_array of ones, shape (n_rois, n_rows * n_cols)
        Empty for an ROI with an empty mask.
    """
    shape = of_cells.shape
    rings = [_ring(masks.indices[start:end], of_cells) for start, end in itertools.pairwise(masks.indptr)]
    return from_pixels(rings, shape[0] * shape[1])


def _ring(pixels: Indices, of_cells: Bools) -> Ints64:
    if len(pixels) == 0:
        return np.zeros(0, np.int64)
    n_cols = of_cells.shape[1]
    n_pixels = max(LEAST_RING, RING_AREA * len(pixels))
    row, col = np.divmod(pixels.astype(np.intp), n_cols)
    margin = int(GAP + np.ceil(np.sqrt(n_pixels)))
    top, left = max(0, int(row.min()) - margin), max(0, int(col.min()) - margin)
    box = slice(top, int(row.max()) + margin + 1), slice(left, int(col.max()) + margin + 1)
    outside = np.ones(of_cells[box].shape, np.uint8)
    outside[row - top, col - left] = 0
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    free = (distance > GAP) & ~of_cells[box]
    distances = distance[free]
    if len(distances) > n_pixels:
        free &= distance <= np.partition(distances, n_pixels - 1)[n_pixels - 1]
    ring_row, ring_col = np.nonzero(free)
    return np.asarray((ring_row + top) * n_cols + ring_col + left, np.int64)


def mean_traces(data: Any, masks: csr_array, places: Indices, progress: Progress | None = None) -> Floats32:
    """The mean of a movie in each ROI, weighted by its mask, shape (n_frames, n_rois); NaN if the mask is empty.

    Parameters
    ----------
    data : array or dataset, shape (n_frames, n, m)
        Frames as stored, read in pieces.
    masks : csr_array, shape (n_rois, n_pixels)
    places : ndarray of int, shape (n_pixels,)
        Where each of the masks' pixels lies in a stored frame.
    progress : callable, optional
    """
    total = np.asarray(masks.sum(axis=1), np.float64).ravel()
    weights = csr_array(diags_array(np.divide(1, total, out=np.zeros_like(total), where=total > 0)) @ masks).tocoo()
    roi, pixel = weights.coords
    stored_row, stored_col = np.divmod(places[pixel], data.shape[2])
    traces = np.zeros((data.shape[0], len(total)), np.float32)
    pieces = list(movie_pieces(data))
    for done, (frames, rows, cols) in enumerate(pieces):
        if progress:
            progress("reading movie", done, len(pieces))
        block = np.asarray(data[frames, rows, cols])
        here = (stored_row >= rows.start) & (stored_row < rows.stop)
        here &= (stored_col >= cols.start) & (stored_col < cols.stop)
        place = (stored_row[here] - rows.start) * block.shape[2] + stored_col[here] - cols.start
        block_pixels, column = np.unique(place, return_inverse=True)
        part = csr_array(
            (weights.data[here].astype(np.float32), (roi[here], column)), shape=(len(total), max(1, len(block_pixels)))
        )
        values = block.reshape(len(block), -1)[:, block_pixels if len(block_pixels) else [0]].astype(np.float32)
        traces[frames] += (part @ np.ascontiguousarray(values.T)).T
    if progress:
        progress("reading movie", len(pieces), len(pieces))
    traces[:, total <= 0] = np.nan
    return traces


def movie_pieces(data: Any) -> Iterator[Piece]:
    """Divide a movie into pieces of whole chunks, so that no chunk is decompressed twice.

    The pieces hold whole frames, unless the frames of one chunk take more than :data:`BLOCK_BYTES`.
    """
    shape = data.shape
    chunks = getattr(data, "chunks", None) or (1, *shape[1:])
    size = [min(chunk, length) for chunk, length in zip(chunks, shape, strict=True)]
    for axis in (2, 1, 0):  # larger, as far as memory allows, along columns first
        others = data.dtype.itemsize * int(np.prod([length for k, length in enumerate(size) if k != axis]))
        size[axis] = min(shape[axis], size[axis] * max(1, BLOCK_BYTES // (others * size[axis])))
    steps = [range(0, length, step) for length, step in zip(shape, size, strict=True)]
    for starts in itertools.product(*steps):
        frames, rows, cols = (
            slice(start, min(start + step, length)) for start, step, length in zip(starts, size, shape, strict=True)
        )
        yield frames, rows, cols


def cell_pixels(*masks: csr_array) -> Bools:
    """Which pixels belong to an ROI, shape (n_pixels,)."""
    covered = np.zeros(masks[0].shape[1], bool)
    covered[vstack(masks).tocsr().indices] = True
    return covered
