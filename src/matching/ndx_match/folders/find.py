"""Recognise the inputs that are folders or files of other programs, so that they are read as NWB files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from pynwb import NWBFile

from ..errors import InputError
from ..plugins import find_plugins
from ..storage.files import open_file
from ..storage.remote import is_url
from ..storage.substitutes import Substitute, set_substitute
from .facts import EXAMPLE, UNKNOWN_START, SessionFacts, facts_of
from .nwbfile import make_nwbfile
from .protocol import FolderFormat

GROUP = "ndx_match.folders"  #: the group of entry points
MOST_NAMED = 4  #: largest number of sessions that an error names
NWB_ENDINGS = (".nwb", ".nwb.zarr")  #: endings of the names of NWB files, in HDF5 and in Zarr


def find_formats() -> tuple[FolderFormat, ...]:
    """Every format, in order of the programs' names."""
    return tuple(find_plugins(f"{GROUP}.formats", GROUP, FolderFormat, "FORMAT", "program").values())


def is_folder(location: str | os.PathLike[str]) -> bool:
    """Whether this is a folder or file of another program's results."""
    return _recognised(location) is not None


def take_folders(
    locations: Sequence[str | os.PathLike[str]],
    starts: Sequence[tuple[str, str]] = (),
    table: Sequence[SessionFacts] = (),
    need_start: bool = True,
) -> None:
    """From now on, read the folders and files of other programs among these locations as NWB files.

    Parameters
    ----------
    locations : sequence of path
    starts : sequence of (str, str)
        Starts of sessions, each with the name of a folder (see :func:`names_folder`) and the time. An empty name means
        every folder.
    table : sequence of SessionFacts
        Other facts about sessions.
    need_start : bool
        Whether a folder is refused if the start of its session is unknown.

    Raises
    ------
    InputError
        If the start of a session is needed but unknown, or several rows or starts belong to one folder.
    """
    lacking: list[tuple[str | os.PathLike[str], str]] = []
    for location in locations:
        if (format_and_files := _recognised(location)) is None:
            set_substitute(location, None)
            continue
        program, files = format_and_files
        facts = facts_of(location, starts, table)
        label = facts.session_id or _label(facts.folder, program) or _label(os.path.abspath(location), program)
        if need_start and facts.start is None and program.start(Path(location)) is None:
            lacking.append((location, label))
        make = partial(_make, location, program, facts, label)
        set_substitute(location, Substitute(_short_name(location, program), files, make))
    if lacking:
        more = " ..." * (len(lacking) > MOST_NAMED)
        names = ", ".join(str(location) for location, _ in lacking[:MOST_NAMED])
        options = " ".join(f"--session-start {label}={EXAMPLE}" for _, label in lacking[:MOST_NAMED])
        raise InputError(
            f"{names}{more}: the start of {'these sessions' if len(lacking) > 1 else 'this session'} is unknown; "
            f"give {options}{more} with the right dates, or a table of sessions with --sessions TABLE.csv."
        )


def _make(location: str | os.PathLike[str], program: FolderFormat, facts: SessionFacts, label: str) -> NWBFile:
    try:
        segmentation = program.read(Path(location))
    except OSError as error:
        raise InputError(f"{location}: this cannot be read ({error.strerror or error}).") from error
    if not any(len(plane.roi_ids) for plane in segmentation.planes):
        raise InputError(f"{location}: {program.program} found no ROIs here; leave this session out.")
    start = facts.start or program.start(Path(location)) or UNKNOWN_START
    return make_nwbfile(segmentation, facts, start, program.program, label)


def _recognised(location: str | os.PathLike[str]) -> tuple[FolderFormat, tuple[Path, ...]] | None:
    """The format and the files of a folder or file; None if it does not come from another program."""
    if is_url(location) or open_file(location) is not None or str(location).endswith(NWB_ENDINGS):
        return None
    if not os.path.exists(location):
        return None
    for program in find_formats():
        with suppress(OSError):  # an unreadable folder or file is reported when it is opened
            if files := tuple(program.files(Path(location))):
                return program, files
    return None


def _label(path: str, program: FolderFormat) -> str:
    """The last part of a path that names the session; empty if none does."""
    parts = [part for part in Path(path).parts if not re.fullmatch(program.general_name, part)]
    return Path(parts[-1]).stem if parts and parts[-1] != Path(path).anchor else ""


def _short_name(location: str | os.PathLike[str], program: FolderFormat) -> str:
    """The end of a path that distinguishes a folder from the folders of other sessions: `day1/suite2p`."""
    parts = Path(os.path.realpath(location)).parts
    general = [re.fullmatch(program.general_name, part) is not None for part in parts]
    first = max((k for k, is_general in enumerate(general) if not is_general and k > 0), default=len(parts) - 1)
    return "/".join(parts[first:])
