"""Matched cells as text, a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..model import MatchedPlane
from .protocol import Exporter
from .tables import cells_dataframe


def write_csv(planes: Sequence[MatchedPlane], path: Path) -> None:
    """Write a table of cells as CSV."""
    cells_dataframe(planes).to_csv(path, index=False)


EXPORTER = Exporter("CSV", ".csv", "a table: one row per cell, one column of ROI ids per session", write_csv)
