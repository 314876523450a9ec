"""Open NWB files, HDF5 or Zarr, read-only and turn what can go wrong into one sentence."""

from __future__ import annotations

import hashlib
import os
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import h5py
from hdmf.build import BuildManager, TypeMap
from pynwb import NWBHDF5IO, NWBFile, get_type_map

from ..errors import InputError
from .outputs import files_in
from .remote import RemoteStream, is_url, public_name, shared_access


@contextmanager
def open_nwb(path: str | os.PathLike[str]) -> Iterator[NWBFile]:
    """Open an NWB file (HDF5) for reading: a path, or the URL of a file on the network; or the Zarr store of one.

    Errors while the block runs that come from damaged data are reported as errors of this file.

    Raises
    ------
    InputError
        The file is missing, may not be read, is truncated, neither HDF5 nor Zarr, or no NWB file; or it is a Zarr
        store and what reads it is not installed.
    """
    if is_url(path):
        with _open_remote(str(path)) as nwbfile:
            yield nwbfile
        return
    path = Path(path)
    zarr = os.path.isdir(path)
    if zarr:
        _refuse_other_folder(path)
    else:
        _refuse_unreadable(path)
    try:
        with _zarr(path) if zarr else _hdf5(path, str(path)) as read:
            yield _read(read, path)
    except OSError as error:
        raise damaged(path, error) from error


@contextmanager
def _open_remote(url: str) -> Iterator[NWBFile]:
    name = public_name(url)
    with shared_access() as access, access.stream(url) as stream:
        try:
            with _hdf5(stream, name) as read:
                yield _read(read, name)
        except OSError as error:
            if "signature not found" in str(error):
                raise InputError(f"{name}: this is not an HDF5 file, so it cannot be an NWB file (HDF5).") from error
            raise damaged(name, error) from error


def damaged(location: str | os.PathLike[str], error: Exception, part: str = "") -> InputError:
    """The error of a file that could be opened, but not be read to its end."""
    reason = f"{part}: {_first_line(error)}" if part else _first_line(error)
    return InputError(f"{public_name(location)}: the file is damaged or incomplete ({reason}).")


def stored(data: Any) -> Any:
    """The dataset of the file behind what hdmf gives for one of a compound type, which converts row by row."""
    return getattr(data, "dataset", data)


def text_of(value: Any) -> str:
    """A text as it comes from a file, which may be bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Checksum of a whole file, in hexadecimal.

    Of a Zarr store, that of the list of its files with their checksums, as `find -L . -type f -print0 | LC_ALL=C sort
    -z | xargs -0 sha256sum` prints it in the store's folder.
    """
    digest = hashlib.sha256()
    if os.path.isdir(path):
        for name, file_path in files_in(path).items():
            digest.update(f"{sha256_of(file_path)}  ./{name}\n".encode())
        return digest.hexdigest()
    with open(path, "rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _refuse_other_folder(path: Path) -> None:
    try:
        names = os.listdir(path)
    except OSError as error:
        raise InputError(f"{path}: the folder cannot be read ({error.strerror}).") from error
    if "zarr.json" in names:
        raise InputError(
            f"{path}: this Zarr store has format 3, in which NWB files cannot be read yet; write it in format 2."
        )
    if ".zgroup" not in names:
        if path.suffix == ".zarr":
            raise InputError(f"{path}: this Zarr store is damaged or incomplete (it has no .zgroup); copy it again.")
        raise InputError(f"{path}: this is a folder; give an NWB file (HDF5, or the folder of a Zarr store).")


def _zarr(path: Path) -> AbstractContextManager[Callable[[], NWBFile]]:
    try:
        from .zarr_reading import open_zarr
    except ImportError as error:
        raise InputError(f'{path}: reading Zarr needs hdmf-zarr; run pip install "ndx-cell-matching[zarr]".') from error
    return open_zarr(path)


@contextmanager
def _hdf5(content: Path | RemoteStream, name: str) -> Iterator[Callable[[], NWBFile]]:
    with h5py.File(content, "r") as file:
        yield lambda: _read_hdf5(file, name)


def _read_hdf5(file: h5py.File, name: str) -> NWBFile:
    if "nwb_version" not in file.attrs:
        raise InputError(f"{name}: this HDF5 file is not an NWB file (it has no attribute nwb_version).")
    return NWBHDF5IO(file=file, mode="r", manager=BuildManager(_type_map(file))).read()


def _refuse_unreadable(path: Path) -> None:
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file.") from error
    except OSError as error:
        raise InputError(f"{path}: the file cannot be read ({error.strerror}).") from error
    if empty:
        raise InputError(f"{path}: the file is empty.")
    if not h5py.is_hdf5(path):
        raise InputError(f"{path}: this is not an HDF5 file, so it cannot be an NWB file (HDF5) as needed here.")


def _read(read: Callable[[], NWBFile], path: str | Path) -> NWBFile:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cached namespaces and old schema versions: not ours to mend
            return read()
    except (OSError, InputError):
        raise
    except Exception as error:  # h5py, hdmf and pynwb raise many kinds for a damaged file or one against its schema
        raise InputError(f"{path}: pynwb cannot read this NWB file ({_first_line(error)}).") from error


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


def _first_line(error: Exception) -> str:
    """The reason in words; hdmf's errors hold it after a description of half the file."""
    text = str(error.args[-1] if error.args and isinstance(error.args[-1], str) else error).strip()
    return textwrap.shorten(text.splitlines()[0], 300, placeholder=" ...") if text else type(error).__name__
