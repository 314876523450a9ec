"""The methods that are compared, with their default parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ndx_match.methods import consensus, nway
from ndx_match.model import MatchResult, SessionStatus

METHODS: dict[str, Callable[..., MatchResult]] = {"nway": nway.match, "consensus": consensus.match}


def set_aside(session_status: Iterable[int]) -> list[bool]:
    """For each session, whether it was left out of the match."""
    return [status != SessionStatus.MATCHED for status in session_status]
