"""Derive from registrations and fields of view why a cell has no ROI in a session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import Array, Bytes, Ints32
from .footprints import centroids, transform_points
from .model import Presence, Registration, Session, SessionStatus


def presence_codes(
    cells: Ints32, sessions: Sequence[Session], registrations: Sequence[Registration], session_status: Bytes
) -> Bytes:
    """Code of :class:`~ndx_match.model.Presence` for each cell and session, uint8, shape (n_cells, n_sessions).

    An absent cell is *session not registered* if the session is registered with none of those in which the cell has an
    ROI. It is *outside the field* if all its ROIs that can be mapped into the session land outside the image or on
    pixels without data. Otherwise it is *not detected*.

    Parameters
    ----------
    cells : ndarray of int32, shape (n_cells, n_sessions)
        `roi_row`, -1 absent.
    sessions : sequence of Session
    registrations : sequence of Registration
        Those that are not `registered` are ignored.
    session_status : ndarray of uint8, shape (n_sessions,)
        Codes of :class:`~ndx_match.model.SessionStatus`.
    """
    present = cells >= 0
    carried = np.zeros(cells.shape, bool)
    inside = np.zeros(cells.shape, bool)
    positions = [centroids(session.footprints, session.shape[1]) for session in sessions]

    def carry(source: int, target: int, matrix: Array) -> None:
        cell_rows = np.flatnonzero(present[:, source] & ~present[:, target])
        points = transform_points(matrix, positions[source][cells[cell_rows, source]])
        known = np.isfinite(points).all(axis=1)  # an ROI with an empty mask has no centroid
        cell_rows, points = cell_rows[known], points[known]
        carried[cell_rows, target] = True
        inside[cell_rows[sessions[target].holds(points)], target] = True

    together = np.zeros((len(sessions), len(sessions)), int)
    for registration in registrations:
        fixed, moving = registration.fixed_session, registration.moving_session
        if registration.registered and session_status[fixed] == session_status[moving] == SessionStatus.MATCHED:
            carry(fixed, moving, registration.matrix)
            carry(moving, fixed, np.linalg.inv(registration.matrix))
            together[fixed, moving] = together[moving, fixed] = 1

    codes = np.full(cells.shape, Presence.NOT_DETECTED, np.uint8)
    codes[carried & ~inside] = Presence.OUTSIDE_FIELD
    codes[present.astype(int) @ together == 0] = Presence.NOT_REGISTERED
    codes[present] = Presence.PRESENT
    return codes
