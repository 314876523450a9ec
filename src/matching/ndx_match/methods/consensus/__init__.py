"""Matching by consensus: every registration is tested, every match has a probability, all sessions agree.

See :func:`match`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import apply
from ..protocol import Method
from .parameters import NAME, ConsensusParameters

if TYPE_CHECKING:
    from ...model import MatchResult, Progress, Session

__all__ = ["METHOD", "ConsensusParameters", "match"]


def match(
    sessions: Sequence[Session],
    parameters: ConsensusParameters | None = None,
    progress: Progress | None = None,
    workers: int = 2,
) -> MatchResult:
    """Match the cells of several sessions: tested registrations, calibrated probabilities, consistent groups.

    It does what :func:`ndx_match.methods.match` does.

    Parameters
    ----------
    sessions : sequence of Session
        Two or more. The ROIs that take part are matched.
    parameters : ConsensusParameters, optional
    progress : callable, optional
        Called as `progress(stage, done, total)`.
    workers : int
        Pairs registered at the same time; the result does not depend on it.

    Returns
    -------
    MatchResult
        With probabilities, margins and confidences. A session that fits no other is set aside, and its ROIs are cells
        of their own.

    Raises
    ------
    MethodError
        Fewer than two sessions.
    """
    return apply.match(sessions, _method(workers), parameters, progress)


def _method(workers: int = 2) -> Method:
    def run(sessions: Sequence[Session], parameters: ConsensusParameters, progress: Progress | None) -> MatchResult:
        from .pipeline import match_sessions

        return match_sessions(sessions, parameters, progress, workers)

    return Method(NAME, "tested registration and match probabilities", ConsensusParameters, run)


METHOD = _method()
