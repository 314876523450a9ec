"""Whether a match worked, in one word, and what is in doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...arrays import Ints64
from ...model import MatchedPlane, Registration, RegistrationOutcome
from ..fractions import n_accepted_pairs

#: If at least this part of the alignments is no better than chance, the whole result cannot be used.
MOST_WRONG_PAIRS = 0.1
POOR = 0.5  # a session is in doubt if its fraction of ROIs matched is less than this part of the median
GOOD, DOUBTFUL, FAILED = "good", "doubtful", "failed"


@dataclass(frozen=True)
class Verdict:
    """The judgement at the top of the page."""

    level: str  #: good, doubtful or failed
    word: str  #: the level in words, for people
    headline: str
    reasons: tuple[str, ...]  #: the sessions and pairs in doubt, and why, one sentence each
    figures: tuple[tuple[str, str], ...]  #: numbers, each with its label


def verdict_of(plane: MatchedPlane) -> Verdict:
    """Judge a result by its registrations, the states of its sessions and its cells.

    It has failed if no cell was found again, or if a tenth or more of the alignments give hardly more matches than a
    wrong alignment does, because these matches are in the cells. It is doubtful if fewer alignments are like this, if
    sessions were set aside or have far fewer matches than the others, if pairs are not aligned, or only through other
    sessions although a direct alignment was tried, or if the file has warnings.
    """
    sessions, result = plane.sessions, plane.result
    n_sessions, n_followed = len(sessions), int((result.n_sessions_of_cell > 1).sum())
    accepted = n_accepted_pairs(result)
    judged = [(r, int(accepted[r.fixed_session, r.moving_session])) for r in result.registrations]
    wrong = [(r, n) for r, n in judged if pair_level(r, n) == FAILED and r.registered]
    apart = [r for r, _ in judged if not r.registered]
    replaced = [r for r, n in judged if pair_level(r, n) == DOUBTFUL]
    words = result.status_in_words()
    aside = [f"Session {sessions[k].name} is {words[k]}." for k in np.flatnonzero(~result.is_matched)]
    poor = [
        f"Session {sessions[k].name}: only {fraction:.0%} of its ROIs were found in another session (the median over "
        f"sessions is {median:.0%})."
        for k, fraction, median in _poor_sessions(plane)
    ]
    reasons = [*aside]
    reasons += [
        f"{_names(plane, r)}: probably aligned wrongly, because {n} pairs of ROIs are accepted, but "
        f"{r.chance_matches:.0f} already with an alignment that is wrong on purpose."
        for r, n in wrong
    ]
    reasons += [f"{_names(plane, r)}: not aligned with each other: {r.reason or 'no reason given'}." for r in apart]
    reasons += [f"{_names(plane, r)}: aligned by way of other sessions; {r.reason}." for r in replaced]
    reasons += poor
    followed = f"{_plural(n_followed, 'cell was', 'cells were')} followed through two or more of {n_sessions} sessions"
    if not n_followed:
        level, word, headline = FAILED, "Failed.", f"No cell was found again in any of {n_sessions} sessions."
    elif wrong and len(wrong) >= MOST_WRONG_PAIRS * len(result.registrations):
        level, word = FAILED, "Do not use these matches."
        verb, they = ("is", "it") if len(wrong) == 1 else ("are", "they")
        headline = (
            f"{len(wrong)} of {_plural(len(judged), 'alignment', 'alignments')} {verb} probably wrong, and the matches "
            f"that {they} gave are part of the cells."
        )
    elif reasons or result.warnings:
        level, word, headline = DOUBTFUL, "Matched, with doubts.", f"{followed}; read what is in doubt."
    else:
        level, word, headline = GOOD, "Matched.", f"{followed}."
    return Verdict(
        level, word, headline, tuple(reasons), _figures(plane, n_followed, len(judged) - len(wrong) - len(apart))
    )


def pair_level(registration: Registration, n_accepted: int) -> str:
    """Whether the alignment of two sessions with `n_accepted` accepted pairs of ROIs is good, doubtful or failed."""
    if not registration.registered or registration.like_chance(n_accepted):
        return FAILED
    # Without a score, the pair was not aligned directly, because this was not needed.
    replaced = registration.outcome == RegistrationOutcome.COMPOSED and registration.score is not None
    return DOUBTFUL if replaced else GOOD


def matched_rois(plane: MatchedPlane) -> Ints64:
    """How many ROIs of each session are in a cell of two or more sessions, shape (n_sessions,)."""
    return np.asarray((plane.result.cells[plane.result.n_sessions_of_cell > 1] >= 0).sum(axis=0))


def _poor_sessions(plane: MatchedPlane) -> list[tuple[int, float, float]]:
    """Matched sessions with far fewer matches than usual: position, fraction of ROIs matched, and median fraction."""
    n_rois = np.array([session.n_taking_part for session in plane.sessions])
    known = np.flatnonzero(plane.result.is_matched & (n_rois > 0))
    if len(known) < 3:
        return []
    fractions = matched_rois(plane)[known] / n_rois[known]
    median = float(np.median(fractions))
    return [(int(k), float(f), median) for k, f in zip(known, fractions, strict=True) if f < POOR * median]


def _figures(plane: MatchedPlane, n_followed: int, n_aligned: int) -> tuple[tuple[str, str], ...]:
    result = plane.result
    sizes, n_sessions = result.n_sessions_of_cell, len(plane.sessions)
    figures = [
        (f"{n_followed}", "cells followed (in two or more sessions)"),
        (f"{int((sizes == n_sessions).sum())}", f"cells in all {n_sessions} sessions"),
        (f"{int(result.is_matched.sum())} of {n_sessions}", "sessions matched"),
        (f"{n_aligned} of {len(result.registrations)}", "pairs aligned"),
    ]
    if n_sessions == 2:
        del figures[1]
    if result.confidence is not None and n_followed:
        figures.append((f"{np.nanmedian(result.confidence[sizes > 1]):.2f}", "median confidence of these cells"))
    return tuple(figures)


def _names(plane: MatchedPlane, r: Registration) -> str:
    return f"{plane.sessions[r.fixed_session].name} and {plane.sessions[r.moving_session].name}"


def _plural(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
