"""The files of Zarr stores, in folders or on the network, of which nothing may be missing or cut off.

Zarr reads a chunk that is not there as the fill value, so a mask of an incomplete copy would silently be empty. So
Zarr is given a store of ours that looks at every chunk which is read; what is not read is not looked for.

In format 2 a missing chunk is damage: hdmf-zarr writes every chunk, also those that hold nothing but the fill value.
With format 3 Zarr leaves such chunks out unless it is told otherwise, as when ndx-match writes; so there a missing
chunk is damage where it cannot be told from a mask that is lost: in arrays of several dimensions (masks, images), of
mask pixels, of ids and of indices, and everywhere in the tables of a match file.

What links of a store lead to in other stores is shown to Zarr as if it lay in a folder of the store, so that it is
looked at too.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ...errors import InputError

METADATA = frozenset((".zgroup", ".zarray", ".zattrs", ".zmetadata", "zarr.json"))
LINKED = "__linked__"
#: Types of columns that are not all 0 where there are several rows.
NEVER_EMPTY = frozenset(("ElementIdentifiers", "VectorIndex"))
NEVER_EMPTY_IN_ROOT = frozenset(("identifier", "session_start_time", "timestamps_reference_time"))
OUR_NAMESPACE = "ndx-cell-matching"


class Folder(Protocol):
    """Where the files of a store are."""

    path: str

    def read(self, key: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        """Bytes of a file, all by default, from the end where `start` is negative; None where there is no such file."""

    def names(self, key: str) -> list[str]:
        """The files and folders in a folder; none where there is no such folder, or none can be listed."""

    def linked(self, source: str) -> Folder | None:
        """Another store, by its path as a link of this store states it; None where it is the store itself."""


class LocalFolder:
    """A folder on the disk; see :class:`Folder`."""

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self, key: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        """Bytes of a file."""
        try:
            with open(os.path.join(self.path, key), "rb") as file:
                if start:
                    file.seek(start, os.SEEK_SET if start > 0 else os.SEEK_END)
                return file.read() if stop is None else file.read(stop - (start or 0))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def names(self, key: str) -> list[str]:
        """The files and folders in a folder."""
        try:
            return sorted(os.listdir(os.path.join(self.path, key)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def linked(self, source: str) -> Folder | None:
        """A store beside it; older versions of hdmf-zarr stated paths from the folder in which a store lies."""
        for base in (self.path, os.path.dirname(self.path)):
            path = os.path.normpath(os.path.join(base, source))
            if os.path.isdir(path):
                return None if os.path.samefile(path, self.path) else LocalFolder(path)
        return LocalFolder(os.path.normpath(os.path.join(self.path, source)))


@dataclass(frozen=True)
class _Array:
    """What of an array's metadata matters for its chunks."""

    is_blosc: bool = False
    never_empty: bool = True
    is_pickled: bool = False
    is_new: bool = False  #: of format 3


