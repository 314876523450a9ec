"""The one way in which outputs appear: whole or not at all, and never in place of what appeared meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError
from .drafts import Draft
from .outputs import check_link
from .zarr.files import is_zarr_nwb

_drafts: set[Draft] = set()  #: those that this process is writing


@contextmanager
def publish(path: str | os.PathLike[str], overwrite: bool = False, folder: bool = False) -> Iterator[Path]:
    """A hidden file beside `path` that takes its name when the block ends well, and vanishes otherwise.

    Parameters
    ----------
    path : path
        The file that is to appear. Where it is a symbolic link, the file to which it leads is replaced.
    overwrite : bool
        What has this name may be replaced; its permissions, and where possible its owner, are kept. Otherwise
        nothing is, not even what appears while the block runs: of two that write the same name, one fails.
    folder : bool
        A folder instead, as of a Zarr store; only the store of an NWB file is replaced.

    Yields
    ------
    Path
        The hidden file or folder, empty and only for its owner to read, with the same suffix.

    Raises
    ------
    OutputError
        There is something of this name that may not be replaced, the disk is full, or the folder cannot be written
        into.
    """
    path = Path(path)
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    check_link(path)
    draft = Draft(Path(os.path.realpath(path)))
    lock = None
    _drafts.add(draft)
    try:  # from before there is anything, so that a signal at any time leaves nothing behind
        try:
            lock = draft.begin()
            mode = _make_private(draft.new, folder)
        except OSError as error:
            raise OutputError(f"{path}: the folder cannot be written into ({_reason(error)}).") from error
        yield draft.new
        try:
            _take_permissions(draft, mode)
            (_place_folder if folder else _place_file)(draft, overwrite)
        except FileExistsError as error:
            raise _exists(path, "was made by another program meanwhile and is not replaced") from error
    except OSError as error:
        remedy = "free some space or choose" if is_full(error) else "choose"
        raise OutputError(f"{path}: the file cannot be written ({_reason(error)}); {remedy} another folder.") from error
    finally:
        try:
            draft.settle()
        except BaseException:  # a signal
            draft.settle()
            raise
        finally:
            if lock is not None:
                os.close(lock)
            _drafts.discard(draft)


def settle_drafts() -> None:
    """Remove what this process is writing: for one that ends and cannot wait until its blocks have ended."""
    for draft in list(_drafts):
        if draft.process == os.getpid():  # not a child of the one that writes
            draft.settle()


def _make(path: Path, folder: bool) -> None:
    """Make an empty file or folder; an error where there is something of this name."""
    if folder:
        os.mkdir(path)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))


def _make_private(path: Path, folder: bool) -> int:
    """Make one that only its owner can read; returns the mode that the user's files have."""
    _make(path, folder)
    mode = stat.S_IMODE(os.stat(path).st_mode)
    os.chmod(path, 0o700 if folder else 0o600)
    return mode


def _take_permissions(draft: Draft, mode: int) -> None:
    """Those of what is replaced, else those of any file that the user makes."""
    with suppress(FileNotFoundError):
        before = os.stat(draft.path)
        mode = stat.S_IMODE(before.st_mode)
        if hasattr(os, "chown"):
            with suppress(OSError):  # only root may give files away
                os.chown(draft.new, before.st_uid, before.st_gid)
    os.chmod(draft.new, mode)


def _place_file(draft: Draft, overwrite: bool) -> None:
    if overwrite:
        os.replace(draft.new, draft.path)
        return
    try:
        os.link(draft.new, draft.path)  # unlike a rename, an error where the name is taken
    except FileExistsError:
        if not os.path.samestat(os.lstat(draft.new), os.lstat(draft.path)):  # else its server made the link twice
            raise
    except OSError:  # a file system without links
        _reserve(draft, folder=False)
        os.replace(draft.new, draft.path)
        draft.reserved = False


def _place_folder(draft: Draft, overwrite: bool) -> None:
    if overwrite and os.path.lexists(draft.path):
        if not is_zarr_nwb(draft.path):
            raise FileExistsError
        os.rename(draft.path, draft.old)
    if os.name != "nt":  # where renaming onto an empty folder is no error
        _reserve(draft, folder=True)
    try:
        os.rename(draft.new, draft.path)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise FileExistsError from error
        raise
    draft.reserved = False


def _reserve(draft: Draft, folder: bool) -> None:
    """Take a name that nobody has."""
    draft.reserved = True
    try:
        _make(draft.path, folder)
    except OSError:
        draft.reserved = False
        raise


def _exists(path: Path, problem: str = "exists already") -> OutputError:
    kind = "folder" if os.path.isdir(path) else "file"
    return OutputError(f"{path}: this {kind} {problem}; give another name or --overwrite.")


def is_full(error: OSError) -> bool:
    """Whether the disk, a quota or the largest file is the reason."""
    return error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) or "No space left" in str(error)


def _reason(error: OSError) -> str:
    if is_full(error):
        return "no space left on the disk"
    return (error.strerror or str(error) or type(error).__name__).splitlines()[0]
