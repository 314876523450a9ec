"""The tables of sessions, of candidate pairs, of registrations and of decisions.

Each is built from the columns that the schema declares; `docs/format.md` describes them. Missing or unknown columns,
columns of different lengths, and values that do not have the type and shape of the schema are refused.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pynwb import get_class, register_class

from ._columns import table_from_columns
from ._namespace import NAMESPACE

Table = TypeVar("Table", bound="_TableOfColumns")
_MatchedSessionsTable: Any = get_class("MatchedSessionsTable", NAMESPACE)
_RoiPairsTable: Any = get_class("RoiPairsTable", NAMESPACE)
_SessionRegistrationsTable: Any = get_class("SessionRegistrationsTable", NAMESPACE)
_DecisionsTable: Any = get_class("DecisionsTable", NAMESPACE)


class _TableOfColumns:
    """Builds a table from its columns."""

    _usual_name: str
    _usual_description: str

    @classmethod
    def from_arrays(cls: type[Table], *, name: str = "", description: str = "", **columns: Any) -> Table:
        """Build the table.

        Parameters
        ----------
        name, description : str
            Name and description of the table; the defaults are those that a match file uses.
        **columns : array_like
            The columns of the schema, one entry per row; the class describes some of them.
            Optional columns without content are left out.

        Raises
        ------
        TypeError
            If a required column is missing, or a column is not in the schema.
        ValueError
            If the columns differ in length, or a column does not have the shape or the type that the schema states.
        """
        table = table_from_columns(cls, name or cls._usual_name, description or cls._usual_description, columns)
        cls._check(table)
        return table

    @classmethod
    def _check(cls, table: Any) -> None:
        """Raise ValueError if columns that have the type and shape of the schema hold forbidden values."""


@register_class("MatchedSessionsTable", NAMESPACE)
class MatchedSessionsTable(_TableOfColumns, _MatchedSessionsTable):
    """The sessions that were matched, one row per session.

    `roi_table` and `image` are objects in the same file. `status` and `roi_selection` hold codes of
    :class:`SessionStatus` and :class:`RoiSelection`. `pixel_size` has the shape (n_sessions, 2): micrometres along
    rows and along columns.
    """

    _usual_name = "sessions"
    _usual_description = "The sessions whose ROIs were matched, one row per session."

    @classmethod
    def _check(cls, table: Any) -> None:
        names = table["session_name"].data
        if len(set(names)) != len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two sessions have the name {repeated!r}; give every session its own.")


@register_class("RoiPairsTable", NAMESPACE)
class RoiPairsTable(_TableOfColumns, _RoiPairsTable):
    """Pairs of ROIs of two sessions that could be the same cell, one row per pair.

    `fixed_session` and `moving_session` are rows in the table of sessions. `fixed_roi_row` and `moving_roi_row` are
    rows in the ROI tables of the two sessions.
    """

    _usual_name = "roi_pairs"
    _usual_description = "Pairs of ROIs of two sessions that could be the same cell, one row per pair."


@register_class("SessionRegistrationsTable", NAMESPACE)
class SessionRegistrationsTable(_TableOfColumns, _SessionRegistrationsTable):
    """How the fields of view of every two sessions were aligned, one row per pair and direction.

    `matrix`, of shape (n, 3, 3), maps fixed pixels (x, y, 1) to moving pixels (x, y, 1), where x is the column.
    `outcome` holds codes of :class:`RegistrationOutcome`. `displacement`, of shape (n, n_rows, n_cols, 2), is what a
    smooth deformation adds to the moving (x, y), at points spaced evenly over the fixed image.
    """

    _usual_name = "registrations"
    _usual_description = "How the fields of view of each two sessions were aligned, one row per direction."


@register_class("DecisionsTable", NAMESPACE)
class DecisionsTable(_TableOfColumns, _DecisionsTable):
    """What persons decided on the cells and alignments, one row per ROI of a decision.

    `kind` holds codes of :class:`DecisionKind`. `matrix`, of shape (n, 3, 3), is the matrix of an alignment; for other
    decisions it is NaN.
    """

    _usual_name = "decisions"
    _usual_description = "What persons decided on the cells and alignments, in order, one row per ROI of a decision."
