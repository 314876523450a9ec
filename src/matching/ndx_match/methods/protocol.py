"""What a matching method is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .parameters import Parameters

if TYPE_CHECKING:
    from ..model import MatchResult, Progress, Registration, Session

#: As `extend(sessions, result, session, parameters, progress)`.
Extend = Callable[["Sequence[Session]", "MatchResult", "Session", Any, "Progress | None"], "MatchResult"]


@dataclass(frozen=True)
class Method:
    """A matching method, as the `METHOD` of a module of :mod:`ndx_match.methods` or of an entry point.

    Such a module is imported to list the methods for the command's help: it imports what makes numbers only when
    `match` is called, by :func:`ndx_match.methods.match`, as `match(sessions, parameters, progress)` with sessions as
    the last two fields say and valid parameters; it returns a :class:`~ndx_match.model.MatchResult`.
    It does no more things at the same time than :func:`ndx_match.workers.number_of_workers` says.
    """

    name: str  #: what the user calls it
    summary: str  #: what it does, in one line
    parameters: type[Parameters]
    match: Callable[[Sequence[Session], Any, Progress | None], MatchResult]
    #: Whether every ROI takes part, whatever the writers of the files accept. If not, the footprints of those that
    #: take no part are empty.
    takes_all_rois: bool = False
    needs_image: bool = False  #: whether every session must have a projection image
    #: The same again with some alignments given by a person, as `match_by_hand(sessions, parameters, progress, result,
    #: given)` with the method's own earlier result; None if the method cannot.
    match_by_hand: (
        Callable[[Sequence[Session], Any, Progress | None, MatchResult, Sequence[Registration]], MatchResult] | None
    ) = None
    #: Adds a session to a result of the method: the result with the session last, in which cells keep their ROIs, ids
    #: and rows, and new cells have ids above its `last_id`; None where the method cannot.
    extend: Extend | None = None
