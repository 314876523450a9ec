"""What differs between the formats in which a match file can be written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pynwb import NWBFile

from ..errors import OutputError
from .hdf5 import Hdf5Format
from .outputs import has_zarr_name


class FileFormat(Protocol):
    """How data are handed to hdmf and written in one format.

    Attributes
    ----------
    is_folder : bool
        Whether a file is a folder.
    """

    is_folder: bool

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


def format_of(path: str | os.PathLike[str]) -> FileFormat:
    """The format that the name of a file asks for: Zarr for `.zarr`, else HDF5.

    Raises
    ------
    OutputError
        What writes it is not installed.
    """
    if not has_zarr_name(path):
        return Hdf5Format()
    try:
        from .zarr_format import ZarrFormat
    except ImportError as error:
        raise OutputError(
            f'{path}: writing Zarr needs hdmf-zarr; run pip install "ndx-cell-matching[zarr]", or write .nwb.'
        ) from error
    return ZarrFormat()
