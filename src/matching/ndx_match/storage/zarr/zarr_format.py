"""Read, write and compare Zarr stores in the format that the installed version of hdmf-zarr writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import zarr
from hdmf.backends.io import HDMFIO
from hdmf.build import BuildManager
from hdmf_zarr import ZarrDataIO
from hdmf_zarr.backend import ZarrIO
from hdmf_zarr.utils import ZarrSpecWriter
from pynwb import validate

from ..files import files_in
from ..formats import StorageFormat
from ..remote import is_url
from .copying import ATTRIBUTES, add_columns, differences
from .files import LocalFolder, links_in
from .reading import FORMAT, open_zarr
from .remote_folder import RemoteFolder


class ZarrFormat(StorageFormat):
    """Zarr, its metadata consolidated, compressed as Zarr does by default."""

    is_folder = True
    data_io = ZarrDataIO
    schema_writer = ZarrSpecWriter
    write_options: ClassVar = {"consolidate_metadata": False}
    add_columns = staticmethod(add_columns)
    differences = staticmethod(differences)

    def opened(self, location: Any, name: str) -> AbstractContextManager[Callable[..., HDMFIO]]:
        """A function that gives hdmf's reader of a store."""
        return open_zarr(RemoteFolder(location, name) if is_url(name) else LocalFolder(str(location)), name)

    def takes(self, dataset: Any) -> bool:
        """Nothing: hdmf-zarr would hold a dataset of an HDF5 file in memory, and keep the chunks of another store."""
        return False

    @contextmanager
    def writer(
        self, path: Path, manager: BuildManager, stopped: Event
    ) -> Iterator[tuple[HDMFIO, Callable[[], zarr.Group]]]:
        """hdmf's writer, and the root group; when the block ends, the metadata of all are put together."""
        options = {}
        if FORMAT == 2:
            from numcodecs import JSON

            # References as JSON: by default they are pickled, which newer versions of numcodecs refuse to read.
            options = {"object_codec_class": JSON}
        try:
            # Written so that a chunk that is missing later is damage; a setting that Zarr 2 does not have or need.
            with zarr.config.set({"array.write_empty_chunks": True}) if FORMAT == 3 else nullcontext():
                with ZarrIO(str(path), manager=manager, mode="w", **options) as io:
                    yield io, lambda: zarr.open_group(str(path), mode="r+")
            zarr.consolidate_metadata(str(path))
        except Exception as error:
            cause: BaseException | None = error.__cause__ or error.__context__
            if isinstance(error, OSError) or not isinstance(cause, OSError):
                raise
            raise cause from error  # hdmf puts it into an error of its own

    @contextmanager
    def table(self, path: Path, table: str) -> Iterator[Any]:
        """A table's group."""
        yield zarr.open_group(str(path), path=table.strip("/"), mode="r")

    def validate(self, path: Path) -> Iterable[object]:
        """What pynwb's validation finds."""
        with self.opened(path, str(path)) as reader, reader() as io:
            return list(validate(io=io))

    def other_files(self, path: Path) -> set[str]:
        """Other stores to which links and references lead."""
        return {
            link["source"]
            for name, file in files_in(path).items()
            if name.rpartition("/")[2] in ATTRIBUTES
            for link in links_in(json.loads(file.read_bytes()))
        } - {"."}
