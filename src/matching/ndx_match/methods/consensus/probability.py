"""The probability that two ROIs are the same cell, by a model of their measures that is fitted to the data at hand.

Neighbours within a session are never the same cell, so they show how wrong pairs look and how many to expect. If
candidates across sessions are denser than that, the excess are matches (learning from positive and unlabelled samples).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import minimize

from ...arrays import Floats, Floats32, Indices, Ints32
from ...model import cells_of_rois
from .candidates import ComparedPairs, roi_towards

#: Before any data are seen, the log-odds of a match are the sum of these coefficients times (1, IoU, distance in ROI
#: radii, log of the area ratio, root of the IoU, minus the log of 1 + the odds of all rivals). The spread is how far
#: data may easily move each. Data determine well how many matches there are (the first), but not how fast the odds fall
#: with distance, because neighbours within a session are never close. The values are those on which regressions to the
#: truth of simulated sessions agree.
PRIOR = np.array([0.3, 7.0, -3.0, -0.5, 0.0, 1.0])
PRIOR_SPREAD = np.array([2.5, 1.0, 0.6, 0.3, 0.7, 0.3])
#: Wrong candidates across sessions per pair within a session. In simulations there are 0.8 to 0.95, but they overlap
#: more than pairs within a session, whose ROIs the segmentation keeps apart. The larger number makes up for this.
CROWDING = 1.2
LARGEST_LOG_ODDS = 14.0  #: at which log-odds are clipped; greater ones would change nothing
FEW_PAIRS = 40  #: with fewer candidates the result rests mostly on the prior
ENOUGH_PAIRS = 300_000  #: to fit six coefficients; of more pairs an evenly spread sample is fitted
PIECE = 100_000  #: pairs whose features are computed at a time
ENOUGH_STAND_INS = 200_000  #: pairs within sessions that are compared with what is near in other sessions


def match_log_odds(
    candidates: ComparedPairs,
    impossible: ComparedPairs,
    n_sessions: int,
    radius: float,
    wrong_for_each: float | None = None,
) -> Floats:
    """Log-odds that each candidate pair is a match, shape (n_candidates,).

    The model is fitted twice: first to the measures of each pair, then also to the rivals of the pair. Rivals are the
    other candidates of either ROI in the other's session; they count because an ROI is only one cell.

    Parameters
    ----------
    candidates, impossible : ComparedPairs
        Pairs across sessions, and pairs within sessions in both orders.
    n_sessions : int
    radius : float
        Typical radius of an ROI in pixels.
    wrong_for_each : float, optional
        Wrong candidates to expect for each impossible pair, before :data:`CROWDING` is applied; by default the number
        that holds if all sessions are compared with each other.
    """
    # Two sessions have as many wrong candidates between them as each has pairs within, on average over the two.
    density = CROWDING * ((n_sessions - 1) / 2 if wrong_for_each is None else wrong_for_each)
    fitted, thinned = _sample(len(candidates), len(impossible))
    unlabelled, wrong = _features(candidates.take(fitted), radius), _features(impossible.take(thinned), radius)
    # Each pair of a sample stands for several, so that the prior weighs as much as if all pairs were fitted.
    stands_for, stands_for_wrong = (
        len(pairs) / max(1, len(sample)) for pairs, sample in ((candidates, fitted), (impossible, thinned))
    )
    density *= stands_for_wrong
    n_alone = unlabelled.shape[1]
    alone = _density_ratio(unlabelled, wrong, stands_for, density, PRIOR[:n_alone], PRIOR_SPREAD[:n_alone])
    odds = np.exp(np.minimum(_of_each(candidates, radius, alone), LARGEST_LOG_ODDS))
    width = 1 + max(int(rows.max(initial=0)) for pairs in (candidates, impossible) for rows in _rows(pairs))
    towards = _odds_towards(candidates, odds, n_sessions, width)
    first, second = (
        session.astype(np.int64) * width + row
        for session, row in zip((candidates.first_session, candidates.second_session), _rows(candidates), strict=True)
    )
    rivals = towards[first, candidates.second_session] + towards[second, candidates.first_session] - 2 * odds
    rivalry = -np.log1p(np.maximum(rivals, 0))
    # A pair within a session stands for a wrong candidate between its first ROI and one of any other session.
    stand_ins = impossible.take(thinned)
    session = stand_ins.first_session.astype(np.int64)
    n_others = min(n_sessions - 1, max(1, ENOUGH_STAND_INS // max(1, len(stand_ins))))
    near = []
    for step in range(1, n_others + 1):
        other = (session + step) % n_sessions
        near.append(sum(towards[session * width + row, other] for row in _rows(stand_ins)))
    unlabelled = np.column_stack([unlabelled, rivalry[fitted]])
    wrong = np.column_stack([np.tile(wrong, (n_others, 1)), -np.log1p(np.concatenate(near))])
    coefficients = _density_ratio(unlabelled, wrong, stands_for, density / n_others, PRIOR, PRIOR_SPREAD)
    return _of_each(candidates, radius, coefficients[:-1]) + coefficients[-1] * rivalry


def _sample(*lengths: int) -> list[Indices]:
    """Positions of the pairs of each collection that are fitted: evenly spread if there are many."""
    return [np.linspace(0, length - 1, min(length, ENOUGH_PAIRS)).astype(np.intp) for length in lengths]


def _of_each(pairs: ComparedPairs, radius: float, coefficients: Floats) -> Floats:
    """The sum of the weighted features of each pair, in pieces, as all features take much memory."""
    pieces = [np.arange(start, min(start + PIECE, len(pairs))) for start in range(0, len(pairs), PIECE)]
    return np.concatenate([np.zeros(0), *(_features(pairs.take(piece), radius) @ coefficients for piece in pieces)])


def _density_ratio(
    unlabelled: Floats, wrong: Floats, weight: float, density: float, prior: Floats, spread: Floats
) -> Floats:
    """Coefficients of the log-odds that a row of `unlabelled` is a match, of greatest likelihood given the prior."""

    # Wrong candidates are distributed as impossible pairs are. So if o are a candidate's odds of being a match,
    # candidates are 1 + o times as dense as impossible pairs, where each impossible pair counts `density` times and
    # each candidate `weight` times.
    def loss(coefficients: Floats) -> tuple[float, Floats]:
        odds, odds_wrong = (np.exp(np.minimum(rows @ coefficients, 100)) for rows in (unlabelled, wrong))
        likelihood = weight * np.sum(np.log((1 + odds) / (2 + odds)))
        likelihood -= density * np.sum(np.log(2 + odds_wrong))
        gradient = weight * unlabelled.T @ (odds / ((1 + odds) * (2 + odds)))
        gradient -= density * wrong.T @ (odds_wrong / (2 + odds_wrong))
        deviation = (coefficients - prior) / spread
        return 0.5 * float(deviation @ deviation) - float(likelihood), deviation / spread - gradient

    return np.asarray(minimize(loss, prior, jac=True, method="L-BFGS-B").x)


def _rows(pairs: ComparedPairs) -> tuple[Ints32, Ints32]:
    return pairs.first_row, pairs.second_row


def _odds_towards(pairs: ComparedPairs, odds: Floats, n_sessions: int, width: int) -> Floats:
    """Sum of the odds of each ROI's candidates in each session, shape (n_sessions * width, n_sessions)."""
    towards = np.zeros((n_sessions * width, n_sessions))
    np.add.at(towards, (pairs.first_session.astype(np.int64) * width + pairs.first_row, pairs.second_session), odds)
    np.add.at(towards, (pairs.second_session.astype(np.int64) * width + pairs.second_row, pairs.first_session), odds)
    return towards


