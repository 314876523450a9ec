"""Find out whether a file was changed after it was read."""

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
    """The sizes and times of a file, which show that it was changed; on the network, the version its server states.

    None if nothing is known: there is no such file, or it is an open file or a Zarr store on the network.

    Raises
    ------
    InputError
        The server does not give the version of a file on the network.
    """
    location = as_location(path)
    if open_file(location) is not None or (is_url(location) and format_of(location).is_folder):
        return None
    if is_url(location):
        with shared_access() as access:
            version = access.file(str(location)).version
        return FileState(version.size, f"{version.tag} {version.modified}")
    try:
        statuses = [os.stat(file) for file in files_in(location).values()]
    except OSError:
        return None
    return FileState(
        sum(file.st_size for file in statuses),
        max((file.st_mtime_ns for file in statuses), default=0),
        max((file.st_ctime_ns for file in statuses), default=0),
        len(statuses),
    )


def check_unchanged(path: Location, state: FileState | None, sha256: str = "") -> None:
    """Refuse a file that was changed since its state was recorded.

    Parameters
    ----------
    path : path, str or binary file
    state : FileState or None
        The recorded state; if it is None, nothing is checked.
    sha256 : str
        The checksum of the content, if known. If it is given and only the change time of the file is new, as after a
        change of permissions or links, the file is accepted if its content is the same.

    Raises
    ------
    InputError
        The file was changed, replaced or removed.
    """
    location = as_location(path)
    if state is None or (now := state_of(location)) == state:
        return
    if now is None:
        raise InputError(f"{public_name(location)}: the file was removed after it was read; run the same again.")
    if not sha256 or replace(now, changed=state.changed) != state or sha256_of(location) != sha256:
        raise changed(location)


def changed(location: str | os.PathLike[str], what: str = "the file") -> InputError:
    """The error for a file that was changed."""
    return InputError(f"{public_name(location)}: {what} was changed since it was read; run the same again.")


@contextmanager
def open_steady(path: Location) -> Iterator[tuple[NWBFile, FileState | None]]:
    """Open an NWB file as :func:`open_nwb` does, and give its state, which must be the same when the block ends.

    Raises
    ------
    InputError
        The file cannot be opened (see :func:`open_nwb`), or was changed while the block ran.
    """
    with shared_access():
        state = state_of(path)
        with open_nwb(path) as nwbfile:
            yield nwbfile, state
            check_unchanged(path, state)
