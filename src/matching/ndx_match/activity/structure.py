"""Whether two sessions have the same pairwise correlations, against matches shuffled among near neighbours.

Pure functions on arrays. Cells are numbered alike in both sessions; a shuffled match gives a cell the ROI of another
cell near it. Shuffling is done within fixed groups of neighbours, uniformly over all orders of each group. One such
order after another is such an order again, so a match that was shuffled itself is one of those with which it is
compared, and its z score has mean 0 and standard deviation 1, whatever the structure of the correlations is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import detrend

from ..arrays import Array, Bools, Floats32, Indices, Points

PART = 0.45  #: of a session, that its first and its last part have; what lies between keeps them independent
MOST_MISSING = 0.1  #: part of a trace that may be NaN
LEAST_CHANGE = 1e-5  #: part of a trace that must be left when its trend is removed: more than rounding
LARGEST_GROUP = 16  #: of neighbours that are shuffled among each other
N_SHUFFLES = 300
FEWEST_CELLS = 20  #: with fewer nothing can be told
KEPT = 4.0  #: z score from which the structure is kept
LEAST_SHARE = 0.25  #: of what is possible that must be kept: as if half of the matches were right
TELLING = 8.0  #: z score that right matches must be able to reach, so that a low one tells that matches are wrong


@dataclass(frozen=True)
class Structure:
    """The correlations of the traces of a session's ROIs, each shape (n_rois, n_rois), NaN if unknown."""

    whole: Floats32
    first: Floats32  #: in the first part of the session
    last: Floats32  #: in the last part

    @property
    def known(self) -> Bools:
        """Which ROIs have a trace that changes, shape (n_rois,)."""
        return np.asarray(np.isfinite(np.diag(self.whole) + np.diag(self.first) + np.diag(self.last)))


def structure_of(traces: Array) -> Structure:
    """The correlations of traces, shape (n_rois, n_times); an ROI without a trace is NaN.

    Linear trends of each part are removed. Times at which a trace is NaN are left out of all; a trace that is NaN at
    more than a tenth of the times is left out itself.
    """
    unknown = np.isnan(traces)
    usable = unknown.mean(axis=1) <= MOST_MISSING if traces.shape[1] else np.zeros(len(traces), bool)
    times = ~unknown[usable].any(axis=0)
    found = np.asarray(traces if times.all() else traces[:, times], np.float32)
    n = found.shape[1]
    length = int(PART * n)
    return Structure(*(_correlations(part, usable) for part in (found, found[:, :length], found[:, n - length :])))


def _correlations(traces: Floats32, usable: Bools) -> Floats32:
    correlations = np.full((len(traces), len(traces)), np.nan, np.float32)
    if traces.shape[1] < 3:
        return correlations
    level = detrend(np.where(usable[:, None], traces, np.float32(0)), axis=1, overwrite_data=True)
    norms = np.linalg.norm(level, axis=1)
    changing = np.flatnonzero(usable & (norms > LEAST_CHANGE * np.linalg.norm(traces, axis=1)))
    level = level[changing] / norms[changing, None]
    correlations[np.ix_(changing, changing)] = level @ level.T
    return correlations


def groups_of_neighbours(points: Points, largest: int = LARGEST_GROUP) -> Indices:
    """The group of each point (x, y), shape (n,): the plane is halved again and again until no group is larger."""
    group = np.zeros(len(points), np.intp)
    waiting, number = [np.arange(len(points))], 0
    while waiting:
        members = waiting.pop()
        if len(members) > largest:
            along = np.ptp(points[members], axis=0).argmax()
            ordered = members[np.lexsort((points[members, 1 - along], points[members, along]))]
            waiting += [ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]]
        else:
            group[members] = number
            number += 1
    return group


def shuffled(group: Indices, rng: np.random.Generator) -> Indices:
    """A random order of items that stay within their group, shape (n,)."""
    order = np.empty(len(group), np.intp)
    order[np.argsort(group, kind="stable")] = np.lexsort((rng.random(len(group)), group))
    return order