def coherent(pairs: ComparedPairs, probability: Floats, cells: Ints32) -> Floats:
    """Probabilities of the pairs within cells that do not contradict those of the cell's other pairs.

    If a and c are one cell with probability p, and c and b with probability q, then a and b are one cell with
    probability p + q - 1 or more, however much the two depend on each other (the bound of Bonferroni and Fréchet). If
    this is higher than the pair's own probability, that is raised to it. Pairs of ROIs of different cells stay
    unchanged.

    Parameters
    ----------
    pairs : ComparedPairs
    probability : ndarray, shape (n_pairs,)
        Probability of each pair by itself.
    cells : ndarray of int32, shape (n_cells, n_sessions)
        `roi_row` of each cell's ROI in each session, -1 where it has none.
    """
    result = probability.copy()
    for _, entries, first, second, between in _within_cells(pairs, probability, cells):
        through = (between[:, :, None] + between[None, :, :] - 1).max(axis=1)
        result[entries] = np.maximum(result[entries], through[first, second])
    return result


def probable_cells(pairs: ComparedPairs, alone: Floats, cells: Ints32, least: float) -> tuple[Ints32, Floats]:
    """Cells in which every two ROIs are a candidate pair of probability `least` or more, and the pairs' probabilities.

    Any other cell is divided: its ROIs are joined, the most probable first, as long as all their pairs reach `least`.
    The ROIs of other parts then no longer raise the probability of a pair (:func:`coherent`).

    Parameters
    ----------
    pairs : ComparedPairs
    alone : ndarray, shape (n_pairs,)
        Probability of each pair by itself.
    cells : ndarray of int32, shape (n_cells, n_sessions)
    least : float
    """
    while True:
        # Rounded to the precision in which they are stored.
        probability = coherent(pairs, alone, cells).astype(np.float32).astype(float)
        parts: dict[int, list[Ints32]] = {}
        compared = np.zeros(len(cells), bool)
        for cell, _, _, _, between in _within_cells(pairs, probability, cells):
            compared[cell] = True
            if (between[~np.eye(len(between), dtype=bool)] < least).any():
                parts[cell] = _parts(cells[cell], between, least)
        for cell in np.flatnonzero(~compared & ((cells >= 0).sum(axis=1) > 1)).tolist():
            n = int((cells[cell] >= 0).sum())
            parts[cell] = _parts(cells[cell], np.zeros((n, n)), least)
        if not parts:
            return cells, probability
        cells = np.stack([row for cell, undivided in enumerate(cells) for row in parts.get(cell, [undivided])])


