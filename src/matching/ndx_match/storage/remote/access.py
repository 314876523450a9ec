"""Open remote files: which are meant, how they are reached, and what is kept of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ...errors import InputError
from ..files import Location, as_location
from . import dandi_assets
from .blocks import BLOCK_BYTES, store_in
from .locations import is_of_dandi, is_of_session, is_ophys, is_url, public_name, session_label
from .ranges import RangeReader
from .stream import ByteProgress, RemoteFile, RemoteStream
from .transports import HttpTransport, S3Transport, Transport, import_extra

CACHE_VARIABLE = "NDX_MATCH_CACHE"  #: environment variable that names another folder for what was fetched
FIRST_BYTES = 2 * BLOCK_BYTES
SHOWN_SESSIONS = 8


class Origin(NamedTuple):
    """Where a file is from, and what its archive says of it; empty where it says nothing."""

    uri: str  #: to be recorded: without passwords, and with the version of a dandiset
    sha256: str = ""
    dandiset_id: str = ""
    dandi_asset_id: str = ""


class RemoteAccess:
    """Remote files and what is known of them, for the time of a command.

    What was fetched is kept in the folder `cache` for another time, without one until the access ends. `progress` is
    called as `progress(name, fetched, size)`, in bytes, while a file is read, and may be changed at any time.
    """

    def __init__(self, cache: Path | None = None, progress: ByteProgress | None = None) -> None:
        self.progress = progress
        self._cache = cache
        self._addresses: dict[str, str] = {}
        self._assets: dict[str, dandi_assets.Asset] = {}
        self._files: dict[str, RemoteFile] = {}

    def expand(self, locations: Iterable[Location], sessions: Sequence[str] = ()) -> list[str | os.PathLike[str]]:
        """Locations of single files: those given, and all optical physiology files of DANDI folders among them.

        Parameters
        ----------
        locations : iterable of path, str or binary file
            Paths, `https://`, `s3://` and `dandi://` URLs, open files. URLs are shown and recorded without passwords.
        sessions : sequence of str
            Take only these sessions of folders: labels, their first parts, or patterns with `*`.

        Raises
        ------
        InputError
            A folder holds no such file, or DANDI cannot be asked.
        """
        found: list[str | os.PathLike[str]] = []
        in_folders: list[str] = []
        for location in map(as_location, locations):
            if not is_url(location):
                found.append(location)
                continue
            self._addresses[public_name(location)] = str(location)
            if not is_of_dandi(str(location)):
                found.append(public_name(location))
                continue
            assets, is_folder = self._find(str(location))
            for asset in assets:
                if not is_folder or not sessions or any(is_of_session(asset.path, session) for session in sessions):
                    found.append(asset.uri)
            in_folders += [asset.path for asset in assets if is_folder]
        _refuse_missing(sessions, in_folders)
        return found

    def folder(self, location: str) -> str:
        """The URL of a folder, a Zarr store, with all that is needed to read it; refuses those on DANDI."""
        if is_of_dandi(location):
            raise InputError(f"{location}: this is a Zarr asset; download it and give the copy.")
        return self._addresses.get(public_name(location), location)

    def origin(self, location: str | os.PathLike[str], checksum: bool = True) -> Origin:
        """Where a file is from, without reading it; `checksum` asks for the one that its archive recorded."""
        if not is_url(location) or not is_of_dandi(str(location)):
            return Origin(public_name(location))
        asset = self._asset(str(location))
        return Origin(asset.uri, asset.sha256() if checksum else "", asset.dandiset_id, asset.asset_id)

    def notes(self, location: str | os.PathLike[str]) -> tuple[str, ...]:
        """What the user should know of how an opened file was read, one sentence each."""
        file = self._files.get(public_name(location))
        if file is None or file.serves_parts:
            return ()
        return (
            f"The server does not give parts of files, so the whole file was fetched ({file.version.size:,} bytes).",
        )

    def file(self, location: str) -> RemoteFile:
        """The remote file, found and opened once; refuses what is not there or cannot be read."""
        name = public_name(location)
        if name not in self._files:
            reader = RangeReader(name, self._transport(location), FIRST_BYTES)
            key = self._asset(location).address if is_of_dandi(location) else name
            self._files[name] = RemoteFile(reader, store_in(self._cache, key, reader.version))
        self._files[name].progress = self.progress
        return self._files[name]

    @contextmanager
    def stream(self, location: str) -> Iterator[RemoteStream]:
        """The remote file as a file object. Its own error takes precedence over those that follow from it."""
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
        """Forget all files; those in the cache stay there."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _find(self, url: str) -> tuple[list[dandi_assets.Asset], bool]:
        """The assets of a URL of DANDI, and whether it is a folder, of which only ophys files are taken."""
        if url in self._assets:
            return [self._assets[url]], False
        everything, is_folder = dandi_assets.find_assets(url)
        assets = [asset for asset in everything if is_ophys(asset.path) or not is_folder]
        if not assets:
            n_files = len(everything)
            raise InputError(f"{url}: none of the {n_files} files here is an optical physiology file (*_ophys.nwb).")
        self._assets.update({asset.uri: asset for asset in assets})
        return assets, is_folder

    def _asset(self, url: str) -> dandi_assets.Asset:
        if url not in self._assets:
            found, _ = self._find(url)
            if len(found) != 1:
                raise InputError(f"{url}: this stands for {len(found)} files; give one.")
            self._assets[url] = found[0]
        return self._assets[url]

    def _transport(self, location: str) -> Transport:
        address = self._addresses.get(public_name(location), location)
        if is_of_dandi(address):
            asset = self._asset(location)
            if asset.is_zarr:
                raise InputError(f"{location}: this is a Zarr asset; download it and give the copy.")
            return asset.transport()
        if address.lower().startswith("s3://"):
            parts = urlsplit(address)
            if not parts.netloc or not parts.path.strip("/"):
                raise InputError(f"{public_name(location)}: write an object of S3 as s3://BUCKET/KEY.")
            return S3Transport(parts.netloc, unquote(parts.path[1:]))
        return HttpTransport(address)


