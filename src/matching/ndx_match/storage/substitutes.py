"""Folders and files of other programs that are read as NWB files, which are made in memory when they are opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pynwb import NWBFile


@dataclass(frozen=True)
class Substitute:
    """An NWB file in memory that is read in place of a folder or file of another program."""

    name: str  #: the folder or file, as a match file records it that does not lie in a folder above it
    files: tuple[Path, ...]  #: the files from which it is made
    make: Callable[[], NWBFile]  #: makes the NWB file, the same each time; raises InputError


_substitutes: dict[str, Substitute] = {}


def set_substitute(location: str | os.PathLike[str], substitute: Substitute | None) -> None:
    """From now on, read a folder or file as this substitute; if this is None, as the folder or file itself."""
    if substitute is None:
        _substitutes.pop(os.path.abspath(location), None)
    else:
        _substitutes[os.path.abspath(location)] = substitute


def substitute_of(location: str | os.PathLike[str]) -> Substitute | None:
    """The substitute that is read in place of a folder or file; None if there is none."""
    return _substitutes.get(os.path.abspath(location)) if _substitutes else None
