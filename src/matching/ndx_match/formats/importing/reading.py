"""Find the ROIs that a tool's numbers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ...arrays import Bools, Ints64
from ...methods import Parameters, parameter
from ...model import Session

ABSENT = int(np.iinfo(np.int64).min)  #: replaces the number if a cell has no ROI in a session
OUT_OF_RANGE = -2  #: replaces the row if a number means no ROI
NUMBERS = ("rows", "accepted", "ids")  #: meanings that the numbers of a tool can have


@dataclass(frozen=True)
class Reading:
    """What a tool's numbers mean.

    They count the rows of a session's ROI table, or only the ROIs that the writer of the file accepts, or they are the
    ids of the table.
    """

    numbers: str = "rows"  #: one of :data:`NUMBERS`
    count_from: int = 0  #: the number of the first ROI; not used for ids

    def __str__(self) -> str:
        if self.numbers == "ids":
            return "ROI ids"
        counted = "rows of the ROI table" if self.numbers == "rows" else "accepted ROIs"
        return f"{counted}, counted from {self.count_from}"

    def stated(self, parameters: Mapping[str, Any]) -> Reading:
        """This reading, with the changes that a user states as :class:`NumberParameters`."""
        return replace(self, **{f.name: parameters[f.name] for f in fields(self) if parameters.get(f.name) is not None})

    @property
    def options(self) -> str:
        """The options of the command that state this reading."""
        return f"--numbers {self.numbers}" + (f" --count-from {self.count_from}" if self.numbers != "ids" else "")

    def n_numbered(self, session: Session, accepted: Bools) -> int:
        """The number of ROIs of a session that have a number."""
        return int(accepted.sum()) if self.numbers == "accepted" else session.n_rois

    def rows(self, numbers: Ints64, session: Session, accepted: Bools) -> Ints64:
        """The `roi_row` of each number: -1 where a cell has none, :data:`OUT_OF_RANGE` where it stands for no ROI.

        `accepted`, shape (n_rois,), states which ROIs the writer of the file accepts.
        """
        if self.numbers == "ids":
            order = np.argsort(session.roi_ids)
            at = np.searchsorted(session.roi_ids, numbers, sorter=order)
            roi_rows = order[np.minimum(at, len(order) - 1)] if len(order) else np.zeros(len(numbers), np.intp)
            right = session.roi_ids[roi_rows] == numbers if len(order) else np.zeros(len(numbers), bool)
        else:
            rows = np.flatnonzero(accepted) if self.numbers == "accepted" else np.arange(session.n_rois)
            right = (numbers >= self.count_from) & (numbers < self.count_from + len(rows))
            roi_rows = np.zeros(len(numbers), np.intp)
            roi_rows[right] = rows[numbers[right] - self.count_from]
        return np.where(numbers == ABSENT, -1, np.where(right, roi_rows, OUT_OF_RANGE)).astype(np.int64)


def all_readings() -> Sequence[Reading]:
    """Every reading that occurs in results of known tools."""
    return (*(Reading(numbers, first) for numbers in NUMBERS[:2] for first in (0, 1)), Reading("ids"))


@dataclass(frozen=True)
class NumberParameters(Parameters):
    """Facts about the ROI numbers in a result that users can state if they differ from the format."""

    numbers: str | None = parameter(
        None,
        "whether the ROI numbers count the rows of the ROI table or the accepted ROIs, or are ROI ids; by default, the "
        "format determines this",
        choices=NUMBERS,
    )
    count_from: int | None = parameter(
        None, "number of the first ROI; by default, the format determines it", minimum=0, maximum=1
    )
