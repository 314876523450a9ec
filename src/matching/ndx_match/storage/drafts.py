"""The hidden files of an output that is being written, and how they are removed if the writing process was killed.

A process that writes `matches.nwb` (the writer) makes these files beside it, with the same random number in their
names:

- `.ndx-match-<number>.lock`, which names the writer and its output, and is locked while the writer runs;
- `.ndx-match-<number>.new.nwb`, the output that is being written;
- `.ndx-match-<number>.old.zarr`, a store that is being replaced, until the new store has its name.

The system releases the lock when a process ends, however it ends. A lock that can be taken therefore belongs to a
writer that has ended. A process number would not show this, because it can be given to another process; nor would the
age of a file, because a job may run for a week. On some network file systems a lock is valid on one machine only, so
files of writers on other machines are not touched. The lock is a separate file because HDF5 locks the files that it
opens.
"""

from __future__ import annotations

import json
import os
import platform
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

fcntl: Any
try:
    import fcntl
except ImportError:  # on Windows, where the files of a killed writer are not removed
    fcntl = None

PREFIX = ".ndx-match-"
LONGEST_SUFFIX = 16


class Draft:
    """An output that is being written: the name that it will have, and the names of the hidden files."""

    def __init__(self, path: Path, number: str | None = None) -> None:
        number = number or secrets.token_hex(8)
        suffix = path.suffix if len(path.suffix) <= LONGEST_SUFFIX else ""
        self.path = path
        self.new, self.old = (path.with_name(f"{PREFIX}{number}.{kind}{suffix}") for kind in ("new", "old"))
        self.lock = path.with_name(f"{PREFIX}{number}.lock")
        self.process = os.getpid()
        self.reserved = False  #: whether `path` is an empty file or folder that only reserves the name

    def begin(self) -> int | None:
        """Make the lock; returns the open file that holds it, or None if the system has no locks."""
        if fcntl is None:
            return None
        about = {"output": self.path.name, "host": platform.node(), "process": self.process}
        descriptor = self._locked()
        if not _is_still(descriptor, self.lock):  # another process removed it before it was locked
            os.close(descriptor)
            descriptor = self._locked()
        try:
            os.write(descriptor, json.dumps(about).encode())
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _locked(self) -> int:
        descriptor = os.open(self.lock, os.O_CREAT | os.O_RDWR, 0o600)
        with suppress(OSError):  # the file system has no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def settle(self) -> None:
        """Remove the hidden files; a store that was renamed gets its name back if there is no new one.

        May be called again.
        """
        if self.reserved:
            with suppress(OSError):
                if os.path.isdir(self.path):
                    os.rmdir(self.path)  # fails if it is not empty
                elif os.lstat(self.path).st_size == 0:
                    os.unlink(self.path)
        if not os.path.lexists(self.path):
            with suppress(OSError):
                os.rename(self.old, self.path)
        _remove(self.new)
        if os.path.lexists(self.path):
            _remove(self.old)
        if not any(map(os.path.lexists, (self.new, self.old))):
            _remove(self.lock)


def settle_abandoned(folder: Path) -> None:
    """Remove the files that killed writers left in a folder; stores that they had renamed get their names back.

    Files of a writer that still runs, or that is on another machine, stay.
    """
    if fcntl is None:
        return
    with suppress(OSError):
        for name in os.listdir(folder):
            if pattern_match := re.fullmatch(rf"{re.escape(PREFIX)}([0-9a-f]{{16}})\.lock", name):
                with suppress(OSError, ValueError, KeyError, TypeError):
                    _settle_if_abandoned(folder, name, pattern_match.group(1))


def _settle_if_abandoned(folder: Path, name: str, number: str) -> None:
    descriptor = os.open(folder / name, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails if the writer still runs
        if not _is_still(descriptor, folder / name):
            return
        text = os.read(descriptor, 10_000)
        if not text:  # killed before it wrote anything else
            os.unlink(folder / name)
            return
        about = json.loads(text)
        draft = Draft(folder / about["output"], number)
        if about["host"] != platform.node() or draft.path.parent != folder:
            return
        if os.path.isdir(draft.new):
            with suppress(OSError):
                os.rmdir(draft.path)  # empty: the name was reserved when the writer was killed
        if all(map(os.path.lexists, (draft.path, draft.new, draft.old))):
            return  # another program took the name of the new store; the old store may be the only copy
        draft.settle()
    finally:
        os.close(descriptor)


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            os.unlink(path)
