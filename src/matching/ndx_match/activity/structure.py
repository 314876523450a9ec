"""Test whether two sessions have the same pairwise correlations, compared with matches shuffled among neighbours.

These are pure functions on arrays. Cells have the same numbers in both sessions; a shuffled match gives a cell the ROI
of another cell nearby. Cells are shuffled within fixed groups of neighbours, and all orders of a group are equally
likely. Shuffling twice gives such an order again. So if a match was itself shuffled, it is one of the matches with
which it is compared, and its z score has mean 0 and standard deviation 1, whatever the structure of the correlations.

Neighbours share activity, for example from neuropil. A match that is wrong because a registration is shifted keeps the
distances between ROIs, and with them these correlations. Therefore :func:`without_distance` first subtracts what
the distance predicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import detrend

from ..arrays import Array, Bools, Floats32, Indices, Points

PART = 0.45  #: share of a session in its first and in its last part; the time between them keeps them independent
MOST_MISSING = 0.1  #: largest fraction of a trace that may be NaN
LEAST_CHANGE = 1e-5  #: fraction of a trace that must remain after its trend is removed; less is rounding error
#: The correlations are averaged over this many distances, or over fewer if there are fewer than `PAIRS_OF_DISTANCE`
#: pairs of ROIs for each.
N_DISTANCES = 30
PAIRS_OF_DISTANCE = 30
LARGEST_GROUP = 16  #: largest number of neighbours that are shuffled among each other
N_SHUFFLES = 300
FEWEST_CELLS = 20  #: fewest cells from which anything can be concluded
LEAST_Z = 4.0  #: z score from which the structure counts as kept
LEAST_SHARE = 0.25  #: share of the possible structure that must be kept; as much as if half of the matches were right
LEAST_POSSIBLE_Z = 8.0  #: z score that right matches must be able to reach; only then a low one means wrong matches


@dataclass(frozen=True)
class Structure:
    """The correlations of the traces of a session's ROIs, each shape (n_rois, n_rois), NaN if unknown."""

    whole: Floats32
    first: Floats32  #: in the first part of the session
    last: Floats32  #: in the last part

    @property
    def known(self) -> Bools:
        """Which ROIs have a trace that varies, shape (n_rois,)."""
        return np.asarray(np.isfinite(np.diag(self.whole) + np.diag(self.first) + np.diag(self.last)))


def structure_of(traces: Array) -> Structure:
    """The correlations of traces, shape (n_rois, n_times); an ROI without a trace is NaN.

    The linear trend of each part is removed. A trace that is NaN or infinite at more than a tenth of the times is left
    out. Times at which any other trace is NaN or infinite are left out of all traces.
    """
    unknown = ~np.isfinite(traces)
    usable = unknown.mean(axis=1) <= MOST_MISSING if traces.shape[1] else np.zeros(len(traces), bool)
    times = ~unknown[usable].any(axis=0)
    complete = np.asarray(traces if times.all() else traces[:, times])
    finite = np.isfinite(complete)
    largest = np.abs(complete).max(axis=1, initial=0, keepdims=True, where=finite)  # because units can be of any size
    complete = np.asarray(complete / np.where(largest > 0, largest, 1), np.float32)
    n = complete.shape[1]
    length = int(PART * n)
    return Structure(
        *(_correlations(part, usable) for part in (complete, complete[:, :length], complete[:, n - length :]))
    )


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


def without_distance(structure: Structure, points: Points) -> Structure:
    """Subtract from the correlations of two ROIs what their distance predicts; NaN for ROIs without a place.

    The prediction is the mean correlation of all pairs of ROIs that are about as far apart. `points` are (x, y) of the
    ROIs, shape (n_rois, 2).
    """
    parts = (structure.whole, structure.first, structure.last)
    return Structure(*(_without_distance(part, points) for part in parts))


