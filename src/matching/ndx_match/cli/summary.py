"""A match result as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ndx_cell_matching import Review, label_of

from ..curation import in_words
from ..model import MatchedPlane, MatchResult, Session
from ..report.fractions import matched_fractions
from ..report.labels import matches_text, quality_text
from .common import say_text, table, warn

MAXIMUM_PAIRS = 66  #: pairs listed one a line (12 sessions)


def print_planes(planes: Sequence[MatchedPlane], heading: Callable[[MatchedPlane], str]) -> None:
    """Print sessions, pairs and cells of each plane below its heading, and the warnings of its result."""
    for number, plane in enumerate(planes):
        parts = [_sessions(plane.sessions, plane.result), _pairs(plane.sessions, plane.result), _cells(plane.result)]
        parts += _reviews(plane.result)
        say_text(f"{chr(10) if number else ''}{heading(plane)}" + "\n\n".join(parts))
        of_plane = f"{plane.name}: " if len(planes) > 1 else ""
        warn(f"{of_plane}{warning}" for warning in plane.result.warnings)
        left_out = [decision for decision in plane.result.decisions if not decision.applied]
        warn(f"{of_plane}{in_words(decision)} is not applied: {decision.reason}." for decision in left_out)


def _sessions(sessions: Sequence[Session], result: MatchResult) -> str:
    rows = [("session", "date", "ROIs", "image", "depth", "status")]
    for session, status in zip(sessions, result.status_in_words(), strict=True):
        depth = session.imaging_depth
        rows.append(
            (
                session.name,
                session.session_start[:10],
                _n_rois(session),
                f"{session.shape[0]} x {session.shape[1]}",
                "" if depth is None else f"{depth:g} um",
                status,
            )
        )
    return table(rows)


def _n_rois(session: Session) -> str:
    taking_part = session.n_taking_part
    return str(taking_part) if taking_part == session.n_rois else f"{taking_part} of {session.n_rois}"


def _pairs(sessions: Sequence[Session], result: MatchResult) -> str:
    fractions, counts = matched_fractions(result, [session.n_taking_part for session in sessions])
    rows = [("pair", "registration", "quality", "matches", "matched fraction")]
    for registration in result.registrations[:MAXIMUM_PAIRS]:
        fixed, moving = registration.fixed_session, registration.moving_session
        steps = ", ".join(registration.steps) if registration.registered else f"NOT REGISTERED: {registration.reason}"
        fraction = fractions[fixed, moving]
        rows.append(
            (
                f"{sessions[fixed].name} - {sessions[moving].name}",
                steps,
                quality_text(registration),
                matches_text(registration, int(counts[fixed, moving])) if registration.registered else "",
                f"{fraction:.2f}" if np.isfinite(fraction) and registration.registered else "",
            )
        )
    text = table(rows)
    left = len(result.registrations) - MAXIMUM_PAIRS
    return f"{text}\n... and {left} more pairs" if left > 0 else text


def _cells(result: MatchResult) -> str:
    sizes = np.bincount(result.n_sessions_of_cell, minlength=len(result.session_status) + 1)[1:]
    rows = [("cells", "in sessions", "mean confidence")]
    for size in range(len(sizes), 0, -1):
        if sizes[size - 1]:
            rows.append((str(sizes[size - 1]), str(size), _mean_confidence(result, size)))
    rows.append((str(len(result.cells)), "in all", ""))
    return table(rows if result.confidence is not None else [row[:2] for row in rows])


def _reviews(result: MatchResult) -> list[str]:
    """How many cells persons reviewed and with what result, if any."""
    if result.reviews is None:
        return []
    rows = [("reviewed", "cells", "by", "last on")]
    for code in sorted(set(result.reviews.review.tolist()) - {Review.NOT_REVIEWED}):
        rated = np.flatnonzero(result.reviews.review == code)
        names = sorted({result.reviews.reviewer[cell] for cell in rated} - {""})
        last = max((result.reviews.reviewed_on[cell] for cell in rated), default="")
        rows.append((label_of(Review, code), str(len(rated)), ", ".join(names), last))
    return [table(rows)] if len(rows) > 1 else []


def _mean_confidence(result: MatchResult, size: int) -> str:
    if result.confidence is None or size == 1:
        return ""
    known = result.confidence[(result.n_sessions_of_cell == size) & np.isfinite(result.confidence)]
    return f"{known.mean():.2f}" if len(known) else "unknown"
