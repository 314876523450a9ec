"""Tune the affine maps of sessions so that as many ROIs as possible overlap.

If the tissue also bends, a map that fits most ROIs well is better than the least-squares map. The overlap after a small
move is read from the cross-correlation of the two regions, so the search needs no warping.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
from scipy.ndimage import map_coordinates
from scipy.optimize import minimize
from scipy.sparse import csr_array, vstack
from scipy.special import expit

from ...arrays import Floats, Floats32, Indices, Ints32
from ...footprints import centroids, pixel_coordinates
from .candidates import ComparedPairs, candidate_pairs, roi_towards

COUNTED_IOU = 0.3  #: from which two ROIs count as overlapping
SOFTNESS = (0.2, 0.1, 0.05, 0.025)  #: of that threshold in successive searches, to avoid poor local maxima
REACH = 1.2  #: distance of centroids, in typical ROI radii, up to which pairs are counted
ALL_PAIRS_UP_TO = 10  #: sessions that are all compared with each other; of more, only those 1, 2, 4, 8, ... apart
PAIRS_A_SESSION = 200  #: greatest number counted per session; more hardly improve an estimate of six numbers
BATCH = 64  #: pairs whose overlaps are computed at a time
EASY_MOVE = 0.5  #: typical ROI radii that a corner moves at little cost; a few ROIs alone move it less


def moves_to_overlap(
    regions: Sequence[csr_array], shape: tuple[int, int], radius: float, softness: Sequence[float] = SOFTNESS
) -> list[Floats]:
    """Small affine moves within the frame that bring more ROIs to overlap.

    Parameters
    ----------
    regions : sequence of csr_array of ones, shape (n_rois, frame pixels)
        The regions of each session, in the common frame of `shape` (n_rows, n_cols).
    radius : float
        Typical radius of an ROI in pixels.
    softness : sequence of float
        Softness of the threshold from which an overlap counts, in each of several searches.

    Returns
    -------
    list of Matrix
        For each session the map from the frame before the move to the frame after it. The first does not move.
    """
    n_sessions = len(regions)
    steps = None if n_sessions <= ALL_PAIRS_UP_TO else {2**k for k in range(n_sessions.bit_length())}
    pairs = _mutually_best(candidate_pairs(regions, shape[1], REACH * radius, steps))
    if len(pairs) == 0:
        return [np.eye(3)] * n_sessions
    if len(pairs) > PAIRS_A_SESSION * n_sessions:
        pairs = pairs.take(np.linspace(0, len(pairs) - 1, PAIRS_A_SESSION * n_sessions).astype(int))
    limit = int(np.ceil(2 * radius))
    tables = _overlap_tables(regions, pairs, shape[1], limit)
    unit = np.array([[2 / shape[1], 0, -1], [0, 2 / shape[0], -1], [0, 0, 1]])  # the frame becomes -1 to 1
    places = [np.nan_to_num(centroids(region, shape[1])) for region in regions]
    design = [np.column_stack([place, np.ones(len(place))]) @ unit.T for place in places]
    first = _rows_of(design, pairs.first_session, pairs.first_row)
    second = _rows_of(design, pairs.second_session, pairs.second_row)
    easy = EASY_MOVE * radius

    def loss(flat: Floats, soft: float) -> tuple[float, Floats]:
        moves = np.concatenate([np.zeros((1, 3, 2)), flat.reshape(-1, 3, 2)])
        offset = np.einsum("nc,ncd->nd", second, moves[pairs.second_session])
        offset -= np.einsum("nc,ncd->nd", first, moves[pairs.first_session])
        iou, slope = _look_up(tables, offset, limit)
        counted = expit((iou - COUNTED_IOU) / soft)
        pull = (counted * (1 - counted) / soft)[:, None] * slope
        gradient = np.zeros_like(moves)
        np.add.at(gradient, pairs.second_session, second[:, :, None] * pull[:, None, :])
        np.subtract.at(gradient, pairs.first_session, first[:, :, None] * pull[:, None, :])
        penalty = 0.5 * float(np.sum((flat / easy) ** 2))
        return penalty - float(counted.sum()), flat / easy**2 - gradient[1:].ravel()

    flat = np.zeros((n_sessions - 1) * 6)
    for soft in softness:
        flat = minimize(loss, flat, args=(soft,), jac=True, method="L-BFGS-B", options={"maxiter": 50}).x
    result = [np.eye(3)]
    for move in flat.reshape(-1, 3, 2):
        matrix = np.eye(3)
        matrix[:2] += move.T @ unit
        result.append(matrix)
    return result


def _mutually_best(pairs: ComparedPairs) -> ComparedPairs:
    """Pairs in which each ROI is the best candidate of the other, so that no move makes neighbours overlap."""
    ranked = np.lexsort((pairs.distance, -pairs.iou))
    kept = np.ones(len(pairs), bool)
    for session, row, other_session in (
        (pairs.first_session, pairs.first_row, pairs.second_session),
        (pairs.second_session, pairs.second_row, pairs.first_session),
    ):
        key = roi_towards(session, row, other_session)[ranked]
        best = np.zeros(len(pairs), bool)
        best[ranked[np.unique(key, return_index=True)[1]]] = True
        kept &= best
    return pairs.take(np.flatnonzero(kept))


def _overlap_tables(regions: Sequence[csr_array], pairs: ComparedPairs, n_cols: int, limit: int) -> Floats32:
    """IoU of each pair when its second region is moved by -limit .. limit, shape (n_pairs, rows, cols)."""
    half = 2 * limit
    apart_at_most = int(np.ceil(pairs.distance.max())) + 2
    side = scipy.fft.next_fast_len(2 * half + limit + apart_at_most, real=True)  # no move wraps a region onto another
    moves = np.arange(-limit, limit + 1)
    stacked = csr_array(vstack(regions, format="csr"))
    middles = np.concatenate([_middles(region, n_cols) for region in regions])
    starts = np.cumsum([0, *(region.shape[0] for region in regions)])
    fixed_roi, moving_roi = (
        starts[pairs.first_session] + pairs.first_row,
        starts[pairs.second_session] + pairs.second_row,
    )
    apart = middles[moving_roi] - middles[fixed_roi]
    tables = np.empty((len(pairs), len(moves), len(moves)), np.float32)
    for start in range(0, len(pairs), BATCH):
        batch = slice(start, start + BATCH)
        fixed, moving = (
            _squares(stacked[rois[batch]], middles[rois[batch]], n_cols, half) for rois in (fixed_roi, moving_roi)
        )
        spectra = [scipy.fft.rfft2(each, (side, side)) for each in (fixed, moving)]
        shared = scipy.fft.irfft2(np.conj(spectra[0]) * spectra[1], (side, side))
        rows, cols = (-(apart[batch, axis, None] + moves) % side for axis in (1, 0))
        shared = shared[np.arange(len(shared))[:, None, None], rows[:, :, None], cols[:, None, :]]
        total = fixed.sum(axis=(1, 2)) + moving.sum(axis=(1, 2))
        tables[batch] = shared / (total[:, None, None] - shared)
    return tables


def _middles(region: csr_array, n_cols: int) -> Indices:
    """The pixel (x, y) nearest to the centroid of each ROI, shape (n_rois, 2)."""
    return np.rint(np.nan_to_num(centroids(region, n_cols))).astype(np.intp)


def _squares(regions: csr_array, middles: Indices, n_cols: int, half: int) -> Floats32:
    """Ones where each ROI lies in a square of side 2 * half about its middle, shape (n_rois, 2 * half, 2 * half)."""
    roi, row, col = pixel_coordinates(regions, n_cols)
    y, x = row - middles[roi, 1] + half, col - middles[roi, 0] + half
    inside = (y >= 0) & (y < 2 * half) & (x >= 0) & (x < 2 * half)
    squares = np.zeros((regions.shape[0], 2 * half, 2 * half), np.float32)
    squares[roi[inside], y[inside], x[inside]] = 1
    return squares


def _look_up(tables: Floats32, offset: Floats, limit: int) -> tuple[Floats, Floats]:
    """IoU of each pair at its offset (x, y), shape (n,), and its slope along x and y, shape (n, 2)."""
    inside = np.clip(offset, -limit + 1, limit - 1)
    each = np.arange(len(tables))

    def at(dx: float, dy: float) -> Floats:
        place = [each, inside[:, 1] + dy + limit, inside[:, 0] + dx + limit]
        return np.asarray(map_coordinates(tables, place, order=1), float)

    slope = np.column_stack([at(0.5, 0) - at(-0.5, 0), at(0, 0.5) - at(0, -0.5)])
    return at(0, 0), slope


def _rows_of(values: Sequence[Floats], sessions: Ints32, rows: Ints32) -> Floats:
    start = np.concatenate([[0], np.cumsum([len(part) for part in values])[:-1]])
    return np.asarray(np.concatenate(values)[start[sessions] + rows])
