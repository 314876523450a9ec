"""Notice that a file is not any more what was read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pynwb import NWBFile

from ..errors import InputError
from ..model import FileState
from .opening import open_nwb, sha256_of
from .outputs import files_in
from .remote import is_url, public_name, shared_access


def state_of(location: Any) -> FileState | None:
    """By what a change of a file shows; None where nothing is known: there is no file, or it is an open file object.

    Of a Zarr store every file is asked. Of a file on the network, what its server says of its version.

    Raises
    ------
    InputError
        The server of a file on the network does not give it.
    """
    if not isinstance(location, str | os.PathLike):
        return None
    if is_url(location):
        with shared_access() as access:
            version = access.file(str(location)).version
        return FileState(version.size, f"{version.tag} {version.modified}")
    try:
        found = [os.stat(path) for path in (files_in(location).values() if os.path.isdir(location) else [location])]
    except OSError:
        return None
    return FileState(
        sum(file.st_size for file in found),
        max((file.st_mtime_ns for file in found), default=0),
        max((file.st_ctime_ns for file in found), default=0),
        len(found),
    )


def check_unchanged(location: Any, state: FileState | None, sha256: str = "") -> None:
    """Refuse a file that was changed since its state was taken.

    Parameters
    ----------
    location : path, URL or open file
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
    if state is None or (now := state_of(location)) == state:
        return
    if now is None:
        raise InputError(f"{public_name(location)}: there is no such file any more; it was there when it was read.")
    if sha256 and replace(now, changed=state.changed) == state and sha256_of(location) == sha256:
        return
    raise changed(location)


def changed(location: Any, what: str = "the file") -> InputError:
    """The error of a file that was changed."""
    return InputError(f"{public_name(location)}: {what} was changed since it was read; run the same again.")


@contextmanager
def open_steady(location: Any) -> Iterator[tuple[NWBFile, FileState | None]]:
    """An NWB file for reading, as :func:`open_nwb`, and its state, which must be the same when the block ends.

    Raises
    ------
    InputError
        As :func:`open_nwb`, or the file was changed meanwhile.
    """
    with shared_access():
        state = state_of(location)
        with open_nwb(location) as nwbfile:
            yield nwbfile, state
            check_unchanged(location, state)
