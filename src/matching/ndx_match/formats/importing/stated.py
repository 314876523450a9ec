"""Check a result that tells its own alignments: matched ROIs must lie as far from each other as it says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...footprints import centroids, transform_points
from ...methods.consensus.supports import typical_radius
from ...model import MatchResult, Session

FEWEST_MATCHES = 5  #: of two sessions that tell something
LEAST_RIGHT = 0.5  #: fraction of them that must lie as far from each other as stated


def check_distances(result: MatchResult, sessions: Sequence[Session], path: Path) -> None:
    """Refuse a result of which most matches of some two sessions lie elsewhere than it says.

    Distances may differ by the typical radius of an ROI, as tools define centroids differently, and some bend the
    sessions.

    Raises
    ------
    InputError
        They do; the ROIs are those of other files or tables than were matched.
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
                f"{sessions[moving].name} do not lie where it says; give the files that were matched, and the same ROI "
                "tables."
            )
