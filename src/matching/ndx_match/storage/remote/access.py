"""Open remote files: find the files of an address, choose how to reach them, and keep what was fetched."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from threading import Lock
from typing import NamedTuple
from urllib.parse import urldefrag

from ...addresses import public_name
from ...errors import InputError
from ...suggestions import did_you_mean
from ..files import Location, as_location
from . import dandi_assets
from .blocks import BLOCK_BYTES
from .cache import Cache, store_in
from .locations import is_of_dandi, is_of_session, is_ophys, is_url, parsed, session_label
from .ranges import RangeReader
from .stream import ByteProgress, RemoteFile, RemoteStream
from .transports import HttpTransport, S3Transport, Transport

TALKATIVE = ("urllib3", "requests", "botocore", "dandi")
FIRST_BYTES = 2 * BLOCK_BYTES
SHOWN_SESSIONS = 8


class Origin(NamedTuple):
    """Where a file is from, and what its archive states about it; a field that the archive does not state is empty."""

    uri: str  #: the address to be recorded, without passwords and with the version of a dandiset
    sha256: str = ""
    dandiset_id: str = ""
    dandi_asset_id: str = ""


class RemoteAccess:
    """The remote files that a command reads, and what was found out about them.

    Parameters
    ----------
    cache : Cache, optional
        Keeps what was fetched for later commands. Without it, what was fetched is kept until the access is closed.
    progress : callable, optional
        Called as `progress(name, fetched, size)`, in bytes, while a file is read. May be changed at any time.
    """

    def __init__(self, cache: Cache | None = None, progress: ByteProgress | None = None) -> None:
        self.progress = progress
        self._cache = cache
        self._addresses: dict[str, str] = {}
        self._assets: dict[str, dandi_assets.Asset] = {}
        self._files: dict[str, RemoteFile] = {}

    @property
    def keeps(self) -> bool:
        """Whether what is fetched is kept for later commands."""
        return self._cache is not None

    def expand(self, locations: Iterable[Location], sessions: Sequence[str] = ()) -> list[str | os.PathLike[str]]:
        """Replace each folder on DANDI by its optical physiology files; other locations are returned as they are.

        Parameters
        ----------
        locations : iterable of path, str or binary file
            Paths, `https://`, `s3://` and `dandi://` URLs, and open files.
        sessions : sequence of str
            Take only these sessions from folders: labels, first parts of labels, or patterns with `*`.

        Returns
        -------
        list of path or str
            One location per file; URLs without passwords.

        Raises
        ------
        InputError
            A folder has no such file, or DANDI does not answer.
        """
        files: list[str | os.PathLike[str]] = []
        in_folders: list[str] = []
        for location in map(as_location, locations):
            if not is_url(location):
                files.append(location)
                continue
            name = self._name(location)
            if not is_of_dandi(self._addresses[name]):
                files.append(name)
                continue
            assets, is_folder = self._find(self._addresses[name])
            for asset in assets:
                if not is_folder or not sessions or any(is_of_session(asset.path, session) for session in sessions):
                    files.append(asset.uri)
            in_folders += [asset.path for asset in assets if is_folder]
        _refuse_missing(sessions, in_folders)
        return files

    def folder(self, location: str) -> Transport:
        """The transport that fetches the files of a remote Zarr store; raises InputError for a store on DANDI."""
        return self._transport(self._name(location))

    def origin(self, location: str | os.PathLike[str], checksum: bool = True) -> Origin:
        """Where a file is from; the file is not read.

        If `checksum` is True, DANDI is asked for the checksum that it has recorded.
        """
        if not is_url(location):
            return Origin(str(location))
        name = self._name(location)
        if not is_of_dandi(self._addresses[name]):
            return Origin(name)
        asset = self._asset(self._addresses[name])
        return Origin(asset.uri, asset.sha256() if checksum else "", asset.dandiset_id, asset.asset_id)

    def notes(self, location: str | os.PathLike[str]) -> tuple[str, ...]:
        """Sentences that tell the user how an opened file was read, if this was unusual."""
        file = self._files.get(self._name(location)) if is_url(location) else None
        if file is None or file.serves_parts:
            return ()
        return (
            f"The server does not give parts of files, so the whole file was fetched ({file.version.size:,} bytes).",
        )

    def file(self, location: str) -> RemoteFile:
        """The remote file, which is opened the first time; raises InputError if it is missing or cannot be read."""
        name = self._name(location)
        if name not in self._files:
            transport, address = self._transport(name), self._addresses[name]
            key = public_name(self._asset(address).address) if is_of_dandi(address) else name
            sample = 0 if self._cache is None else self._cache.block_to_compare(key) * BLOCK_BYTES
            reader = RangeReader(name, transport, FIRST_BYTES, sample)
            store = store_in(self._cache, key, reader.version, reader.serves_parts)
            if not store.agrees(reader.start // BLOCK_BYTES, reader.first) and self._cache is not None:
                store.close()
                self._cache.forget(key)
                store = store_in(self._cache, key, reader.version, reader.serves_parts)
            self._files[name] = RemoteFile(reader, store)
        self._files[name].progress = self.progress
        return self._files[name]

    @contextmanager
    def stream(self, location: str) -> Iterator[RemoteStream]:
        """The remote file as a file object; an error in fetching it replaces errors that result from it."""
        stream = RemoteStream(self.file(location))
        try:
            yield stream
        except BaseException as error:
            if stream.error in (None, error):
                raise
            raise stream.error from error
        if stream.error is not None:
            raise stream.error

    def close(self) -> None:
        """Close all files, and reduce the cache to the size that it may have."""
        for file in self._files.values():
            file.close()
        if self._files and self._cache is not None:
            self._cache.shrink()
        self._files.clear()

    def _name(self, location: str | os.PathLike[str]) -> str:
        """The name by which a file is known here and shown in messages: its address without passwords.

        A number follows if two addresses differ only in what is not shown.
        """
        address = str(location).strip()
        if address in self._addresses:  # it is a name
            return address
        parsed(address)
        name = urldefrag(public_name(address)).url
        for number in itertools.count(1):
            numbered = name if number == 1 else f"{name}#{number}"
            if self._addresses.setdefault(numbered, address) == address:
                break
        return numbered

    def _find(self, url: str) -> tuple[list[dandi_assets.Asset], bool]:
        """The assets of a URL of DANDI, and whether it is a folder; from a folder only ophys files are taken."""
        if url in self._assets:
            return [self._assets[url]], False
        everything, is_folder = dandi_assets.find_assets(url)
        assets = [asset for asset in everything if is_ophys(asset.path) or not is_folder]
        if not assets:
            n_files = len(everything)
            raise InputError(
                f"{public_name(url)}: none of the {n_files} files here is an optical physiology file (*_ophys.nwb); "
                "give another folder."
            )
        self._assets.update({asset.uri: asset for asset in assets})
        return assets, is_folder

    def _asset(self, url: str) -> dandi_assets.Asset:
        if url not in self._assets:
            assets, _ = self._find(url)
            if len(assets) != 1:
                raise InputError(
                    f"{public_name(url)}: this address means {len(assets)} files; give the address of one."
                )
            self._assets[url] = assets[0]
        return self._assets[url]

    def _transport(self, name: str) -> Transport:
        address = self._addresses[name]
        if is_of_dandi(address):
            asset = self._asset(address)
            if asset.is_zarr:
                raise InputError(f"{name}: this is a Zarr asset; download it and give the path of the copy.")
            return asset.transport()
        return S3Transport(address) if parsed(address).scheme == "s3" else HttpTransport(address)


@contextmanager
def remote_access(cache: bool = True, progress: ByteProgress | None = None) -> Iterator[RemoteAccess]:
    """Set how remote files are read while the block runs; each file is found and fetched only once in it.

    Files are opened by functions deep inside the pipeline, and again when the match file is written. The setting
    therefore belongs to the block, as with `decimal.localcontext`, and is not an argument of these functions.

    Parameters
    ----------
    cache : bool
        Keep what was fetched in the user's cache folder, for later runs.
    progress : callable, optional
        Called as `progress(name, fetched, size)`, in bytes, while a file is read.
    """
    access = RemoteAccess(Cache.of_user() if cache else None, progress)
    token = _current.set(access)
    try:
        with _silent_libraries():
            yield access
    finally:
        _current.reset(token)
        access.close()


@contextmanager
def shared_access() -> Iterator[RemoteAccess]:
    """The access of the innermost :func:`remote_access` block; outside such a block, a new access with a cache."""
    access = _current.get()
    with remote_access() if access is None else nullcontext(access) as shared:
        yield shared


_current: ContextVar[RemoteAccess | None] = ContextVar("remote_access", default=None)


@contextmanager
def _silent_libraries() -> Iterator[None]:
    """Stop the logs of libraries that talk to servers while the block runs: they contain addresses with passwords."""
    global _n_silent
    with _lock:
        if not _n_silent:
            _levels.update({name: logging.getLogger(name).level for name in TALKATIVE})
        _n_silent += 1
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        with _lock:
            _n_silent -= 1
            if not _n_silent:
                for name, level in _levels.items():
                    logging.getLogger(name).setLevel(level)


_lock = Lock()
_levels: dict[str, int] = {}  #: the level of each of these logs before they were silenced
_n_silent = 0  #: how many blocks have silenced them


def _refuse_missing(sessions: Sequence[str], paths: Sequence[str]) -> None:
    """Raise InputError for sessions of which no folder has a file."""
    for session in sessions:
        if not paths:
            raise InputError(
                f"--session {session} selects files of a folder on DANDI, but no input is such a folder; leave it out."
            )
        if not any(is_of_session(path, session) for path in paths):
            labels = list(dict.fromkeys(session_label(path) for path in paths))
            more = ", ..." if len(labels) > SHOWN_SESSIONS else ""
            listed = ", ".join(labels[:SHOWN_SESSIONS])
            suggestion = did_you_mean(session, labels)
            raise InputError(
                f"The folders on DANDI have no session {session}{suggestion}; give --session one of: {listed}{more}."
            )
