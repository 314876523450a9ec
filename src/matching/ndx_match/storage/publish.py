"""Write files, and folders of Zarr stores, whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError
from .zarr.files import is_zarr_nwb


def has_zarr_name(path: str | os.PathLike[str]) -> bool:
    """Whether a path is named as a Zarr store: `.zarr` or `.nwb.zarr`."""
    return Path(path).suffix == ".zarr"


def files_in(folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Every file below a folder, by its path in it, sorted; links are followed."""
    folder = Path(folder)
    paths = [Path(top, name) for top, _, names in os.walk(folder, followlinks=True) for name in names]
    return dict(sorted((path.relative_to(folder).as_posix(), path) for path in paths))


def check_output(
    output: str | os.PathLike[str], overwrite: bool = False, inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Refuse an output that cannot or should not be written, before any work is done.

    Parameters
    ----------
    output : path
        The file to write, or the folder of the Zarr store where it is named so.
    overwrite : bool
        An existing file may be replaced, as may a Zarr store of an NWB file by another, but no other folder.
    inputs : iterable of path
        Files that may not be replaced even so.

    Raises
    ------
    OutputError
        The output is a folder or one of the inputs, its folder does not exist or may not be written into, or it
        exists and may not be overwritten.
    """
    path = Path(output)
    zarr = has_zarr_name(path)
    if path.is_dir() and not zarr:
        raise OutputError(f"{path}: this is a folder; give the name of a file, for example {path / 'matches.nwb'}.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist; make it first or choose another.")
    for source in filter(os.path.exists, inputs):
        if path.exists() and os.path.samefile(path, source):
            raise OutputError(f"{path}: the output is one of the inputs; give another name with -o.")
        if _holds(source, path) or _holds(path, source):
            raise OutputError(f"{path}: the output and the input {source} lie one within the other; choose another -o.")
    if path.exists() and not overwrite:
        kind = "folder" if path.is_dir() else "file"
        raise OutputError(f"{path}: this {kind} exists already; give another name or --overwrite.")
    if zarr and path.exists() and not is_zarr_nwb(path):
        kind = "folder" if path.is_dir() else "file"
        raise OutputError(f"{path}: this {kind} is no Zarr store of an NWB file and is not replaced; remove it first.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: the folder {path.parent} cannot be written into; choose another.")


def check_folder(folder: Path) -> None:
    """Refuse an output folder, before any work is done.

    Raises
    ------
    OutputError
        It is a file or the Zarr store of an NWB file, cannot be made, or cannot be written into.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: this is a file; give the name of a folder.")
    if is_zarr_nwb(folder):
        raise OutputError(f"{folder}: this folder is the Zarr store of an NWB file; choose another.")
    check_output(folder / "x" if folder.is_dir() else folder, overwrite=True)


def make_folder(folder: Path) -> bool:
    """Make an output folder whose parent exists, unless it exists already; returns whether it was made.

    Raises
    ------
    OutputError
        As :func:`check_folder`.
    """
    check_folder(folder)
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror}).") from error
    return True


@contextmanager
def whole_or_absent(path: str | os.PathLike[str], folder: bool = False) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and vanishes otherwise.

    Parameters
    ----------
    path : path
    folder : bool
        A folder instead, as of a Zarr store.

    Raises
    ------
    OutputError
        The disk is full or the folder cannot be written into.
    """
    path = Path(os.path.realpath(path)) if folder else Path(path)  # a link to a folder stays one
    temporary = _name_beside(path)
    try:  # from before it is there, so that a signal at any time leaves none behind
        try:
            # Only its owner can read it before it is whole.
            if folder:
                os.mkdir(temporary, 0o700)
            else:
                os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise OutputError(f"{path}: the folder cannot be written into ({_reason(error)}).") from error
        yield temporary
        os.chmod(temporary, (0o777 if folder else 0o666) & ~_umask())
        if folder:
            _replace_folder(temporary, path)
        else:
            os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"{path}: the file cannot be written ({_reason(error)}); free some space or choose another folder."
        ) from error
    finally:
        if folder:
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _name_beside(path: Path) -> Path:
    """A hidden name with the same suffixes that no other file has."""
    stem = path.name.split(".")[0]
    return path.with_name(f".{stem}-{secrets.token_hex(4)}{path.name.removeprefix(stem)}")


def _replace_folder(new: Path, path: Path) -> None:
    """Give a folder the name of another, which is removed; where that fails, the other keeps its name."""
    aside = _name_beside(path)
    try:
        if path.exists():
            os.rename(path, aside)
        os.rename(new, path)
    finally:
        if aside.exists() and not path.exists():
            os.rename(aside, path)
        shutil.rmtree(aside, ignore_errors=True)


def _holds(folder: str | os.PathLike[str], path: str | os.PathLike[str]) -> bool:
    real_folder, real_path = Path(os.path.realpath(folder)), Path(os.path.realpath(path))
    return os.path.isdir(real_folder) and real_folder != real_path and real_path.is_relative_to(real_folder)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) or "No space left" in str(error):
        return "no space left on the disk"
    return (error.strerror or str(error)).splitlines()[0]