@contextmanager
def remote_access(cache: bool = True, progress: ByteProgress | None = None) -> Iterator[RemoteAccess]:
    """Read remote files in this way while the block runs; files are found and fetched once in it.

    Which files are opened is decided deep inside the pipeline, for example again when the match file is written; the
    block says how, as with `decimal.localcontext`.

    Parameters
    ----------
    cache : bool
        Keep what was fetched in the user's cache folder, for another time.
    progress : callable, optional
        Called as `progress(name, fetched, size)`, in bytes.
    """
    access = RemoteAccess(_cache_folder() if cache else None, progress)
    token = _current.set(access)
    try:
        yield access
    finally:
        _current.reset(token)
        access.close()


@contextmanager
def shared_access() -> Iterator[RemoteAccess]:
    """The access of the innermost :func:`remote_access` block; outside of any a new one with a cache."""
    access = _current.get()
    with remote_access() if access is None else nullcontext(access) as shared:
        yield shared


_current: ContextVar[RemoteAccess | None] = ContextVar("remote_access", default=None)


def _cache_folder() -> Path | None:
    """Where fetched blocks are kept; None where the extra `remote` is not installed, so nothing will be fetched."""
    folder = os.environ.get(CACHE_VARIABLE)
    if folder:
        return Path(folder) / "remote"
    try:
        return Path(import_extra("platformdirs", public="").user_cache_dir("ndx-match", appauthor=False)) / "remote"
    except InputError:
        return None


def _refuse_missing(sessions: Sequence[str], paths: Sequence[str]) -> None:
    """Refuse sessions that are in none of the folders."""
    for session in sessions:
        if not paths:
            raise InputError(f"--session {session} chooses from folders on DANDI, and none of the inputs is one.")
        if not any(is_of_session(path, session) for path in paths):
            labels = list(dict.fromkeys(session_label(path) for path in paths))
            more = ", ..." if len(labels) > SHOWN_SESSIONS else ""
            shown = ", ".join(labels[:SHOWN_SESSIONS])
            raise InputError(f"There is no session {session} on DANDI here; give --session one of: {shown}{more}.")
