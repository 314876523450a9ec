"""Keep the blocks of a remote file that were fetched, in a file of the same layout."""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

from ...errors import OutputError

BLOCK_BYTES = 1 << 15
DATA, INDEX = "data", "index"  #: names of the files in the store's folder
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
            self._data, self._index = (_open(folder, name) for name in (DATA, INDEX))
        except OSError as error:
            raise self._error(error) from None
        self._known: dict[int, bool] = {}

    def has(self, block: int) -> bool:
        """Whether the block is there and whole."""
        if block not in self._known:
            entry = int.from_bytes(_read(self._index, block * ENTRY_BYTES, ENTRY_BYTES), "little")
            self._known[block] = bool(entry) and entry == _entry(self.read(*self.extent(block, block + 1)))
        return self._known[block]

    def agrees(self, first: int, data: bytes) -> bool:
        """Whether the whole blocks from `first` on that are in the data are as they are here, as far as they are."""
        for block in range(first, self.n_blocks):
            start, stop = (position - first * BLOCK_BYTES for position in self.extent(block, block + 1))
            if stop > len(data):
                break
            if self.has(block) and self.read(*self.extent(block, block + 1)) != data[start:stop]:
                return False
        return True

    def put(self, block: int, data: bytes) -> None:
        """Keep a block."""
        entry = _entry(data)
        try:
            _write(self._data, block * BLOCK_BYTES, data)
            _write(self._index, block * ENTRY_BYTES, entry.to_bytes(ENTRY_BYTES, "little"))
        except OSError as error:
            raise self._error(error) from None
        self._known[block] = True

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


def _open(folder: Path | None, name: str) -> Any:
    """A file for reading and writing at any place; without a folder one that has no name."""
    if folder is None:
        return tempfile.TemporaryFile(buffering=0, prefix="ndx-match-")
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return open(os.open(folder / name, flags, 0o600), "r+b", buffering=0)


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
