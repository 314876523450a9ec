"""Folders and files of other programs in whose place an NWB file is read that is made of them when it is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pynwb import NWBFile


@dataclass(frozen=True)
class Substitute:
    """An NWB file in memory that is read in place of a folder or file of another program."""

    name: str  #: of the folder or file, as a match file records it where it lies elsewhere
    files: tuple[Path, ...]  #: of which it is made
    make: Callable[[], NWBFile]  #: makes it anew, always the same; raises InputError


_substitutes: dict[str, Substitute] = {}


def set_substitute(location: str | os.PathLike[str], substitute: Substitute | None) -> None:
    """Read a folder or file in this way from now on; None: as it is."""
    if substitute is None:
        _substitutes.pop(os.path.abspath(location), None)
    else:
        _substitutes[os.path.abspath(location)] = substitute


def substitute_of(location: str | os.PathLike[str]) -> Substitute | None:
    """What is read in place of a folder or file; None for all others."""
    return _substitutes.get(os.path.abspath(location)) if _substitutes else None
