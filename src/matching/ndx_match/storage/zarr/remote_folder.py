"""The files of a Zarr store below a URL."""

from __future__ import annotations

import posixpath

from ...errors import InputError
from ..remote.ranges import RangeReader, Refused
from ..remote.transports import Transport
from .files import Folder

MISSING = (403, 404, 410)  #: what servers say of a file that is not there; S3 the first where nothing may be listed
FIRST_BYTES = 1 << 24  #: of a file, asked for before it is known how large it is
LARGEST = 1 << 31  #: bytes of a file of a store, twice what its compression takes


class RemoteFolder:
    """A folder on a web server or S3: what gives its files, and its address as it may be shown."""

    def __init__(self, transport: Transport, path: str) -> None:
        self.path = path
        self._transport = transport

    def read(self, key: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        """Bytes of a file."""
        name = f"{self.path}: {key}"
        first = max(start or 0, 0)
        try:
            reader = RangeReader(name, self._transport.inner(key), (stop - first) if stop else FIRST_BYTES, first)
        except Refused as error:
            if error.status in MISSING:
                return None
            raise
        size = reader.version.size
        if size > LARGEST:
            raise InputError(
                f"{name} is larger than a file of a Zarr store can be ({size:,} bytes); check the address."
            )
        begin = max(size + start, 0) if start and start < 0 else first
        end = size if stop is None else min(stop, size)
        fetched = reader.first[max(begin - reader.start, 0) : max(end - reader.start, 0)]
        return b"".join((fetched, *reader.pieces(begin + len(fetched), end)))

    def names(self, key: str) -> list[str]:
        """None: web servers do not list, and hdmf-zarr finds what is there in the consolidated metadata."""
        return []

    def linked(self, source: str) -> Folder | None:
        """Itself by another name; other stores are not read over the network."""
        if posixpath.normpath(posixpath.join(self.path, source)) == posixpath.normpath(self.path):
            return None
        raise InputError(f"{self.path}: this store takes data from {source}; download both, and give the copy.")
