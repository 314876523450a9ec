"""Outline where absent cells should be: carry over their masks from other sessions and average them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.sparse import csr_array

from ndx_cell_matching.registrations import pixel_points

from ..arrays import Bools, Floats, Floats32, Indices, Ints32, Ints64, Points
from ..footprints import from_pixels, pairwise_iou
from ..model import MatchResult, Presence, Session
from .carriers import Carriers, Carry, stored_carriers

#: Presences of an absent cell that get an outline in the session.
LOOKED_FOR = (Presence.NOT_DETECTED, Presence.AMBIGUOUS, Presence.NOT_LOOKED_FOR)
CUT = 0.5  #: share of the maximum of the averaged masks at which an outline is cut
LEAST_INSIDE = 0.5  #: share of the masks' pixels that must lie in the field of the session
#: Pixels by which masks are smoothed before the cut; where two masks differ, the edge then lies between theirs.
SMOOTHING = 1.0


@dataclass(frozen=True)
class Outlines:
    """The outlines of one session, one entry each, in the order of the cells."""

    cell_rows: Indices  #: shape (n,)
    masks: csr_array  #: ones, shape (n, n_rows * n_cols)
    n_sources: Ints64  #: number of sessions whose masks each was made of, shape (n,)
    overlap: Floats  #: intersection over union with the ROI of the session that it overlaps most, shape (n,)

    def __len__(self) -> int:
        return len(self.cell_rows)


def propagated_outlines(
    sessions: Sequence[Session], result: MatchResult, target: int, min_sources: int = 1
) -> Outlines:
    """The outlines of the cells that are absent in a session although their place lies in its field.

    Parameters
    ----------
    sessions : sequence of Session
    result : MatchResult
    target : int
        Position of the session.
    min_sources : int
        In how many other sessions, aligned with this one, a cell must have an ROI.
    """
    absent = np.isin(result.presence[:, target], LOOKED_FOR)
    cells = np.where(absent[:, None], result.cells, -1)
    return carried_outlines(sessions, cells, target, stored_carriers(sessions, result, target), min_sources)


def carried_outlines(
    sessions: Sequence[Session], cells: Ints32, target: int, carriers: Mapping[int, Carriers], min_sources: int = 1
) -> Outlines:
    """The outlines of given cells in a session, with points carried by the given functions.

    Each mask is divided by its maximum. The masks are averaged at each pixel over the sessions that saw it, and the
    mean is cut at half of its maximum. A cell is left out if most of its masks' pixels land outside the field.

    Parameters
    ----------
    sessions : sequence of Session
    cells : ndarray of int32, shape (n_cells, n_sessions)
        `roi_row` in each session, -1 where there is none; the ROIs of the session itself are not used.
    target : int
        Position of the session.
    carriers : mapping of int to Carriers
        By position, for each session whose masks may be used.
    min_sources : int
        As in :func:`propagated_outlines`.
    """
    session = sessions[target]
    sources = [source for source in sorted(carriers) if source != target]
    n_cells = len(cells)
    low, high = np.full((n_cells, 2), np.inf), np.full((n_cells, 2), -np.inf)  # of the carried pixels, x and y
    inside, n_sources = np.zeros(n_cells), np.zeros(n_cells, np.int64)
    for source in sources:
        with_mask, ends, points = _carried_pixels(sessions[source], cells[:, source], carriers[source].from_source)
        low[with_mask] = np.minimum(low[with_mask], np.minimum.reduceat(points, ends[:-1]))
        high[with_mask] = np.maximum(high[with_mask], np.maximum.reduceat(points, ends[:-1]))
        inside[with_mask] += np.add.reduceat(session.holds(points).astype(float), ends[:-1]) / np.diff(ends)
        n_sources[with_mask] += 1
    candidates = np.flatnonzero((n_sources >= max(min_sources, 1)) & (inside >= LEAST_INSIDE * n_sources))
    boxes = _boxes(low[candidates], high[candidates], session.shape)
    sums = [np.zeros((2, *(part.stop - part.start for part in box)), np.float32) for box in boxes]
    for source in sources:
        _add_masks(sums, boxes, sessions[source], cells[candidates, source], carriers[source].to_source, session.shape)
    pixels = [_cut(parts, box, session) for parts, box in zip(sums, boxes, strict=True)]
    nonempty = [k for k, part in enumerate(pixels) if len(part)]
    masks = from_pixels([pixels[k] for k in nonempty], session.image.size)
    iou = pairwise_iou(masks, session.only_taking_part().footprints)
    overlap = iou.max(axis=1).toarray().ravel() if iou.shape[1] else np.zeros(len(nonempty))
    return Outlines(candidates[nonempty], masks, n_sources[candidates[nonempty]], overlap)


def _carried_pixels(session: Session, roi_rows: Ints32, carry: Carry) -> tuple[Indices, Indices, Points]:
    """The cells with a mask in a session, where the pixels of each begin and end, and where they are carried to."""
    indptr = session.footprints.indptr.astype(np.intp)
    with_mask = np.flatnonzero(roi_rows >= 0)
    with_mask = with_mask[indptr[roi_rows[with_mask] + 1] > indptr[roi_rows[with_mask]]]
    if len(with_mask) == 0:
        return with_mask, np.zeros(1, np.intp), np.zeros((0, 2))
    masks = session.footprints[roi_rows[with_mask]]
    row, col = np.divmod(masks.indices.astype(np.intp), session.shape[1])
    return with_mask, masks.indptr.astype(np.intp), carry(np.column_stack([col, row]).astype(float))


def _boxes(low: Points, high: Points, shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """The rows and columns of the field that hold each cell's carried pixels, with a margin for smoothing."""
    last = np.array(shape[::-1])
    first = np.clip(np.floor(low) - 3, 0, last - 1).astype(int)
    end = np.clip(np.ceil(high) + 4, first + 1, last).astype(int)
    return [
        (slice(top, bottom), slice(left, right))
        for (left, top), (right, bottom) in zip(first.tolist(), end.tolist(), strict=True)
    ]


