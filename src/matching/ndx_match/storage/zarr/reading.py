"""Open NWB files in Zarr stores, read-only, and name the array if one cannot be decoded."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import hdmf_zarr
import zarr
from hdmf.backends.io import HDMFIO
from hdmf_zarr import NWBZarrIO
from pynwb import NWBFile

from ...errors import InputError
from ..remote import is_url
from .files import Folder, StoreFiles

#: The format that the installed version of Zarr writes.
FORMAT = 2 if zarr.__version__.startswith("2.") else 3

if FORMAT == 2:
    from .store2 import CheckedStore
else:
    from .store3 import CheckedStore  # type: ignore[assignment]
try:
    from hdmf_zarr import NWBZarrV2IO  # of hdmf-zarr 0.14, which reads format 2 too
    from hdmf_zarr.backend_zarrv2 import UnsafePickleCodecError

    REFUSED: tuple[type[Exception], ...] = (UnsafePickleCodecError,)
except ImportError:
    NWBZarrV2IO, REFUSED = object, ()
with suppress(ImportError):
    from numcodecs.errors import UnsafeDecodeError  # of its newer versions

    REFUSED = (*REFUSED, UnsafeDecodeError)

ALLOW_PICKLE = "NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE"


@contextmanager
def open_zarr(folder: Folder, name: str) -> Iterator[Callable[..., HDMFIO]]:
    """Give a function that returns hdmf's reader of a Zarr store."""
    files = StoreFiles(folder)

    def reader(only_data: bool = False) -> HDMFIO:
        with _explained(files):
            store_format, store = _format(files, name), CheckedStore(files)
            group = zarr.open(store, mode="r", **({} if FORMAT == 2 else {"use_consolidated": False}))
            if not isinstance(group, zarr.Group) or "nwb_version" not in group.attrs:
                raise InputError(f"{name}: this Zarr store is not an NWB file (it has no attribute nwb_version).")
            if store_format == FORMAT:
                return _ExplainingIO(store, mode="r", load_namespaces=True)
            allowed = os.environ.get(ALLOW_PICKLE) == "1"
            return _ExplainingV2IO(store, mode="r", load_namespaces=True, allow_pickle=allowed)

    with _explained(files):
        yield reader


def _format(files: StoreFiles, name: str) -> int:
    """The format of a store; raises InputError if the store cannot be read."""
    store_format = files.format
    if store_format is None and is_url(name):
        raise InputError(f"{name}: there is no Zarr store here (it has no .zgroup or zarr.json); check the address.")
    if store_format is None and name.rstrip("/").endswith(".zarr"):
        raise InputError(
            f"{name}: this Zarr store is damaged or incomplete (it has no .zgroup or zarr.json); copy it again."
        )
    if store_format is None:
        raise InputError(f"{name}: this is a folder; give an NWB file (HDF5, or the folder of a Zarr store).")
    if store_format > FORMAT:
        stem = name.removesuffix(".zarr").removesuffix(".nwb") + ".nwb"
        raise InputError(
            f"{name}: this Zarr store has format 3, but hdmf-zarr {hdmf_zarr.__version__} reads only format 2; use "
            "Python 3.12 or newer with hdmf-zarr 0.14 or newer to read it, or to convert it: "
            f"`ndx-match convert {name} {stem}`."
        )
    if is_url(name) and not files.is_consolidated:
        raise InputError(
            f"{name}: this Zarr store has no consolidated metadata, without which it is not read over the network; "
            "download it and give the path of the copy."
        )
    return store_format


class _Explaining(HDMFIO):
    """Reports damage that is found while hdmf builds the file's objects."""

    path: CheckedStore

    def read(self) -> NWBFile:
        with _explained(self.path.files):
            return super().read()


class _ExplainingIO(_Explaining, NWBZarrIO):  # type: ignore[misc]
    """Reads the format that the installed version of hdmf-zarr writes."""


class _ExplainingV2IO(_Explaining, NWBZarrV2IO):  # type: ignore[misc,valid-type]
    """Reads format 2 if hdmf-zarr writes format 3; raises an error for objects that hdmf-zarr would leave out."""

    def read_builder(self) -> Any:
        builder = super().read_builder()
        for path, reason in self.skipped_entries:
            raise self.path.files.damage or InputError(f"{self.source}: {path.strip('/')} cannot be read ({reason}).")
        return builder


@contextmanager
def _explained(files: StoreFiles) -> Iterator[None]:
    """Replace the errors of the block by an InputError that names the damaged array.

    Each codec raises other errors if it cannot decode a chunk, and these do not name the array. The array that was
    read last is therefore read again to find out whether it is the damaged one.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        for cause in _chain(error):
            if isinstance(cause, InputError):  # a part is missing, and hdmf raised an error of its own
                raise cause from error
            if isinstance(cause, REFUSED) and StoreFiles.last_read:
                path, array = StoreFiles.last_read[0].location(StoreFiles.last_read[1])
                raise InputError(
                    f"{path}: the references in {array.strip('/')} are pickled, and are not read because a pickle can "
                    f"execute any code; if you trust the file, set the environment variable {ALLOW_PICKLE}=1."
                ) from error
        damage = files.damage or (StoreFiles.last_read and _undecoded(*StoreFiles.last_read))
        if damage is None:
            raise
        raise damage from error


def _undecoded(files: StoreFiles, path: str) -> InputError | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = zarr.open_array(CheckedStore(files), path=path, mode="r")
    except Exception:  # Zarr 3 cannot open some arrays of format 2, which hdmf-zarr reads in another way
        return None
    try:
        rows = max(1, array.chunks[0]) if array.ndim else 1
        for start in range(0, array.shape[0] if array.ndim else 1, rows):
            array[start : start + rows] if array.ndim else array[()]
    except InputError as error:
        return error
    except Exception as error:
        return files.undecoded(path, error)
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """An error, its cause, the cause of this, and so on; each error once, because causes can form a circle."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return chain