@dataclass(frozen=True)
class Kept:
    """How much of the structure of two sessions is the same."""

    n_cells: int  #: of which both sessions have a trace
    correlation: float = np.nan  #: of the pairwise correlations of the two sessions
    chance: float = np.nan  #: its mean if matches are shuffled among near neighbours
    spread: float = np.nan  #: its standard deviation then
    #: How far above chance it would be if the structure stayed the same, by how alike each session's two parts are.
    possible: float = np.nan

    @property
    def z(self) -> float:
        """How many standard deviations the correlation is above chance."""
        return (self.correlation - self.chance) / self.spread if self.spread > 0 else np.nan

    @property
    def share(self) -> float:
        """What is kept of that which is possible; 1 if all is; NaN if it cannot be told."""
        return (self.correlation - self.chance) / self.possible if self.tells else np.nan

    @property
    def tells(self) -> bool:
        """Whether the sessions have enough structure to tell right matches from wrong ones."""
        return bool(self.spread > 0 and self.possible >= TELLING * self.spread)

    @property
    def is_kept(self) -> bool | None:
        """Whether matched cells keep their structure, or a quarter of it at least; None if it cannot be told."""
        is_clear = bool(np.isfinite(self.z) and self.z >= KEPT)
        if self.tells:
            return is_clear and self.share >= LEAST_SHARE
        return True if is_clear else None


def compare_structures(
    fixed: tuple[Floats32, Floats32, Floats32],
    moving: tuple[Floats32, Floats32, Floats32],
    points: Points,
    rng: np.random.Generator,
    n_shuffles: int = N_SHUFFLES,
) -> Kept:
    """Compare the correlations of the same cells in two sessions.

    Parameters
    ----------
    fixed, moving : tuple of ndarray, each shape (n_cells, n_cells)
        Of each session the correlations in the whole, in the first and in the last part.
    points : ndarray, shape (n_cells, 2)
        (x, y) of the ROIs in the moving session, whose order is shuffled.
    rng : Generator
    n_shuffles : int
    """
    n = len(points)
    if n < FEWEST_CELLS:
        return Kept(n)
    group = groups_of_neighbours(points)
    reference, other = _standardised(fixed[0]), _standardised(moving[0])
    shuffles = np.empty(n_shuffles)
    for k in range(n_shuffles):
        order = shuffled(group, rng)
        shuffles[k] = np.vdot(reference, other[np.ix_(order, order)])
    chance = _by_chance(reference, other, group)
    stable = [_reliability(_standardised(first), _standardised(last), group) for _, first, last in (fixed, moving)]
    return Kept(
        n_cells=n,
        correlation=float(np.vdot(reference, other)),
        chance=chance,
        spread=float(np.sqrt(np.mean((shuffles - chance) ** 2))),
        possible=float(np.sqrt(stable[0] * stable[1])),
    )


def _standardised(correlations: Floats32) -> Floats32:
    """Mean 0 and norm 1 beside the diagonal, which is 0, so that a scalar product of two is their correlation."""
    n = len(correlations)
    level = correlations.astype(np.float64)
    np.fill_diagonal(level, 0)
    level -= level.sum() / (n * (n - 1))
    np.fill_diagonal(level, 0)
    return np.asarray(level / max(float(np.linalg.norm(level)), 1e-30), np.float32)


def _by_chance(reference: Floats32, other: Floats32, group: Indices) -> float:
    """The mean of the scalar product over all orders within groups."""
    member = np.zeros((len(group), group.max() + 1), np.float64)
    member[np.arange(len(group)), group] = 1
    sizes = member.sum(axis=0)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    sums = [member.T @ matrix @ member for matrix in (reference, other)]
    return float((sums[0] * sums[1] / np.maximum(pairs, 1)).sum())


def _reliability(first: Floats32, last: Floats32, group: Indices) -> float:
    """What of a session's structure beyond that of its groups would be there again, were it recorded again."""
    same = max(0.0, float(np.vdot(first, last)) - _by_chance(first, last, group))
    return 2 * same / (1 + same)
