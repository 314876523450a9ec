"""Print a match result as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..curation import in_words
from ..model import MatchedPlane
from ..report.summary import MAXIMUM_PAIRS, cell_rows, pair_rows, review_rows, session_rows
from .common import say_text, table, warn


def print_planes(planes: Sequence[MatchedPlane], heading: Callable[[MatchedPlane], str]) -> None:
    """Print each plane: a heading, its sessions, pairs and cells, and the warnings of its result."""
    for number, plane in enumerate(planes):
        parts = [table(session_rows(plane.sessions, plane.result)), _pairs(plane), table(cell_rows(plane.result))]
        reviews = review_rows(plane.result)
        parts += [table(reviews)] if len(reviews) > 1 else []
        say_text(f"{chr(10) if number else ''}{heading(plane)}" + "\n\n".join(parts))
        of_plane = f"{plane.name}: " if len(planes) > 1 else ""
        warn(f"{of_plane}{warning}" for warning in plane.result.warnings)
        not_applied = [decision for decision in plane.result.decisions if not decision.applied]
        warn(f"{of_plane}{in_words(decision)} is not applied: {decision.reason}." for decision in not_applied)


def _pairs(plane: MatchedPlane) -> str:
    text = table(pair_rows(plane.sessions, plane.result))
    n_more = len(plane.result.registrations) - MAXIMUM_PAIRS
    return f"{text}\n... and {n_more} more pairs" if n_more > 0 else text
