"""Find the files of a batch: those in folders, in manifests, on DANDI, or given one by one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..folders import is_folder
from ..sources.inputs import expand_local, sessions_below
from ..storage.csv_tables import read_rows
from ..storage.outputs import has_zarr_name
from ..storage.remote import is_of_dandi, is_url, public_name, same_place, shared_access

FILE_COLUMN, SUBJECT_COLUMN, PLANE_COLUMN = "file", "subject", "plane"


@dataclass(frozen=True)
class Input:
    """A file of a batch, with the entries of a manifest."""

    location: str  #: an absolute path, or an address
    subject: str = ""  #: if empty, the subject that the file names
    plane: str = ""  #: the imaging plane to take; if empty, all of them
    position: int | None = None  #: position in a manifest, which orders the sessions; if None, the date orders them


def find_inputs(locations: Sequence[str], sessions: Sequence[str] = (), but_in: Path | None = None) -> list[Input]:
    """The files of a batch.

    Parameters
    ----------
    locations : sequence of str
        Folders, which are searched at any depth; manifests, whose names end in `.csv`; NWB files; addresses.
    sessions : sequence of str
        Take only these sessions of folders on DANDI.
    but_in : path, optional
        A folder that is not searched, because it is the folder of the match files.

    Raises
    ------
    InputError
        If a folder or manifest does not exist, a manifest has a wrong form, a file is named twice, or there is no file.
    """
    inputs: list[Input] = []
    for location in locations:
        if not is_url(location) and location.lower().endswith(".csv"):
            inputs += _in_manifest(Path(location), len(inputs))
        elif not is_url(location) and os.path.isdir(location) and not (has_zarr_name(location) or is_folder(location)):
            inputs += [Input(path) for path in sessions_below(os.path.abspath(location), but_in)]
        else:
            inputs += [Input(address) for address in _expanded(location, sessions)]
    if not inputs:
        listed = ", ".join(map(public_name, locations))
        raise InputError(f"{listed}: there is no NWB file here; give a folder of NWB files, or a manifest.")
    for place, n in Counter((same_place(each.location), each.plane) for each in inputs).items():
        if n > 1:
            raise InputError(f"{place[0]}: this file is given {n} times; give each session once.")
    return inputs


def _expanded(location: str, sessions: Sequence[str] = ()) -> list[str]:
    """The files that a location means, with absolute paths, so that every process finds them."""
    if not is_url(location):
        return [os.path.abspath(path) for path in expand_local(location)]
    if not is_of_dandi(location):
        return [location]
    with shared_access() as access:
        return [str(each) for each in access.expand([location], sessions)]


def _in_manifest(path: Path, first: int) -> Iterator[Input]:
    """Read a manifest: one row per file, with the column `file`, and optionally `subject` and `plane`."""
    columns, rows = read_rows(path, "the manifest")
    if FILE_COLUMN not in columns:
        raise InputError(
            f"{path}: the manifest has no column {FILE_COLUMN!r} (it has {', '.join(columns) or 'none'}); name the "
            f"columns in its first line: {FILE_COLUMN} and, optionally, {SUBJECT_COLUMN} and {PLANE_COLUMN}."
        )
    for number, row in enumerate(rows, start=2):
        location = row[FILE_COLUMN]
        if not location:
            raise InputError(f"{path}: row {number} names no file; name one, or remove the row.")
        below = location if is_url(location) else str(path.parent / location)
        of_row = _expanded(below)
        if len(of_row) != 1:
            raise InputError(f"{path}: row {number} means {len(of_row)} files; name one file in each row.")
        yield Input(of_row[0], row.get(SUBJECT_COLUMN, ""), row.get(PLANE_COLUMN, ""), first + number)