def _without_distance(correlations: Floats32, points: Points) -> Floats32:
    corrected = np.full_like(correlations, np.nan)
    known = np.flatnonzero(np.isfinite(np.diag(correlations)) & np.isfinite(points).all(axis=1))
    residuals = correlations[np.ix_(known, known)].astype(np.float64)
    first, second = np.triu_indices(len(known), 1)
    if len(first):
        distances = np.linalg.norm(points[known[first]] - points[known[second]], axis=1)
        order = np.argsort(distances, kind="stable")
        n = min(N_DISTANCES, max(2, len(order) // PAIRS_OF_DISTANCE))
        starts = np.unique((np.linspace(0, 1, n, endpoint=False) ** 2 * len(order)).astype(int))  # most are short
        sizes = np.diff(starts, append=len(order))
        centres, means = (
            np.add.reduceat(values[order], starts) / sizes for values in (distances, residuals[first, second])
        )
        residuals[first, second] -= np.interp(distances, centres, means)
        residuals[second, first] = residuals[first, second]
    corrected[np.ix_(known, known)] = residuals
    return corrected


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
    """A random order in which every item stays within its group, shape (n,)."""
    order = np.empty(len(group), np.intp)
    order[np.argsort(group, kind="stable")] = np.lexsort((rng.random(len(group)), group))
    return order


@dataclass(frozen=True)
class StructureComparison:
    """How much of the structure of two sessions is the same."""

    n_cells: int  #: number of cells that have a trace in both sessions
    correlation: float = np.nan  #: correlation between the pairwise correlations of the two sessions
    chance: float = np.nan  #: mean of this correlation over shuffled matches
    spread: float = np.nan  #: standard deviation of this correlation over shuffled matches
    #: How far above chance the correlation would be if the structure were kept, judged by how alike the two parts of
    #: each session are.
    possible: float = np.nan

    @property
    def z(self) -> float:
        """How many standard deviations the correlation is above chance."""
        return (self.correlation - self.chance) / self.spread if self.spread > 0 else np.nan

    @property
    def share(self) -> float:
        """The share of the possible structure that is kept, 1 if all is; NaN if it cannot be determined."""
        return (self.correlation - self.chance) / self.possible if self.has_enough_structure else np.nan

    @property
    def has_enough_structure(self) -> bool:
        """Whether the sessions have enough structure to distinguish right matches from wrong ones."""
        return bool(self.spread > 0 and self.possible >= LEAST_POSSIBLE_Z * self.spread)

    @property
    def is_kept(self) -> bool | None:
        """Whether matched cells keep at least a quarter of their structure; None if it cannot be determined."""
        is_clear = bool(np.isfinite(self.z) and self.z >= LEAST_Z)
        if self.has_enough_structure:
            return is_clear and self.share >= LEAST_SHARE
        return True if is_clear else None


def compare_structures(
    fixed: tuple[Floats32, Floats32, Floats32],
    moving: tuple[Floats32, Floats32, Floats32],
    points: Points,
    rng: np.random.Generator,
    n_shuffles: int = N_SHUFFLES,
) -> StructureComparison:
    """Compare the correlations of the same cells in two sessions.

    Parameters
    ----------
    fixed, moving : tuple of ndarray, each shape (n_cells, n_cells)
        For each session, the correlations in the whole session, in its first part and in its last part.
    points : ndarray, shape (n_cells, 2)
        (x, y) of the ROIs in the moving session, whose order is shuffled.
    rng : Generator
    n_shuffles : int
    """
    n = len(points)
    if n < FEWEST_CELLS:
        return StructureComparison(n)
    group = groups_of_neighbours(points)
    reference, other = _standardised(fixed[0]), _standardised(moving[0])
    shuffles = np.empty(n_shuffles)
    for k in range(n_shuffles):
        order = shuffled(group, rng)
        shuffles[k] = np.vdot(reference, other[np.ix_(order, order)])
    chance = _by_chance(reference, other, group)
    stable = [_reliability(_standardised(first), _standardised(last), group) for _, first, last in (fixed, moving)]
    return StructureComparison(
        n_cells=n,
        correlation=float(np.vdot(reference, other)),
        chance=chance,
        spread=float(np.sqrt(np.mean((shuffles - chance) ** 2))),
        possible=float(np.sqrt(stable[0] * stable[1])),
    )


def _standardised(correlations: Floats32) -> Floats32:
    """Scale to mean 0 and norm 1 off the diagonal, which is 0; the scalar product of two is then their correlation."""
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
    """The share of a session's structure, beyond that of its groups, that a second recording would show again."""
    same = max(0.0, float(np.vdot(first, last)) - _by_chance(first, last, group))
    return 2 * same / (1 + same)
