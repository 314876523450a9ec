"""Write HDF5 files, which can be closed when the disk is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from threading import Event

import h5py
import numpy as np
import numpy.typing as npt

from ..columns import COLUMN, Columns, column_attributes, column_names_with


@contextmanager
def new_hdf5_file(path: Path, stopped: Event | None = None) -> Iterator[h5py.File]:
    """An HDF5 file to write, in place of an existing file; nothing is written any more when the event is set.

    Raises
    ------
    OSError
        When the block ends: the disk was full, or failed otherwise, at some time.
    """
    with _patient_file(path, "w", stopped) as file:
        yield file


def add_columns(path: Path, columns: Columns, description: str) -> None:
    """Write the column of cell numbers into tables of a file, in place of one that is there.

    Raises
    ------
    OSError
        The disk is full, or failed otherwise.
    """
    with _patient_file(path, "r+") as file:
        for table, values in columns.items():
            _add_column(file[table], values, description)


def _add_column(table: h5py.Group, values: npt.NDArray[np.int32], description: str) -> None:
    names = column_names_with(table)
    if COLUMN in table:
        del table[COLUMN]
    column = table.create_dataset(COLUMN, data=values)
    column.attrs.update(column_attributes(table, description))
    stored = table.attrs.get_id("colnames").dtype
    fits = h5py.check_string_dtype(stored)
    if fits is not None and fits.length is not None:
        stored = h5py.string_dtype(fits.encoding, max(len(name.encode()) for name in names))
        table.attrs.create("colnames", np.array([name.encode() for name in names], stored), dtype=stored)
    else:
        table.attrs.create("colnames", names, dtype=stored)


@contextmanager
def _patient_file(path: Path, mode: str, stopped: Event | None = None) -> Iterator[h5py.File]:
    with open(path, "r+b", buffering=0) as raw:
        stream = PatientFile(raw, stopped)
        try:
            with h5py.File(stream, mode) as file:
                yield file
        except Exception as error:
            raise stream.error or error from error
        if stream.error is not None:
            raise stream.error


class PatientFile(RawIOBase):
    """Keeps the first error of writing for later and takes everything after it for written.

    HDF5 cannot close a file whose last blocks cannot be written: it tries again, with complaints from h5py, until the
    process ends, which then crashes.
    """

    def __init__(self, raw: RawIOBase, stopped: Event | None = None) -> None:
        self.error: OSError | None = None
        self._raw = raw
        self._stopped = stopped or Event()

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        rest = memoryview(data).cast("B")
        try:
            while len(rest) and self.error is None and not self._stopped.is_set():
                rest = rest[self._raw.write(rest) :]
        except OSError as error:
            self.error = error
        return len(data)

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        return self._raw.readinto(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def truncate(self, size: int | None = None) -> int:
        try:
            return self._raw.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def flush(self) -> None:
        """Nothing is held back."""
