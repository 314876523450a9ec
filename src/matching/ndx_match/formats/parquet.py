"""Matched cells as a table in Apache Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import OutputError
from ..model import MatchedPlane
from .protocol import Exporter
from .tables import cells_dataframe


def write_parquet(planes: Sequence[MatchedPlane], path: Path) -> None:
    """Write a table of cells as Parquet."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise OutputError(
            'Writing Parquet needs pyarrow; run pip install "ndx-cell-matching[parquet]", or write .csv.'
        ) from None
    cells_dataframe(planes).to_parquet(path, engine="pyarrow", index=False)


EXPORTER = Exporter(
    "Parquet", ".parquet", "the same table as in .csv, with the types of its columns (needs pyarrow)", write_parquet
)
