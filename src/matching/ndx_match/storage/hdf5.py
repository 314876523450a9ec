"""Write match files as HDF5 files, which can be closed when the disk is full."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
        stream = PatientFile(open(path, "r+b", buffering=0))  # noqa: SIM115
        # In a thread of its own, because signals interrupt only the main one: within HDF5 they would lose data.
        with ThreadPoolExecutor(max_workers=1) as writer:
            written = writer.submit(_write, stream, nwbfile, fill)
            try:
                written.result()
            except BaseException:
                stream.abandon()  # so that the thread, for which the executor waits, ends sooner
                raise


def _write(stream: PatientFile, nwbfile: NWBFile, fill: Callable[[Any], None]) -> None:
    with stream.raw:
        try:
            with h5py.File(stream, "w") as file, NWBHDF5IO(file=file, mode="w") as io:
                io.write(nwbfile, link_data=False, cache_spec=True)
                fill(file)
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
        self.raw = raw

    def abandon(self) -> None:
        """Write nothing any more, for a file that is not to be kept."""
        self.error = self.error or InterruptedError("the file is not to be kept")

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        rest = memoryview(data).cast("B")
        try:
            while len(rest) and self.error is None:
                rest = rest[self.raw.write(rest) :]
        except OSError as error:
            self.error = error
        return len(data)

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        return self.raw.readinto(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.raw.seek(offset, whence)

    def tell(self) -> int:
        return self.raw.tell()

    def truncate(self, size: int | None = None) -> int:
        try:
            return self.raw.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def flush(self) -> None:
        """Nothing is held back."""