class StoreFiles:
    """The files of a store and of those to which its links lead, as Zarr is to see them.

    Attributes
    ----------
    path : str
    damage : InputError or None
        What was found first to be the matter; others may take an error for a part that is not there.
    pickled : str or None
        The array of those whose elements are pickled that was read last.
    """

    #: The store and array of which a chunk was read last: where something then cannot be decoded, it is this.
    last_read: tuple[StoreFiles, str] | None = None

    def __init__(self, folder: Folder) -> None:
        self.path = folder.path
        self.damage: InputError | None = None
        self.pickled: str | None = None
        self._folders = [folder]
        self._arrays: dict[str, tuple[str, _Array] | None] = {}

    def read(self, key: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        """Bytes of a file, all by default; None where there is no such file.

        Raises
        ------
        InputError
            It cannot be read, or is a chunk that is cut off, or missing without being empty.
        """
        number, inner = self._place(key)
        folder = self._folders[number]
        is_chunk = inner.rpartition("/")[2] not in METADATA and not inner.endswith("/")
        found = self._array_of(key.rpartition("/")[0]) if is_chunk else None
        where = inner if found is None else f"chunk {_chunk_name(key, found[0])} of {self._place(found[0])[1]}"
        try:
            data = folder.read(inner, start, stop)
        except OSError as error:
            raise self._damaged(folder, f"{where} cannot be read: {error.strerror or error}") from error
        if not is_chunk:
            if key.endswith("/.zarray") and b'"pickle"' in (data or b""):
                self.pickled = key.removesuffix("/.zarray")
            return None if data is None else self._with_own_links(data, number, inner)
        if found is not None:
            array, metadata = found
            StoreFiles.last_read = self, array
            if metadata.is_pickled:
                self.pickled = array
            if data is None and metadata.never_empty:
                why = ", or its writer left it out as empty: see Zarr in docs/layouts.md" if metadata.is_new else ""
                raise self._damaged(folder, f"{where} is missing{why}")
            if data is not None and metadata.is_blosc and start is None and _blosc_length(data) != len(data):
                raise self._damaged(folder, f"{where} is cut off or damaged")
        return data

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        number, inner = self._place(key)
        return self._folders[number].read(inner, 0, 1) is not None

    @property
    def is_consolidated(self) -> bool:
        """Whether the root has the metadata of all that is in the store."""
        return self.exists(".zmetadata") or "consolidated_metadata" in self._metadata(0, "", "zarr.json")

    def names(self, key: str) -> list[str]:
        """The files and folders in a folder."""
        number, inner = self._place(key.rstrip("/"))
        return self._folders[number].names(inner)

    def location(self, key: str) -> tuple[str, str]:
        """The store in which something lies, and its path in it."""
        number, inner = self._place(key)
        return self._folders[number].path, f"/{inner}"

    def undecoded(self, array: str, error: BaseException) -> InputError:
        """The damage of an array that cannot be decoded."""
        number, inner = self._place(array)
        return self._damaged(self._folders[number], f"a chunk of {inner} cannot be decoded: {error}")

    def _damaged(self, folder: Folder, what: str) -> InputError:
        error = InputError(f"{folder.path}: the Zarr store is damaged or incomplete ({what}).")
        self.damage = self.damage or error
        return error

    def _place(self, key: str) -> tuple[int, str]:
        """The number of the store in which a file lies, and its path there."""
        if not key.startswith(f"{LINKED}/"):
            return 0, key
        _, number, *inner = key.split("/", 2)
        return int(number), inner[0] if inner else ""

    def _array_of(self, folder: str) -> tuple[str, _Array] | None:
        """The array whose chunks lie in a folder, or in folders within it; None where there is none."""
        if folder not in self._arrays:
            number, inner = self._place(folder)
            around = re.match(r"(.+)/c(/\d+)*$", inner)  # of format 3 usually this, for which a server is asked first
            for path in [around.group(1), inner] if around else [inner]:
                array = self._read_array(number, path)
                if array is not None:
                    self._arrays[folder] = folder.removesuffix(inner) + path, array
                    break
            else:
                self._arrays[folder] = self._array_of(folder.rpartition("/")[0]) if inner else None
        return self._arrays[folder]

    def _read_array(self, number: int, path: str) -> _Array | None:
        """What the metadata of an array say; None where this is no array."""
        new = self._metadata(number, path, "zarr.json")
        if new.get("node_type") == "array":
            last_codec = (new.get("codecs") or [{}])[-1].get("name", "")
            is_blosc = last_codec in ("blosc", "numcodecs.blosc")
            return _Array(is_blosc, self._is_never_empty(number, path, new), is_new=True)
        old = {} if new else self._metadata(number, path, ".zarray")
        if not old:
            return None
        codecs = [old.get("compressor") or {}, *(old.get("filters") or ())]
        return _Array(codecs[0].get("id") == "blosc", True, any(codec.get("id") == "pickle" for codec in codecs))

    def _is_never_empty(self, number: int, path: str, metadata: dict[str, Any]) -> bool:
        attributes, shape = metadata.get("attributes", {}), metadata["shape"]
        if path in NEVER_EMPTY_IN_ROOT or len(shape) > 1 or not isinstance(metadata["data_type"], str):
            return True  # an array of several dimensions, or of elements with several fields
        if attributes.get("neurodata_type") in NEVER_EMPTY and shape[0] > 1:
            return True
        table = self._metadata(number, path.rpartition("/")[0], "zarr.json")
        return bool(table.get("attributes", {}).get("namespace") == OUR_NAMESPACE)

    def _metadata(self, number: int, path: str, name: str) -> dict[str, Any]:
        data = self._folders[number].read(posixpath.join(path, name))
        try:
            metadata = json.loads(data or b"{}")
        except ValueError:
            return {}
        return metadata if isinstance(metadata, dict) else {}

    def _with_own_links(self, data: bytes, number: int, key: str) -> bytes | None:
        """Metadata whose links lead nowhere but into this store."""
        if b'"source"' not in data:
            return data
        try:
            metadata = json.loads(data)
        except ValueError:
            return data
        changed = False
        for link in links_in(metadata):
            changed |= self._relink(link, number)
        if not changed:
            return data
        if key == ".zmetadata":
            return None  # it does not list what is in the other stores
        metadata.pop("consolidated_metadata", None)
        return json.dumps(metadata).encode()

    def _relink(self, link: dict[str, Any], number: int) -> bool:
        """Let a link that is not within the first store lead to where the other store is shown; whether it did."""
        if link["source"] != "." and (other := self._folders[number].linked(link["source"])) is not None:
            known = [folder.path for folder in self._folders]
            if other.path not in known:
                self._folders.append(other)
                known.append(other.path)
            number = known.index(other.path)
        elif number == 0 and link["source"] == ".":
            return False
        link["source"] = "."
        if number:
            link["path"] = f"/{LINKED}/{number}/{link['path'].lstrip('/')}"
        return True


def links_in(attributes: Any) -> Iterator[dict[str, Any]]:
    """Every link and reference in metadata: what states the store and the path to which it leads."""
    if isinstance(attributes, dict):
        if isinstance(attributes.get("source"), str) and isinstance(attributes.get("path"), str):
            yield attributes
        attributes = list(attributes.values())
    if isinstance(attributes, list):
        for value in attributes:
            yield from links_in(value)


def format_of_store(files: StoreFiles) -> int | None:
    """The format of a Zarr store, 2 or 3, by the files in it; None of any other folder."""
    return 3 if files.exists("zarr.json") else 2 if files.exists(".zgroup") else None


def is_zarr_nwb(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is the Zarr store of an NWB file, of any format; told without Zarr's library."""
    folder = LocalFolder(os.fspath(path))
    try:
        new, old, group = (folder.read(name) for name in ("zarr.json", ".zattrs", ".zgroup"))
        attributes = json.loads(new)["attributes"] if new else json.loads(old or b"{}") if group else {}
        return "nwb_version" in attributes
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _chunk_name(key: str, array: str) -> str:
    return key[len(array) :].strip("/")


def _blosc_length(chunk: bytes) -> int:
    """How long a chunk is by its own header; 0 where it has none. Blosc reads on behind the end of a shorter one."""
    return int.from_bytes(chunk[12:16], "little") if len(chunk) >= 16 else 0
