"""Datasets of open NWB files as hdmf gives them: `h5py.Dataset`, `zarr.Array`, or an object that wraps one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from hdmf.data_utils import GenericDataChunkIterator
from hdmf.query import ReferenceResolver

from ..model import Progress

if TYPE_CHECKING:
    from .formats import StorageFormat

LARGE_BYTES = 100_000  #: an uncompressed dataset of this size or more is compressed while it is copied
BUFFER_BYTES = 16_000_000  #: how much of such a dataset is held in memory at a time
CHUNK_BYTES = 1_000_000
MEGABYTE = 1_000_000


def stored(data: Any) -> Any:
    """The file's dataset, also if hdmf wrapped it: datasets of a compound type are wrapped to be converted by row."""
    return getattr(data, "dataset", data)


def text_of(value: Any) -> str:
    """A value from a file, which may be bytes, as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def is_in_file(data: Any) -> bool:
    """Whether the data are a dataset of an open file and not yet in memory."""
    return hasattr(data, "dtype") and hasattr(data, "chunks")


def is_compound(data: Any) -> bool:
    """Whether the elements of a dataset or an array have several fields."""
    return hasattr(data, "dtype") and data.dtype.names is not None and len(data.shape) > 0


def holds_references(data: Any) -> bool:
    """Whether the elements of a dataset, or fields of the elements, are references to other objects of the file."""
    dataset = stored(data)
    if not isinstance(dataset, h5py.Dataset):
        return isinstance(data, ReferenceResolver)
    fields = [field[0] for field in (dataset.dtype.fields or {}).values()]
    return any(h5py.check_ref_dtype(dtype) is not None for dtype in (dataset.dtype, *fields))


def location_of(dataset: Any) -> tuple[str, str]:
    """The file that holds a dataset, which need not be the file that was opened, and the dataset's path in it."""
    if isinstance(dataset, h5py.Dataset):
        return dataset.file.filename, dataset.name
    store = getattr(dataset, "chunk_store", None) or dataset.store  # the opened store, in Zarr 2 and in Zarr 3
    place: tuple[str, str] = store.files.location(dataset.path)
    return place


def in_memory(data: Any) -> Any:
    """The values of a dataset; anything else is returned as it is."""
    return data[:] if is_in_file(data) else data


class Meter:
    """Reports how much of the data has been read, in MB."""

    def __init__(self, stage: str, progress: Progress | None) -> None:
        self.total = 0
        self._done = 0
        self._stage = stage
        self._progress = progress

    def count(self, n_bytes: int) -> None:
        """Add the number of bytes that were read, and report the sum."""
        self._done += n_bytes
        if self._progress is not None:
            self._progress(self._stage, self._done // MEGABYTE, self.total // MEGABYTE)


def streamed(data: Any, target: StorageFormat, meter: Meter | None = None) -> Any:
    """Return small data in memory, and large data as the file's dataset or as an iterator whose data are compressed.

    If an iterator is returned, the number of bytes that it will read is added to the total of `meter`, which then
    counts each piece that is read.
    """
    if not is_in_file(data) or data.nbytes < LARGE_BYTES:
        return in_memory(data)
    if target.takes(data):
        return data
    if data.dtype.kind == "O":
        return in_memory(data)
    row_bytes = max(1, data.nbytes // data.shape[0])
    chunk_rows = max(1, min(data.shape[0], CHUNK_BYTES // row_bytes))
    buffer_rows = max(chunk_rows, BUFFER_BYTES // row_bytes // chunk_rows * chunk_rows)
    if meter is not None:
        meter.total += data.nbytes
    iterator = _DatasetIterator(
        data,
        meter,
        chunk_shape=(chunk_rows, *data.shape[1:]),
        buffer_shape=(min(buffer_rows, data.shape[0]), *data.shape[1:]),
    )
    return target.compressed(iterator)


def copy_rows(source: Any, target: Any) -> None:
    """Copy all rows of `source` into `target`, a dataset that was written without rows."""
    target.resize(source.shape)
    rows = max(1, BUFFER_BYTES // source.dtype.itemsize)
    for start in range(0, source.shape[0], rows):
        target[start : start + rows] = source[start : start + rows]


class _DatasetIterator(GenericDataChunkIterator):
    """Reads a dataset of another file piece by piece."""

    def __init__(self, dataset: Any, meter: Meter | None, **shapes: Any) -> None:
        self.dataset = dataset
        self.meter = meter
        super().__init__(**shapes)

    def _get_data(self, selection: tuple[slice, ...]) -> Any:
        piece = self.dataset[selection]
        if self.meter is not None:
            self.meter.count(piece.nbytes)
        return piece

    def _get_maxshape(self) -> tuple[int, ...]:
        return tuple(self.dataset.shape)

    def _get_dtype(self) -> np.dtype[Any]:
        return self.dataset.dtype
