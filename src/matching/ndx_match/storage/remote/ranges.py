"""Read parts of a remote file, with several attempts, and make sure that all parts are of the same version."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import InputError
from .limits import is_too_slow
from .transports import LONGEST_WAIT, ConnectionLost, Reply, Transport, retry_after_seconds

TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)  #: HTTP statuses after which another attempt may succeed
ATTEMPTS = 6
FIRST_WAIT = 0.5  #: seconds
LARGEST_FILE = 1 << 46  #: 70 TB, in bytes; S3 does not store larger objects
OUT_OF_RANGE = 416
COMPRESSED = ("gzip", "x-gzip", "deflate", "compress", "br", "zstd")  #: values of Content-Encoding


@dataclass(frozen=True)
class Version:
    """What distinguishes versions of a file: its size in bytes, and the headers ETag and Last-Modified."""

    size: int
    tag: str = ""  #: empty if the server does not send it
    modified: str = ""  #: empty if the server does not send it


class Refused(InputError):
    """A server refuses to send a file and gives an HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class RangeReader:
    """Reads parts of a file from a server.

    Parameters
    ----------
    name : str
        Name of the file in messages.
    transport : Transport
    first_bytes, start : int
        Size and position of the part that is read first, in bytes. It is in the attribute `first`, and its position
        in the attribute `start`, which is 0 if the file ends before the `start` that was given.

    Raises
    ------
    InputError
        There is no such file, it is empty, may not be read, or was changed meanwhile, or the server does not answer.
    """

    version: Version
    serves_parts: bool  #: whether the server sends parts of files; otherwise it sends the whole file each time

    def __init__(self, name: str, transport: Transport, first_bytes: int, start: int = 0) -> None:
        self.name = name
        self._transport = transport
        self._is_known = False
        try:
            self.first, self.start = b"".join(self.pieces(start, start + first_bytes)), start
        except Refused as error:
            if error.status != OUT_OF_RANGE or not start:
                raise
            self.first, self.start = b"".join(self.pieces(0, first_bytes)), 0

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`, as they arrive; after a lost connection, reading continues there."""
        position, failures, seconds = start, 0, 0.0
        while position < stop:
            before, last_error, began = position, ConnectionLost("the connection was lost"), time.monotonic()
            try:
                with self._transport.get(position, stop) as reply:
                    self._check(reply, position)
                    stop = min(stop, self.version.size)
                    for piece in _body(reply, position, stop):
                        position += len(piece)
                        yield piece
            except ConnectionLost as error:
                last_error = error
            seconds += time.monotonic() - began
            if position < stop:
                failures = 1 if position > before else failures + 1
                self._wait(failures, last_error, position)
                if is_too_slow(seconds, position - start):
                    raise InputError(
                        f"{self.name}: the server is too slow ({position - start:,} bytes in {seconds:.0f} seconds); "
                        "try again later, or download the file and give the path of the copy."
                    )

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def _wait(self, failures: int, error: ConnectionLost, position: int) -> None:
        if failures < ATTEMPTS:
            time.sleep(seconds_to_wait(failures, error.wait))
        elif not self._is_known:
            raise InputError(
                f"{self.name}: the file cannot be read over the network because {error} (tried {failures} times); "
                "check the address."
            )
        else:
            raise InputError(
                f"{self.name}: the file could be read only to byte {position:,} of {self.version.size:,} because "
                f"{error} (tried {failures} times); try again later."
            )

    def _check(self, reply: Reply, position: int) -> None:
        """Raise an error if an answer is not a part of this file: ConnectionLost if the server is busy."""
        if reply.status in TRY_AGAIN:
            wait = retry_after_seconds(reply.headers.get("retry-after", ""))
            raise ConnectionLost(f"the server answers with HTTP status {reply.status}", wait)
        is_empty = reply.status == OUT_OF_RANGE and not self._is_known and position == 0
        if not is_empty and reply.status not in (200, 206):
            raise Refused(f"{self.name}: {self._transport.refusal(reply.status)}", reply.status)
        coding = reply.headers.get("content-encoding", "").strip().lower()
        if coding in COMPRESSED:
            raise InputError(
                f"{self.name}: the server sends this file compressed ({coding}), so that parts of it cannot be read; "
                "download it, unpack it if it is still compressed, and give the path of the copy."
            )
        tag, modified = (reply.headers.get(name, "") for name in ("etag", "last-modified"))
        version = Version(0 if is_empty else self._size(reply), tag, modified)
        if version.size == 0 and not self._is_known:
            raise InputError(f"{self.name}: the file is empty.")
        if not self._is_known:
            self.version, self.serves_parts, self._is_known = version, reply.status == 206, True
        elif version != self.version:
            raise InputError(f"{self.name}: the file was changed on its server while it was read; run the same again.")
        if reply.status == 206 and not reply.headers["content-range"].startswith(f"bytes {position}-"):
            raise InputError(
                f"{self.name}: the server sends other parts of the file than requested; download the file and give the "
                "path of the copy."
            )

    def _size(self, reply: Reply) -> int:
        """The size of the whole file, in bytes."""
        header, pattern = "content-length", r"(\d{1,20})"
        if reply.status == 206:
            header, pattern = "content-range", r"bytes \d{1,20}-\d{1,20}/(\d{1,20})"
        pattern_match = re.fullmatch(pattern, reply.headers.get(header, ""), re.ASCII)
        if pattern_match is None or int(pattern_match.group(1)) > LARGEST_FILE:
            how = (
                "does not state the size of the file"
                if pattern_match is None
                else "states an impossible size of the file"
            )
            raise InputError(f"{self.name}: the server {how}; download it and give the path of the copy.")
        return int(pattern_match.group(1))


def seconds_to_wait(failures: int, retry_after: float = 0.0) -> float:
    """The wait after a number of failures in a row: it doubles with each failure, and a server may ask for more."""
    return min(LONGEST_WAIT, max(FIRST_WAIT * 2 ** (failures - 1), retry_after))


def _body(reply: Reply, position: int, stop: int) -> Iterator[bytes]:
    """The bytes from `position` to before `stop` of an answer, which may contain the whole file."""
    skipped = 0 if reply.status == 206 else position
    remaining = stop - position
    for received in reply.pieces:
        piece = received[skipped:]
        skipped -= len(received) - len(piece)
        if piece and remaining > 0:
            yield piece[:remaining]
            remaining -= len(piece)
        if remaining <= 0:
            if reply.status == 206:
                next(reply.pieces, None)  # reads to the end of the answer, so that the connection can be used again
            return
