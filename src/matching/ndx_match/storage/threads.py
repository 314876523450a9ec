"""Write files in a thread of their own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event


def in_another_thread(write: Callable[[Event], None]) -> None:
    """Write, undisturbed by signals, which interrupt only the main thread.

    Within HDF5 they would lose data, and Zarr 3 would go on writing in a thread of its own into a folder that is being
    removed. `write` is given an event that is set when a signal comes: then its file is not to be kept. It is waited
    for.
    """
    stopped = Event()
    with ThreadPoolExecutor(max_workers=1) as writer:
        written = writer.submit(write, stopped)
        try:
            written.result()
        except BaseException:
            stopped.set()
            raise
