"""Test how well a reading of a tool's numbers fits the sessions, and which other reading fits better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from ...arrays import Bools, Ints64
from ...model import Progress, Session, with_progress
from .cells import ToolCells
from .overlap import FEWEST_TO_FIT, MeasuredPairs, Overlaps
from .reading import OUT_OF_RANGE, Reading, all_readings

FEWEST_MATCHES = 5  #: fewest matches of two registered sessions from which the reading can be judged
CLEAR = 0.9  #: fraction of overlapping matches from which no other reading is tried
LEAST_OVERLAPPING = 0.25  #: fraction of overlapping matches below which the reading is wrong
ABOVE_CHANCE = 3.0  #: the reading is also wrong if the fraction is less than this many times the fraction by chance
MANY_UNACCEPTED = 0.5  #: the reading is wrong if matched ROIs that are not accepted exceed this ratio to chance
ALL_ORDERS_UP_TO = 4  #: largest number of sessions for which every order is tried; of more, two are exchanged
#: Largest number of sessions for which exchanges are tried, on all pairs of sessions. For more sessions, only the given
#: and the reverse order are tried, on the first pairs of successive sessions.
EXCHANGED_UP_TO = 10


@dataclass(frozen=True)
class PairOfSessions:
    """The matches of two sessions under one reading."""

    fixed: int
    moving: int
    rows: Ints64  #: `roi_row` in both sessions, shape (n_matches, 2)
    measured: MeasuredPairs | None  #: None if neither the consensus method nor the matches align the sessions

    @property
    def n_matches(self) -> int:
        """Number of matches."""
        return len(self.rows)

    @property
    def n_overlapping(self) -> int:
        """Number of matches whose ROIs overlap."""
        return self.measured.n_overlapping if self.measured else 0

    @property
    def n_apart(self) -> int:
        """Number of matches whose ROIs do not overlap, or whose sessions cannot be aligned."""
        return self.n_matches - self.n_overlapping

    @property
    def fraction(self) -> float:
        """Fraction of matches whose ROIs overlap."""
        return self.n_overlapping / max(1, self.n_matches)

    @property
    def is_informative(self) -> bool:
        """Whether there are enough matches to judge."""
        return self.n_matches >= (FEWEST_MATCHES if self.measured else FEWEST_TO_FIT)

    @property
    def wrong(self) -> bool:
        """Whether there are enough matches, and so few of them overlap that the reading is wrong."""
        chance = self.measured.chance if self.measured else 0.0
        return self.is_informative and self.fraction < max(LEAST_OVERLAPPING, ABOVE_CHANCE * chance)


@dataclass(frozen=True)
class Fit:
    """How a reading fits the sessions."""

    reading: Reading
    order: tuple[int, ...]  #: for each session, the column of the tool's result that belongs to it
    rows: Ints64  #: `roi_row`, shape (n_cells, n_sessions), -1 where absent
    pairs: tuple[PairOfSessions, ...]
    n_unaccepted: int  #: number of matched ROIs that the files do not accept; 0 if the tool also matches such ROIs
    n_by_chance: float  #: the same number, if ROIs were matched without regard to whether they are accepted

    @property
    def judged(self) -> list[PairOfSessions]:
        """The pairs of sessions with enough matches to judge."""
        return [pair for pair in self.pairs if pair.is_informative]

    @property
    def n_matches(self) -> int:
        """Number of matches, summed over all pairs of sessions."""
        return sum(pair.n_matches for pair in self.pairs)

    @property
    def n_apart(self) -> int:
        """Number of these matches whose ROIs do not overlap, or whose sessions cannot be aligned."""
        return sum(pair.n_apart for pair in self.pairs)

    @property
    def clear(self) -> bool:
        """Whether nearly all matches overlap, in every pair of sessions that can be judged."""
        return bool(self.judged) and all(pair.fraction >= CLEAR for pair in self.judged)

    @property
    def wrong(self) -> bool:
        """Whether, in any pair of sessions, so few matches overlap that the reading is wrong.

        If no pair of sessions can be judged, the reading is wrong if the number of matched ROIs that are not accepted
        is more than half of the number by chance.
        """
        if self.judged:
            return any(pair.wrong for pair in self.judged)
        return self.n_unaccepted > max(1.0, MANY_UNACCEPTED * self.n_by_chance)


class Reader:
    """Reads a tool's cells in different ways, and measures how well each way fits the sessions."""

    def __init__(
        self, tool_cells: ToolCells, sessions: Sequence[Session], accepted: Sequence[Bools], overlaps: Overlaps
    ) -> None:
        self._tool_cells, self._sessions, self._accepted, self._overlaps = tool_cells, sessions, accepted, overlaps
        self.straight = tuple(range(len(sessions)))
        self._every_pair = list(combinations(self.straight, 2))
        few = len(sessions) <= EXCHANGED_UP_TO
        self._some_pairs = (
            self._every_pair if few else [(k, k + 1) for k in range(2 * EXCHANGED_UP_TO)][: len(sessions) - 1]
        )

    def rows(self, reading: Reading, order: Sequence[int]) -> Ints64:
        """The `roi_row` of each number, shape (n_cells, n_sessions); OUT_OF_RANGE if it stands for no ROI."""
        columns = [
            reading.rows(self._tool_cells.numbers[:, column], session, accepted)
            for column, session, accepted in zip(order, self._sessions, self._accepted, strict=True)
        ]
        return np.stack(columns, axis=1)

    def outside(self, reading: Reading) -> str:
        """A description of a number that is out of range, or of numbers of ROIs that differ; empty if there is none."""
        wrong = np.argwhere(self.rows(reading, self.straight) == OUT_OF_RANGE)
        if len(wrong):
            cell, position = wrong[0].tolist()
            number, name = self._tool_cells.numbers[cell, position], self._sessions[position].name
            n = reading.n_numbered(self._sessions[position], self._accepted[position])
            return f"holds the number {number} for the session {name}, but none of its {n} ROIs has this number"
        if self._counts_differ(reading, self.straight):
            assert self._tool_cells.n_rois is not None
            theirs = ", ".join(map(str, self._tool_cells.n_rois))
            ours = ", ".join(
                str(reading.n_numbered(*each)) for each in zip(self._sessions, self._accepted, strict=True)
            )
            return f"was made from sessions with {theirs} ROIs, but the files hold {ours}"
        return ""

    def fit(self, reading: Reading, progress: Progress | None = None) -> Fit:
        """How well a reading fits; all its numbers must be in range."""
        return self._fit(reading, self.straight, self._every_pair, progress)

    def _fit(
        self,
        reading: Reading,
        order: tuple[int, ...],
        of_sessions: Sequence[tuple[int, int]],
        progress: Progress | None = None,
    ) -> Fit:
        rows = self.rows(reading, order)
        pairs = []
        for fixed, moving in with_progress(progress, "checking", of_sessions):
            both = rows[(rows[:, fixed] >= 0) & (rows[:, moving] >= 0)][:, [fixed, moving]]
            pairs.append(PairOfSessions(fixed, moving, both, self._overlaps.measured(fixed, moving, both)))
        n_unaccepted, by_chance = 0, 0.0
        for column, accepted in zip(rows[(rows >= 0).sum(axis=1) > 1].T, self._accepted, strict=True):
            if self._tool_cells.accepted_only and len(accepted):
                matched = column[column >= 0]
                n_unaccepted += int((~accepted[matched]).sum())
                by_chance += len(matched) * float((~accepted).mean())
        return Fit(reading, order, rows, tuple(pairs), n_unaccepted, by_chance)

    def better_than(self, reference: Fit | None) -> Fit | None:
        """The reading under which the fewest matches do not overlap.

        None if no reading fits, or if this number of matches is at least half of that under the reading `reference`.
        `reference` is None if numbers are out of range in the reading of the format; then only the first condition
        counts.
        """
        best: Fit | None = None
        for reading, order in ((r, o) for o in _orders(len(self._sessions)) for r in all_readings()):
            if (self.rows(reading, order) == OUT_OF_RANGE).any() or self._counts_differ(reading, order):
                continue
            fit = self._fit(reading, order, self._some_pairs)
            if fit.judged and not fit.wrong and (best is None or fit.n_apart < best.n_apart):
                best = fit
        if best is None or reference is None:
            return best
        n_apart = sum(pair.n_apart for pair in reference.pairs if (pair.fixed, pair.moving) in self._some_pairs)
        return best if 2 * best.n_apart < n_apart else None

    def _counts_differ(self, reading: Reading, order: Sequence[int]) -> bool:
        """Whether the numbers of ROIs that the tool was given are stated and are not those of the sessions."""
        return self._tool_cells.n_rois is not None and any(
            self._tool_cells.n_rois[column] != reading.n_numbered(session, accepted)
            for column, session, accepted in zip(order, self._sessions, self._accepted, strict=True)
        )


def _orders(n: int) -> Iterator[tuple[int, ...]]:
    """The orders of the sessions that are tried, the given order first."""
    straight = tuple(range(n))
    if n <= ALL_ORDERS_UP_TO:
        yield from permutations(straight)
        return
    yield from (straight, straight[::-1])
    for a, b in combinations(straight, 2) if n <= EXCHANGED_UP_TO else ():
        exchanged = list(straight)
        exchanged[a], exchanged[b] = b, a
        yield tuple(exchanged)
