"""Write match files as HDF5 files, which can be closed when the disk is full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any

import h5py
from hdmf.backends.hdf5 import H5DataIO
from pynwb import NWBHDF5IO, NWBFile


class Hdf5Format:
    """HDF5, compressed with gzip."""

    is_folder = False

    def typed(self, data: Any) -> Any:
        """Data whose type hdmf keeps, though a narrower one would do."""
        return H5DataIO(data)

    def compressed(self, data: Any) -> Any:
        """An array, or an iterator over chunks of one, to be written compressed."""
        return H5DataIO(data, compression="gzip", compression_opts=4)

    def growing(self, data: Any, chunk_rows: int) -> Any:
        """The start of a column whose rows are written later."""
        return H5DataIO(data, maxshape=(None,), chunks=(chunk_rows,), compression="gzip", compression_opts=4)

    def takes(self, dataset: Any) -> bool:
        """What is compressed in an HDF5 file, chunks and all; text too."""
        return isinstance(dataset, h5py.Dataset) and (dataset.compression is not None or dataset.dtype.kind == "O")

    def write(self, path: Path, nwbfile: NWBFile, fill: Callable[[Any], None]) -> None:
        """Write a file in place of an existing one, then let `fill` change its open root group.

        Raises
        ------
        OSError
            The disk was full, or failed otherwise.
        """
        # In a thread of its own, because signals interrupt only the main one: within HDF5 they would lose data.
        with ThreadPoolExecutor(max_workers=1) as writer:
            writer.submit(_write, path, nwbfile, fill).result()


def _write(path: Path, nwbfile: NWBFile, fill: Callable[[Any], None]) -> None:
    with new_hdf5_file(path) as file, NWBHDF5IO(file=file, mode="w") as io:
        io.write(nwbfile, link_data=False, cache_spec=True)
        fill(file)


@contextmanager
def new_hdf5_file(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to write, in place of an existing file.

    Raises
    ------
    OSError
        When the block ends: the disk was full, or failed otherwise, at some time.
    """
    with open(path, "r+b", buffering=0) as raw:
        stream = PatientFile(raw)
        try:
            with h5py.File(stream, "w") as file:
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
