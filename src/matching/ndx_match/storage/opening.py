"""Open NWB files of any format read-only, and report each failure in one sentence."""

from __future__ import annotations

import os
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

from hdmf.backends.io import HDMFIO
from pynwb import NWBFile

from ..errors import InputError, OutputError
from .files import Location, as_location, open_file
from .formats import StorageFormat
from .hdf5 import Hdf5Format
from .outputs import has_zarr_name
from .remote import is_url, parsed, public_name, shared_access
from .substitutes import substitute_of
from .zarr.files import METADATA

MOST_OPEN_FILES = 10  #: how many files :func:`files_kept_open` keeps open


def format_of(path: str | os.PathLike[str]) -> StorageFormat:
    """The format of an existing file, or the one that the name of a new file asks for: Zarr for `.zarr`, else HDF5.

    Raises
    ------
    InputError, OutputError
        The format is Zarr, and hdmf-zarr is not installed.
    """
    is_remote = is_url(path)
    exists = not is_remote and os.path.exists(path)
    if not (os.path.isdir(path) if exists else has_zarr_name(parsed(path).path if is_remote else path)):
        return Hdf5Format()
    try:
        from .zarr.zarr_format import ZarrFormat
    except ImportError as error:
        what = f'{public_name(path)}: %s Zarr needs hdmf-zarr; run pip install "ndx-cell-matching[zarr]"'
        if exists or is_remote:
            raise InputError(f"{what % 'reading'}.") from error
        raise OutputError(f"{what % 'writing'}, or write .nwb.") from error
    return ZarrFormat()


def refuse_folder(location: str | os.PathLike[str]) -> None:
    """Raise InputError for a folder that is neither a Zarr store, nor a part of one, nor a folder of another program.

    Folders of other programs are accepted only after they have been recognised.
    """
    if is_url(location) or not os.path.isdir(location) or has_zarr_name(location) or substitute_of(location):
        return
    if any(os.path.exists(os.path.join(location, name)) for name in METADATA):
        return
    names = sorted(name for name in os.listdir(location) if name.endswith((".nwb", ".nwb.zarr")))
    files = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
    if names:
        raise InputError(f"{location}: this is a folder; give the NWB files in it ({files}).")
    raise InputError(f"{location}: no NWB file lies in this folder; give an NWB file.")


@contextmanager
def open_nwb(path: Location) -> Iterator[NWBFile]:
    """Open an NWB file for reading.

    If damaged data cause an error while the block runs, it is reported as an error of this file.

    Parameters
    ----------
    path : path, str or binary file
        The path of an HDF5 file or of a Zarr store's folder, the URL of either, or an HDF5 file that is open in binary
        mode. For a folder or file of another program, the NWB file that is made of it is opened.

    Raises
    ------
    InputError
        The file is missing, may not be read, is truncated, is neither HDF5 nor Zarr, or is not an NWB file; or it is a
        Zarr store and hdmf-zarr is not installed.
    """
    kept_files = _kept_files.get()
    place = as_location(path)
    if (substitute := substitute_of(place)) is not None:
        yield substitute.make()
        return
    is_plain_file = not (is_url(place) or open_file(place) is not None or os.path.isdir(place))
    nwbfile = kept_files.opened(place) if kept_files is not None and is_plain_file else None
    if nwbfile is None:
        with _opened(path) as nwbfile:
            yield nwbfile
        return
    try:
        yield nwbfile
    except OSError as error:
        raise damaged(place, error) from error


@contextmanager
def files_kept_open() -> Iterator[None]:
    """Keep HDF5 files on the disk open while the block runs, so that an unchanged file is opened again at once.

    Only the first :data:`MOST_OPEN_FILES` are kept, because an open file takes about 3 MB.
    """
    with ExitStack() as stack:
        token = _kept_files.set(_KeptFiles(stack))
        try:
            yield
        finally:
            _kept_files.reset(token)
            stack.close()  # here, so that an error of the block is not reported as an error of one of these files


class _KeptFiles:
    """Files that stay open until `stack` is closed."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.files: dict[tuple[object, ...], NWBFile] = {}

    def opened(self, path: str | os.PathLike[str]) -> NWBFile | None:
        """The open file, which is opened again if it has changed; None if too many files are open."""
        try:
            status = os.stat(path)
            key: tuple[object, ...] = (
                os.fspath(path),
                status.st_dev,
                status.st_ino,
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
            )
        except OSError:
            key = (os.fspath(path),)
        if key not in self.files and len(self.files) < MOST_OPEN_FILES:
            self.files[key] = self.stack.enter_context(_opened(path))
        return self.files.get(key)


_kept_files: ContextVar[_KeptFiles | None] = ContextVar("kept_files", default=None)


@contextmanager
def _opened(path: Location) -> Iterator[NWBFile]:
    """Open a file as :func:`open_nwb` does, but do not use a file that was kept open."""
    with open_reader(path) as reader:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # warnings about cached namespaces and old schema versions
                nwbfile = reader(True).read()
        except (OSError, InputError):
            raise
        except Exception as error:  # h5py, hdmf and pynwb raise many kinds for a file that is damaged or not valid
            name = public_name(as_location(path))
            raise InputError(f"{name}: pynwb cannot read this NWB file ({first_line(error)}).") from error
        yield nwbfile


def objects_of(nwbfile: NWBFile) -> Iterator[Any]:
    """The file itself and all objects in it; `NWBFile.objects` fails if two objects have the same object id."""
    waiting: list[Any] = [nwbfile]
    while waiting:
        item = waiting.pop()
        yield item
        waiting += getattr(item, "children", ())


@contextmanager
def open_reader(path: Location) -> Iterator[Callable[..., HDMFIO]]:
    """Open a file as :func:`open_nwb` does, but give a function that returns hdmf's reader of this file."""
    location = as_location(path)
    refuse_folder(location)
    file_format = format_of(location)
    with ExitStack() as stack:
        content: Any = open_file(location) or location
        if is_url(location):
            access = stack.enter_context(shared_access())
            if file_format.is_folder:
                content = access.folder(str(location))
            else:
                content = stack.enter_context(access.stream(str(location)))
        try:
            with file_format.opened(content, public_name(location)) as reader:
                yield reader
        except OSError as error:
            raise damaged(location, error) from error


def damaged(location: Location, error: Exception, part: str = "") -> InputError:
    """The error for a file that could be opened but not read to its end."""
    reason = f"{part}: {first_line(error)}" if part else first_line(error)
    place = as_location(location)
    kind = "Zarr store" if format_of(place).is_folder else "file"
    return InputError(f"{public_name(place)}: the {kind} is damaged or incomplete ({reason}).")


def first_line(error: Exception) -> str:
    """The first line of an error's reason; in hdmf's errors the reason follows a long description of the file."""
    text = str(error.args[-1] if error.args and isinstance(error.args[-1], str) else error).strip()
    return textwrap.shorten(text.splitlines()[0], 300, placeholder=" ...") if text else type(error).__name__
