"""The published nway pipeline, implemented from its description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...workers import number_of_workers
from .. import apply
from ..protocol import Method
from .parameters import ASSIGNMENT_SOLVERS, MOTION_TYPES, NAME, PRUNING_METHODS, NwayParameters, PipelineParameters

if TYPE_CHECKING:
    from ...model import MatchResult, Progress, Registration, Session

__all__ = [
    "ASSIGNMENT_SOLVERS",
    "METHOD",
    "MOTION_TYPES",
    "PRUNING_METHODS",
    "NwayParameters",
    "PipelineParameters",
    "match",
    "match_registered",
]


def match(
    sessions: Sequence[Session],
    parameters: NwayParameters | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> MatchResult:
    """Match the cells of several sessions with the nway pipeline, as published.

    Arguments, result and errors are those of :func:`ndx_match.methods.match`. A pair of sessions that could not be
    registered gives no matches, and a warning names it; with `parameters.strict`, a MethodError is raised.

    References
    ----------
    Garrett et al. 2023, 10.1101/2023.02.14.528085, p. 31.
    """
    return apply.match(sessions, METHOD, parameters, progress, workers)


def match_registered(
    sessions: Sequence[Session],
    registrations: Sequence[Registration],
    parameters: NwayParameters | None = None,
    progress: Progress | None = None,
) -> MatchResult:
    """Do everything after registration (cost, assignment and groups) with the given registrations."""
    return apply.match(sessions, _method(registrations), parameters, progress)


def _method(registrations: Sequence[Registration] | None = None) -> Method:
    def run(sessions: Sequence[Session], parameters: NwayParameters, progress: Progress | None) -> MatchResult:
        from . import pipeline

        known = registrations
        if known is None:
            known = pipeline.register_all(sessions, parameters, progress, number_of_workers())
        return pipeline.match_registered(sessions, known, parameters, progress)

    return Method(
        NAME,
        "the published pipeline",
        NwayParameters,
        run,
        takes_all_rois=True,
        needs_image=registrations is None,
        match_by_hand=_run_aligned,
    )


def _run_aligned(
    sessions: Sequence[Session],
    parameters: NwayParameters,
    progress: Progress | None,
    result: MatchResult,
    manual_alignments: Sequence[Registration],
) -> MatchResult:
    from . import pipeline

    known = {(r.fixed_session, r.moving_session): r for r in (*result.registrations, *manual_alignments)}
    return pipeline.match_registered(sessions, list(known.values()), parameters, progress)


METHOD = _method()
