"""Limit how much a server may send and how long it may take, so that no answer is endless."""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from typing import Any

PATIENCE = 120.0  #: seconds that an answer may take in addition to the time for its bytes at the slowest rate
SLOWEST = 10_000.0  #: slowest rate, in bytes per second
MOST_BESIDE = 1 << 20  #: most bytes of headers, and of the bodies of redirects and errors
MOST_UNSTATED = 1 << 26  #: most bytes of a body whose length the server does not state; more is fetched in parts


class Endless(OSError):
    """An answer is larger or slower than it may be."""


def is_too_slow(seconds: float, n_bytes: int) -> bool:
    """Whether `seconds` are too long for `n_bytes`."""
    return seconds > PATIENCE + n_bytes / SLOWEST


def limit_answers(pool_classes: dict[str, Any], most: int | None = None) -> None:
    """Make the connections of urllib3's pools limit all answers; urllib3 limits only the time between two bytes.

    Parameters
    ----------
    pool_classes : dict of str to type
        urllib3's pool classes by their schemes; they are replaced.
    most : int, optional
        Largest body, in bytes, also if the server states its length.
    """
    answer = type("LimitedAnswer", (LimitedAnswer,), {"most": most})
    for scheme, pool in pool_classes.items():
        connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), {"response_class": answer})
        pool_classes[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": connection})


class LimitedAnswer(HTTPResponse):
    """An answer of a server that ends with :class:`Endless` if it is too large or too slow."""

    most: int | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limited = _Limited(self.fp.detach())  # type: ignore[attr-defined]
        self.fp = io.BufferedReader(self._limited)  # type: ignore[assignment]

    def begin(self) -> None:
        """Read the headers, which state how long the body may be."""
        super().begin()
        if self.status in (200, 206):
            body = MOST_UNSTATED if self.length is None else self.length
            self._limited.remaining += body if self.most is None else min(body, self.most)


class _Limited(io.RawIOBase):
    """The bytes from a server, as many as the limits allow."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._since, self._received = time.monotonic(), 0
        self.remaining = MOST_BESIDE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if is_too_slow(time.monotonic() - self._since, self._received):
            raise Endless("the server is too slow")
        if self.remaining <= 0:
            raise Endless("the answer has no end")
        n_bytes: int | None = self._raw.readinto(memoryview(buffer)[: self.remaining])  # type: ignore[attr-defined]
        self._received += n_bytes or 0
        self.remaining -= n_bytes or 0
        return n_bytes

    def close(self) -> None:
        self._raw.close()
        super().close()
