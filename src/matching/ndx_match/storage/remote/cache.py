"""The user's cache of fetched data: a folder that only the user can read, of limited size, without symbolic links."""

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
SIZE_VARIABLE = "NDX_MATCH_CACHE_SIZE"  #: environment variable with the largest size of the cache
DEFAULT_SIZE = "20 GB"
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
ADDRESS = "address.txt"  #: file with the address, without passwords; it is written each time the remote file is used
WHOLE = "the server gives no parts"  #: second line of this file, if the server sends only whole files
COMPARED = 1 << 20  #: entries of an index from which a block is chosen
CANDIDATES = 16  #: blocks from which one is chosen by its compressed size


class KeptFile(NamedTuple):
    """A remote file of which the cache has blocks."""

    address: str
    size: int  #: bytes that its blocks take on the disk
    used: float  #: time of the last use, in seconds since 1970
    folder: Path


class Cache:
    """The fetched data: a folder for each remote file, and in it a folder for the version of the file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def of_user() -> Cache | None:
        """The user's cache; None if the user has no folder for it, or the extra `remote` is not installed."""
        folder = os.environ.get(CACHE_VARIABLE, "")
        if not folder:
            try:
                folder = import_extra("platformdirs", public="").user_cache_dir("ndx-match", appauthor=False)
            except InputError:
                return None
            if not os.path.isabs(folder):  # the user has no home folder
                return None
        return Cache(Path(folder) / "remote")

    def store(self, name: str, version: Version, serves_parts: bool = True) -> BlockStore:
        """The store for a version of a file; blocks of other versions of the file are deleted.

        Parameters
        ----------
        name : str
            Address of the file, without passwords.
        version : Version
        serves_parts : bool
            Whether the server sends parts of files.

        Raises
        ------
        InputError
            The environment variable `NDX_MATCH_CACHE_SIZE` is not a size.
        OutputError
            The cache cannot be written into.
        """
        size_limit()  # raises its error before anything is fetched
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
                f"{self.folder.parent}: fetched data cannot be kept in this folder ({error.strerror}); use --no-cache, "
                f"or set the environment variable {CACHE_VARIABLE} to another folder."
            ) from None
        return BlockStore(version.size, folder)

    def block_to_compare(self, name: str) -> int:
        """A random block among those that are kept of a file, to be compared with the block on the server.

        Blocks that compress less are chosen more often, because zeros and the text of a schema are the same in many
        files. Returns 0 if no block is kept, or if the server would send all bytes before the block too.
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
        """Delete all blocks of a file."""
        _remove(self._file_folder(name))

    def files(self) -> list[KeptFile]:
        """The files of which blocks are kept; the file that was used last comes first."""
        files = []
        with suppress(OSError):
            for folder in self.folder.iterdir():
                with suppress(OSError, ValueError):
                    about = folder / ADDRESS
                    address = public_name(about.read_text().splitlines()[0])
                    files.append(KeptFile(address, _size(folder), about.lstat().st_mtime, folder))
        return sorted(files, key=lambda file: -file.used)

    def shrink(self) -> None:
        """Delete the files that were unused for the longest time until the cache is no larger than it may be."""
        remaining = size_limit()
        for file in self.files():
            remaining -= file.size
            if remaining < 0:
                _remove(file.folder)

    def clear(self) -> None:
        """Delete the whole cache."""
        _remove(self.folder)

    def _file_folder(self, name: str) -> Path:
        return self.folder / _digest(name)


def store_in(cache: Cache | None, name: str, version: Version, serves_parts: bool = True) -> BlockStore:
    """The store for a version of a file, in the cache if there is one.

    If the server states neither a tag nor a time by which a change would be noticed, the file is not kept.
    """
    if cache is None or not (version.tag or version.modified):
        return BlockStore(version.size)
    return cache.store(name, version, serves_parts)


def size_limit() -> int:
    """The largest size of the cache, in bytes, from the environment variable `NDX_MATCH_CACHE_SIZE`."""
    text = os.environ.get(SIZE_VARIABLE) or DEFAULT_SIZE
    pattern_match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([KMGT]?)B?\s*", text, re.ASCII | re.I)
    if pattern_match is None:
        raise InputError(f"{SIZE_VARIABLE}={text}: this is not a size; write it as {DEFAULT_SIZE} or 500 MB.")
    return int(float(pattern_match.group(1)) * UNITS[pattern_match.group(2).upper()])


def _block(data: BinaryIO, block: int) -> bytes:
    data.seek(block * BLOCK_BYTES)
    return data.read(BLOCK_BYTES)


def _make_private(folder: Path) -> None:
    """Make a folder that only its owner can read; raises OSError for a symbolic link or a folder of another user."""
    with suppress(FileExistsError):
        folder.mkdir(0o700)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(0, f"{folder.name} is a file or a link, not a folder")
    if hasattr(os, "geteuid"):
        if status.st_uid != os.geteuid():
            raise PermissionError(0, f"{folder.name} belongs to another user")
        os.chmod(folder, 0o700)


def _write_text(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    with open(os.open(path, flags, 0o600), "w") as file:
        file.write(text)


def _remove(path: Path) -> None:
    """Delete a file, a link (not its target), or a folder and everything in it."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _size(folder: Path) -> int:
    """The bytes that the files in a folder take on the disk, without their holes."""
    return sum(getattr(status, "st_blocks", -(-status.st_size // 512)) * 512 for status in _stats(folder))


def _stats(folder: Path) -> Iterator[os.stat_result]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield os.lstat(os.path.join(parent, name))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
