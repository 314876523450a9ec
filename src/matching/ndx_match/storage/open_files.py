"""Files that a script has opened itself: the names by which the rest of the package knows them."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO, TypeAlias
from weakref import WeakValueDictionary

OpenFile: TypeAlias = BinaryIO
Location: TypeAlias = "str | os.PathLike[str] | BinaryIO"  #: of an NWB file: a path, a URL or an open file

NAMELESS = "<open file>"

#: Sessions state where they are from by a text, by which their files are opened again to be copied.
_files: WeakValueDictionary[str, OpenFile] = WeakValueDictionary()


def as_location(path: Location) -> str | os.PathLike[str]:
    """A path or URL as it is; of an open file the name by which :func:`open_file` knows it while it exists.

    That is its own name, or `<open file>`, with a number where another file has it.
    """
    if isinstance(path, (str, os.PathLike)):
        return path
    for name, file in _files.items():
        if file is path:
            return name
    stated = getattr(path, "name", None)
    stem = stated if isinstance(stated, str) and stated else NAMELESS
    name, number = stem, 1
    while name in _files:
        number += 1
        name = f"{stem} ({number})"
    _files[name] = path
    return name


def open_file(location: str | os.PathLike[str]) -> OpenFile | None:
    """The open file of this name; None where there is none, or it was closed."""
    file = _files.get(str(location))
    return None if file is None or getattr(file, "closed", False) else file


def checksum_of_file(file: OpenFile) -> str:
    """SHA-256 of a file, in hexadecimal; it stays where it was."""
    digest, position = hashlib.sha256(), file.tell()
    file.seek(0)
    while block := file.read(1 << 22):
        digest.update(block)
    file.seek(position)
    return digest.hexdigest()
