"""Put masks into layers and warp them to the fixed session: the pixel sets that the nway pipeline compares."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ...arrays import Floats, Indices
from ...footprints import pixel_sets

STEPS = 32  #: steps of the bilinear interpolation per pixel


def layers_without_overlap(footprints: csr_array) -> Indices:
    """The layer of each ROI: the first layer in which it overlaps no earlier ROI; shape (n_rois,)."""
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


def layered_pixels(footprints: csr_array, layers: Indices, n_layers: int) -> csr_array:
    """Pixel sets over (layer, row, column), shape (n_rois, n_layers * n_pixels): different layers share no pixel."""
    n_rois, n_pixels = footprints.shape
    roi_row = np.repeat(np.arange(n_rois), np.diff(footprints.indptr))
    indices = footprints.indices.astype(np.int64) + layers[roi_row] * n_pixels
    shape = (n_rois, n_layers * n_pixels)
    return csr_array((np.ones(len(indices), np.float32), indices, footprints.indptr), shape=shape)


def warp_footprints(
    footprints: csr_array, moving_shape: tuple[int, int], fixed_shape: tuple[int, int], matrix: Floats
) -> csr_array:
    """Warp each mask bilinearly into the fixed session and keep every pixel greater than 0.

    Bilinear warping is a product with a sparse matrix. A fixed pixel is part of the warped mask if any of the four
    moving pixels around its place is part of the mask and has an interpolation weight greater than 0. Places are
    rounded to 1/32 of a pixel, as in OpenCV 4 and in the published numbers. OpenCV 5 does not round them, therefore
    OpenCV is not used here.

    Parameters
    ----------
    footprints : csr_array, shape (n_rois, moving pixels)
    moving_shape, fixed_shape : tuple of int
        (n_rows, n_cols).
    matrix : Matrix
        Fixed to moving.
    """
    n_rows, n_cols = moving_shape
    y, x = np.indices(fixed_shape).reshape(2, -1)
    numerator_x, numerator_y, denominator = matrix @ np.stack([x, y, np.ones_like(x)])
    with np.errstate(divide="ignore", invalid="ignore"):
        place_x, place_y = (np.rint(STEPS * n / denominator) for n in (numerator_x, numerator_y))
    near = (place_x > -STEPS) & (place_y > -STEPS) & (place_x < STEPS * n_cols) & (place_y < STEPS * n_rows)
    fixed_pixel = np.flatnonzero(near)
    col, step_x = np.divmod(place_x[near].astype(np.intp), STEPS)
    row, step_y = np.divmod(place_y[near].astype(np.intp), STEPS)
    covered = np.zeros((n_rows + 2, n_cols + 2), bool)  # by any mask; with a border for neighbours outside the image
    covered[1:-1, 1:-1].flat[footprints.indices] = True
    sources, targets = [], []
    for right, below in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weighs = (step_x > 0 if right else True) & (step_y > 0 if below else True)
        takes = np.flatnonzero(weighs & covered[row + below + 1, col + right + 1])
        sources.append((row[takes] + below) * n_cols + col[takes] + right)
        targets.append(fixed_pixel[takes])
    source, target = np.concatenate(sources), np.concatenate(targets)
    warp = csr_array(
        (np.ones(len(source), np.float32), (source, target)),
        shape=(footprints.shape[1], fixed_shape[0] * fixed_shape[1]),
    )
    warped = pixel_sets(footprints) @ warp
    warped.sort_indices()
    return pixel_sets(warped)


def overwrite_in_layers(footprints: csr_array, layers: Indices, order: Indices) -> csr_array:
    """Paint the ROIs of each layer in the given order of `roi_row`s, a later one over an earlier one.

    Each (layer, pixel) is then in at most one ROI; shape (n_rois, n_pixels).
    """
    roi_row = np.repeat(np.arange(footprints.shape[0]), np.diff(footprints.indptr))
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    place = layers[roi_row] * footprints.shape[1] + footprints.indices.astype(np.int64)
    by_place = np.lexsort((rank[roi_row], place))
    last = np.append(np.diff(place[by_place]) != 0, True)[: len(by_place)]
    entries = np.sort(by_place[last])
    return csr_array(
        (footprints.data[entries], (roi_row[entries], footprints.indices[entries])), shape=footprints.shape
    )
