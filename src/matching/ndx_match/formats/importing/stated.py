"""Check a result that holds registrations: matched ROIs must be as far from each other as it states."""

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
