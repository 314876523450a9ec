"""How many things are done at the same time; no result depends on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_limit: ContextVar[int | None] = ContextVar("limit", default=None)


def number_of_workers() -> int:
    """The number that :func:`limited_workers` allows; by default one for each core that this process may use."""
    return _limit.get() or _cores()


@contextmanager
def limited_workers(number: int | None) -> Iterator[None]:
    """Limit the number of workers while the block runs; None changes nothing."""
    token = _limit.set(number if number is not None else _limit.get())
    try:
        yield
    finally:
        _limit.reset(token)


@contextmanager
def one_thread_per_worker() -> Iterator[None]:
    """Keep linear algebra and OpenCV from starting threads of their own while the block runs."""
    import cv2
    from threadpoolctl import threadpool_limits

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        cv2.setNumThreads(before)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
