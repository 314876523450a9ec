"""The files of Zarr stores, in folders or on the network, and the check that they are present and complete.

Zarr reads a missing chunk as the fill value, so that a mask of an incomplete copy would be empty without any message.
Zarr therefore reads through a store class of this package, which checks each chunk that is read.

In format 2 a missing chunk is damage, because hdmf-zarr writes every chunk, also one with only the fill value. In
format 3 Zarr leaves such chunks out by default (ndx-match sets it to write them). A missing chunk is therefore damage
only where it could mean a lost mask: in arrays of several dimensions (masks, images), of mask pixels, of ids and of
indices, and in all tables of a match file.

If links of a store lead to other stores, these are shown to Zarr as folders of the store, so that their files are
checked too.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from ...errors import InputError

METADATA = frozenset((".zgroup", ".zarray", ".zattrs", ".zmetadata", "zarr.json"))
LINKED = "__linked__"
#: Types of columns that are not all 0 if they have several rows.
NEVER_EMPTY = frozenset(("ElementIdentifiers", "VectorIndex"))
NEVER_EMPTY_IN_ROOT = frozenset(("identifier", "session_start_time", "timestamps_reference_time"))
OUR_NAMESPACE = "ndx-cell-matching"


class Folder(Protocol):
    """The folder of a store, on the disk or on the network."""

    path: str

    def read(self, key: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        """Bytes `start` to before `stop` of a file, None if there is no such file.

        A negative `start` counts from the end.
        """

    def names(self, key: str) -> list[str]:
        """The names in a folder; empty if the folder does not exist or cannot be listed."""

    def linked(self, source: str) -> Folder | None:
        """The store to which a link with this `source` leads; None if it is this store itself."""


class LocalFolder:
    """A folder on the disk."""

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self, key: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        """Read bytes of a file."""
        try:
            with open(os.path.join(self.path, key), "rb") as file:
                if start:
                    file.seek(start, os.SEEK_SET if start > 0 else os.SEEK_END)
                return file.read() if stop is None else file.read(stop - (start or 0))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def names(self, key: str) -> list[str]:
        """The names in a folder."""
        try:
            return sorted(os.listdir(os.path.join(self.path, key)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def linked(self, source: str) -> Folder | None:
        """The store to which a link leads; old versions of hdmf-zarr wrote paths relative to the parent folder."""
        for base in (self.path, os.path.dirname(self.path)):
            path = os.path.normpath(os.path.join(base, source))
            if os.path.isdir(path):
                return None if os.path.samefile(path, self.path) else LocalFolder(path)
        return LocalFolder(os.path.normpath(os.path.join(self.path, source)))


class _Array(NamedTuple):
    """An array's path, and the metadata that are needed to check its chunks."""

    path: str
    is_blosc: bool  #: whether chunks are compressed by Blosc
    never_empty: bool  #: whether a missing chunk is damage
    is_new: bool  #: whether it has format 3


