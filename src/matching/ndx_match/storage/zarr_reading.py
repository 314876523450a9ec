"""NWB files in Zarr stores (folders): open them read-only and refuse what is missing in them.

Zarr reads a chunk that is not there as the fill value, so a mask of an incomplete copy would silently be empty. The
writer of NWB files in Zarr, hdmf-zarr, writes every chunk, also those that hold nothing but the fill value; so a chunk
that is read and not there is damage. What is not read is not looked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import zarr
from hdmf_zarr import NWBZarrIO
from pynwb import NWBFile
from zarr.storage import DirectoryStore

from ..errors import InputError


@contextmanager
def open_zarr(path: Path) -> Iterator[Callable[[], NWBFile]]:
    """Gives a function that reads the Zarr store of an NWB file, whose data can be read while the block runs.

    Raises
    ------
    InputError
        The store is no NWB file, holds what may not be read, or a part of it is missing, damaged or cannot be read.
    """

    def read() -> NWBFile:
        with _explained():
            store = _CompleteStore(str(path))
            group = zarr.open(store, mode="r")
            if not isinstance(group, zarr.Group) or "nwb_version" not in group.attrs:
                raise InputError(f"{path}: this Zarr store is not an NWB file (it has no attribute nwb_version).")
            return _CompleteIO(store, mode="r", load_namespaces=True).read()

    with _explained():
        yield read


@contextmanager
def _explained() -> Iterator[None]:
    """Says what is the matter where a chunk of some store cannot be decoded: every codec has errors of its own."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        for cause in _chain(error):
            if isinstance(cause, InputError):  # of a part that is missing, in an error of hdmf
                raise cause from error
            array = _decoded(cause.__traceback__)
            if array is None:
                continue
            if type(cause).__name__ == "UnsafeDecodeError":  # of newer versions of numcodecs
                raise InputError(
                    f"{array.chunk_store.path}: the references in {array.path} are pickled, which is refused because "
                    "to read them can execute any code; if you trust the file, set the environment variable "
                    "NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE=1."
                ) from error
            raise _damage(array.chunk_store.path, f"a chunk of {array.path} cannot be decoded: {cause}") from error
        raise


def _damage(path: str, what: str) -> InputError:
    return InputError(f"{path}: the Zarr store is damaged or incomplete ({what}).")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those behind it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _decoded(traceback: TracebackType | None) -> zarr.Array | None:
    """The array, of a store that was opened here, of which a chunk was being decoded when an error arose."""
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_name in ("_decode_chunk", "_process_chunk"):
            array = frame.f_locals.get("self")
            if isinstance(array, zarr.Array) and isinstance(array.chunk_store, _CompleteStore):
                return array
        traceback = traceback.tb_next
    return None


class _CompleteIO(NWBZarrIO):
    """Opens the stores to which links lead in the same way as the store that is read."""

    def _ZarrIO__open_file_consolidated(self, store: Any, **options: Any) -> zarr.Group:
        if isinstance(store, str):
            store = _CompleteStore(store)
        return super()._ZarrIO__open_file_consolidated(store=store, **options)


class _CompleteStore(DirectoryStore):
    """A folder in which a chunk that is asked for and not there, or cut off, is an error."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._arrays: dict[str, tuple[str, bool]] = {}

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any]) -> Mapping[str, Any]:
        return {key: self[key] for key in keys}

    def __getitem__(self, key: str) -> bytes:
        folder, _, name = key.rpartition("/")
        if name.startswith(".z"):
            metadata: bytes = super().__getitem__(key)
            return metadata
        array, is_blosc = self._array_of(folder)
        where = f"chunk {key.removeprefix(f'{array}/')} of {array}"
        try:
            chunk: bytes = super().__getitem__(key)
        except KeyError:
            raise _damage(self.path, f"{where} is missing") from None
        except OSError as error:
            raise _damage(self.path, f"{where} cannot be read: {error.strerror}") from error
        if is_blosc and _blosc_length(chunk) != len(chunk):
            raise _damage(self.path, f"{where} is cut off or damaged")
        return chunk

    def _array_of(self, folder: str) -> tuple[str, bool]:
        """The array whose chunks lie in a folder, or in folders within it, and whether Blosc compresses them.

        Blosc reads on behind the end of a chunk that is cut off.
        """
        if folder not in self._arrays:
            metadata = self.get(f"{folder}/.zarray")
            if metadata is None and "/" in folder:
                self._arrays[folder] = self._array_of(folder.rpartition("/")[0])
            else:
                compressor = json.loads(metadata or "{}").get("compressor") or {}
                self._arrays[folder] = folder, compressor.get("id") == "blosc"
        return self._arrays[folder]


def _blosc_length(chunk: bytes) -> int:
    """How long a chunk is by its own header; 0 where it has none."""
    return int.from_bytes(chunk[12:16], "little") if len(chunk) >= 16 else 0
