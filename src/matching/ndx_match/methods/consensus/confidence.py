"""How sure each cell is, and where an ROI that was not taken could have been the cell."""

from __future__ import annotations

import numpy as np

from ...arrays import Bytes, Floats, Ints32
from ...model import Presence, RoiPairs, cell_of_roi

AMBIGUOUS = 0.2  #: probability of a candidate from which an absent cell is called ambiguous


def confidence_of(cells: Ints32, pairs: RoiPairs) -> Floats:
    """Probability that all ROIs of a cell are one: that of its most probable spanning tree. NaN for a single ROI."""
    by_pair = pairs.by_rois(pairs.probability)
    confidence = np.full(len(cells), np.nan)
    for number, cell in enumerate(cells.tolist()):
        present = [k for k, row in enumerate(cell) if row >= 0]
        if len(present) < 2:
            continue
        reached, total = present[:1], 1.0
        while len(reached) < len(present):
            best, target = max(
                (by_pair.get((min(a, b), cell[min(a, b)], max(a, b), cell[max(a, b)]), 0.0), -b)
                for a in reached
                for b in present
                if b not in reached
            )
            total *= best
            reached.append(-target)
        confidence[number] = total
    return confidence


def with_ambiguous(presence: Bytes, cells: Ints32, pairs: RoiPairs) -> Bytes:
    """The presence codes, AMBIGUOUS where a cell is absent from a session but an ROI there could be it."""
    presence = presence.copy()
    assert pairs.probability is not None
    likely = pairs.take(pairs.probability >= AMBIGUOUS)
    cell_of = [cell_of_roi(column, int(column.max(initial=-1)) + 1) for column in cells.T]
    for sessions, rows, others in (
        (likely.fixed_session, likely.fixed_roi_row, likely.moving_session),
        (likely.moving_session, likely.moving_roi_row, likely.fixed_session),
    ):
        for session, row, target in zip(sessions.tolist(), rows.tolist(), others.tolist(), strict=True):
            cell = cell_of[session][row]
            if presence[cell, target] == Presence.NOT_DETECTED:
                presence[cell, target] = Presence.AMBIGUOUS
    return presence