class StoreFiles:
    """The files of a store and of the stores to which its links lead, as Zarr sees them."""

    #: The first damage that was found; Zarr and hdmf may treat its error as a missing part.
    damage: InputError | None = None
    #: The store and array that were read last; if decoding fails, it is this array that cannot be decoded.
    last_read: tuple[StoreFiles, str] | None = None

    def __init__(self, folder: Folder) -> None:
        self.path = folder.path
        self._folders = [folder]
        self._arrays: dict[str, _Array | None] = {}

    def read(self, key: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        """Read bytes as :meth:`Folder.read` does, and check chunks.

        Raises
        ------
        InputError
            The file cannot be read, or is a chunk that is cut off, or that is missing although it cannot be empty.
        """
        folder, inner = self._place(key)
        parent, _, name = key.rpartition("/")
        array = self._array_of(parent) if name and name not in METADATA else None
        where = inner if array is None else f"chunk {key[len(array.path) :].strip('/')} of {self._place(array.path)[1]}"
        try:
            data = folder.read(inner, start, stop)
        except OSError as error:
            raise self._damaged(folder, f"{where} cannot be read: {error.strerror or error}") from error
        if array is not None or (name == ".zarray" and data is not None):
            StoreFiles.last_read = self, array.path if array else parent
        if array is None:
            return None if data is None else self._with_internal_links(data, folder, inner)
        if data is None and array.never_empty:
            why = ", or its writer left it out because it is empty: see Zarr in docs/layouts.md" if array.is_new else ""
            raise self._damaged(folder, f"{where} is missing{why}")
        if data is not None and array.is_blosc and start is None and _blosc_length(data) != len(data):
            raise self._damaged(folder, f"{where} is cut off or damaged")
        return data

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        folder, inner = self._place(key)
        return folder.read(inner, 0, 1) is not None

    @property
    def format(self) -> int | None:
        """The Zarr format, 2 or 3, according to the files in the store; None if the folder is not a store."""
        return 3 if self.exists("zarr.json") else 2 if self.exists(".zgroup") else None

    @property
    def is_consolidated(self) -> bool:
        """Whether the root has consolidated metadata."""
        return self.exists(".zmetadata") or "consolidated_metadata" in _metadata(self._folders[0], "zarr.json")

    def names(self, key: str) -> list[str]:
        """The names in a folder."""
        folder, inner = self._place(key.rstrip("/"))
        return folder.names(inner)

    def location(self, key: str) -> tuple[str, str]:
        """The path of the store in which a group or array lies, and its path in this store."""
        folder, inner = self._place(key)
        return folder.path, f"/{inner}"

    def undecoded(self, array: str, error: BaseException) -> InputError:
        """The error for an array that cannot be decoded."""
        folder, inner = self._place(array)
        return self._damaged(folder, f"a chunk of {inner} cannot be decoded: {error}")

    def _damaged(self, folder: Folder, what: str) -> InputError:
        error = InputError(f"{folder.path}: the Zarr store is damaged or incomplete ({what}).")
        self.damage = self.damage or error
        return error

    def _place(self, key: str) -> tuple[Folder, str]:
        """The store in which a file lies, and its path in this store."""
        if not key.startswith(f"{LINKED}/"):
            return self._folders[0], key
        _, number, *inner = key.split("/", 2)
        return self._folders[int(number)], inner[0] if inner else ""

    def _array_of(self, key: str) -> _Array | None:
        """The array whose chunks lie in the folder `key`; None if there is none."""
        if key not in self._arrays:
            around = re.match(r"(.+)/c(/\d+)*$", key)  # usual in format 3, and tried first to save requests to a server
            array = self._read_array(around.group(1)) if around else None
            array = array or self._read_array(key)
            parent = key.rpartition("/")[0] if self._place(key)[1] else ""
            self._arrays[key] = array or (self._array_of(parent) if parent else None)
        return self._arrays[key]

    def _read_array(self, key: str) -> _Array | None:
        """The array at `key`, from its metadata; None if there is no array."""
        folder, path = self._place(key)
        new = _metadata(folder, posixpath.join(path, "zarr.json"))
        if new.get("node_type") == "array":
            last_codec = (new.get("codecs") or [{}])[-1].get("name", "")
            return _Array(key, last_codec in ("blosc", "numcodecs.blosc"), _is_never_empty(folder, path, new), True)
        old = {} if new else _metadata(folder, posixpath.join(path, ".zarray"))
        return _Array(key, (old.get("compressor") or {}).get("id") == "blosc", True, False) if old else None

    def _with_internal_links(self, data: bytes, folder: Folder, inner: str) -> bytes | None:
        """Metadata in which links to other stores are replaced by links to where these stores are shown."""
        metadata = _parsed(data) if b'"source"' in data else {}
        changed = [self._relink(link, self._folders.index(folder)) for link in links_in(metadata)]
        if not any(changed):
            return data
        if inner == ".zmetadata":
            return None  # these consolidated metadata do not contain the other stores
        metadata.pop("consolidated_metadata", None)
        return json.dumps(metadata).encode()

    def _relink(self, link: dict[str, Any], number: int) -> bool:
        """Change a link to another store to where that store is shown; returns whether the link was changed."""
        is_internal = link["source"] == "."
        if not is_internal and (other := self._folders[number].linked(link["source"])) is not None:
            if other.path not in [folder.path for folder in self._folders]:
                self._folders.append(other)
            number = [folder.path for folder in self._folders].index(other.path)
        link["source"] = "."
        if number:
            link["path"] = f"/{LINKED}/{number}/{link['path'].lstrip('/')}"
        return bool(number) or not is_internal


def links_in(attributes: Any) -> Iterator[dict[str, Any]]:
    """Every link and reference in metadata: a dict with the `source` (a store) and the `path` to which it leads."""
    if isinstance(attributes, dict):
        if isinstance(attributes.get("source"), str) and isinstance(attributes.get("path"), str):
            yield attributes
        attributes = list(attributes.values())
    if isinstance(attributes, list):
        for value in attributes:
            yield from links_in(value)


def is_zarr_nwb(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is the Zarr store of an NWB file, of any format; the Zarr library is not needed."""
    folder = LocalFolder(os.fspath(path))
    try:
        attributes = _metadata(folder, "zarr.json").get("attributes")
        if attributes is None and folder.read(".zgroup") is not None:
            attributes = _metadata(folder, ".zattrs")
        return "nwb_version" in (attributes or {})
    except (OSError, TypeError):
        return False


def _metadata(folder: Folder, key: str) -> dict[str, Any]:
    """The content of a metadata file; empty if there is no such file."""
    return _parsed(folder.read(key))


def _parsed(data: bytes | None) -> dict[str, Any]:
    try:
        metadata = json.loads(data or b"{}")
    except ValueError:
        return {}
    return metadata if isinstance(metadata, dict) else {}


def _is_never_empty(folder: Folder, path: str, metadata: dict[str, Any]) -> bool:
    """Whether a missing chunk of an array of format 3 is damage."""
    attributes, shape = metadata.get("attributes", {}), metadata["shape"]
    if path in NEVER_EMPTY_IN_ROOT or len(shape) > 1 or not isinstance(metadata["data_type"], str):
        return True  # an array of several dimensions, or of elements with several fields
    if attributes.get("neurodata_type") in NEVER_EMPTY and shape[0] > 1:
        return True
    table = _metadata(folder, posixpath.join(posixpath.dirname(path), "zarr.json"))
    return bool(table.get("attributes", {}).get("namespace") == OUR_NAMESPACE)


def _blosc_length(chunk: bytes) -> int:
    """The length of a chunk according to its header, 0 if it has none; Blosc reads past the end of a shorter chunk."""
    return int.from_bytes(chunk[12:16], "little") if len(chunk) >= 16 else 0
