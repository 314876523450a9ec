"""The numbers of a match file, to be compared byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py


def table_bytes(path: Path) -> dict[str, bytes]:
    """Every number and text of the tables of a match file; references and object ids, which are fresh, left out."""
    tables: dict[str, bytes] = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and h5py.check_ref_dtype(item.dtype) is None and item.dtype.names is None:
            data = item[()]
            tables[name] = repr(data.tolist()).encode() if item.dtype.hasobject else data.tobytes()

    with h5py.File(path) as file:
        file["processing/ophys"].visititems(keep)
    return tables
