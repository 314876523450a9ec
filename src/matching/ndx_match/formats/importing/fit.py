"""How well a reading of a tool's numbers fits the sessions, and which other fits better."""

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

FEWEST_MATCHES = 5  #: of two sessions from which their overlaps tell something
CLEAR = 0.9  #: fraction of matches that overlap from which no other reading is tried
LEAST_OVERLAPPING = 0.25  #: and below which the reading is wrong
ABOVE_CHANCE = 3.0  #: times the fraction by chance that must overlap
MANY_UNACCEPTED = 0.5  #: of as many as there would be by chance
ALL_ORDERS_UP_TO = 4  #: sessions that are tried in every order; of more, two are exchanged
EXCHANGED_UP_TO = 10  #: sessions; of more, they are tried backwards only, and the first ones each with the next


@dataclass(frozen=True)
class PairOfSessions:
    """The matches of two sessions under one reading."""

    fixed: int
    moving: int
    rows: Ints64  #: `roi_row` in both sessions, shape (n_matches, 2)
    measured: MeasuredPairs | None  #: None if the sessions can be registered neither by images nor by the matches

    @property
    def n_matches(self) -> int:
        """How many ROIs are matched."""
        return len(self.rows)

    @property
    def n_overlapping(self) -> int:
        """How many of the matches overlap."""
        return self.measured.n_overlapping if self.measured else 0

    @property
    def n_apart(self) -> int:
        """How many do not, or are of sessions that cannot be registered."""
        return self.n_matches - self.n_overlapping

    @property
    def fraction(self) -> float:
        """Of the matches that overlap."""
        return self.n_overlapping / max(1, self.n_matches)

    @property
    def tells(self) -> bool:
        """Whether there are enough matches to judge."""
        return self.n_matches >= (FEWEST_MATCHES if self.measured else FEWEST_TO_FIT)

    @property
    def wrong(self) -> bool:
        """Whether hardly more matches overlap than by chance."""
        chance = self.measured.chance if self.measured else 0.0
        return self.tells and self.fraction < max(LEAST_OVERLAPPING, ABOVE_CHANCE * chance)


@dataclass(frozen=True)
class Fit:
    """How a reading fits the sessions."""

    reading: Reading
    order: tuple[int, ...]  #: which column of the result is that of each session
    rows: Ints64  #: `roi_row`, shape (n_cells, n_sessions), -1 where absent
    pairs: tuple[PairOfSessions, ...]
    n_unaccepted: int  #: matched ROIs that the files do not accept, if the tool matches none such
    n_by_chance: float  #: how many these would be if ROIs were matched whether accepted or not

    @property
    def judged(self) -> list[PairOfSessions]:
        """The pairs of sessions whose matches tell something."""
        return [pair for pair in self.pairs if pair.tells]

    @property
    def n_matches(self) -> int:
        """Matches of every two sessions."""
        return sum(pair.n_matches for pair in self.pairs)

    @property
    def n_apart(self) -> int:
        """How many of these do not overlap."""
        return sum(pair.n_apart for pair in self.pairs)

    @property
    def clear(self) -> bool:
        """Whether nearly all matches overlap."""
        return bool(self.judged) and all(pair.fraction >= CLEAR for pair in self.judged)

    @property
    def wrong(self) -> bool:
        """Whether the matches of some two sessions overlap hardly more than by chance.

        Where overlaps tell nothing: whether ROIs that are not accepted are matched about as often as by chance.
        """
        if self.judged:
            return any(pair.wrong for pair in self.judged)
        return self.n_unaccepted > max(1.0, MANY_UNACCEPTED * self.n_by_chance)


class Reader:
    """Reads a tool's cells in one way or another, and tells how well it fits."""

    def __init__(
        self, found: ToolCells, sessions: Sequence[Session], accepted: Sequence[Bools], overlaps: Overlaps
    ) -> None:
        self._found, self._sessions, self._accepted, self._overlaps = found, sessions, accepted, overlaps
        self.straight = tuple(range(len(sessions)))
        self._every_pair = list(combinations(self.straight, 2))
        few = len(sessions) <= EXCHANGED_UP_TO
        self._some_pairs = (
            self._every_pair if few else [(k, k + 1) for k in range(2 * EXCHANGED_UP_TO)][: len(sessions) - 1]
        )

    def rows(self, reading: Reading, order: Sequence[int]) -> Ints64:
        """The `roi_row` of each number, shape (n_cells, n_sessions); not in range: OUT_OF_RANGE."""
        columns = [
            reading.rows(self._found.numbers[:, column], session, accepted)
            for column, session, accepted in zip(order, self._sessions, self._accepted, strict=True)
        ]
        return np.stack(columns, axis=1)

    def outside(self, reading: Reading) -> str:
        """Which number is out of range, in words; empty if none is."""
        wrong = np.argwhere(self.rows(reading, self.straight) == OUT_OF_RANGE)
        if len(wrong):
            cell, position = wrong[0].tolist()
            number, name = self._found.numbers[cell, position], self._sessions[position].name
            n = reading.n_numbered(self._sessions[position], self._accepted[position])
            return f"holds the number {number} for the session {name}, which stands for none of its {n} ROIs"
        if self._counts_differ(reading, self.straight):
            assert self._found.n_rois is not None
            theirs = ", ".join(map(str, self._found.n_rois))
            ours = ", ".join(
                str(reading.n_numbered(*each)) for each in zip(self._sessions, self._accepted, strict=True)
            )
            return f"is of sessions with {theirs} ROIs, and the files hold {ours}"
        return ""

    def fit(self, reading: Reading, progress: Progress | None = None) -> Fit:
        """How a reading fits that is in range."""
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
            if self._found.accepted_only and len(accepted):
                matched = column[column >= 0]
                n_unaccepted += int((~accepted[matched]).sum())
                by_chance += len(matched) * float((~accepted).mean())
        return Fit(reading, order, rows, tuple(pairs), n_unaccepted, by_chance)

    def better_than(self, given: Fit | None) -> Fit | None:
        """The reading under which most matches overlap, if less than half as many as given do not.

        `given` is None if the reading of the format is out of range.
        """
        best: Fit | None = None
        for reading, order in ((r, o) for o in _orders(len(self._sessions)) for r in all_readings()):
            if (self.rows(reading, order) == OUT_OF_RANGE).any() or self._counts_differ(reading, order):
                continue
            fit = self._fit(reading, order, self._some_pairs)
            if fit.judged and not fit.wrong and (best is None or fit.n_apart < best.n_apart):
                best = fit
        if best is None or given is None:
            return best
        n_apart = sum(pair.n_apart for pair in given.pairs if (pair.fixed, pair.moving) in self._some_pairs)
        return best if 2 * best.n_apart < n_apart else None

    def _counts_differ(self, reading: Reading, order: Sequence[int]) -> bool:
        """Whether the tool was given other numbers of ROIs than the sessions have."""
        return self._found.n_rois is not None and any(
            self._found.n_rois[column] != reading.n_numbered(session, accepted)
            for column, session, accepted in zip(order, self._sessions, self._accepted, strict=True)
        )


def _orders(n: int) -> Iterator[tuple[int, ...]]:
    """Orders of sessions that may have been meant, the given one first."""
    straight = tuple(range(n))
    if n <= ALL_ORDERS_UP_TO:
        yield from permutations(straight)
        return
    yield from (straight, straight[::-1])
    for a, b in combinations(straight, 2) if n <= EXCHANGED_UP_TO else ():
        exchanged = list(straight)
        exchanged[a], exchanged[b] = b, a
        yield tuple(exchanged)
