"""Find out whether data of an open HDF5 file lie in another file, to which a link or an external dataset leads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any

import h5py
from pynwb import NWBFile

from ..datasets import stored
from .reading import Hdf5Reader

GENERAL = "general"
#: Groups in the file's root and in `general` from which nothing is read or copied.
OF_OTHERS = (
    "acquisition", "analysis", "scratch", "stimulus", "units", "intervals",
    "extracellular_ephys", "intracellular_ephys", "optogenetics",
)  # fmt: skip


def borrowed_data(nwbfile: NWBFile, datasets: Iterable[Any]) -> Iterator[str]:
    """A phrase for each of these datasets of an open file, as hdmf returns them, that lies in another HDF5 file."""
    file = _hdf5(nwbfile)
    for data in map(stored, datasets):
        if file is not None and isinstance(data, h5py.Dataset):
            yield from _of_dataset(data, file)


def borrowed_metadata(nwbfile: NWBFile) -> Iterator[str]:
    """A phrase for each part of an open file's general metadata that lies in another HDF5 file."""
    file = _hdf5(nwbfile)
    if file is None:
        return
    yield from _of_links(file, file)
    general = file.get(GENERAL)
    if isinstance(general, h5py.Group):
        yield from _of_links(general, file)
        for name in sorted(set(general) - set(OF_OTHERS)):
            if isinstance(group := general.get(name), h5py.Group):
                yield from _of_links(group, file, deep=True)


def _hdf5(nwbfile: NWBFile) -> h5py.File | None:
    return nwbfile.read_io.hdf5_file if isinstance(nwbfile.read_io, Hdf5Reader) else None


def _of_links(group: h5py.Group, file: h5py.File, deep: bool = False) -> Iterator[str]:
    """Phrases on the external links and datasets of a group and, with `deep`, of the groups within it."""
    for name in group:
        link = group.get(name, getlink=True)
        path = f"{group.name.rstrip('/')}/{name}"
        if isinstance(link, h5py.ExternalLink) and name not in OF_OTHERS:
            yield _phrase(path, link.filename)
        elif isinstance(link, h5py.HardLink):
            item = group[name]
            if isinstance(item, h5py.Dataset):
                yield from _of_dataset(item, file)
            elif deep and isinstance(item, h5py.Group):
                yield from _of_links(item, file, deep)


def _of_dataset(dataset: h5py.Dataset, file: h5py.File) -> Iterator[str]:
    others = [] if dataset.file.filename == file.filename else [dataset.file.filename]
    others += [str(name) for name, _, _ in dataset.external or ()]
    others += [part.file_name for part in (dataset.virtual_sources() if dataset.is_virtual else ())]
    yield from (_phrase(dataset.name, other) for other in others if other != ".")


def _phrase(path: str, other: str) -> str:
    return f"the data of {path} lie in another file ({PurePath(other).name})"
