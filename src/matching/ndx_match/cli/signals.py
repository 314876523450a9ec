"""Stop a command on a signal, so that no half-written file stays behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 5.0  #: seconds for cleaning up, during which further signals are ignored


class Stop:
    """Handles signals; `code` is the exit code: 128 plus the number of the first signal, or None if none has come."""

    def __init__(self) -> None:
        self.code: int | None = None
        self._since = 0.0

    def handle(self, number: int, _: Any) -> None:
        """At the first signal, end the block and clean up; if that hangs, a later signal ends the process at once."""
        if self.code is None:
            self.code, self._since = 128 + number, time.monotonic()
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            sys.exit(self.code)
        if time.monotonic() - self._since > PATIENCE:
            from ..storage.publish import settle_drafts

            settle_drafts()
            os._exit(self.code)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Let SIGINT (Ctrl-C), SIGTERM and SIGHUP end the block by an exception, unless the process ignores them."""
    stop = Stop()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, stop.handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
