"""A new HDF5 file that can be closed when the disk is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path

import h5py


@contextmanager
def new_hdf5_file(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to write, in place of an existing file.

    Raises
    ------
    OSError
        When the block ends: the disk was full, or failed otherwise, at some time.
    """
    with open(path, "r+b", buffering=0) as raw:
        stream = _PatientFile(raw)
        try:
            with h5py.File(stream, "w") as file:
                yield file
        except Exception as error:
            raise stream.error or error from error
        if stream.error is not None:
            raise stream.error


class _PatientFile(RawIOBase):
    """Keeps the first error of writing for later and takes everything after it for written.

    HDF5 cannot close a file whose last blocks cannot be written: it tries again, with complaints from h5py, until the
    process ends, which then crashes.
    """

    def __init__(self, raw: RawIOBase) -> None:
        self.error: OSError | None = None
        self._raw = raw

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        rest = memoryview(data).cast("B")
        try:
            while len(rest) and self.error is None:
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
