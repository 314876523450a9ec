"""NWB files in HDF5."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import h5py
from hdmf.backends.hdf5 import H5DataIO
from hdmf.backends.hdf5.h5_utils import H5SpecWriter
from hdmf.backends.io import HDMFIO
from hdmf.build import BuildManager
from pynwb import NWBHDF5IO, validate

from ..columns import COLUMN, Columns
from ..formats import StorageFormat
from .comparing import differences
from .reading import open_hdf5
from .writing import add_column, patient_file


class Hdf5Format(StorageFormat):
    """HDF5, compressed with the filters shuffle and gzip."""

    is_folder = False
    data_io = H5DataIO
    schema_writer = H5SpecWriter
    compression: ClassVar = {"compression": "gzip", "compression_opts": 2, "shuffle": True}
    growth: ClassVar = {"maxshape": (None,)}
    opened = staticmethod(open_hdf5)

    def takes(self, dataset: Any) -> bool:
        """Whether the data are a dataset of an HDF5 file that is compressed or contains text."""
        return isinstance(dataset, h5py.Dataset) and (dataset.compression is not None or dataset.dtype.kind == "O")

    @contextmanager
    def writer(
        self, path: Path, manager: BuildManager, stopped: Event
    ) -> Iterator[tuple[HDMFIO, Callable[[], h5py.File]]]:
        """Give hdmf's writer and the file."""
        with patient_file(path, "w", stopped) as file, NWBHDF5IO(file=file, mode="w", manager=manager) as io:
            yield io, lambda: file

    @contextmanager
    def table(self, path: Path, table: str) -> Iterator[h5py.Group]:
        """The group of a table."""
        with h5py.File(path, "r") as file:
            yield file[table]

    def add_columns(self, path: Path, columns: Columns, description: str) -> None:
        """Write the column into tables of a file."""
        with patient_file(path, "r+") as file:
            for table, values in columns.items():
                add_column(file[table], values, description)

    def differences(self, source: Path, copy: Path, columns: Columns) -> Iterator[str]:
        """A phrase for each difference between a copy and its source."""
        with h5py.File(source, "r") as original, h5py.File(copy, "r") as annotated:
            ignored = {f"{table}/{COLUMN}" for table in columns}
            yield from differences(original, annotated, ignored, {(table, "colnames") for table in columns})

    def validate(self, path: Path) -> Iterable[object]:
        """The errors that pynwb's validation finds."""
        return validate(path=str(path))

    def other_files(self, path: Path) -> set[str]:
        """The files to which external links lead, and the files that contain external and virtual datasets."""
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
