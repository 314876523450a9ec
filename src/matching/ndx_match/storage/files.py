"""Files on the disk, the many files of a Zarr store, and files that a script has already opened."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO, TypeAlias
from weakref import WeakValueDictionary

from .substitutes import substitute_of

Location: TypeAlias = "str | os.PathLike[str] | BinaryIO"  #: of an NWB file: a path, a URL or an open file

#: The open files by the text by which a session names its file; by it the file is found again to be copied.
_open_files: WeakValueDictionary[str, BinaryIO] = WeakValueDictionary()


def as_location(path: Location) -> str | os.PathLike[str]:
    """Return a path or URL unchanged; for an open file, the name by which :func:`open_file` finds it while it exists.

    This is the attribute `name` of the file, or `<open file>`, followed by a number if another file has the same name.
    """
    if isinstance(path, (str, os.PathLike)):
        return path
    if not hasattr(path, "read"):
        raise TypeError(
            f"an input must be a path, an address or a file that is open in binary mode, and was {type(path).__name__}"
        )
    for name, file in _open_files.items():
        if file is path:
            return name
    stated = getattr(path, "name", None)
    name = stem = stated if isinstance(stated, str) and stated else "<open file>"
    number = 1
    while name in _open_files:
        number += 1
        name = f"{stem} ({number})"
    _open_files[name] = path
    return name


def open_file(location: str | os.PathLike[str]) -> BinaryIO | None:
    """The open file of this name; None if there is none or it was closed."""
    file = _open_files.get(str(location))
    return None if file is None or getattr(file, "closed", False) else file


def files_in(path: str | os.PathLike[str]) -> dict[str, Path]:
    """All files below a folder by their paths in the folder, sorted; links are followed.

    If `path` is a file, the file alone, with an empty path. If it is a folder of another program's results, only the
    files that are read.
    """
    top = Path(path)
    if not top.is_dir():
        return {"": top}
    substitute = substitute_of(path)
    if substitute is None:
        paths = [Path(folder, name) for folder, _, names in os.walk(top, followlinks=True) for name in names]
    else:
        paths = list(substitute.files)
    return dict(sorted((path.relative_to(top).as_posix(), path) for path in paths))


def copy_files(source: Path, target: Path) -> str:
    """Copy the content of a file or of all files of a store, not their permissions; returns the copy's checksum."""
    for name, path in files_in(source).items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / name)
    return sha256_of(target)


def sha256_of(path: Location) -> str:
    """SHA-256 checksum of the content of a file, in hexadecimal.

    The checksum of a Zarr store is that of the list of its files and their checksums, which `find -L . -type f -print0
    | LC_ALL=C sort -z | xargs -0 sha256sum` prints in the store's folder.
    """
    location = as_location(path)
    if (opened := open_file(location)) is not None:
        return _checksum(opened)
    lines = []
    for name, file_path in files_in(location).items():
        with open(file_path, "rb") as file:
            checksum = _checksum(file)
        if not name:
            return checksum
        lines.append(f"{checksum}  ./{name}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _checksum(file: BinaryIO) -> str:
    """The checksum of an open file, whose position is the same afterwards."""
    digest, position = hashlib.sha256(), file.tell()
    file.seek(0)
    while block := file.read(1 << 22):
        digest.update(block)
    file.seek(position)
    return digest.hexdigest()
