"""Write files in a thread of their own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def in_another_thread(write: Callable[[], None]) -> None:
    """Write, undisturbed by signals, which interrupt only the main thread.

    Within HDF5 they would lose data, and Zarr 3 would go on writing in a thread of its own into a folder that is being
    removed.
    """
    with ThreadPoolExecutor(max_workers=1) as writer:
        writer.submit(write).result()
