"""Keep the fetched blocks of a remote file in a local file, in which each byte has the same position."""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

from ...errors import OutputError

BLOCK_BYTES = 1 << 15
DATA, INDEX = "data", "index"  #: names of the files in the store's folder
STORED = 1 << 32  #: this bit of an index entry is set if the block is there; the lower bits are its CRC-32
ENTRY_BYTES = 8


class BlockStore:
    """The fetched blocks of one version of a remote file, on the disk.

    Each block is written at its position in the remote file; parts that were not fetched are holes, which take no
    space on the disk. An index has the checksum of each block, which is written after the block. A process may
    therefore end at any time, several processes may write at the same time (they write the same bytes), and a damaged
    block is treated as absent.

    Parameters
    ----------
    size : int
        Size of the remote file, in bytes.
    folder : Path, optional
        Where the blocks are kept. Without it, they are kept only until the store is closed or the process ends.

    Raises
    ------
    OutputError
        The folder cannot be written into, or the disk is full.
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
        """Whether the block is there and its checksum is right."""
        if block not in self._known:
            entry = int.from_bytes(_read(self._index, block * ENTRY_BYTES, ENTRY_BYTES), "little")
            self._known[block] = bool(entry) and entry == _entry(self.read(*self.extent(block, block + 1)))
        return self._known[block]

    def agrees(self, first: int, data: bytes) -> bool:
        """Whether no block of this store differs from `data`, which begin at the block `first`."""
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
            f"{self._where}: fetched data cannot be written into this folder ({error.strerror or error}); free some "
            "space, or set the environment variable NDX_MATCH_CACHE (with --no-cache, TMPDIR) to another folder."
        )


def _open(folder: Path | None, name: str) -> Any:
    """Open a file for reading and writing at any position; without a folder, a temporary file."""
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
