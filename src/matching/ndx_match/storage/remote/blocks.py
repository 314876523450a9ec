"""Keep the blocks of a remote file that were fetched, in a file of the same layout."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import OutputError
from .ranges import Version

BLOCK_BYTES = 1 << 15
STORED = 1 << 32  #: bit of an index entry that says that the block is there; the bits below are its CRC-32
ENTRY_BYTES = 8


class BlockStore:
    """The blocks of one version of one file, on the disk.

    The data lie where they lie in the file itself, which leaves holes on the disk; an index holds the checksum of each
    block, written after the block. So a process may be ended at any time, several may write at the same time (they
    write the same), and a damaged block counts as absent.

    Without a folder they are kept until the store is closed or the process ends, however it ends. An OutputError says
    that the folder cannot be written into, or the disk is full.
    """

    def __init__(self, size: int, folder: Path | None = None) -> None:
        self._where = folder or tempfile.gettempdir()
        self.n_blocks = -(-size // BLOCK_BYTES)
        self._size = size
        try:
            self._data, self._index = (_open(folder, name) for name in ("data", "index"))
            entries = _read(self._index, 0, self.n_blocks * ENTRY_BYTES).ljust(self.n_blocks * ENTRY_BYTES, b"\0")
        except OSError as error:
            raise self._error(error) from None
        self._entries = np.frombuffer(bytearray(entries), "<u8")
        self._checked = np.zeros(self.n_blocks, bool)

    def has(self, block: int) -> bool:
        """Whether the block is there and whole."""
        if not self._checked[block] and self._entries[block]:
            self._checked[block] = self._entries[block] == _entry(self.read(*self.extent(block, block + 1)))
            self._entries[block] *= self._checked[block]
        return bool(self._checked[block])

    def put(self, block: int, data: bytes) -> None:
        """Keep a block."""
        entry = _entry(data)
        try:
            _write(self._data, block * BLOCK_BYTES, data)
            _write(self._index, block * ENTRY_BYTES, entry.to_bytes(ENTRY_BYTES, "little"))
        except OSError as error:
            raise self._error(error) from None
        self._entries[block] = entry
        self._checked[block] = True

    def read(self, start: int, stop: int) -> bytes:
        """Bytes whose blocks are all there."""
        return _read(self._data, start, stop - start)

    def extent(self, first: int, end: int) -> tuple[int, int]:
        """The bytes from the block `first` to before the block `end`."""
        return first * BLOCK_BYTES, min(end * BLOCK_BYTES, self._size)

    def close(self) -> None:
        """Close the files."""
        self._data.close()
        self._index.close()

    def _error(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self._where}: what was fetched cannot be kept there ({error.strerror or error}); free some space, or "
            "use another folder by the environment variable NDX_MATCH_CACHE or, with --no-cache, by TMPDIR."
        )


def store_in(cache: Path | None, name: str, version: Version) -> BlockStore:
    """The store of a version of a file in the cache, where blocks of its other versions are deleted.

    A file whose server says nothing by which a change would show is not kept.
    """
    if cache is None or not (version.tag or version.modified):
        return BlockStore(version.size)
    file_folder = cache / _digest(name)
    folder = file_folder / _digest(repr(version))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (file_folder / "address.txt").write_text(f"{name}\n")
        for other in file_folder.iterdir():
            if other.is_dir() and other != folder:
                shutil.rmtree(other, ignore_errors=True)
    except OSError as error:
        raise OutputError(
            f"{cache}: this folder cannot keep what is fetched ({error.strerror}); use --no-cache, or another folder "
            "by the environment variable NDX_MATCH_CACHE."
        ) from None
    return BlockStore(version.size, folder)


def _open(folder: Path | None, name: str) -> Any:
    """A file for reading and writing at any place; without a folder one that has no name."""
    if folder is None:
        return tempfile.TemporaryFile(buffering=0, prefix="ndx-match-")
    (folder / name).touch()
    return open(folder / name, "r+b", buffering=0)


def _read(file: Any, start: int, n_bytes: int) -> bytes:
    file.seek(start)
    parts = []
    while n_bytes > 0 and (part := file.read(n_bytes)):
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)


def _write(file: Any, start: int, data: bytes) -> None:
    file.seek(start)
    rest = memoryview(data)
    while len(rest):
        rest = rest[file.write(rest) :]


def _entry(data: bytes) -> int:
    return STORED | zlib.crc32(data)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
