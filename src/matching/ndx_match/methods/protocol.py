"""The class that describes a matching method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .parameters import Parameters

if TYPE_CHECKING:
    from ..model import MatchResult, Progress, Registration, Session

#: Called as `extend(sessions, result, session, parameters, progress)`.
Extend = Callable[["Sequence[Session]", "MatchResult", "Session", Any, "Progress | None"], "MatchResult"]


@dataclass(frozen=True)
class Method:
    """A matching method. A module of :mod:`ndx_match.methods` defines it as `METHOD`, or it is an entry point.

    The command imports such a module to list the methods in its help, so the module should import numerical libraries
    only when `match` is called. :func:`ndx_match.methods.match` calls it as `match(sessions, parameters, progress)`,
    with valid parameters and with sessions that agree with `takes_all_rois` and `needs_image`. It returns a
    :class:`~ndx_match.model.MatchResult`, and does not run more tasks at the same time than
    :func:`ndx_match.workers.number_of_workers` returns.
    """

    name: str  #: the name by which users choose it
    summary: str  #: what it does, in one line
    parameters: type[Parameters]
    match: Callable[[Sequence[Session], Any, Progress | None], MatchResult]
    #: Whether all ROIs take part, also those that the files do not accept. If not, the footprints of the ROIs that do
    #: not take part are empty.
    takes_all_rois: bool = False
    needs_image: bool = False  #: whether every session must have a projection image
    #: Matches again with alignments that a person gave. It is called as `match_by_hand(sessions, parameters, progress,
    #: result, manual_alignments)`, where `result` is the method's earlier result. None if the method cannot do this.
    match_by_hand: (
        Callable[[Sequence[Session], Any, Progress | None, MatchResult, Sequence[Registration]], MatchResult] | None
    ) = None
    #: Adds a session to a result of the method, and returns the result with the session last. Cells keep their ROIs,
    #: ids and rows; new cells have ids above the result's `last_id`. None if the method cannot do this.
    extend: Extend | None = None
