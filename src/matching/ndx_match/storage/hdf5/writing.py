"""Write HDF5 files in such a way that they can be closed if the disk is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from threading import Event
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ..columns import COLUMN, column_attributes, column_names_with


def add_column(table: h5py.Group, values: npt.NDArray[np.signedinteger], description: str) -> None:
    """Write the column of cell numbers into a table; an existing one is replaced."""
    names: Any = column_names_with(table)
    if COLUMN in table:
        del table[COLUMN]
    column = table.create_dataset(COLUMN, data=values)
    column.attrs.update(column_attributes(table, description))
    stored = table.attrs.get_id("colnames").dtype
    fits = h5py.check_string_dtype(stored)
    if fits is not None and fits.length is not None:
        stored = h5py.string_dtype(fits.encoding, max(len(name.encode()) for name in names))
        names = np.array([name.encode() for name in names], stored)
    table.attrs.create("colnames", names, dtype=stored)


@contextmanager
def patient_file(path: Path, mode: str, stopped: Event | None = None) -> Iterator[h5py.File]:
    """Open an existing file to replace (mode `w`) or change (mode `r+`) its content with h5py.

    Once `stopped` is set, nothing more is written.

    Raises
    ------
    OSError
        The disk was full, or failed for another reason; raised when the block ends.
    """
    with _PatientFile(path, stopped or Event()) as stream:
        try:
            with h5py.File(stream, mode) as file:
                yield file
        except Exception as error:
            raise stream.error or error from error
        if stream.error is not None:
            raise stream.error


class _PatientFile(FileIO):
    """Keeps the first error of writing for later, and reports all later data as written although they are not.

    HDF5 cannot close a file whose last blocks cannot be written: it tries again until the process ends, while h5py
    prints errors, and the process then crashes.
    """

    error: OSError | None = None

    def __init__(self, path: Path, stopped: Event) -> None:
        super().__init__(path, "r+")
        self._stopped = stopped

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        rest = memoryview(data).cast("B")
        try:
            while len(rest) and self.error is None and not self._stopped.is_set():
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0
