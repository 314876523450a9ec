"""What is not yet an output: the hidden files of a writer, and how they are removed when it was killed.

A writer of `matches.nwb` makes beside it, with the same random number in their names,

- `.ndx-match-<number>.lock`, which says who writes what and is locked for as long as the writer lives;
- `.ndx-match-<number>.new.nwb`, what is being written;
- `.ndx-match-<number>.old.zarr`, a store that is about to be replaced, until the new one has its name.

The system takes the lock away when a process ends, however it ends; so a lock that can be had is that of a dead writer.
Unlike a process number it is never given to another process, and unlike an age it is right for a job of a week. Since
some network file systems lock on each machine for itself, only writers of the same machine are judged. The lock is a
file of its own because HDF5 locks the files that it opens.
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
except ImportError:  # on Windows, where what a killed writer leaves stays
    fcntl = None

PREFIX = ".ndx-match-"
LONGEST_SUFFIX = 16


class Draft:
    """An output that is being written: the name that it will have, and those of the hidden files."""

    def __init__(self, path: Path, number: str | None = None) -> None:
        number = number or secrets.token_hex(8)
        suffix = path.suffix if len(path.suffix) <= LONGEST_SUFFIX else ""
        self.path = path
        self.new, self.old = (path.with_name(f"{PREFIX}{number}.{kind}{suffix}") for kind in ("new", "old"))
        self.lock = path.with_name(f"{PREFIX}{number}.lock")
        self.process = os.getpid()
        self.reserved = False  #: whether something empty at `path` is there only so that nobody else takes the name

    def begin(self) -> int | None:
        """Make the lock; returns the open file that holds it, None where the system has none."""
        if fcntl is None:
            return None
        about = {"output": self.path.name, "host": platform.node(), "process": self.process}
        descriptor = self._locked()
        if not _is_still(descriptor, self.lock):  # another process took it for that of a dead writer
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
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def settle(self) -> None:
        """Remove what is there of the draft; what it was about to replace gets its name back. Can be done again."""
        if self.reserved:
            with suppress(OSError):
                if os.path.isdir(self.path):
                    os.rmdir(self.path)  # an error where it is not empty
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
    """Remove what writers that were killed left in a folder; a store they had moved away gets its name back.

    What a living writer or one on another machine uses stays.
    """
    if fcntl is None:
        return
    with suppress(OSError):
        for name in os.listdir(folder):
            if found := re.fullmatch(rf"{re.escape(PREFIX)}([0-9a-f]{{16}})\.lock", name):
                with suppress(OSError, ValueError, KeyError, TypeError):
                    _settle_if_abandoned(folder, name, found.group(1))


def _settle_if_abandoned(folder: Path, name: str, number: str) -> None:
    descriptor = os.open(folder / name, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an error where the writer lives
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
            return  # somebody took the name that the new store was to have: the old one may be all there is
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
