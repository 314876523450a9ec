"""A remote file as a file object for HDF5."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable

from .blocks import BLOCK_BYTES, BlockStore
from .ranges import RangeReader

MOST_AHEAD = 64  #: blocks fetched beyond those that are needed

#: Called as `progress(name, fetched, size)`, in bytes, while a file is read.
ByteProgress = Callable[[str, int, int], None]


class RemoteFile:
    """The bytes of a remote file, from its store or, if they are not in the store yet, from the server.

    Scattered reads, such as those of metadata, fetch single blocks. If reads follow each other, blocks are fetched
    ahead: one, and twice as many each time, at most :data:`MOST_AHEAD`.

    `version` and `serves_parts` are those of the reader; `progress` may be changed at any time.
    """

    progress: ByteProgress | None = None

    def __init__(self, reader: RangeReader, store: BlockStore) -> None:
        self.version = reader.version
        self.serves_parts = reader.serves_parts
        self._reader = reader
        self._store = store
        self._fetched = 0
        self._next = 0  # block after those that were fetched or read last
        self._ahead = 0
        self._keep([reader.first], reader.start // BLOCK_BYTES, store.n_blocks)

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`, fewer at the end of the file."""
        stop = min(stop, self.version.size)
        if start >= stop:
            return b""
        block, end = start // BLOCK_BYTES, -(-stop // BLOCK_BYTES)
        follows = self._next - 1 <= block <= self._next
        while block < end:
            block = block + 1 if self._store.has(block) else self._fetch(block, end, follows)
        self._next = max(end, self._next) if follows else end
        return self._store.read(start, stop)

    def close(self) -> None:
        """End the connection to the server and close the store."""
        self._reader.close()
        self._store.close()

    def _fetch(self, first: int, needed: int, follows: bool) -> int:
        """Fetch missing blocks from `first` on in one request; returns the number of the block after them."""
        self._ahead = min(max(1, 2 * self._ahead), MOST_AHEAD) if follows else 0
        limit = min(needed + self._ahead, self._store.n_blocks) if self.serves_parts else self._store.n_blocks
        end = first + 1
        while end < limit and not self._store.has(end):
            end += 1
        self._keep(self._reader.pieces(*self._store.extent(first, end)), first, end)
        return end

    def _keep(self, pieces: Iterable[bytes], block: int, end: int) -> None:
        """Put each block into the store when all its bytes have arrived."""
        waiting = bytearray()
        for piece in pieces:
            self._fetched += len(piece)
            waiting += piece
            while block < end:
                start, stop = self._store.extent(block, block + 1)
                if len(waiting) < stop - start:
                    break
                if not self._store.has(block):
                    self._store.put(block, bytes(waiting[: stop - start]))
                del waiting[: stop - start]
                block += 1
            if self.progress is not None:
                self.progress(self._reader.name, self._fetched, self.version.size)


class RemoteStream(io.RawIOBase):
    """A remote file as a file object that can be read, with its own position."""

    #: The error of the first read that failed. It is raised again by each later read, because HDF5 may replace it by
    #: an error of HDF5 or treat what it could not read as absent.
    error: BaseException | None = None

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self.error is not None:
            raise self.error
        target = memoryview(buffer).cast("B")
        try:
            data = self._file.read(self._position, self._position + len(target))
        except BaseException as error:
            self.error = error
            raise
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position}.get(whence, self._file.version.size)
        return self._position

    def tell(self) -> int:
        return self._position
