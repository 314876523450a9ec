"""NWB files in HDF5."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import h5py
from hdmf.backends.hdf5 import H5DataIO
from hdmf.backends.hdf5.h5_utils import H5SpecWriter
from hdmf.backends.io import HDMFIO
from hdmf.build import GroupBuilder
from pynwb import NWBHDF5IO, NWBFile, validate

from ..columns import COLUMN, Columns, column_names, column_names_with, errors_of
from ..open_files import checksum_of_file
from ..schema import SPECIFICATIONS, write_schema
from ..threads import in_another_thread
from .comparing import differences
from .reading import open_hdf5
from .writing import add_columns, new_hdf5_file


class Hdf5Format:
    """HDF5, compressed with gzip; see :class:`ndx_match.storage.formats.StorageFormat`."""

    is_folder = False

    def opened(self, location: Any, name: str) -> AbstractContextManager[Callable[[], HDMFIO]]:
        """A function that gives hdmf's reader of a file: a path, or an object with the file's bytes."""
        return open_hdf5(location, name)

    def checksum(self, path: Path) -> str:
        """SHA-256 of the file."""
        with open(path, "rb") as file:
            return checksum_of_file(file)

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
        """Write a file in place of an existing one, then let `fill` change its open root group."""

        def write(stopped: Event) -> None:
            with new_hdf5_file(path, stopped) as file, NWBHDF5IO(file=file, mode="w") as io:
                io.write(nwbfile, link_data=False, cache_spec=True)
                fill(file)

        in_another_thread(write)

    def write_builder(self, path: Path, builder: GroupBuilder, source: HDMFIO) -> None:
        """Write what hdmf's reader of another file gave in place of an existing file."""

        def write(stopped: Event) -> None:
            with new_hdf5_file(path, stopped) as file, NWBHDF5IO(file=file, mode="w", manager=source.manager) as io:
                io.write_builder(builder, link_data=False, export_source=builder.source)
                schema = file.require_group(SPECIFICATIONS)
                write_schema(source.manager.namespace_catalog, schema, H5SpecWriter)
                file.attrs[".specloc"] = schema.ref

        in_another_thread(write)

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

    def add_columns(self, path: Path, columns: Columns, description: str) -> None:
        """Write the column into tables of a file."""
        add_columns(path, columns, description)

    def difference(self, source: Path, copy: Path, columns: Columns) -> str | None:
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

    def other_files(self, path: Path) -> set[str]:
        """Files to which external links lead, and those of external and virtual datasets."""
        names: set[str] = set()

        def look(name: str, link: Any) -> None:
            if isinstance(link, h5py.ExternalLink):
                names.add(link.filename)
            elif isinstance(link, h5py.HardLink) and isinstance(dataset := file[name], h5py.Dataset):
                names.update(str(part[0]) for part in dataset.external or ())
                if dataset.is_virtual:
                    names.update(part.file_name for part in dataset.virtual_sources())

        with h5py.File(path, "r") as file:
            file.visititems_links(look)
        return names - {"."}  # the file itself
