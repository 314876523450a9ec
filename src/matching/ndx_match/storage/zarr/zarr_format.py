"""What is done with Zarr stores, of the format that the installed version of hdmf-zarr writes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import zarr
from hdmf.backends.io import HDMFIO
from hdmf.build import BuildManager, GroupBuilder
from hdmf_zarr import ZarrDataIO
from hdmf_zarr.backend import ZarrIO
from hdmf_zarr.utils import ZarrSpecWriter
from pynwb import NWBFile, get_manager, validate

from ..columns import Columns, errors_of
from ..open_files import checksum_of_file
from ..outputs import files_in
from ..remote import is_url
from ..schema import SPECIFICATIONS, write_schema
from ..threads import in_another_thread
from .copying import add_columns, difference
from .files import LocalFolder, links_in
from .reading import FORMAT, open_zarr
from .remote_folder import RemoteFolder

METADATA = (".zattrs", "zarr.json")  #: the files in which links are


class ZarrFormat:
    """Zarr, its metadata consolidated, compressed as Zarr does by default.

    See :class:`ndx_match.storage.formats.StorageFormat`.
    """

    is_folder = True

    def opened(self, location: Any, name: str) -> AbstractContextManager[Callable[[], HDMFIO]]:
        """A function that gives hdmf's reader of a store: a folder, or a URL."""
        return open_zarr(RemoteFolder(location, name) if is_url(location) else LocalFolder(str(location)), name)

    def checksum(self, path: Path) -> str:
        """SHA-256 of the list of the store's files with their checksums."""
        digest = hashlib.sha256()
        for name, file_path in files_in(path).items():
            with open(file_path, "rb") as file:
                digest.update(f"{checksum_of_file(file)}  ./{name}\n".encode())
        return digest.hexdigest()

    def typed(self, data: Any) -> Any:
        """Data whose type hdmf keeps, though a narrower one would do."""
        return ZarrDataIO(data)

    def compressed(self, data: Any) -> Any:
        """An array, or an iterator over chunks of one, to be written compressed."""
        return ZarrDataIO(data)

    def growing(self, data: Any, chunk_rows: int) -> Any:
        """The start of a column whose rows are written later."""
        return ZarrDataIO(data, chunks=(chunk_rows,))

    def takes(self, dataset: Any) -> bool:
        """Nothing: hdmf-zarr would hold a dataset of an HDF5 file in memory, and keep the chunks of another store."""
        return False

    def write(self, path: Path, nwbfile: NWBFile, fill: Callable[[Any], None]) -> None:
        """Write a store in place of an existing folder, then let `fill` change its open root group."""

        def write(stopped: Event) -> None:
            with _writer(path, get_manager()) as io:
                io.write(nwbfile, link_data=False, cache_spec=True, consolidate_metadata=False)
                fill(zarr.open_group(str(path), mode="r+"))

        in_another_thread(write)

    def write_builder(self, path: Path, builder: GroupBuilder, source: HDMFIO) -> None:
        """Write what hdmf's reader of another file gave in place of an existing folder."""

        def write(stopped: Event) -> None:
            with _writer(path, source.manager) as io:
                io.write_builder(builder, link_data=False, export_source=builder.source, consolidate_metadata=False)
                root = zarr.open_group(str(path), mode="r+")
                write_schema(source.manager.namespace_catalog, root.require_group(SPECIFICATIONS), ZarrSpecWriter)
                root.attrs[".specloc"] = SPECIFICATIONS

        in_another_thread(write)

    def copy(self, source: Path, target: Path) -> str:
        """Copy every file byte by byte, without permissions; returns the SHA-256."""
        for name, path in files_in(source).items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)
        return self.checksum(target)

    @contextmanager
    def table(self, path: Path, table: str) -> Iterator[Any]:
        """A table's group."""
        yield zarr.open_group(str(path), path=table.strip("/"), mode="r")

    def add_columns(self, path: Path, columns: Columns, description: str) -> None:
        """Write the column into tables of a store."""
        add_columns(path, columns, description)

    def difference(self, source: Path, copy: Path, columns: Columns) -> str | None:
        """In what the copy differs from its source but for the columns."""
        return difference(source, copy, columns)

    def validation_errors(self, path: Path) -> Counter[str]:
        """What pynwb's validation finds."""

        def check() -> list[object]:
            with self.opened(path, str(path)) as reader, reader() as io:
                return list(validate(io=io))

        return errors_of(check, path)

    def other_files(self, path: Path) -> set[str]:
        """Other stores to which links and references lead."""
        return {
            link["source"]
            for name, file in files_in(path).items()
            if name.rpartition("/")[2] in METADATA
            for link in links_in(json.loads(file.read_bytes()))
        } - {"."}


@contextmanager
def _writer(path: Path, manager: BuildManager) -> Iterator[ZarrIO]:
    """Writes a store; when the block ends, the metadata of all are put together.

    Raises
    ------
    OSError
        The disk was full, or failed otherwise.
    """
    try:
        if FORMAT == 2:
            from numcodecs import JSON

            # References as JSON: by default they are pickled, which newer versions of numcodecs refuse to read.
            with ZarrIO(str(path), manager=manager, mode="w", object_codec_class=JSON) as io:
                yield io
        else:
            # So that a chunk that is missing later is damage.
            with zarr.config.set({"array.write_empty_chunks": True}):
                with ZarrIO(str(path), manager=manager, mode="w") as io:
                    yield io
        zarr.consolidate_metadata(str(path))
    except Exception as error:
        cause: BaseException | None = error.__cause__ or error.__context__
        if isinstance(error, OSError) or not isinstance(cause, OSError):
            raise
        raise cause from error  # hdmf puts it into an error of its own
