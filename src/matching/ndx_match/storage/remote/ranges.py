"""Read parts of a remote file, with patience, and make sure that they are parts of one and the same file."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import InputError
from .transports import ConnectionLost, Reply, Transport

TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)  #: HTTP statuses that may pass


@dataclass(frozen=True)
class Patience:
    """How often and how long to wait for a server: the wait doubles with each failure in a row."""

    attempts: int = 6
    first_wait: float = 0.5  #: seconds
    longest_wait: float = 30.0

    def wait(self, failures: int, asked_for: float = 0.0) -> float:
        """Seconds to wait after so many failures in a row; a server may ask for more."""
        return min(self.longest_wait, max(self.first_wait * 2 ** (failures - 1), asked_for))


@dataclass(frozen=True)
class Version:
    """What tells one version of a file from another: all that the server says of it.

    Attributes
    ----------
    size : int
        Bytes.
    tag, modified : str
        The headers ETag and Last-Modified; empty where the server sends none.
    """

    size: int
    tag: str = ""
    modified: str = ""

    @property
    def is_known(self) -> bool:
        """Whether a changed file would show."""
        return bool(self.tag or self.modified)


class RangeReader:
    """Reads parts of a file from a server.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    transport : Transport
    patience : Patience
    first_bytes : int
        How much the first request asks for.

    Attributes
    ----------
    version : Version
    serves_parts : bool
        Whether the server gives parts; one that does not sends the whole file each time.
    first : bytes
        The beginning of the file, which came with the first answer.

    Raises
    ------
    InputError
        There is no such file, it is empty, may not be read, or the server does not answer.
    """

    def __init__(self, name: str, transport: Transport, patience: Patience, first_bytes: int) -> None:
        self.name = name
        self._transport = transport
        self._patience = patience
        self.version: Version | None = None
        self.serves_parts = True
        self.first = b"".join(self._beginning(first_bytes))

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`, as they arrive; a lost connection is taken up where it broke off.

        Raises
        ------
        InputError
            The server does not answer any more, or the file was changed meanwhile.
        """
        position, failures = start, 0
        while position < stop:
            before = position
            asked_for = 0.0
            try:
                with self._transport.get(position, stop) as reply:
                    asked_for = self._check(reply, position)
                    if not asked_for:
                        for piece in self._body(reply, position, stop):
                            position += len(piece)
                            yield piece
                reason = "the connection was lost" if reply.status in (200, 206) else f"the server says {reply.status}"
            except ConnectionLost as error:
                reason = str(error)
            if position < stop:
                failures = 1 if position > before else failures + 1
                self._wait(failures, asked_for, reason, position)

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def _beginning(self, n_bytes: int) -> Iterator[bytes]:
        failures = 0
        while True:
            asked_for = 0.0
            try:
                with self._transport.get(0, n_bytes) as reply:
                    if reply.status == 416:
                        raise InputError(f"{self.name}: the file is empty.")
                    asked_for = self._check(reply, 0)
                    if not asked_for:
                        if self.serves_parts:
                            yield b"".join(self._body(reply, 0, n_bytes))
                        return
                reason = f"the server says {reply.status}"
            except ConnectionLost as error:
                reason = str(error)
            failures += 1
            self._wait(failures, asked_for, reason, 0)

    def _wait(self, failures: int, asked_for: float, reason: str, position: int) -> None:
        if failures < self._patience.attempts:
            time.sleep(self._patience.wait(failures, asked_for))
            return
        attempts = f"tried {failures} times"
        if self.version is None:
            raise InputError(f"{self.name}: the file cannot be read, {reason} ({attempts}); check address and network.")
        raise InputError(
            f"{self.name}: the file could be read to byte {position:,} of {self.version.size:,} only, {reason} "
            f"({attempts}); run the same again later."
        )

    def _check(self, reply: Reply, position: int) -> float:
        """Refuse what is no part of this file; returns the seconds to wait where the server is busy, otherwise 0."""
        if reply.status in TRY_AGAIN:
            return max(_seconds(reply.headers.get("retry-after", "")), 1e-6)
        if reply.status not in (200, 206):
            raise InputError(f"{self.name}: {self._transport.refusal(reply.status)}")
        version = Version(_size(reply, self.name), *(reply.headers.get(name, "") for name in ("etag", "last-modified")))
        if self.version is None:
            if version.size == 0:
                raise InputError(f"{self.name}: the file is empty.")
            self.version = version
            self.serves_parts = reply.status == 206
        elif version != self.version:
            raise InputError(f"{self.name}: the file was changed on its server while it was read; run the same again.")
        if reply.status == 206 and not reply.headers["content-range"].startswith(f"bytes {position}-"):
            raise InputError(f"{self.name}: the server sends other parts of the file than those asked for.")
        return 0.0

    def _body(self, reply: Reply, position: int, stop: int) -> Iterator[bytes]:
        """The wanted bytes of an answer, which may be the whole file."""
        skipped = 0 if reply.status == 206 else position
        left = stop - position
        for received in reply.pieces:
            piece = received[skipped:]
            skipped -= len(received) - len(piece)
            if piece and left > 0:
                yield piece[:left]
                left -= len(piece)
            if left <= 0 and reply.status == 200:
                return  # a part is read to its end, so that the connection can be used again


def _size(reply: Reply, name: str) -> int:
    """Of the whole file, in bytes."""
    if reply.status == 206:
        found = re.fullmatch(r"bytes \d+-\d+/(\d+)", reply.headers.get("content-range", ""))
        if found:
            return int(found.group(1))
    elif reply.headers.get("content-length", "").isdigit():
        return int(reply.headers["content-length"])
    raise InputError(f"{name}: the server does not say how large the file is; download it and give the copy.")


def _seconds(text: str) -> float:
    return float(text) if text.isdigit() else 0.0
