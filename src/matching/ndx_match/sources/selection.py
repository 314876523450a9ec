"""Which ROIs of a table take part in matching: those that its writer accepts, all, or those of a condition."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from pynwb.ophys import PlaneSegmentation

from ..arrays import Bools
from ..errors import InputError
from ..model import RoiSelection
from ..storage.datasets import text_of

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_CONDITION = re.compile(r"\s*([^<>=!]+?)\s*(>=|<=|==|!=|>|<)\s*(.+?)\s*")


class Condition(NamedTuple):
    """A comparison of a table's column with a number or a word, for example `iscell > 0.5`."""

    column: str
    comparison: str
    value: str

    @staticmethod
    def parse(text: str) -> Condition:
        """Make a condition of its text, or raise InputError if it is none."""
        found = _CONDITION.fullmatch(text)
        if not found:
            raise InputError(f"--where {text!r} is no condition; write it as --where 'column>0.5'.")
        return Condition(*found.groups())

    def __str__(self) -> str:
        return " ".join(self)


@dataclass(frozen=True)
class Selection:
    """The ROIs that take part, shape (n_rois,), how they were chosen, and the same in words."""

    takes_part: Bools
    kind: RoiSelection
    text: str


def select_rois(
    table: PlaneSegmentation, accepted: Sequence[str], where: Sequence[str], all_rois: bool, place: str
) -> Selection:
    """Choose the ROIs that take part.

    The user's conditions `where` must all hold; if there are none, the first of the writer's, `accepted`, whose column
    the table has. Raises InputError, beginning with `place`, if a condition names no column of the table or cannot be
    compared with it, or no ROI is left.
    """
    n_rois = len(table.id)
    conditions = [Condition.parse(text) for text in where]
    if not conditions and not all_rois:
        known = [Condition.parse(text) for text in accepted]
        conditions = [condition for condition in known if condition.column in table.colnames][:1]
    takes_part = np.ones(n_rois, bool)
    for condition in conditions:
        takes_part &= _holds(condition, table, place)
    if not conditions:
        return Selection(takes_part, RoiSelection.ALL, RoiSelection.ALL.label)
    text = " and ".join(map(str, conditions))
    if not takes_part.any():
        raise InputError(f"{place}: none of the {n_rois} ROIs has {text}; give --all-rois or another --where.")
    kind = RoiSelection.CHOSEN_BY_USER if where else RoiSelection.ACCEPTED_BY_WRITER
    return Selection(takes_part, kind, f"{text} ({takes_part.sum()} of {n_rois} ROIs)")


def _holds(condition: Condition, table: PlaneSegmentation, place: str) -> Bools:
    """For which ROIs a condition holds; of a column of several numbers per ROI, the first counts."""
    if condition.column not in table.colnames:
        names = ", ".join(table.colnames)
        raise InputError(f"{place}: there is no column {condition.column!r}; give --where one of: {names}.")
    column = table[condition.column]
    if hasattr(column, "target"):
        raise InputError(f"{place}: the column {condition.column!r} holds lists; choose ROIs by another with --where.")
    values = np.asarray(column.data[:])
    if values.dtype.names or len(values) != len(table.id):
        raise InputError(f"{place}: the column {condition.column!r} cannot be compared; choose another with --where.")
    values = values.reshape(len(values), -1)[:, 0]
    compare = _OPERATORS[condition.comparison]
    if values.dtype.kind in "biuf":
        try:
            return np.asarray(compare(values, float(condition.value)), bool)
        except ValueError:
            raise InputError(
                f"{place}: --where {condition}: the column holds numbers, and {condition.value!r} is none."
            ) from None
    if condition.comparison not in ("==", "!="):
        raise InputError(
            f"{place}: --where {condition}: the column holds words, which are compared with == or != only."
        )
    return np.asarray([compare(text_of(word), condition.value) for word in values], bool)
