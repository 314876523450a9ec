"""Scores of a match against known truth. A link is a pair of ROIs of two different sessions that are the same cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ..arrays import Ints64

Integers = npt.NDArray[np.integer]


@dataclass(frozen=True)
class LinkCount:
    """Numbers of links that are true, that were found (`n_predicted`), and that are both (`n_correct`)."""

    n_true: int
    n_predicted: int
    n_correct: int

    @property
    def precision(self) -> float:
        """Share of the found links that are true; 1 if none was found."""
        return self.n_correct / self.n_predicted if self.n_predicted else 1.0

    @property
    def recall(self) -> float:
        """Share of the true links that were found; 1 if there is none to find."""
        return self.n_correct / self.n_true if self.n_true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 if there was nothing to find and nothing was found."""
        total = self.n_true + self.n_predicted
        return 2 * self.n_correct / total if total else 1.0


@dataclass(frozen=True)
class LinkScore(LinkCount):
    """Numbers of links over all pairs of sessions, and of each pair (i, j) with i < j."""

    pairs: Mapping[tuple[int, int], LinkCount]

    @staticmethod
    def of_pairs(pairs: Mapping[tuple[int, int], LinkCount]) -> LinkScore:
        """The counts of all pairs of sessions together."""
        counts = pairs.values()
        return LinkScore(
            n_true=sum(count.n_true for count in counts),
            n_predicted=sum(count.n_predicted for count in counts),
            n_correct=sum(count.n_correct for count in counts),
            pairs=pairs,
        )


def score_links(cells: Integers, identity: Sequence[Integers]) -> LinkScore:
    """Compare the links of a match with the truth, over all pairs of sessions and for each.

    A cell whose body is split over several ROIs of a session can be linked through any of them, but each ROI counts
    once: between two sessions that hold n and m ROIs of a cell, min(n, m) links are true, and no more than that count
    as correct.

    Parameters
    ----------
    cells : ndarray of int, shape (n_cells, n_sessions)
        `roi_row` of each found cell's ROI in each session, -1 where it has none.
    identity : sequence of ndarray of int, one per session, shape (n_rois,)
        The true cell number of each ROI by `roi_row`, -1 where the ROI is no cell.

    Raises
    ------
    ValueError
        The two arguments have different numbers of sessions.
    """
    numbers = true_cells(cells, identity)
    pairs = {}
    for i, j in combinations(range(len(identity)), 2):
        both = (cells[:, i] >= 0) & (cells[:, j] >= 0)
        same = both & (numbers[:, i] == numbers[:, j]) & (numbers[:, i] >= 0)
        true_number, true_count = _shared(identity[i], identity[j])
        number, count = np.unique(numbers[same, i], return_counts=True)
        allowed = true_count[np.searchsorted(true_number, number)] if len(number) else count
        n_correct = int(np.minimum(count, allowed).sum())
        pairs[i, j] = LinkCount(n_true=int(true_count.sum()), n_predicted=int(both.sum()), n_correct=n_correct)
    return LinkScore.of_pairs(pairs)


def true_cells(cells: Integers, identity: Sequence[Integers]) -> Ints64:
    """The true cell number of every entry of `cells`: -1 for a false ROI, -2 where there is no ROI."""
    if cells.ndim != 2 or cells.shape[1] != len(identity):
        raise ValueError(f"cells of shape {cells.shape} do not fit the truth of {len(identity)} sessions")
    numbers = np.full(cells.shape, -2, np.int64)
    for session, truth in enumerate(identity):
        present = cells[:, session] >= 0
        numbers[present, session] = np.asarray(truth)[cells[present, session]]
    return numbers


def _shared(first: Integers, second: Integers) -> tuple[Ints64, Ints64]:
    """Cell numbers that two sessions share, sorted, and how many links each allows."""
    numbers_first, count_first = np.unique(first[first >= 0], return_counts=True)
    numbers_second, count_second = np.unique(second[second >= 0], return_counts=True)
    shared, at_first, at_second = np.intersect1d(numbers_first, numbers_second, assume_unique=True, return_indices=True)
    return shared.astype(np.int64), np.minimum(count_first[at_first], count_second[at_second]).astype(np.int64)


class TrackScore(LinkCount):
    """Cells seen in every session: true, found, and found without an error."""

    @property
    def score(self) -> float:
        """CT = 2 * n_correct / (n_true + n_predicted); 1 if there was nothing to find and nothing was found."""
        return self.f1


def complete_tracks_score(cells: Integers, identity: Sequence[Integers]) -> TrackScore:
    """Compare the cells found in all sessions with those that truly have an ROI in all sessions.

    This is the measure "CT" by which Track2p was judged. If a cell is split in some session, one track of it counts.
    Arguments are those of :func:`score_links`.
    """
    numbers = true_cells(cells, identity)
    complete = (cells >= 0).all(axis=1)
    right = complete & (numbers >= 0).all(axis=1) & (numbers == numbers[:, :1]).all(axis=1)
    true = np.unique(identity[0][identity[0] >= 0])
    for truth in identity[1:]:
        true = np.intersect1d(true, truth[truth >= 0])
    n_correct = len(np.unique(numbers[right, 0]))
    return TrackScore(n_true=len(true), n_predicted=int(complete.sum()), n_correct=n_correct)
