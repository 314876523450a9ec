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

SPECIFICATIONS = "specifications"  #: the group of the schema in files of pynwb


class StorageFormat(ABC):
    """How NWB files of one format are read, written, changed and compared.

    Attributes
    ----------
    is_folder : bool
        Whether a file is a folder.
    data_io, schema_writer : type
        hdmf's wrapper of data to be written, and its writer of the schema into a group.
    compression, growth, write_options : mapping
        Options of the wrapper for compressed data and for data that grow, and of the methods of hdmf that write.
    """

    is_folder: ClassVar[bool]
    data_io: ClassVar[Any]
    schema_writer: ClassVar[Any]
    compression: ClassVar[Mapping[str, Any]] = {}
    growth: ClassVar[Mapping[str, Any]] = {}
    write_options: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def opened(self, location: Any, name: str) -> AbstractContextManager[Callable[..., HDMFIO]]:
        """Give a function that returns hdmf's reader of a file; data can be read while the block runs.

        Called with True, the function returns a reader of the data alone, which may know only part of the schema.

        An HDF5 file is given by a path or an object with its bytes, a Zarr store by its folder or an object that
        fetches its files; `name` is for messages. Raises InputError if the file is no NWB file of this format, may not
        be read, or is incomplete or damaged.
        """

    @abstractmethod
    def takes(self, dataset: Any) -> bool:
        """Whether hdmf copies a large dataset of a source well when it is given the dataset as it is."""

    @abstractmethod
    def writer(
        self, path: Path, manager: BuildManager, stopped: Event
    ) -> AbstractContextManager[tuple[HDMFIO, Callable[[], Any]]]:
        """Give hdmf's writer, which replaces an existing file, and a function that returns the root group of its file.

        Once `stopped` is set, nothing more need be written.

        Raises
        ------
        OSError
            The disk was full, or failed otherwise.
        """

    @abstractmethod
    def table(self, path: Path, table: str) -> AbstractContextManager[Any]:
        """A table's group, opened to read its names and attributes."""

    @abstractmethod
    def add_columns(self, path: Path, columns: Columns, description: str) -> None:
        """Write the column `global_roi_id` into tables of a file, replacing one that exists."""

    @abstractmethod
    def differences(self, source: Path, copy: Path, columns: Columns) -> Iterator[str]:
        """A phrase for each difference of a copy from its source, except the columns and the tables' lists of them."""

    @abstractmethod
    def validate(self, path: Path) -> Iterable[object]:
        """What pynwb's validation finds."""

    @abstractmethod
    def other_files(self, path: Path) -> set[str]:
        """The names of the other files from which a file takes data, as the file states them."""

    def typed(self, data: Any) -> Any:
        """Data wrapped so that hdmf keeps their type, even if a narrower one would do."""
        return self.data_io(data)

    def compressed(self, data: Any) -> Any:
        """An array, or an iterator over chunks of one, to be written compressed."""
        return self.data_io(data, **self.compression)

    def growing(self, data: Any, chunk_rows: int) -> Any:
        """The start of a column whose rows are written later."""
        return self.data_io(data, chunks=(chunk_rows,), **self.growth, **self.compression)

    def write(self, path: Path, nwbfile: NWBFile, fill: Callable[[Any], None]) -> None:
        """Replace an existing file by this one, then let `fill` change its open root group; see :meth:`writer`."""

        def write(io: HDMFIO, root: Callable[[], Any]) -> None:
            io.write(nwbfile, link_data=False, cache_spec=True, **self.write_options)
            fill(root())

        self._write(path, get_manager, write)

    def write_builder(self, path: Path, builder: GroupBuilder, source: HDMFIO) -> None:
        """Write what hdmf's reader of another file returned, replacing an existing file; see :meth:`writer`."""
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
        """Write in a separate thread and wait for it; signals interrupt only the main thread.

        A signal within HDF5 would lose data. With Zarr 3, another thread would go on writing into a folder that is
        being removed.
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
        """In what the copy differs from its source but for the columns, a phrase; None where in nothing."""
        for difference in self.differences(source, copy, columns):
            return difference
        for path in columns:
            with self.table(source, path) as original, self.table(copy, path) as annotated:
                if column_names(annotated) != column_names_with(original):
                    return f"the names of the columns of {path} are wrong"
        return None

    def validation_errors(self, path: Path) -> Counter[str]:
        """Each error that pynwb's validation finds and how often, without the file's path."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return Counter(str(error) for error in self.validate(path))
            except Exception as error:  # as for schemas that it does not know: the same for source and copy
                return Counter([f"{type(error).__name__}: {error}".replace(str(path), "")])

    def lost_files(self, source: Path, target: Path) -> list[str]:
        """Names, relative to the source, of files that the source finds and a copy of it at `target` would not find."""
        # The folder from which names count: that of an HDF5 file, but a Zarr store itself.
        old, new = (path if self.is_folder else path.parent for path in (source, target))
        return sorted(
            name
            for name in self.other_files(source)
            if not os.path.isabs(name) and (old / name).exists() and not (new / name).exists()
        )
