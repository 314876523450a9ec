"""Open NWB files in HDF5, read-only."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py
from hdmf.build import BuildManager, TypeMap
from pynwb import NWBHDF5IO, get_type_map

from ...errors import InputError

#: What HDF5 says of files that a program locked, or marked as open for writing.
IN_USE = ("unable to lock file", "already open for write")
NOT_HDF5 = "this is not an HDF5 file, so it cannot be an NWB file (HDF5)"


class Hdf5Reader(NWBHDF5IO):
    """hdmf's reader of a file, which also tells what it reads."""

    hdf5_file: h5py.File


@contextmanager
def open_hdf5(location: Any, name: str) -> Iterator[Callable[[], NWBHDF5IO]]:
    """A function that gives hdmf's reader of a file: a path, or an object with the file's bytes."""
    if isinstance(location, (str, os.PathLike)):
        _refuse_unreadable(location, name)
    elif isinstance(location, io.TextIOBase):
        raise InputError(f"{name}: this file is open as text; open it in binary mode.")

    def reader() -> NWBHDF5IO:
        if "nwb_version" not in file.attrs:
            raise InputError(f"{name}: this HDF5 file is not an NWB file (it has no attribute nwb_version).")
        io = Hdf5Reader(file=file, mode="r", manager=BuildManager(_type_map(file)))
        io.hdf5_file = file
        return io

    try:
        with h5py.File(location, "r") as file:
            yield reader
    except OSError as error:
        if "signature not found" in str(error):
            raise InputError(f"{name}: {NOT_HDF5}.") from error
        if any(sign in str(error) for sign in IN_USE):
            raise InputError(
                f"{name}: another program writes this file, or left it open; close it there, or give a copy."
            ) from error
        raise


def _refuse_unreadable(path: str | os.PathLike[str], name: str) -> None:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened: a pipe would be waited for
            raise InputError(f"{name}: this is a pipe or a device, not a file; copy what it gives into a file.")
        with open(path, "rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise InputError(f"{name}: there is no such file.") from error
    except OSError as error:
        raise InputError(f"{name}: the file cannot be read ({error.strerror}).") from error
    if empty:
        raise InputError(f"{name}: the file is empty.")
    if not h5py.is_hdf5(path):
        raise InputError(f"{name}: {NOT_HDF5} as needed here.")


#: By the digest of a schema. Files of one writer hold the same, and loading it takes longer than reading a file.
_type_maps: dict[bytes, TypeMap] = {}


def _type_map(file: h5py.File) -> TypeMap:
    """What reads the types of the schema that is kept in a file."""
    digest = hashlib.sha256()

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        digest.update(name.encode())
        if isinstance(item, h5py.Dataset):
            digest.update(item[()])

    location = file.attrs.get(".specloc")
    if location is None:
        return get_type_map()
    file[location].visititems(add)
    if digest.digest() not in _type_maps:
        type_map = get_type_map()
        NWBHDF5IO.load_namespaces(type_map, file=file)
        _type_maps[digest.digest()] = type_map
    return _type_maps[digest.digest()]


def holds_any(path: str | os.PathLike[str], names: Iterable[str]) -> bool:
    """Whether a file is HDF5, of whatever program, and holds an object at one of these paths."""
    try:
        with h5py.File(path, "r") as file:
            return any(name in file for name in names)
    except OSError:
        return False
