"""Refuse outputs that cannot or must not be written, before any work is done."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..addresses import is_address, public_name
from ..errors import NdxMatchError, OutputError
from .drafts import Draft, settle_abandoned
from .zarr.files import is_zarr_nwb

LONGEST_IN_STORE = "/".join(["x" * 200] * 2)  #: about as long as the longest path of an array within a store


def has_zarr_name(path: str | os.PathLike[str]) -> bool:
    """Whether a path has the name of a Zarr store, which ends in `.zarr`, as does `.nwb.zarr`."""
    return Path(path).suffix == ".zarr"


def check_output(
    output: str | os.PathLike[str], overwrite: bool = False, inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Refuse an output that cannot or must not be written, before any work is done.

    Files that killed processes left in its folder are removed first.

    Parameters
    ----------
    output : path
        The file to write, or the folder of a Zarr store if it is named `.zarr`.
    overwrite : bool
        An existing file may be replaced, and the Zarr store of an NWB file by another; no other folder may.
    inputs : iterable of path
        Files that must not be replaced, not even with `overwrite`.

    Raises
    ------
    OutputError
        The output is a folder, is one of the inputs, or is a link to a file that does not exist; its name is too long;
        its folder does not exist or may not be written into; or it exists and may not be overwritten.
    """
    path = Path(output)
    zarr = has_zarr_name(path)
    check_name(path)
    if os.path.isdir(path) and not zarr:
        raise OutputError(f"{path}: this is a folder; give the name of a file, for example {path / 'matches.nwb'}.")
    if not os.path.isdir(path.parent):
        raise OutputError(f"{path}: the folder {path.parent} does not exist; make it first or choose another.")
    check_link(path)
    real = Path(os.path.realpath(path))
    settle_abandoned(real.parent)
    for source in filter(os.path.exists, inputs):
        if os.path.exists(path) and os.path.samefile(path, source):
            raise OutputError(f"{path}: the output is one of the inputs; give another name.")
        input_path = Path(os.path.realpath(source))
        if input_path in real.parents or real in input_path.parents:
            raise OutputError(
                f"{path}: the output lies in the input {source}, or the input in the output; give another name."
            )
    kind = "folder" if os.path.isdir(path) else "file"
    if os.path.exists(path) and not overwrite:
        raise OutputError(f"{path}: this {kind} exists already; give another name or --overwrite.")
    if zarr and os.path.exists(path) and not is_zarr_nwb(path):
        raise OutputError(
            f"{path}: this {kind} is not the Zarr store of an NWB file and is not replaced; remove it first."
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: the folder {path.parent} cannot be written into; choose another.")


def check_name(path: Path) -> None:
    """Refuse an address, `-`, and a name or path that is too long for its file system, also while it is written."""
    if is_address(path):
        raise OutputError(f"{public_name(path)}: outputs are written to the local disk; give a path.")
    if str(path) == "-":
        raise OutputError("-: outputs are written to files and not to the standard output; give the name of a file.")
    path = Path(os.path.abspath(path))
    if not path.name:  # the root
        return
    there = next((parent for parent in path.parents if os.path.isdir(parent)), Path())
    for name in path.parts[len(there.parts) :]:  # one by one, because the limit for a new folder is not known
        if _is_too_long(there / name):
            raise OutputError(f"{name[:60]}...: this name is too long; give a shorter one.")
    draft = Draft(path).new
    if any(map(_is_too_long, (path, draft, draft / LONGEST_IN_STORE if has_zarr_name(path) else draft))):
        raise OutputError(f"{str(path)[:60]}...: this path is too long; give a shorter one.")


def _is_too_long(path: Path) -> bool:
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return False


def check_link(path: Path) -> None:
    """Refuse a symbolic link whose target does not exist."""
    if os.path.islink(path) and not os.path.exists(path):
        raise OutputError(f"{path}: this is a link to {os.readlink(path)}, which does not exist; give another name.")


def check_folder(folder: Path) -> None:
    """Refuse an output folder that is a file or a Zarr store, cannot be made, or cannot be written into."""
    check_name(folder)
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise OutputError(f"{folder}: this is a file; give the name of a folder.")
    if is_zarr_nwb(folder):
        raise OutputError(f"{folder}: this folder is the Zarr store of an NWB file; choose another.")
    if not os.path.isdir(folder):
        check_output(folder, overwrite=True)
        return
    settle_abandoned(Path(os.path.realpath(folder)))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: this folder cannot be written into; choose another.")


def make_folder(folder: Path) -> bool:
    """Make an output folder whose parent exists, after :func:`check_folder`; returns whether the folder is new."""
    check_folder(folder)
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror}).") from error
    return True


@contextmanager
def naming_written(written: Sequence[Path]) -> Iterator[None]:
    """If the block fails, add to the error the files in `written`, which were complete by then."""
    try:
        yield
    except NdxMatchError as error:
        if not written:
            raise
        listed = ", ".join(map(str, written))
        raise type(error)(f"{str(error).rstrip('.')}; these files were written before: {listed}.") from error


@contextmanager
def folder_for_outputs(folder: Path) -> Iterator[None]:
    """Make an output folder as :func:`make_folder` does; if the block fails, remove the new folder if it is empty."""
    is_new = make_folder(folder)
    try:
        yield
    except BaseException:
        if is_new:
            with suppress(OSError):
                os.rmdir(folder)
        raise
