"""A remote file as a file object for HDF5."""

from __future__ import annotations

import io
import os
from collections.abc import Callable

from .blocks import BLOCK_BYTES, BlockStore
from .ranges import RangeReader

MOST_AHEAD = 64  #: blocks fetched beyond those that are needed

#: Called as `progress(name, fetched, size)`, in bytes, while a file is read.
ByteProgress = Callable[[str, int, int], None]


class RemoteFile:
    """The bytes of a remote file: from its store, and from the server where they are not there yet.

    Where reads follow one another, more is fetched than is needed, the more the longer this goes on; scattered reads,
    as of metadata, fetch single blocks.

    Attributes
    ----------
    version : Version
        What the server says of it.
    size : int
        Of the file, in bytes.
    fetched, n_requests : int
        Bytes that came from the server so far, and how many times it was asked.
    """

    def __init__(self, reader: RangeReader, store: BlockStore, progress: ByteProgress | None = None) -> None:
        assert reader.version is not None
        self.name = reader.name
        self.version = reader.version
        self.size = reader.version.size
        self.serves_parts = reader.serves_parts
        self.progress = progress
        self.fetched = len(reader.first)
        self.n_requests = 1
        self._reader = reader
        self._store = store
        self._next = 0  # block after those that were fetched or read last
        self._ahead = 0
        whole_blocks = len(reader.first) // BLOCK_BYTES if len(reader.first) < self.size else store.n_blocks
        for block in range(whole_blocks):
            if not store.has(block):
                store.put(block, reader.first[slice(*store.extent(block, block + 1))])

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`, fewer at the end of the file.

        Raises
        ------
        InputError
            They cannot be fetched.
        OutputError
            They cannot be kept.
        """
        stop = min(stop, self.size)
        if start >= stop:
            return b""
        first, end = start // BLOCK_BYTES, -(-stop // BLOCK_BYTES)
        follows = self._next - 1 <= first <= self._next
        block = first
        while block < end:
            if self._store.has(block):
                block += 1
            else:
                block = self._fetch(block, end, follows)
        self._next = max(end, self._next) if follows else end
        return self._store.read(start, stop)

    def close(self) -> None:
        """Let go of server and store."""
        self._reader.close()
        self._store.close()

    def _fetch(self, first: int, needed: int, follows: bool) -> int:
        """Fetch missing blocks from `first` on, in one request; returns the block after them."""
        self._ahead = min(max(1, 2 * self._ahead), MOST_AHEAD) if follows else 0
        wanted = min(needed + self._ahead, self._store.n_blocks) if self.serves_parts else self._store.n_blocks
        end = first + 1
        while end < wanted and not self._store.has(end):
            end += 1
        start, stop = self._store.extent(first, end)
        self.n_requests += 1
        block, waiting = first, bytearray()
        for piece in self._reader.pieces(start, stop):
            self.fetched += len(piece)
            waiting += piece
            while block < end and len(waiting) >= (length := self._length(block)):
                self._store.put(block, bytes(waiting[:length]))
                del waiting[:length]
                block += 1
            if self.progress is not None:
                self.progress(self.name, self.fetched, self.size)
        return end

    def _length(self, block: int) -> int:
        start, stop = self._store.extent(block, block + 1)
        return stop - start


class RemoteStream(io.RawIOBase):
    """A place in a remote file, for reading.

    Attributes
    ----------
    error : BaseException or None
        Why reading failed. HDF5 may hide it behind one of its own, or take what it could not read for absent; nothing
        can be read any more after it.
    """

    def __init__(self, file: RemoteFile) -> None:
        self.file = file
        self.error: BaseException | None = None
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
            data = self.file.read(self._position, self._position + len(target))
        except BaseException as error:
            self.error = error
            raise
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.file.size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position
