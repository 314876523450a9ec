"""Annotated copies of HDF5 files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
from pynwb import validate

from .column import COLUMN, add_columns, column_names, column_names_with
from .compare import differences
from .outside import lost_files
from .validation import errors_of


class Hdf5Storage:
    """HDF5 files; see :class:`ndx_match.storage.copies.Storage`."""

    is_folder = False

    def copy(self, source: Path, target: Path) -> str:
        """Copy a file byte by byte; returns the SHA-256."""
        digest = hashlib.sha256()
        with open(source, "rb") as original, open(target, "wb") as copy:
            while block := original.read(1 << 22):
                digest.update(block)
                copy.write(block)
        return digest.hexdigest()

    @contextmanager
    def table(self, path: Path, table: str) -> Iterator[h5py.Group]:
        """A table's group."""
        with h5py.File(path, "r") as file:
            yield file[table]

    def add_columns(self, path: Path, columns: Mapping[str, npt.NDArray[np.int32]], description: str) -> None:
        """Write the column into tables of a file."""
        add_columns(path, columns, description)

    def difference(self, source: Path, copy: Path, columns: Mapping[str, npt.NDArray[np.int32]]) -> str | None:
        """In what the copy differs from its source but for the columns."""
        with h5py.File(source, "r") as original, h5py.File(copy, "r") as annotated:
            ignored = {f"{table}/{COLUMN}" for table in columns}
            for difference in differences(original, annotated, ignored, {(table, "colnames") for table in columns}):
                return difference
            for table in columns:
                if column_names(annotated[table]) != column_names_with(original[table]):
                    return f"the names of the columns of {table} are wrong"
        return None

    def validation_errors(self, path: Path) -> Counter[str]:
        """What pynwb's validation finds."""
        return errors_of(lambda: validate(path=str(path)), path)

    def lost_files(self, source: Path, target: Path) -> list[str]:
        """What the source takes from other files that a copy would not find."""
        return lost_files(source, target)
