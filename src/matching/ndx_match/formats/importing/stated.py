"""Check a result that an importer read: its rows, and the distances of matched ROIs if it holds registrations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...footprints import centroids, transform_points
from ...methods.consensus.supports import typical_radius
from ...model import MatchResult, Session

FEWEST_MATCHES = 5  #: fewest matches of two sessions that are checked
LEAST_RIGHT = 0.5  #: least fraction of these matches that must have the stated distance


def check_rows(result: MatchResult, sessions: Sequence[Session], path: Path) -> None:
    """Refuse a result whose cells have rows that the ROI tables of the sessions do not have.

    Raises
    ------
    InputError
        If there is such a row; then the files or ROI tables are not those that were matched.
    """
    for rows, session in zip(result.cells.T, sessions, strict=True):
        outside = rows[(rows < -1) | (rows >= session.n_rois)]
        if len(outside):
            raise InputError(
                f"{path}: a cell has row {outside[0]} of the ROI table of {session.name}, which has {session.n_rois} "
                "rows, counted from 0; give the files that were matched, with the same ROI tables."
            )


def check_distances(result: MatchResult, sessions: Sequence[Session], path: Path) -> None:
    """Refuse a result if, for any two sessions, most matched ROIs do not have the distance that the result states.

    Distances may differ by the typical radius of an ROI, because tools define centroids differently and some deform
    the sessions.

    Raises
    ------
    InputError
        If they do not have it; then the files or ROI tables are not those that were matched.
    """
    places = [centroids(session.footprints, session.shape[1]) for session in sessions]
    for registration in result.registrations:
        fixed, moving = registration.fixed_session, registration.moving_session
        pairs = result.roi_pairs.between(fixed, moving)
        pairs = pairs.take(pairs.accepted)
        if not registration.registered or len(pairs) < FEWEST_MATCHES:
            continue
        carried = transform_points(np.linalg.inv(registration.matrix), places[moving][pairs.moving_roi_row])
        distance = np.linalg.norm(carried - places[fixed][pairs.fixed_roi_row], axis=1)
        right = np.abs(distance - pairs.centroid_distance) <= typical_radius(sessions[fixed].footprints)
        if right.mean() < LEAST_RIGHT:
            raise InputError(
                f"{path}: {(~right).sum()} of {len(right)} matches of {sessions[fixed].name} and "
                f"{sessions[moving].name} do not have the distances that it states; give the files that were matched, "
                "with the same ROI tables."
            )
