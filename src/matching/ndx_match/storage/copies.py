"""What differs between HDF5 files and Zarr stores where annotated copies are made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .hdf5_copies import Hdf5Storage

Columns = Mapping[str, npt.NDArray[np.int32]]  #: for the path of each table its values


class Storage(Protocol):
    """How files of one format are copied, changed and compared.

    Attributes
    ----------
    is_folder : bool
        Whether a file is a folder.
    """

    is_folder: bool

    def copy(self, source: Path, target: Path) -> str:
        """Copy a file byte by byte, in place of an empty one; returns the SHA-256."""

    def table(self, path: Path, table: str) -> Any:
        """A table's group, open for a look at its names and attributes, in a context."""

    def add_columns(self, path: Path, columns: Columns, description: str) -> None:
        """Write the column into tables of a file, in place of one that is there."""

    def difference(self, source: Path, copy: Path, columns: Columns) -> str | None:
        """In what the copy differs from its source but for the columns, a phrase; None where in nothing."""

    def validation_errors(self, path: Path) -> Counter[str]:
        """What pynwb's validation finds."""

    def lost_files(self, source: Path, target: Path) -> list[str]:
        """What the source takes from other files that a copy of it at `target` would not find."""


def storage_of(path: Path) -> Storage:
    """The format of a file that was opened before, so that what reads it is installed."""
    if not path.is_dir():
        return Hdf5Storage()
    from .zarr_copies import ZarrStorage

    return ZarrStorage()
