"""Outlines of ROIs as polygons."""

from __future__ import annotations

import cv2
import numpy as np

from ..arrays import Bools, Ints32
from ..model import Session

#: Pixels whose weight is below this part of their ROI's highest weight are not shown, because the footprints of matrix
#: factorisations have faint tails that would hide their neighbours. Binary masks are shown completely.
FAINTEST_WEIGHT = 0.2
TOLERANCE = 0.5  # pixels by which an outline may differ from the edge of the mask
SMALLEST_PART, MOST_PARTS = 0.05, 12


def is_shown(session: Session) -> Bools:
    """Which stored pixels of the session's footprints are shown, in the order of their data."""
    footprints = session.footprints
    highest = footprints.max(axis=1).toarray().ravel()
    return np.asarray(footprints.data >= FAINTEST_WEIGHT * np.repeat(highest, np.diff(footprints.indptr)))


def outlines(session: Session) -> list[list[Ints32]]:
    """The outline of every ROI: a list of polygons (x, y), int32, shape (n, 2), through the centres of pixels.

    Parts that are small compared with the largest are left out. An ROI with an empty mask has no polygon.
    """
    footprints, n_cols = session.footprints, session.shape[1]
    shown = is_shown(session)
    polygons = []
    for start, end in zip(footprints.indptr[:-1], footprints.indptr[1:], strict=True):
        rows, cols = np.divmod(footprints.indices[start:end][shown[start:end]], n_cols)
        polygons.append(_polygons(rows, cols) if len(rows) else [])
    return polygons


def _polygons(rows: Ints32, cols: Ints32) -> list[Ints32]:
    top, left = rows.min(), cols.min()
    mask = np.zeros((rows.max() - top + 1, cols.max() - left + 1), np.uint8)
    mask[rows - top, cols - left] = 1
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    extents = [np.prod(np.ptp(contour[:, 0], axis=0) + 1) for contour in contours]
    largest = sorted(range(len(contours)), key=lambda k: -extents[k])[:MOST_PARTS]
    return [
        cv2.approxPolyDP(contours[k], TOLERANCE, closed=True)[:, 0].astype(np.int32) + np.array([left, top], np.int32)
        for k in largest
        if extents[k] >= SMALLEST_PART * extents[largest[0]]
    ]
