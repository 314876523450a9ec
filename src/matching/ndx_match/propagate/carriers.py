"""Carry points from one session to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ndx_cell_matching import SessionRegistration

from ..arrays import Points
from ..model import MatchResult, Session, SessionStatus

Carry = Callable[[Points], Points]  #: points (x, y) of one session to those of another, both of shape (n, 2)


@dataclass(frozen=True)
class Carriers:
    """The functions that carry points between a session and a source, from which masks are taken."""

    to_source: Carry
    from_source: Carry


def stored_carriers(sessions: Sequence[Session], result: MatchResult, target: int) -> dict[int, Carriers]:
    """Carry points by the stored registrations, matrix and displacement, for each session aligned with the target."""
    carriers = {}
    for registration in result.registrations:
        pair = registration.fixed_session, registration.moving_session
        matched = all(result.session_status[k] == SessionStatus.MATCHED for k in pair)
        if target in pair and registration.registered and matched:
            fixed, moving = (sessions[k].shape for k in pair)
            forward = SessionRegistration(registration.matrix, registration.displacement, fixed)
            to_moving, to_fixed = forward.to_moving, forward.inverse(moving).to_moving
            source = pair[target == pair[0]]
            carriers[source] = Carriers(to_moving, to_fixed) if target == pair[0] else Carriers(to_fixed, to_moving)
    return carriers
