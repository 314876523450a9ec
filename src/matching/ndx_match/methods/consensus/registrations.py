"""The registration of each pair of sessions, from the maps of the common frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from ...displacement import GRID, displacement_points
from ...footprints import transform_points
from ...model import Registration, RegistrationOutcome, Session
from .component_match import ComponentMatch
from .pairs import PairAlignment
from .synchronisation import Component


def registrations_of(
    sessions: Sequence[Session],
    components: Sequence[Component],
    alignments: Mapping[tuple[int, int], PairAlignment],
    matches: Sequence[ComponentMatch],
) -> tuple[Registration, ...]:
    """Of every pair of sessions of one component the consistent transform; of others what was tried."""
    place = {k: number for number, component in enumerate(components) for k in component.members}
    affine = {k: m for found in matches for k, m in zip(found.component.members, found.component.matrices, strict=True)}
    bent = {
        k: (found.frame, at, found.frame.from_session(at, displacement_points(sessions[k].shape)))
        for found in matches
        for at, k in enumerate(found.component.members)
    }
    found = []
    for i, j in combinations(range(len(sessions)), 2):
        tried = alignments.get((i, j))
        steps: tuple[str, ...] = ("searched", "refined")
        outcome, displacement = RegistrationOutcome.REGISTERED, None
        reason = "" if tried is None else tried.reason
        if place[i] == place[j]:
            if tried is None or not tried.registered:
                steps, outcome = ("composed of other pairs",), RegistrationOutcome.COMPOSED
                reason = f"its own alignment was left out: {reason}" if tried else ""
            steps = (*steps, "made consistent")
            matrix = affine[j] @ np.linalg.inv(affine[i])
            frame, at, in_frame = bent[j][0], bent[j][1], bent[i][2]
            straight = transform_points(matrix, displacement_points(sessions[i].shape))
            bending = (frame.to_session(at, in_frame) - straight).reshape(GRID, GRID, 2)
            displacement = bending.astype(np.float32) if np.abs(bending).max() > 1e-6 else None
        elif tried is not None:
            matrix, outcome = tried.matrix, RegistrationOutcome.NOT_REGISTERED
        else:
            continue
        score, chance = (None, None) if tried is None else (tried.score, tried.chance)
        found.append(
            Registration(
                i, j, matrix, steps, outcome, reason, score=score, chance_score=chance, displacement=displacement
            )
        )
    return tuple(found)
