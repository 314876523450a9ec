"""The fraction of ROIs matched between every two sessions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..arrays import Floats, Ints32, Ints64
from ..model import MatchResult, RoiPairs, shared_cells


def matched_fractions(result: MatchResult, roi_counts: Sequence[int]) -> tuple[Floats, Ints64]:
    """Fraction of ROIs matched when two sessions were compared with each other alone, and number of matches.

    The fraction is accepted pairs / (accepted pairs + unmatched fixed ROIs + unmatched moving ROIs). An ROI is
    unmatched if it is in no candidate pair of the two sessions. An ROI whose candidate pairs were all rejected is left
    out of the fraction. The Allen Institute's nway pipeline prints this number. Matches are always the cells with an
    ROI in both sessions.

    Parameters
    ----------
    result : MatchResult
        A result of n sessions.
    roi_counts : sequence of int
        Number of ROIs of each session that take part.

    Returns
    -------
    fractions : ndarray of float64, shape (n, n)
        Symmetric, 1 on the diagonal. NaN if two sessions were not aligned with each other and have no candidate pair,
        or if the denominator is 0.
    counts : ndarray of int64, shape (n, n)
        Number of cells with an ROI in both sessions, symmetric; the number of ROIs on the diagonal.
    """
    n_sessions = len(roi_counts)
    if n_sessions != len(result.session_status):
        raise ValueError(f"{n_sessions} ROI counts do not fit {len(result.session_status)} sessions")
    pairs = result.roi_pairs
    counts = result.n_matches
    np.fill_diagonal(counts, roi_counts)
    n_candidates = _count_by_sessions(n_sessions, pairs.fixed_session, pairs.moving_session)
    n_accepted = n_accepted_pairs(result)
    compared = n_candidates > 0
    for registration in result.registrations:
        compared[registration.fixed_session, registration.moving_session] |= registration.registered
    n_compared = sum(_n_different(n_sessions, pairs, row) for row in (pairs.fixed_roi_row, pairs.moving_roi_row))
    n_unmatched = np.add.outer(roi_counts, roi_counts) - n_compared
    fractions = np.triu(np.where(compared, divide(n_accepted, n_accepted + n_unmatched), np.nan), 1)
    return fractions + fractions.T + np.eye(n_sessions), counts


def n_accepted_pairs(result: MatchResult) -> Ints64:
    """How many candidate pairs of each fixed (row) and moving session (column) were accepted, shape (n, n)."""
    pairs = result.roi_pairs
    chosen = pairs.fixed_session[pairs.accepted], pairs.moving_session[pairs.accepted]
    return _count_by_sessions(len(result.session_status), *chosen)


def _n_different(n_sessions: int, pairs: RoiPairs, roi_row: Ints32) -> Ints64:
    """How many different ROIs, by their `roi_row`, are in the pairs of each fixed and moving session."""
    largest = int(roi_row.max(initial=0)) + 1
    each = np.unique(_place(n_sessions, pairs.fixed_session, pairs.moving_session) * largest + roi_row) // largest
    return np.bincount(each, minlength=n_sessions**2).reshape(n_sessions, n_sessions)


def _count_by_sessions(n_sessions: int, fixed: Ints32, moving: Ints32) -> Ints64:
    each = _place(n_sessions, fixed, moving)
    return np.bincount(each, minlength=n_sessions**2).reshape(n_sessions, n_sessions)


def _place(n_sessions: int, fixed: Ints32, moving: Ints32) -> Ints64:
    return fixed.astype(np.int64) * n_sessions + moving


def shared_cell_fractions(cells: Ints32) -> tuple[Floats, Ints64]:
    """Fraction and number of final cells that two sessions share, shape (n, n).

    The fraction is the Jaccard index: cells seen in both sessions / cells seen in either. It is NaN if neither has a
    cell. The number counts the cells seen in both sessions; on the diagonal, it counts the cells of the session.
    """
    both = shared_cells(cells)
    of_session = np.diag(both)
    either = of_session[:, None] + of_session[None, :] - both
    return divide(both, either), both


def divide(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    """`part / whole`, NaN where `whole` is zero."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
