"""What differs between the formats in which an NWB file can be stored, and which format a file has."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from hdmf.backends.io import HDMFIO
from hdmf.build import GroupBuilder
from pynwb import NWBFile

from ..errors import InputError, OutputError
from .columns import Columns
from .hdf5 import Hdf5Format
from .outputs import has_zarr_name
from .remote import is_url, public_name


class StorageFormat(Protocol):
    """How NWB files of one format are read, written, copied, changed and compared.

    Attributes
    ----------
    is_folder : bool
        Whether a file is a folder.
    """

    is_folder: bool

    def opened(self, location: Any, name: str) -> AbstractContextManager[Callable[[], HDMFIO]]:
        """A function that gives hdmf's reader of a file, whose data can be read while the block runs.

        Raises
        ------
        InputError
            It is no NWB file of this format, or something in it is missing or damaged.
        """

    def checksum(self, path: Path) -> str:
        """SHA-256 of all that is stored, in hexadecimal."""

    def typed(self, data: Any) -> Any:
        """Data whose type hdmf keeps, though a narrower one would do."""

    def compressed(self, data: Any) -> Any:
        """An array, or an iterator over chunks of one, to be written compressed."""

    def growing(self, data: Any, chunk_rows: int) -> Any:
        """The start of a column whose rows are written later."""

    def takes(self, dataset: Any) -> bool:
        """Whether a large dataset of a source is copied well where it is handed to hdmf as it is."""

    def write(self, path: Path, nwbfile: NWBFile, fill: Callable[[Any], None]) -> None:
        """Write a file in place of an existing one, then let `fill` change its open root group.

        Raises
        ------
        OSError
            The disk was full, or failed otherwise.
        """

    def write_builder(self, path: Path, builder: GroupBuilder, source: HDMFIO) -> None:
        """Write what hdmf's reader of another file gave in place of an existing file; raises as :meth:`write`."""

    def copy(self, source: Path, target: Path) -> str:
        """Copy a file byte by byte, in place of an empty one; returns the SHA-256."""

    def table(self, path: Path, table: str) -> AbstractContextManager[Any]:
        """A table's group, open for a look at its names and attributes."""

    def add_columns(self, path: Path, columns: Columns, description: str) -> None:
        """Write the column `global_roi_id` into tables of a file, in place of one that is there."""

    def difference(self, source: Path, copy: Path, columns: Columns) -> str | None:
        """In what the copy differs from its source but for the columns, a phrase; None where in nothing."""

    def validation_errors(self, path: Path) -> Counter[str]:
        """Each error that pynwb's validation finds and how often, without the file's path."""

    def other_files(self, path: Path) -> set[str]:
        """The names of the files from which a file takes data, as it states them."""


def format_of(path: str | os.PathLike[str]) -> StorageFormat:
    """The format of a file: of one that exists what it is, otherwise what its name asks for, Zarr for `.zarr`.

    Raises
    ------
    InputError, OutputError
        It is Zarr, and what reads and writes that is not installed.
    """
    remote = is_url(path)
    exists = not remote and os.path.exists(path)
    name = urlsplit(str(path)).path if remote else path
    if not (os.path.isdir(path) if exists else has_zarr_name(name)):
        return Hdf5Format()
    try:
        from .zarr.zarr_format import ZarrFormat
    except ImportError as error:
        what = f'{public_name(path)}: %s Zarr needs hdmf-zarr; run pip install "ndx-cell-matching[zarr]"'
        if exists or remote:
            raise InputError(f"{what % 'reading'}.") from error
        raise OutputError(f"{what % 'writing'}, or write .nwb.") from error
    return ZarrFormat()


def lost_files(source: Path, target: Path) -> list[str]:
    """Names, relative to the source, of files that the source finds and a copy of it at `target` would not find."""
    file_format = format_of(source)
    # The folder from which names count: that of an HDF5 file, but a Zarr store itself.
    old, new = (path if file_format.is_folder else path.parent for path in (source, target))
    return sorted(
        name
        for name in file_format.other_files(source)
        if not os.path.isabs(name) and (old / name).exists() and not (new / name).exists()
    )
