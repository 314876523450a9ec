"""Notice that a file is not any more what was read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pynwb import NWBFile

from ..errors import InputError
from ..model import FileState
from .files import Location, as_location, files_in, open_file, sha256_of
from .opening import format_of, open_nwb
from .remote import is_url, public_name, shared_access


def state_of(path: Location) -> FileState | None:
    """By what a change of a file shows; of a file on the network, what its server says of its version.

    None where nothing is known: there is no such file, or it is an open file or a Zarr store on the network.

    Raises
    ------
    InputError
        The server of a file on the network does not give it.
    """
    location = as_location(path)
    if open_file(location) is not None or (is_url(location) and format_of(location).is_folder):
        return None
    if is_url(location):
        with shared_access() as access:
            version = access.file(str(location)).version
        return FileState(version.size, f"{version.tag} {version.modified}")
    try:
        found = [os.stat(file) for file in files_in(location).values()]
    except OSError:
        return None
    return FileState(
        sum(file.st_size for file in found),
        max((file.st_mtime_ns for file in found), default=0),
        max((file.st_ctime_ns for file in found), default=0),
        len(found),
    )


def check_unchanged(path: Location, state: FileState | None, sha256: str = "") -> None:
    """Refuse a file that was changed since its state was taken.

    Parameters
    ----------
    path : path, str or binary file
    state : FileState or None
        None: nothing is known.
    sha256 : str
        Of the content, where it is known. By it a file of which only permissions, links or the like were changed, by
        which its content may have changed too, is still accepted.

    Raises
    ------
    InputError
        It was changed, replaced or removed.
    """
    location = as_location(path)
    if state is None or (now := state_of(location)) == state:
        return
    if now is None:
        raise InputError(f"{public_name(location)}: there is no such file any more; it was there when it was read.")
    if not sha256 or replace(now, changed=state.changed) != state or sha256_of(location) != sha256:
        raise changed(location)


def changed(location: str | os.PathLike[str], what: str = "the file") -> InputError:
    """The error of a file that was changed."""
    return InputError(f"{public_name(location)}: {what} was changed since it was read; run the same again.")


@contextmanager
def open_steady(path: Location) -> Iterator[tuple[NWBFile, FileState | None]]:
    """An NWB file for reading, as :func:`open_nwb`, and its state, which must be the same when the block ends.

    Raises
    ------
    InputError
        As :func:`open_nwb`, or the file was changed meanwhile.
    """
    with shared_access():
        state = state_of(path)
        with open_nwb(path) as nwbfile:
            yield nwbfile, state
            check_unchanged(path, state)
