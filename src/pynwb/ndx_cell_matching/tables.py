"""The tables of sessions, of candidate pairs and of registrations.

Each is built from the columns that the schema declares, which `docs/format.md` describes. Writers are strict: a missing
or unknown column, or columns of different lengths, are refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pynwb import get_class, register_class

from ._columns import table_from_columns, texts
from ._namespace import NAMESPACE

_MatchedSessionsTable: Any = get_class("MatchedSessionsTable", NAMESPACE)
_RoiPairsTable: Any = get_class("RoiPairsTable", NAMESPACE)
_SessionRegistrationsTable: Any = get_class("SessionRegistrationsTable", NAMESPACE)


@register_class("MatchedSessionsTable", NAMESPACE)
class MatchedSessionsTable(_MatchedSessionsTable):
    """The sessions that were matched, one row per session."""

    @classmethod
    def from_arrays(
        cls,
        *,
        name: str = "sessions",
        description: str = "The sessions whose ROIs were matched, one row per session.",
        **columns: Any,
    ) -> MatchedSessionsTable:
        """Build the table.

        Parameters
        ----------
        name, description : str
            Of the table.
        **columns : sequence
            The columns of the schema, one entry per session: `roi_table` and `image` as objects of the file that is
            written, codes as numbers (:class:`SessionStatus`, :class:`RoiSelection`), `pixel_size` of shape
            (n_sessions, 2) in micrometres along (rows, columns). Optional columns that say nothing are left out.

        Raises
        ------
        TypeError
            If a required column is missing, or one is not in the schema.
        ValueError
            If the columns differ in length, two sessions have the same name, or `pixel_size` is not (n, 2).
        """
        names = texts(columns.get("session_name", ()))
        if len(set(names)) != len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two sessions have the name {repeated!r}; give every session its own.")
        if columns.get("pixel_size") is not None and np.shape(columns["pixel_size"])[1:] != (2,):
            raise ValueError(f"pixel_size must have the shape (n_sessions, 2), not {np.shape(columns['pixel_size'])}.")
        return table_from_columns(cls, name, description, columns)


@register_class("RoiPairsTable", NAMESPACE)
class RoiPairsTable(_RoiPairsTable):
    """Pairs of ROIs of two sessions that could be the same cell, one row per pair."""

    @classmethod
    def from_arrays(
        cls,
        *,
        name: str = "roi_pairs",
        description: str = "Pairs of ROIs of two sessions that could be the same cell, one row per pair.",
        **columns: Any,
    ) -> RoiPairsTable:
        """Build the table.

        Parameters
        ----------
        name, description : str
            Of the table.
        **columns : array_like, shape (n_pairs,)
            The columns of the schema: `fixed_session` and `moving_session` are rows in the table of sessions,
            `fixed_roi_row` and `moving_roi_row` rows in the two sessions' ROI tables. `cost`, `probability` and
            `margin` are optional.

        Raises
        ------
        TypeError
            If a required column is missing, or one is not in the schema.
        ValueError
            If the columns differ in length.
        """
        return table_from_columns(cls, name, description, columns)


@register_class("SessionRegistrationsTable", NAMESPACE)
class SessionRegistrationsTable(_SessionRegistrationsTable):
    """How the fields of view of each two sessions were aligned, one row per direction."""

    @classmethod
    def from_arrays(
        cls,
        *,
        name: str = "registrations",
        description: str = "How the fields of view of each two sessions were aligned, one row per direction.",
        **columns: Any,
    ) -> SessionRegistrationsTable:
        """Build the table.

        Parameters
        ----------
        name, description : str
            Of the table.
        **columns : array_like
            The columns of the schema, one entry per pair and direction: `matrix` of shape (n, 3, 3) maps fixed pixel
            (x, y, 1) to moving pixel (x, y, 1), x = column; `outcome` holds codes of :class:`RegistrationOutcome`;
            `displacement` of shape (n, n_rows, n_cols, 2) is what a smooth deformation adds to the moving (x, y), at
            points spaced evenly over the fixed image.

        Raises
        ------
        TypeError
            If a required column is missing, or one is not in the schema.
        ValueError
            If the columns differ in length or the matrices are not 3 x 3.
        """
        shape = np.shape(columns.get("matrix", np.zeros((0, 3, 3))))
        if shape[1:] != (3, 3):
            raise ValueError(f"matrix must have the shape (n, 3, 3), not {shape}.")
        return table_from_columns(cls, name, description, columns)
