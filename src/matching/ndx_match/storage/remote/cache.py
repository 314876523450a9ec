"""The user's folder of what was fetched: private, no larger than it may be, without following symbolic links."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from ...addresses import public_name
from ...errors import InputError, OutputError
from .blocks import BLOCK_BYTES, DATA, INDEX, BlockStore
from .ranges import Version
from .transports import import_extra

CACHE_VARIABLE = "NDX_MATCH_CACHE"  #: environment variable that names another folder
SIZE_VARIABLE = "NDX_MATCH_CACHE_SIZE"  #: environment variable that says how large the cache may be
DEFAULT_SIZE = "20 GB"
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
ADDRESS = "address.txt"  #: of the file, as it may be shown; changed whenever it is used
WHOLE = "the server gives no parts"  #: second line of it
COMPARED = 1 << 20  #: entries of an index among which one is chosen
CANDIDATES = 16  #: blocks of which one is chosen by how much they hold


class KeptFile(NamedTuple):
    """What the cache holds of a file."""

    address: str
    size: int  #: bytes on the disk
    used: float  #: when it was last, in seconds since 1970
    folder: Path


class Cache:
    """What was fetched, in a folder for each file and in it one for the version of the file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def of_user() -> Cache | None:
        """Where the user's blocks are kept; None where there is no place, or nothing will be fetched.

        That is so where the extra `remote` is not installed.
        """
        folder = os.environ.get(CACHE_VARIABLE, "")
        if not folder:
            try:
                folder = import_extra("platformdirs", public="").user_cache_dir("ndx-match", appauthor=False)
            except InputError:
                return None
            if not os.path.isabs(folder):  # of a user without a home
                return None
        return Cache(Path(folder) / "remote")

    def store(self, name: str, version: Version, serves_parts: bool = True) -> BlockStore:
        """The store of a version of a file, where what is kept of its other versions is deleted."""
        size_limit()  # refused before anything is fetched
        file_folder = self._file_folder(name)
        folder = file_folder / _digest(repr(version))
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            for private in (self.folder, file_folder, folder):
                _make_private(private)
            _write_text(file_folder / ADDRESS, f"{name}\n{'' if serves_parts else WHOLE}\n")
            for other in file_folder.iterdir():
                if other not in (folder, file_folder / ADDRESS):
                    _remove(other)
        except OSError as error:
            raise OutputError(
                f"{self.folder.parent}: this folder cannot keep what is fetched ({error.strerror}); use --no-cache, or "
                f"another folder by the environment variable {CACHE_VARIABLE}."
            ) from None
        return BlockStore(version.size, folder)

    def block_to_compare(self, name: str) -> int:
        """One of the blocks that are kept of a file, by chance: whether it is the same on the server shows a change.

        Likely one that holds much: zeros and the text of a schema are the same in many files. 0 where none is kept, or
        the server would send all that lies before it too.
        """
        file_folder = self._file_folder(name)
        with suppress(OSError, ValueError):
            if WHOLE not in (file_folder / ADDRESS).read_text():
                (index,) = file_folder.glob(f"*/{INDEX}")
                random = np.random.default_rng()
                blocks = random.permutation(np.flatnonzero(np.fromfile(index, "<u8", COMPARED)))[:CANDIDATES]
                with open(index.with_name(DATA), "rb") as data:
                    content = [len(zlib.compress(_block(data, int(block)), 1)) for block in blocks]
                return int(random.choice(blocks, p=np.divide(content, sum(content))))
        return 0

    def forget(self, name: str) -> None:
        """Delete what is kept of a file."""
        _remove(self._file_folder(name))

    def files(self) -> list[KeptFile]:
        """What is kept, the file that was used last first."""
        found = []
        with suppress(OSError):
            for folder in self.folder.iterdir():
                with suppress(OSError, ValueError):
                    about = folder / ADDRESS
                    address = public_name(about.read_text().splitlines()[0])
                    found.append(KeptFile(address, _size(folder), about.lstat().st_mtime, folder))
        return sorted(found, key=lambda file: -file.used)

    def shrink(self) -> None:
        """Delete the files that were not used for longest until the rest is as large as the cache may be."""
        left = size_limit()
        for file in self.files():
            left -= file.size
            if left < 0:
                _remove(file.folder)

    def clear(self) -> None:
        """Delete all that is kept."""
        _remove(self.folder)

    def _file_folder(self, name: str) -> Path:
        return self.folder / _digest(name)


def store_in(cache: Cache | None, name: str, version: Version, serves_parts: bool = True) -> BlockStore:
    """The store of a version of a file, in the cache where there is one.

    A file whose server says nothing by which a change would show is not kept.
    """
    if cache is None or not (version.tag or version.modified):
        return BlockStore(version.size)
    return cache.store(name, version, serves_parts)


def size_limit() -> int:
    """How many bytes the cache may have, by the environment variable `NDX_MATCH_CACHE_SIZE`."""
    text = os.environ.get(SIZE_VARIABLE) or DEFAULT_SIZE
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([KMGT]?)B?\s*", text, re.ASCII | re.I)
    if found is None:
        raise InputError(f"{SIZE_VARIABLE}={text}: this is no size; write it as {DEFAULT_SIZE} or 500 MB.")
    return int(float(found.group(1)) * UNITS[found.group(2).upper()])


def _block(data: BinaryIO, block: int) -> bytes:
    data.seek(block * BLOCK_BYTES)
    return data.read(BLOCK_BYTES)


def _make_private(folder: Path) -> None:
    """A folder only for its owner; an error where it is a symbolic link or somebody else's."""
    with suppress(FileExistsError):
        folder.mkdir(0o700)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(0, f"{folder.name} is not a folder, or a link to one")
    if hasattr(os, "geteuid"):
        if found.st_uid != os.geteuid():
            raise PermissionError(0, f"{folder.name} is another user's")
        os.chmod(folder, 0o700)


def _write_text(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    with open(os.open(path, flags, 0o600), "w") as file:
        file.write(text)


def _remove(path: Path) -> None:
    """A folder with all that is in it, or anything else; of a link, the link."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _size(folder: Path) -> int:
    """What the files in a folder take on the disk, where they have holes."""
    return sum(getattr(found, "st_blocks", -(-found.st_size // 512)) * 512 for found in _stats(folder))


def _stats(folder: Path) -> Iterator[os.stat_result]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield os.lstat(os.path.join(parent, name))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