def _parts(cell: Ints32, between: Floats, least: float) -> list[Ints32]:
    """Divide a cell's ROIs, with probabilities `between` them, into parts in which every pair reaches `least`."""
    from scipy.cluster.hierarchy import fcluster, linkage  # few cells are divided, and importing it takes time
    from scipy.spatial.distance import squareform

    distance = np.where(between >= least, 1 - between, 2.0)
    np.fill_diagonal(distance, 0)
    part = fcluster(linkage(squareform(distance), "complete"), 1.0, "distance")
    present = np.flatnonzero(cell >= 0)
    rows = []
    for number in dict.fromkeys(part.tolist()):
        rows.append(np.full_like(cell, -1))
        rows[-1][present[part == number]] = cell[present[part == number]]
    return rows


def cells_of_pairs(pairs: ComparedPairs, cells: Ints32) -> Indices:
    """The cell that holds both ROIs of each pair, shape (n_pairs,); -1 if none does."""
    first = cells_of_rois(cells, pairs.first_session, pairs.first_row)
    second = cells_of_rois(cells, pairs.second_session, pairs.second_row)
    return np.where(first == second, first, -1)


def _within_cells(
    pairs: ComparedPairs, probability: Floats, cells: Ints32
) -> Iterator[tuple[int, Indices, Indices, Indices, Floats]]:
    """Yield for each cell that holds candidate pairs: its number, the pairs, the places of their ROIs among the cell's
    own, and the probabilities between all its ROIs, 0 if they are no candidate pair."""
    cell_of = cells_of_pairs(pairs, cells)
    order = np.argsort(cell_of, kind="stable")
    order = order[cell_of[order] >= 0]
    for entries in np.split(order, np.flatnonzero(np.diff(cell_of[order])) + 1) if len(order) else ():
        cell = int(cell_of[entries[0]])
        place = np.cumsum(cells[cell] >= 0) - 1
        first, second = place[pairs.first_session[entries]], place[pairs.second_session[entries]]
        between = np.zeros((place[-1] + 1, place[-1] + 1))
        between[first, second] = between[second, first] = probability[entries]
        yield cell, entries, first, second, between


def margins(pairs: ComparedPairs, probability: Floats32) -> Floats32:
    """How far each pair's probability is above the best of either ROI's other candidates in the other's session."""
    best_other = np.zeros_like(probability)
    every = np.arange(len(pairs), dtype=np.int32)
    for session, row, other in (
        (pairs.first_session, pairs.first_row, pairs.second_session),
        (pairs.second_session, pairs.second_row, pairs.first_session),
    ):
        candidates_of = roi_towards(session, row, other)
        best, second_best = (np.zeros(candidates_of.max(initial=-1) + 1, probability.dtype) for _ in range(2))
        np.maximum.at(best, candidates_of, probability)
        winner = np.full(len(best), -1, np.int32)
        is_best = probability == best[candidates_of]
        winner[candidates_of[is_best]] = every[is_best]  # any one of equals
        is_winner = winner[candidates_of] == every
        np.maximum.at(second_best, candidates_of[~is_winner], probability[~is_winner])
        best_other = np.maximum(best_other, np.where(is_winner, second_best[candidates_of], best[candidates_of]))
    return np.asarray(probability - best_other)


def _features(pairs: ComparedPairs, radius: float) -> Floats:
    iou = pairs.iou.astype(float)
    distance = pairs.distance.astype(float) / radius
    return np.column_stack([np.ones(len(pairs)), iou, distance, np.log(pairs.area_ratio.astype(float)), np.sqrt(iou)])
