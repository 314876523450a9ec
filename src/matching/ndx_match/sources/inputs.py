"""Replace folders, patterns such as `day*.nwb`, and folders on DANDI by the files in them.

Folders and files of other programs' results (:mod:`ndx_match.folders`) are treated as files.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ..addresses import is_address
from ..errors import InputError
from ..folders import NWB_ENDINGS, is_folder, take_folders
from ..storage.files import Location, as_location
from ..storage.opening import format_of
from ..storage.outputs import has_zarr_name
from ..storage.remote import shared_access

PROPAGATED_OUTLINES = "Detected and propagated ROIs."  #: description of the module of files with propagated outlines


def expand(locations: Location | Iterable[Location], sessions: Sequence[str] = ()) -> list[str | os.PathLike[str]]:
    """Replace folders and patterns by the files in them; other locations are returned as they are.

    Parameters
    ----------
    locations : path, str or binary file, or an iterable of them
        Paths, `https://`, `s3://` and `dandi://` URLs, open files.
    sessions : sequence of str
        Take only these sessions of folders on DANDI.

    Raises
    ------
    InputError
        No file matches a pattern, a folder on DANDI has no such file, or DANDI does not answer.
    """
    files: list[Location] = []
    for location in listed(locations):
        files += expand_local(location) if isinstance(location, (str, os.PathLike)) else [location]
    with shared_access() as access:
        return access.expand(files, sessions)


def files_of_matched_sessions(
    locations: Location | Iterable[Location],
) -> list[str | os.PathLike[str]]:
    """Expand, as :func:`expand` does, the locations from which the sessions of a match file were read.

    Folders of other programs are read too; the start of their sessions does not have to be given again.
    """
    files = expand(locations)
    take_folders(files, need_start=False)
    return files


def listed(locations: Any) -> list[Any]:
    """The locations as a list, even if only one is given; TypeError if they are something else."""
    if isinstance(locations, (str, os.PathLike)) or hasattr(locations, "read"):
        return [locations]
    several = isinstance(locations, Iterable) and not isinstance(locations, bytes)
    all_locations = [*locations] if several else [locations]
    for location in all_locations:
        as_location(location)  # raises TypeError
    return all_locations


def expand_local(location: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
    """The files that a path means, sorted by path: the NWB files below a folder, or the files that match a pattern.

    If there is no NWB file below a folder, the results of other programs below it are meant. Match files and files of
    propagated outlines below a folder are left out, because they are results of the other files. All other locations
    are returned as they are: URLs, files, paths that do not exist, folders that are results of another program, and
    folders in which nothing is found.

    Raises
    ------
    InputError
        No file matches the pattern.
    """
    if is_address(location):
        return [location]
    if os.path.isdir(location) and not has_zarr_name(location) and not is_folder(location):
        return [path for path in sessions_below(location) if not is_result(path)] or [location]
    if os.path.lexists(location) or not glob.has_magic(str(location)):
        return [location]
    paths = sorted(glob.glob(str(location), recursive=True))
    if not paths:
        raise InputError(f"{location}: no file matches this pattern; give NWB files.")
    return [path for each in paths for path in expand_local(each)]


def the_one_file(location: str | os.PathLike[str], of_matches: bool = False) -> str | os.PathLike[str]:
    """The one file that a path, a URL, a pattern or a folder means.

    Parameters
    ----------
    location : path or str
        A path, folder, pattern or URL.
    of_matches : bool
        Take the match file in a folder, which is otherwise left out.

    Raises
    ------
    InputError
        A pattern matches no file or several, or a folder has several files.
    """
    if is_address(location):
        return location
    if of_matches and os.path.isdir(location) and not has_zarr_name(location):
        paths: list[str | os.PathLike[str]] = []
        paths += [path for path in sessions_below(location) if is_match_file(path)] or [location]
    else:
        paths = expand_local(location)
    if len(paths) > 1:
        names = ", ".join(map(str, paths[:3])) + ", ..." * (len(paths) > 3)
        raise InputError(f"{location}: this means {len(paths)} files ({names}); give one of them.")
    return paths[0]


def sessions_below(folder: str | os.PathLike[str], but_in: str | os.PathLike[str] | None = None) -> list[str]:
    """The NWB files and Zarr stores at any depth below a folder; if there are none, the results of other programs.

    Sorted by path, without hidden files. The folder `but_in` is not searched.
    """
    return _below(folder, but_in, _is_nwb) or _below(folder, but_in, is_folder)


def _is_nwb(path: str) -> bool:
    """Whether a path has the name of an NWB file or, if it is a folder, of a Zarr store."""
    return path.endswith(NWB_ENDINGS[os.path.isdir(path) :])


def _below(
    folder: str | os.PathLike[str], but_in: str | os.PathLike[str] | None, is_session: Callable[[str], bool]
) -> list[str]:
    """All sessions below a folder, sorted by path; folders that are sessions are not searched."""
    excluded = None if but_in is None else os.path.realpath(but_in)
    paths: list[str] = []
    for parent, folders, names in os.walk(folder):
        visible = [name for name in folders if not name.startswith(".")]
        sessions = [name for name in visible if is_session(os.path.join(parent, name))]
        folders[:] = [
            name
            for name in visible
            if name not in sessions and os.path.realpath(os.path.join(parent, name)) != excluded
        ]
        files = [name for name in names if not name.startswith(".") and is_session(os.path.join(parent, name))]
        paths += [os.path.join(parent, name) for name in (*sessions, *files)]
    return sorted(paths)


def is_match_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file's groups show that it is a match file; False if it cannot be read."""
    return _has_module(path, _holds_matches)


def is_result(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a match file or holds propagated outlines; False if it cannot be read."""
    return _has_module(
        path, lambda module: _holds_matches(module) or module.attrs.get("description") == PROPAGATED_OUTLINES
    )


def _holds_matches(module: Any) -> bool:
    return any(item.attrs.get("neurodata_type") == "CellMatching" for item in module.values())


def _has_module(path: str | os.PathLike[str], predicate: Callable[[Any], bool]) -> bool:
    try:
        with format_of(path).table(Path(path), "processing") as modules:
            return any(predicate(module) for module in modules.values())
    except Exception:  # the error is reported when the file is read
        return False
