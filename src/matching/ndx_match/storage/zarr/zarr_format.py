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
    """Zarr, with consolidated metadata and the default compression of Zarr."""

    is_folder = True
    data_io = ZarrDataIO
    schema_writer = ZarrSpecWriter
    write_options: ClassVar = {"consolidate_metadata": False}
    add_columns = staticmethod(add_columns)
    differences = staticmethod(differences)

    def opened(self, location: Any, name: str) -> AbstractContextManager[Callable[..., HDMFIO]]:
        """Give a function that returns hdmf's reader of a store."""
        return open_zarr(RemoteFolder(location, name) if is_url(name) else LocalFolder(str(location)), name)

    def takes(self, dataset: Any) -> bool:
        """Always False: hdmf-zarr would read a dataset of HDF5 into memory, and keep the chunks of another store."""
        return False

    @contextmanager
    def writer(
        self, path: Path, manager: BuildManager, stopped: Event
    ) -> Iterator[tuple[HDMFIO, Callable[[], zarr.Group]]]:
        """Give hdmf's writer and the root group; the metadata are consolidated when the block ends."""
        options = {}
        if FORMAT == 2:
            from numcodecs import JSON

            # References are written as JSON. By default they are pickled, and new versions of numcodecs refuse pickles.
            options = {"object_codec_class": JSON}
        try:
            # All chunks are written, so that a chunk that is missing later is known as damage. Zarr 2 does so anyway.
            with zarr.config.set({"array.write_empty_chunks": True}) if FORMAT == 3 else nullcontext():
                with ZarrIO(str(path), manager=manager, mode="w", **options) as io:
                    yield io, lambda: zarr.open_group(str(path), mode="r+")
            zarr.consolidate_metadata(str(path))
        except Exception as error:
            cause: BaseException | None = error.__cause__ or error.__context__
            if isinstance(error, OSError) or not isinstance(cause, OSError):
                raise
            raise cause from error  # hdmf raised another error instead of it

    @contextmanager
    def table(self, path: Path, table: str) -> Iterator[Any]:
        """The group of a table."""
        yield zarr.open_group(str(path), path=table.strip("/"), mode="r")

    def validate(self, path: Path) -> Iterable[object]:
        """The errors that pynwb's validation finds."""
        with self.opened(path, str(path)) as reader, reader() as io:
            return list(validate(io=io))

    def other_files(self, path: Path) -> set[str]:
        """The other stores to which links and references lead."""
        return {
            link["source"]
            for name, file in files_in(path).items()
            if name.rpartition("/")[2] in ATTRIBUTES
            for link in links_in(json.loads(file.read_bytes()))
        } - {"."}