def _add_masks(
    sums: Sequence[Floats32],
    boxes: Sequence[tuple[slice, slice]],
    session: Session,
    roi_rows: Ints32,
    carry: Carry,
    shape: tuple[int, int],
) -> None:
    """Add the carried masks of a session, and where it saw anything, to the sums of each cell."""
    present = np.flatnonzero(roi_rows >= 0)
    if len(present) == 0:
        return
    points = carry(pixel_points(shape))
    places = points.astype(np.float32).reshape(*shape, 2)
    coverage = session.holds(points).astype(np.float32).reshape(shape)
    for cell in present.tolist():
        mask, corner = _window(session, int(roi_rows[cell]))
        if mask.size:
            x, y = np.moveaxis(places[boxes[cell]] - corner, -1, 0)
            sums[cell][0] += cv2.remap(mask, np.ascontiguousarray(x), np.ascontiguousarray(y), cv2.INTER_LINEAR)
            sums[cell][1] += coverage[boxes[cell]]


def _window(session: Session, roi_row: int) -> tuple[Floats32, Floats32]:
    """A mask, divided by its maximum, in the smallest box that holds it, and (x, y) of the box's first pixel."""
    part = slice(session.footprints.indptr[roi_row], session.footprints.indptr[roi_row + 1])
    if part.start == part.stop:
        return np.zeros((0, 0), np.float32), np.zeros(2, np.float32)
    row, col = np.divmod(session.footprints.indices[part], session.shape[1])
    weights = session.footprints.data[part]
    top, left = int(row.min()), int(col.min())
    mask = np.zeros((int(row.max()) - top + 1, int(col.max()) - left + 1), np.float32)
    mask[row - top, col - left] = weights / weights.max()
    return mask, np.array([left, top], np.float32)


def _cut(sums: Floats32, box: tuple[slice, slice], session: Session) -> Ints64:
    """The pixels of an outline, as linear indices of the image in ascending order."""
    total, coverage = (cv2.GaussianBlur(part, (0, 0), SMOOTHING, borderType=cv2.BORDER_REPLICATE) for part in sums)
    mean = np.divide(total, coverage, out=np.zeros_like(total), where=coverage > 0)
    largest = float(mean.max(initial=0))
    inside: Bools = mean >= CUT * largest if largest > 0 else np.zeros(mean.shape, bool)
    if session.has_data is not None:
        inside = inside & session.has_data[box]
    row, col = np.nonzero(inside)
    return np.asarray((row + box[0].start) * session.shape[1] + col + box[1].start, np.int64)
