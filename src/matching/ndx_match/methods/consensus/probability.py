"""From what is compared of two ROIs to the probability that they are the same cell, fitted to the data at hand.

Two ROIs of one session are never the same cell, so that neighbours within sessions show how wrong pairs look, and how
many of them to expect: an ROI has about as many wrong candidates in another session as it has neighbours in its own.
Where candidates across sessions are denser than that, they are matches. (CellReg fits mixtures to candidates for the
same end; ROICaT takes pairs within sessions as examples of different cells. The estimator here is that of learning
from positive and unlabelled samples by density ratios.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from .candidates import ComparedPairs

Values = npt.NDArray[np.float64]

#: Log-odds of a match = these times (1, IoU, distance in ROI radii, log of the area ratio, root of the IoU), before
#: any data are seen; the spread is how far data may easily move them.
PRIOR = np.array([-2.5, 8.0, -2.0, 0.0, 3.0])
PRIOR_SPREAD = np.array([3.0, 3.0, 1.5, 0.7, 2.0])
SMALLEST_ODDS = 1e-9
FEW_PAIRS = 40  #: candidates below which the prior has the say


def fit_log_odds(candidates: ComparedPairs, impossible: ComparedPairs, n_sessions: int, radius: float) -> Values:
    """Coefficients of the log-odds that a candidate pair is a match.

    Maximises the likelihood that a pair is a candidate rather than an impossible one. With odds o of being a match, and
    wrong candidates distributed as impossible pairs, candidates are 1 + o times as dense as impossible pairs.

    Parameters
    ----------
    candidates : ComparedPairs
        Across sessions.
    impossible : ComparedPairs
        Within sessions, in both orders.
    n_sessions : int
    radius : float
        Typical radius of an ROI in pixels.

    Returns
    -------
    ndarray of float64, shape (5,)
    """
    unlabelled, wrong = _features(candidates, radius), _features(impossible, radius)
    # Sessions i and j have as many wrong candidates as i and j have neighbours within, on average.
    weight = (n_sessions - 1) / 2

    def loss(coefficients: Values) -> tuple[float, Values]:
        a, b = unlabelled @ coefficients, wrong @ coefficients
        density_a, density_b = np.logaddexp(0, a), np.logaddexp(0, b)  # log(1 + odds)
        likelihood = np.sum(density_a - np.logaddexp(density_a, 0)) - weight * np.sum(np.logaddexp(density_b, 0))
        gradient = unlabelled.T @ (expit(a) * expit(-density_a)) - weight * wrong.T @ (expit(density_b) * expit(b))
        away = (coefficients - PRIOR) / PRIOR_SPREAD
        return 0.5 * float(away @ away) - float(likelihood), away / PRIOR_SPREAD - gradient

    return np.asarray(minimize(loss, PRIOR, jac=True, method="L-BFGS-B").x)


def log_odds(pairs: ComparedPairs, coefficients: Values, radius: float) -> Values:
    """Log-odds that each pair is a match, by itself."""
    return np.asarray(_features(pairs, radius) @ coefficients)


def with_context(pairs: ComparedPairs, alone: Values, n_sessions: int) -> Values:
    """Probabilities that take into account what else the two ROIs could be.

    A third ROI that matches both supports the pair; other candidates of either ROI in the other's session compete with
    it, as an ROI is one cell. What a third session says rests in part on the same masks, so that it is no independent
    evidence: the result is half way, in log-odds, between the pair by itself and the pair in its context.

    Parameters
    ----------
    pairs : ComparedPairs
    alone : ndarray, shape (n_pairs,)
        Log-odds of each pair by itself.
    n_sessions : int

    Returns
    -------
    ndarray of float64, shape (n_pairs,)
    """
    if len(pairs) == 0:
        return np.zeros(0)
    width = 1 + int(max(pairs.first_row.max(), pairs.second_row.max()))
    first = pairs.first_session.astype(np.int64) * width + pairs.first_row
    second = pairs.second_session.astype(np.int64) * width + pairs.second_row
    supported = _supported(first, second, expit(alone), width, n_sessions)
    odds = supported / np.maximum(1 - supported, 1e-6)
    keys = [first * n_sessions + pairs.second_session, second * n_sessions + pairs.first_session]
    rivals = np.zeros(len(pairs))
    for key in keys:
        _, group = np.unique(key, return_inverse=True)
        rivals += np.bincount(group, odds)[group] - odds
    in_context = np.log(np.maximum(odds, SMALLEST_ODDS)) - np.log1p(rivals)
    return np.asarray(expit(0.5 * (alone + in_context)))


def margins(pairs: ComparedPairs, probability: Values) -> Values:
    """How far each pair's probability is above the best of either ROI's other candidates in the other's session."""
    best_other = np.zeros(len(pairs))
    for own_session, own_row, other in (
        (pairs.first_session, pairs.first_row, pairs.second_session),
        (pairs.second_session, pairs.second_row, pairs.first_session),
    ):
        key = np.stack([own_session, own_row, other])
        _, group = np.unique(key, axis=1, return_inverse=True)
        group = group.ravel()
        order = np.lexsort((-probability, group))
        start = np.flatnonzero(np.diff(group[order], prepend=-1))
        count = np.diff(np.append(start, len(order)))
        top = probability[order[start]]
        second_best = np.where(count > 1, probability[order[np.minimum(start + 1, len(order) - 1)]], 0.0)
        is_top = np.zeros(len(pairs), bool)
        is_top[order[start]] = True
        best_other = np.maximum(best_other, np.where(is_top, second_best[group], top[group]))
    return np.asarray(probability - best_other)


def _supported(
    first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], probability: Values, width: int, n_sessions: int
) -> Values:
    """1 - (1 - p) times the product over other sessions of 1 - the best p p' through an ROI of that session."""
    if n_sessions < 3:
        return probability
    partners: dict[int, dict[int, float]] = {}
    for a, b, p in zip(first.tolist(), second.tolist(), probability.tolist(), strict=True):
        partners.setdefault(a, {})[b] = p
        partners.setdefault(b, {})[a] = p
    result = np.empty(len(probability))
    for k, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        best: dict[int, float] = {}
        of_a, of_b = partners[a], partners[b]
        for c in of_a.keys() & of_b.keys():
            session = c // width
            best[session] = max(best.get(session, 0.0), of_a[c] * of_b[c])
        missing = 1 - probability[k]
        for through in best.values():
            missing *= 1 - through
        result[k] = 1 - missing
    return result


def _features(pairs: ComparedPairs, radius: float) -> Values:
    return np.column_stack(
        [
            np.ones(len(pairs)),
            pairs.iou,
            pairs.distance / radius,
            np.log(pairs.area_ratio),
            np.sqrt(pairs.iou),
        ]
    )
