"""The files of a Zarr store below a URL."""

from __future__ import annotations

import posixpath

from ...errors import InputError
from ..remote.ranges import RangeReader, Refused
from ..remote.transports import Transport
from .files import Folder

#: HTTP statuses for a file that does not exist; S3 answers 403 if the bucket may not be listed.
MISSING = (403, 404, 410)
FIRST_BYTES = 1 << 24  #: requested first of each file, whose size is not known yet
LARGEST = 1 << 31  #: largest file of a store, in bytes: twice as much as Blosc can compress


class RemoteFolder:
    """A folder on a web server or S3.

    Parameters
    ----------
    transport : Transport
        Fetches the files.
    path : str
        The address without passwords, for messages.
    """

    def __init__(self, transport: Transport, path: str) -> None:
        self.path = path
        self._transport = transport

    def read(self, key: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        """Read bytes of a file."""
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
            raise InputError(f"{name} is too large ({size:,} bytes) for a file of a Zarr store; check the address.")
        begin = max(size + start, 0) if start and start < 0 else first
        end = size if stop is None else min(stop, size)
        fetched = reader.first[max(begin - reader.start, 0) : max(end - reader.start, 0)]
        return b"".join((fetched, *reader.pieces(begin + len(fetched), end)))

    def names(self, key: str) -> list[str]:
        """Always empty: web servers do not list folders, and hdmf-zarr uses the consolidated metadata instead."""
        return []

    def linked(self, source: str) -> Folder | None:
        """None if the link leads to this store itself; raises InputError for other stores."""
        if posixpath.normpath(posixpath.join(self.path, source)) == posixpath.normpath(self.path):
            return None
        raise InputError(
            f"{self.path}: this store takes data from {source}; download both and give the path of the copy."
        )
