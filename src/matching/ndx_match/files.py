"""Write files whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import OutputError


def check_output(
    output: str | os.PathLike[str], overwrite: bool = False, inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Refuse an output that cannot or should not be written, before any work is done.

    Parameters
    ----------
    output : path
        The file to write.
    overwrite : bool
        An existing file may be replaced.
    inputs : iterable of path
        Files that may not be replaced even so.

    Raises
    ------
    OutputError
        The output is a folder or one of the inputs, its folder does not exist or may not be written into, or it
        exists and may not be overwritten.
    """
    path = Path(output)
    if path.is_dir():
        raise OutputError(f"{path}: this is a folder; give the name of a file, for example {path / 'matches.nwb'}.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist; make it first or choose another.")
    if path.exists() and any(os.path.exists(source) and os.path.samefile(path, source) for source in inputs):
        raise OutputError(f"{path}: the output is one of the inputs; give another name with -o.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: this file exists already; give another name or --overwrite.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: the folder {path.parent} cannot be written into; choose another.")


@contextmanager
def whole_or_absent(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and vanishes otherwise.

    Raises
    ------
    OutputError
        The disk is full or the folder cannot be written into.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:  # from before the file is there, so that a signal at any time leaves none behind
        try:
            # Only its owner can read it before it is whole.
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise OutputError(f"{path}: the folder cannot be written into ({_reason(error)}).") from error
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"{path}: the file cannot be written ({_reason(error)}); free some space or choose another folder."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) or "No space left" in str(error):
        return "no space left on the disk"
    return (error.strerror or str(error)).splitlines()[0]
