"""Select the ROIs of a table that take part in matching: the accepted ROIs, all, or those that meet a condition."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from pynwb.ophys import PlaneSegmentation

from ..arrays import Array, Bools
from ..errors import InputError
from ..model import RoiSelection
from ..storage.datasets import text_of
from .checks import check_memory

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_OF = r"(is_?|roi_?|manual_?)?({})(_?(cell|rois?|status|label|flag|mask|prob|probability))?"
#: Patterns of column names, in lower case: columns that mark cells, columns that mark other ROIs, and columns of words.
_ACCEPTING = re.compile(_OF.format("cell|soma|neuron|accepted|accept|keep|kept|good|valid|selected|curated|included?"))
_REJECTING = re.compile(_OF.format("rejected|reject|bad|excluded?|invalid|discarded?|removed|artifact"))
_IN_WORDS = re.compile(r"(\w+_)?(classification|class|label|quality|curation|status)")
_ACCEPTED_WORD = re.compile(r"accept(ed)?|cell|soma|neuron|good|keep|kept|valid|selected|included?|yes|true")
_CONDITION = re.compile(r"\s*([^<>=!]+?)\s*(>=|<=|==|!=|>|<)\s*(.+?)\s*")


class Condition(NamedTuple):
    """A comparison of a table's column with a number or a word, for example `iscell > 0.5`."""

    column: str
    comparison: str
    value: str

    @staticmethod
    def parse(text: str) -> Condition:
        """Parse the text of a condition; raise InputError if it is not one."""
        pattern_match = _CONDITION.fullmatch(text)
        if not pattern_match:
            raise InputError(f"--where {text!r} is not a condition; write it as --where 'column>0.5'.")
        return Condition(*pattern_match.groups())

    def __str__(self) -> str:
        return " ".join(self)


@dataclass(frozen=True)
class Selection:
    """Which ROIs take part, shape (n_rois,), and how they were chosen, as a code and in words."""

    takes_part: Bools
    kind: RoiSelection
    text: str
    hint: str = ""  #: a sentence about columns that seem to state which ROIs are cells but are not used


def select_rois(
    table: PlaneSegmentation, accepted: Sequence[str], where: Sequence[str], all_rois: bool, place: str
) -> Selection:
    """Choose the ROIs that take part.

    An ROI takes part if it meets all conditions of the user, `where`. If there are none, it must meet the first
    condition in `accepted`, those of the program that wrote the file, whose column the table has. Raises InputError,
    beginning with `place`, if the table does not have the column of a condition, if the column cannot be compared with
    the value, or if no ROI meets the conditions.
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
        hint = "" if all_rois else _hint(table, place)
        return Selection(takes_part, RoiSelection.ALL, RoiSelection.ALL.label, hint)
    text = " and ".join(map(str, conditions))
    if not takes_part.any():
        raise InputError(f"{place}: none of the {n_rois} ROIs meets {text}; give --all-rois or another --where.")
    kind = RoiSelection.CHOSEN_BY_USER if where else RoiSelection.ACCEPTED_BY_WRITER
    return Selection(takes_part, kind, f"{text} ({takes_part.sum()} of {n_rois} ROIs)")


def _hint(table: PlaneSegmentation, place: str) -> str:
    """A sentence about the columns that seem to state which ROIs are cells, with the condition each suggests."""
    hints = []
    for name in table.colnames:
        try:
            condition = _acceptance(table, name, place)
            n_accepted = 0 if condition is None else int(_holds(condition, table, place).sum())
        except InputError:  # the column cannot be compared
            continue
        if condition is not None and 0 < n_accepted < len(table.id):
            text = "".join(condition)
            would = f"--where {text!r} would select {n_accepted} of {len(table.id)} ROIs"
            hints.append(f"the column {name} may state which ROIs are cells ({would})")
    return f"All ROIs take part, but {' and '.join(hints)}." if hints else ""


def _acceptance(table: PlaneSegmentation, name: str, place: str) -> Condition | None:
    """The condition that a column's name and values suggest; None if they do not state which ROIs are cells."""
    patterns = (_ACCEPTING, _REJECTING, _IN_WORDS)
    accepts, rejects, in_words = (pattern.fullmatch(name.lower()) is not None for pattern in patterns)
    if not (accepts or rejects or in_words):
        return None
    values = column_values(table, name, place)
    if values.dtype.kind in "biuf":
        zero_to_one = (accepts or rejects) and bool(((values >= 0) & (values <= 1)).all())
        return Condition(name, "<" if rejects else ">", "0.5") if zero_to_one else None
    words = sorted({text_of(word) for word in values})
    word = next((word for word in words if _ACCEPTED_WORD.fullmatch(word.lower())), None)
    return None if word is None or rejects else Condition(name, "==", word)


def column_values(table: PlaneSegmentation, name: str, place: str) -> Array:
    """The numbers or words of a column, shape (n_rois,); if an ROI has several, the first."""
    column = table[name]
    if hasattr(column, "target"):
        raise InputError(f"{place}: the column {name!r} holds lists; choose another.")
    check_memory(column.data, f"{place}: the column {name!r}")
    values = np.asarray(column.data[:])
    if values.dtype.kind not in "biufSUOT" or len(values) != len(table.id) or not values.size:
        raise InputError(f"{place}: the column {name!r} cannot be compared; choose another.")
    return values.reshape(len(values), -1)[:, 0]


def _holds(condition: Condition, table: PlaneSegmentation, place: str) -> Bools:
    """Whether a condition holds for each ROI, shape (n_rois,)."""
    if condition.column not in table.colnames:
        names = ", ".join(table.colnames)
        raise InputError(f"{place}: there is no column {condition.column!r}; give --where one of: {names}.")
    values = column_values(table, condition.column, place)
    compare = _OPERATORS[condition.comparison]
    if values.dtype.kind in "biuf":
        try:
            return np.asarray(compare(values, float(condition.value)), bool)
        except ValueError:
            raise InputError(
                f"{place}: --where {condition}: the column has numbers, but {condition.value!r} is not a number."
            ) from None
    if condition.comparison not in ("==", "!="):
        raise InputError(
            f"{place}: --where {condition}: the column has words, which can be compared only with == or !=."
        )
    return np.asarray([compare(text_of(word), condition.value) for word in values], bool)
