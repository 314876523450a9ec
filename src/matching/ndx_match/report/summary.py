"""A match result as rows of texts, with titles in the first row, for the command and for tables in notebooks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ndx_cell_matching import Review, label_of

from ..model import MatchResult, Session
from .fractions import matched_fractions
from .labels import matches_text, quality_text

MAXIMUM_PAIRS = 66  #: most pairs that are listed, one per line (those of 12 sessions)
Rows = list[tuple[str, ...]]


def session_rows(sessions: Sequence[Session], result: MatchResult | None = None) -> Rows:
    """One row per session, with its status in a result if one is given."""
    rows: Rows = [("session", "date", "ROIs", "image", "depth", "status")]
    statuses = [""] * len(sessions) if result is None else result.status_in_words()
    for session, status in zip(sessions, statuses, strict=True):
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
    return rows if result is not None else [row[:-1] for row in rows]


def _n_rois(session: Session) -> str:
    taking_part = session.n_taking_part
    return str(taking_part) if taking_part == session.n_rois else f"{taking_part} of {session.n_rois}"


def pair_rows(sessions: Sequence[Session], result: MatchResult) -> Rows:
    """One row per pair of sessions, for at most `MAXIMUM_PAIRS` pairs."""
    fractions, counts = matched_fractions(result, [session.n_taking_part for session in sessions])
    rows: Rows = [("pair", "registration", "quality", "matches", "matched fraction")]
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
    return rows


def cell_rows(result: MatchResult) -> Rows:
    """One row for each number of sessions in which cells were found."""
    sizes = np.bincount(result.n_sessions_of_cell, minlength=len(result.session_status) + 1)[1:]
    rows: Rows = [("cells", "in sessions", "mean confidence")]
    for size in range(len(sizes), 0, -1):
        if sizes[size - 1]:
            rows.append((str(sizes[size - 1]), str(size), _mean_confidence(result, size)))
    rows.append((str(len(result.cells)), "in all", ""))
    return rows if result.confidence is not None else [row[:2] for row in rows]


def review_rows(result: MatchResult) -> Rows:
    """One row for each kind of review that persons gave to cells; only the titles if there are no reviews."""
    rows: Rows = [("reviewed", "cells", "by", "last on")]
    if result.reviews is None:
        return rows
    for code in sorted(set(result.reviews.review.tolist()) - {Review.NOT_REVIEWED}):
        rated = np.flatnonzero(result.reviews.review == code)
        names = sorted({result.reviews.reviewer[cell] for cell in rated} - {""})
        last = max((result.reviews.reviewed_on[cell] for cell in rated), default="")
        rows.append((label_of(Review, code), str(len(rated)), ", ".join(names), last))
    return rows


def _mean_confidence(result: MatchResult, size: int) -> str:
    if result.confidence is None or size == 1:
        return ""
    known = result.confidence[(result.n_sessions_of_cell == size) & np.isfinite(result.confidence)]
    return f"{known.mean():.2f}" if len(known) else "unknown"
