"""Folders and files of other programs, each of which is read as an NWB file that is made when it is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pynwb import NWBFile


@dataclass(frozen=True)
class Substitute:
    """An NWB file in memory that is read in place of a folder or file of another program."""

    name: str  #: of the folder or file, as recorded by a match file that is not in a folder above it
    files: tuple[Path, ...]  #: the files of which it is made
    make: Callable[[], NWBFile]  #: makes the NWB file, the same each time; raises InputError


_substitutes: dict[str, Substitute] = {}


def set_substitute(location: str | os.PathLike[str], substitute: Substitute | None) -> None:
    """Read a folder or file as this substitute from now on; with None, as it is."""
    if substitute is None:
        _substitutes.pop(os.path.abspath(location), None)
    else:
        _substitutes[os.path.abspath(location)] = substitute


def substitute_of(location: str | os.PathLike[str]) -> Substitute | None:
    """The substitute that is read in place of a folder or file; None if it has none."""
    return _substitutes.get(os.path.abspath(location)) if _substitutes else None
