"""Masks in layers, warped into the fixed session: the pixel sets that the nway pipeline compares."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import scipy.sparse

from ...footprints import pixel_coordinates, transform_points


def layers_without_overlap(footprints: scipy.sparse.csr_array) -> npt.NDArray[np.intp]:
    """The layer of each ROI: the first in which it overlaps no earlier ROI.

    Parameters
    ----------
    footprints : csr_array, shape (n_rois, n_pixels)

    Returns
    -------
    ndarray of int, shape (n_rois,)
    """
    occupied = np.zeros((1, footprints.shape[1]), bool)
    layers = np.zeros(footprints.shape[0], np.intp)
    for roi_row in range(footprints.shape[0]):
        pixels = footprints.indices[footprints.indptr[roi_row] : footprints.indptr[roi_row + 1]]
        free = ~occupied[:, pixels].any(axis=1)
        if not free.any():
            occupied = np.vstack([occupied, np.zeros((1, occupied.shape[1]), bool)])
            free = np.append(free, True)
        layers[roi_row] = np.argmax(free)
        occupied[layers[roi_row], pixels] = True
    return layers


def layered_pixels(
    footprints: scipy.sparse.csr_array, layers: npt.NDArray[np.intp], n_layers: int
) -> scipy.sparse.csr_array:
    """Pixel sets over (layer, row, column): ROIs in different layers share no pixel.

    Returns
    -------
    csr_array, shape (n_rois, n_layers * n_pixels)
    """
    n_rois, n_pixels = footprints.shape
    roi_row = np.repeat(np.arange(n_rois), np.diff(footprints.indptr))
    indices = footprints.indices.astype(np.int64) + layers[roi_row] * n_pixels
    shape = (n_rois, n_layers * n_pixels)
    return scipy.sparse.csr_array((np.ones(len(indices), np.float32), indices, footprints.indptr), shape=shape)


def warp_footprints(
    footprints: scipy.sparse.csr_array,
    moving_shape: tuple[int, int],
    fixed_shape: tuple[int, int],
    matrix: npt.NDArray[np.float64],
) -> scipy.sparse.csr_array:
    """Warp each mask bilinearly into the fixed session and keep every pixel greater than 0.

    Each ROI is warped within its own bounding box, with the matrix moved to the boxes' corners, which gives the
    pixels that warping the whole image gives.

    Parameters
    ----------
    footprints : csr_array, shape (n_rois, moving pixels)
    moving_shape, fixed_shape : tuple of int
        (n_rows, n_cols).
    matrix : ndarray, shape (3, 3)
        Fixed (x, y, 1) to moving.

    Returns
    -------
    csr_array of float32 ones, shape (n_rois, fixed pixels)
    """
    _, pixel_row, pixel_col = pixel_coordinates(footprints, moving_shape[1])
    inverse = np.linalg.inv(matrix).astype(float)
    indices: list[npt.NDArray[np.int64]] = []
    for roi in range(footprints.shape[0]):
        own = slice(footprints.indptr[roi], footprints.indptr[roi + 1])
        indices.append(_warp_one(pixel_row[own], pixel_col[own], matrix, inverse, fixed_shape))
    indptr = np.concatenate([[0], np.cumsum([len(pixels) for pixels in indices])])
    flat = np.concatenate([np.zeros(0, np.int64), *indices])
    shape = (footprints.shape[0], fixed_shape[0] * fixed_shape[1])
    return scipy.sparse.csr_array((np.ones(len(flat), np.float32), flat, indptr), shape=shape)


def overwrite_in_layers(
    footprints: scipy.sparse.csr_array, layers: npt.NDArray[np.intp], order: npt.NDArray[np.intp]
) -> scipy.sparse.csr_array:
    """Paint the ROIs of each layer in the given order, a later one over an earlier one.

    Parameters
    ----------
    footprints : csr_array, shape (n_rois, n_pixels)
    layers : ndarray of int, shape (n_rois,)
    order : ndarray of int, shape (n_rois,)
        Positions of ROIs, first painted first.

    Returns
    -------
    csr_array, shape (n_rois, n_pixels)
        Each (layer, pixel) is in at most one ROI.
    """
    roi_row = np.repeat(np.arange(footprints.shape[0]), np.diff(footprints.indptr))
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    place = layers[roi_row] * footprints.shape[1] + footprints.indices.astype(np.int64)
    by_place = np.lexsort((rank[roi_row], place))
    last = np.append(np.diff(place[by_place]) != 0, True)[: len(by_place)]
    kept = np.sort(by_place[last])
    return scipy.sparse.csr_array(
        (footprints.data[kept], (roi_row[kept], footprints.indices[kept])), shape=footprints.shape
    )


def _warp_one(
    pixel_row: npt.NDArray[np.intp],
    pixel_col: npt.NDArray[np.intp],
    matrix: npt.NDArray[np.float64],
    inverse: npt.NDArray[np.float64],
    fixed_shape: tuple[int, int],
) -> npt.NDArray[np.int64]:
    if len(pixel_row) == 0:
        return np.zeros(0, np.int64)
    top, bottom, left, right = pixel_row.min(), pixel_row.max(), pixel_col.min(), pixel_col.max()
    mask = np.zeros((bottom - top + 1, right - left + 1), np.float32)
    mask[pixel_row - top, pixel_col - left] = 1
    corners = transform_points(
        inverse,
        np.array([[x, y] for x in (left - 1.0, right + 1.0) for y in (top - 1.0, bottom + 1.0)]),
    )
    limit = np.array([fixed_shape[1], fixed_shape[0]])
    first = np.clip(np.floor(corners.min(axis=0)) - 1, 0, limit).astype(int)
    last = np.clip(np.ceil(corners.max(axis=0)) + 2, 0, limit).astype(int)
    if (last <= first).any():
        return np.zeros(0, np.int64)
    to_mask, from_box = np.eye(3), np.eye(3)
    to_mask[:2, 2] = -left, -top
    from_box[:2, 2] = first
    warped = cv2.warpPerspective(
        mask,
        to_mask @ matrix @ from_box,
        (int(last[0] - first[0]), int(last[1] - first[1])),
        flags=cv2.INTER_LINEAR + cv2.WARP_INVERSE_MAP,
    )
    rows, cols = np.nonzero(warped > 0)
    return (rows + first[1]) * np.int64(fixed_shape[1]) + cols + first[0]
