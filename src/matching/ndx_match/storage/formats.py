"""What differs between the formats in which an NWB file can be stored."""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar

from hdmf.backends.io import HDMFIO
from hdmf.backends.utils import NamespaceToBuilderHelper
from hdmf.build import BuildManager, GroupBuilder
from pynwb import NWBFile, get_manager

from .columns import Columns, column_names, column_names_with

SPECIFICATIONS = "specifications"  #: the group of the schema in files that pynwb writes


class StorageFormat(ABC):
    """How NWB files of one format are read, written, changed and compared.

    Attributes
    ----------
    is_folder : bool
        Whether an NWB file of this format is a folder.
    data_io, schema_writer : type
        hdmf's wrapper for data to be written, and its class that writes the schema into a group.
    compression, growth : mapping
        Options of `data_io` for data to be compressed, and for data that are extended later.
    write_options : mapping
        Options of hdmf's methods that write.
    """

    is_folder: ClassVar[bool]
    data_io: ClassVar[Any]
    schema_writer: ClassVar[Any]
    compression: ClassVar[Mapping[str, Any]] = {}
    growth: ClassVar[Mapping[str, Any]] = {}
    write_options: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def opened(self, location: Any, name: str) -> AbstractContextManager[Callable[..., HDMFIO]]:
        """Return a context manager that gives a function, which returns hdmf's reader of a file.

        Data can be read until the block ends. If the function is called with True, its reader is meant for data only
        and may know only a part of the schema.

        Parameters
        ----------
        location : path, str or object
            Of an HDF5 file, its path or an object that returns its bytes; of a Zarr store, its folder or an object
            that fetches its files.
        name : str
            Name of the file in messages.

        Raises
        ------
        InputError
            The file is not an NWB file of this format, may not be read, or is incomplete or damaged.
        """

    @abstractmethod
    def takes(self, dataset: Any) -> bool:
        """Whether hdmf copies a large dataset of another file well if it is given this dataset itself."""

    @abstractmethod
    def writer(
        self, path: Path, manager: BuildManager, stopped: Event
    ) -> AbstractContextManager[tuple[HDMFIO, Callable[[], Any]]]:
        """Return a context manager that gives hdmf's writer and a function that returns the root group of its file.

        An existing file is replaced. Once `stopped` is set, nothing more has to be written.

        Raises
        ------
        OSError
            The disk is full, or failed for another reason.
        """

    @abstractmethod
    def table(self, path: Path, table: str) -> AbstractContextManager[Any]:
        """Return a context manager that gives the group of a table, open to read its names and attributes."""

    @abstractmethod
    def add_columns(self, path: Path, columns: Columns, description: str) -> None:
        """Write the column `global_roi_id` into tables of a file; an existing one is replaced."""

    @abstractmethod
    def differences(self, source: Path, copy: Path, columns: Columns) -> Iterator[str]:
        """A phrase for each difference between a copy and its source.

        The columns `global_roi_id` of the tables in `columns`, and the lists of column names of these tables, are not
        compared.
        """

    @abstractmethod
    def validate(self, path: Path) -> Iterable[object]:
        """The errors that pynwb's validation finds."""

    @abstractmethod
    def other_files(self, path: Path) -> set[str]:
        """The names of the other files from which a file takes data, as they are written in the file."""

    def typed(self, data: Any) -> Any:
        """Data wrapped so that hdmf keeps their type, even if a smaller type would be enough."""
        return self.data_io(data)

    def compressed(self, data: Any) -> Any:
        """An array, or an iterator over its chunks, wrapped so that hdmf writes it compressed."""
        return self.data_io(data, **self.compression)

    def growing(self, data: Any, chunk_rows: int) -> Any:
        """The first rows of a column, wrapped so that more rows can be written later."""
        return self.data_io(data, chunks=(chunk_rows,), **self.growth, **self.compression)

    def write(self, path: Path, nwbfile: NWBFile, fill: Callable[[Any], None]) -> None:
        """Write `nwbfile` to `path`, then call `fill` with the open root group; for errors see :meth:`writer`."""

        def write(io: HDMFIO, root: Callable[[], Any]) -> None:
            io.write(nwbfile, link_data=False, cache_spec=True, **self.write_options)
            fill(root())

        self._write(path, get_manager, write)

    def write_builder(self, path: Path, builder: GroupBuilder, source: HDMFIO) -> None:
        """Write to `path` what hdmf's reader `source` of another file returned; for errors see :meth:`writer`."""
        catalog = source.manager.namespace_catalog

        def write(io: HDMFIO, root: Callable[[], Any]) -> None:
            io.write_builder(builder, link_data=False, export_source=builder.source, **self.write_options)
            file = root()
            schema = file.require_group(SPECIFICATIONS)
            for name in catalog.namespaces:
                version = catalog.get_namespace(name).version or "unversioned"
                namespace = NamespaceToBuilderHelper.convert_namespace(catalog, name)
                namespace.export("namespace", writer=self.schema_writer(schema.require_group(f"{name}/{version}")))
            file.attrs[".specloc"] = SPECIFICATIONS if self.is_folder else schema.ref

        self._write(path, lambda: source.manager, write)

    def _write(
        self, path: Path, manager: Callable[[], BuildManager], write: Callable[[HDMFIO, Callable[[], Any]], None]
    ) -> None:
        """Write in a separate thread and wait until it has ended, because signals interrupt only the main thread.

        If a signal interrupted HDF5, data would be lost. If it interrupted Zarr 3, the threads of Zarr would go on
        writing into a folder that is being removed.
        """
        stopped = Event()
        written: Future[None] = Future()

        def write_all() -> None:
            if written.set_running_or_notify_cancel():
                try:
                    with self.writer(path, manager(), stopped) as (io, root):
                        write(io, root)
                except BaseException as error:
                    written.set_exception(error)
                else:
                    written.set_result(None)

        try:
            Thread(target=write_all).start()  # an executor would lose a thread whose start is interrupted
            written.result()
        except BaseException:
            stopped.set()
            if not written.cancel():
                wait([written])
            raise

    def difference(self, source: Path, copy: Path, columns: Columns) -> str | None:
        """How a copy differs from its source except in the columns, as a phrase; None if it does not differ."""
        for difference in self.differences(source, copy, columns):
            return difference
        for path in columns:
            with self.table(source, path) as original, self.table(copy, path) as annotated:
                if column_names(annotated) != column_names_with(original):
                    return f"the names of the columns of {path} are wrong"
        return None

    def validation_errors(self, path: Path) -> Counter[str]:
        """The errors that pynwb's validation finds, each with its number, without the file's path."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return Counter(str(error) for error in self.validate(path))
            except Exception as error:  # for example an unknown schema: the same error for source and copy
                return Counter([f"{type(error).__name__}: {error}".replace(str(path), "")])

    def unreachable_files(self, source: Path, target: Path) -> list[str]:
        """Other files, by their relative paths, that `source` uses and that a copy of it at `target` would not find."""
        # Relative paths start at the folder of an HDF5 file, but at the Zarr store itself.
        old, new = (path if self.is_folder else path.parent for path in (source, target))
        return sorted(
            name
            for name in self.other_files(source)
            if not os.path.isabs(name) and (old / name).exists() and not (new / name).exists()
        )
