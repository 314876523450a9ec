"""Bound what a server may send and how long it may take, so that no answer is endless."""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from typing import Any

PATIENCE = 120.0  #: seconds that an answer, or all answers to one need, may take beyond the time of their bytes
SLOWEST = 10_000.0  #: bytes a second
MOST_BESIDE = 1 << 20  #: bytes of headers, and of the bodies of redirects and errors
MOST_UNSTATED = 1 << 26  #: of a body whose length the server does not state, which is asked for in several parts


class Endless(OSError):
    """An answer that is larger than it may be, or slower."""


def is_too_slow(seconds: float, n_bytes: int) -> bool:
    """Whether so many bytes may not take so long."""
    return seconds > PATIENCE + n_bytes / SLOWEST


def limit_answers(pool_classes: dict[str, Any], most: int | None = None) -> None:
    """Let the connections of pools of urllib3, by their schemes, bound all answers; `most` also those of known length.

    urllib3 and requests bound the time between two bytes only.
    """
    answer = type("LimitedAnswer", (LimitedAnswer,), {"most": most})
    for scheme, pool in pool_classes.items():
        connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), {"response_class": answer})
        pool_classes[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": connection})


class LimitedAnswer(HTTPResponse):
    """An answer that ends with an error when it is too large or too slow."""

    most: int | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limited = _Limited(self.fp.detach())  # type: ignore[attr-defined]
        self.fp = io.BufferedReader(self._limited)  # type: ignore[assignment]

    def begin(self) -> None:
        """Read the headers, which say how much more there may be."""
        super().begin()
        if self.status in (200, 206):
            body = MOST_UNSTATED if self.length is None else self.length
            self._limited.left += body if self.most is None else min(body, self.most)


class _Limited(io.RawIOBase):
    """What arrives from a server, within limits."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._since, self._received = time.monotonic(), 0
        self.left = MOST_BESIDE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if is_too_slow(time.monotonic() - self._since, self._received):
            raise Endless("the server is too slow")
        if self.left <= 0:
            raise Endless("the answer has no end")
        n_bytes: int | None = self._raw.readinto(memoryview(buffer)[: self.left])  # type: ignore[attr-defined]
        self._received += n_bytes or 0
        self.left -= n_bytes or 0
        return n_bytes

    def close(self) -> None:
        self._raw.close()
        super().close()
