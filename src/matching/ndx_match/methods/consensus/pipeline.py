"""The stages of the consensus method, from sessions to a match result."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from threadpoolctl import threadpool_limits

from ...model import MatchResult, Progress, Session
from .aligned import align_sessions
from .component_match import match_component
from .parameters import ConsensusParameters
from .result import assemble


def match_sessions(
    sessions: Sequence[Session], parameters: ConsensusParameters, progress: Progress | None, workers: int
) -> MatchResult:
    """Align the sessions, match each set that belongs together, put together the result."""
    progress = progress or (lambda stage, done, total: None)
    # The systems solved are small, and several at once: threads of the linear algebra would only get in the way.
    with threadpool_limits(1, user_api="blas"):
        aligned, alignments = align_sessions(sessions, parameters, partial(progress, "registering"), workers)
        together = [found for found in aligned if len(found.component.members) > 1]
        matches = []
        for done, found in enumerate(together):
            progress("matching", done, len(together))
            matches.append(match_component(found, parameters))
        progress("matching", len(together), max(1, len(together)))
    return assemble(sessions, [found.component for found in aligned], alignments, matches, parameters)
