"""Matching by consensus: every registration is tested, every match has a probability, all sessions agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...workers import number_of_workers
from .. import apply
from ..protocol import Method
from .parameters import NAME, ConsensusParameters

if TYPE_CHECKING:
    from ...model import MatchResult, Progress, Registration, Session

__all__ = ["METHOD", "ConsensusParameters", "match"]


def match(
    sessions: Sequence[Session],
    parameters: ConsensusParameters | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> MatchResult:
    """Match the cells of several sessions with tested registrations, calibrated probabilities and consistent groups.

    Arguments, result and errors are those of :func:`ndx_match.methods.match`. The result has probabilities, margins and
    confidences. A session that fits no other is set aside, and its ROIs are cells by themselves.
    """
    return apply.match(sessions, METHOD, parameters, progress, workers)


def _run(sessions: Sequence[Session], parameters: ConsensusParameters, progress: Progress | None) -> MatchResult:
    from .pipeline import match_sessions

    return match_sessions(sessions, parameters, progress, number_of_workers())


def _run_aligned(
    sessions: Sequence[Session],
    parameters: ConsensusParameters,
    progress: Progress | None,
    result: MatchResult,
    manual_alignments: Sequence[Registration],
) -> MatchResult:
    from .pipeline import match_sessions

    return match_sessions(sessions, parameters, progress, number_of_workers(), manual_alignments)


def _extend(
    sessions: Sequence[Session],
    result: MatchResult,
    session: Session,
    parameters: ConsensusParameters,
    progress: Progress | None,
) -> MatchResult:
    from .extend import extend

    return extend(sessions, result, session, parameters, progress)


METHOD = Method(
    NAME,
    "tested registration and match probabilities",
    ConsensusParameters,
    _run,
    match_by_hand=_run_aligned,
    extend=_extend,
)
