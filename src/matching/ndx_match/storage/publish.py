"""Write each output completely or not at all, and never replace a file that another program wrote meanwhile."""

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

_drafts: set[Draft] = set()  #: the outputs that this process is writing


@contextmanager
def publish(path: str | os.PathLike[str], overwrite: bool = False, folder: bool = False) -> Iterator[Path]:
    """Give a hidden file beside `path`, which is renamed to `path` if the block succeeds and is removed otherwise.

    Parameters
    ----------
    path : path
        The file to write. If it is a symbolic link, the file to which it leads is replaced.
    overwrite : bool
        Replace an existing file and keep its permissions and, if possible, its owner. If False, nothing is replaced,
        not even a file that is made while the block runs: if two programs write the same file, one of them fails.
    folder : bool
        Make a folder instead of a file, for a Zarr store; with `overwrite` only the store of an NWB file is replaced.

    Yields
    ------
    Path
        The hidden file or folder: empty, readable only by its owner, and with the suffix of `path`.

    Raises
    ------
    OutputError
        A file or folder of this name exists and may not be replaced, the disk is full, or nothing can be written into
        the parent folder.
    """
    path = Path(path)
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    check_link(path)
    draft = Draft(Path(os.path.realpath(path)))
    lock = None
    _drafts.add(draft)
    try:  # begins before any file exists, so that no file is left, whenever a signal arrives
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
    """Remove the incomplete outputs of this process; for a process that ends before its blocks have ended."""
    for draft in list(_drafts):
        if draft.process == os.getpid():  # a child process must not remove the files of its parent
            draft.settle()


def _make(path: Path, folder: bool) -> None:
    """Make an empty file or folder; fails if the name exists."""
    if folder:
        os.mkdir(path)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))


def _make_private(path: Path, folder: bool) -> int:
    """Make an empty file or folder that only its owner can read; returns the mode that new files get by default."""
    _make(path, folder)
    mode = stat.S_IMODE(os.stat(path).st_mode)
    os.chmod(path, 0o700 if folder else 0o600)
    return mode


def _take_permissions(draft: Draft, mode: int) -> None:
    """Give the draft the permissions of the file that it replaces, or `mode` if it replaces none."""
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
        os.link(draft.new, draft.path)  # unlike a rename, this fails if the name exists
    except FileExistsError:
        # A network file system may repeat a request and then report the link that it has made itself.
        if not os.path.samestat(os.lstat(draft.new), os.lstat(draft.path)):
            raise
    except OSError:  # the file system has no hard links
        _reserve(draft, folder=False)
        os.replace(draft.new, draft.path)
        draft.reserved = False


def _place_folder(draft: Draft, overwrite: bool) -> None:
    if overwrite and os.path.lexists(draft.path):
        if not is_zarr_nwb(draft.path):
            raise FileExistsError
        os.rename(draft.path, draft.old)
    if os.name != "nt":  # only outside Windows can a folder be renamed onto an empty one
        _reserve(draft, folder=True)
    try:
        os.rename(draft.new, draft.path)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise FileExistsError from error
        raise
    draft.reserved = False


def _reserve(draft: Draft, folder: bool) -> None:
    """Reserve the output's name with an empty file or folder."""
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
    """Whether the error means that the disk or the quota is full, or that the file would be too large."""
    return error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) or "No space left" in str(error)


def _reason(error: OSError) -> str:
    if is_full(error):
        return "no space left on the disk"
    return (error.strerror or str(error) or type(error).__name__).splitlines()[0]
