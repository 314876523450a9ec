"""The order in which sessions are matched, which does not depend on the order in which they are given."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...model import RoiPairs, Session


def canonical_order(sessions: Sequence[Session]) -> list[int]:
    """Positions of the sessions, sorted by date, and by content if dates are equal or unknown."""
    return sorted(range(len(sessions)), key=lambda k: (sessions[k].session_start, _digest(sessions[k])))


def _digest(session: Session) -> bytes:
    """The hash of a session's image and masks."""
    digest = hashlib.blake2b(repr(session.shape).encode())
    footprints = session.footprints
    for values in (session.image, footprints.indptr, footprints.indices, footprints.data):
        digest.update(np.ascontiguousarray(values).data)
    return digest.digest()


def renumbered(pairs: RoiPairs, order: Sequence[int]) -> RoiPairs:
    """Pairs whose sessions are numbered as they were given, the earlier one fixed.

    The sessions of `pairs` are numbered in another order; `order` holds the given position of each.
    """
    positions = np.asarray(order, np.int32)
    first, second = positions[pairs.fixed_session], positions[pairs.moving_session]
    swapped = first > second
    result = replace(
        pairs,
        fixed_session=np.minimum(first, second),
        moving_session=np.maximum(first, second),
        fixed_roi_row=np.where(swapped, pairs.moving_roi_row, pairs.fixed_roi_row),
        moving_roi_row=np.where(swapped, pairs.fixed_roi_row, pairs.moving_roi_row),
    )
    keys = (result.moving_roi_row, result.fixed_roi_row, result.moving_session, result.fixed_session)
    return result.take(np.lexsort(keys))
