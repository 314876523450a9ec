"""Open NWB files read-only, however they are stored, and turn what can go wrong into one sentence."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hdmf.backends.io import HDMFIO
from pynwb import NWBFile

from ..errors import InputError
from .formats import format_of
from .open_files import Location, OpenFile, as_location, checksum_of_file, open_file
from .remote import is_url, public_name, shared_access


@contextmanager
def open_nwb(path: Location) -> Iterator[NWBFile]:
    """Open an NWB file for reading.

    Errors while the block runs that come from damaged data are reported as errors of this file.

    Parameters
    ----------
    path : path, str or binary file
        A path of a file (HDF5) or of the folder of a Zarr store, the URL of one on the network, or an HDF5 file that
        is open in binary mode.

    Raises
    ------
    InputError
        The file is missing, may not be read, is truncated, neither HDF5 nor Zarr, or no NWB file; or it is a Zarr
        store and what reads it is not installed.
    """
    with open_reader(path) as reader:
        yield _read(lambda: reader().read(), public_name(as_location(path)))


@contextmanager
def open_reader(path: Location) -> Iterator[Callable[[], HDMFIO]]:
    """As :func:`open_nwb`, but gives a function that gives hdmf's reader of the file."""
    location = as_location(path)
    name = public_name(location)
    with ExitStack() as stack:
        content: Any = location
        file_format = format_of(location)
        file: OpenFile | None = None
        if is_url(location) and not file_format.is_folder:
            content = stack.enter_context(stack.enter_context(shared_access()).stream(str(location)))
        elif is_url(location):
            content = stack.enter_context(shared_access()).folder(str(location))
        elif (file := open_file(location)) is not None:
            content = file
        try:
            with file_format.opened(content, name) as reader:
                yield reader
        except OSError as error:
            raise damaged(name, error) from error


def damaged(location: Location, error: Exception, part: str = "") -> InputError:
    """The error of a file that could be opened, but not be read to its end."""
    reason = f"{part}: {_first_line(error)}" if part else _first_line(error)
    kind = "Zarr store" if format_of(as_location(location)).is_folder else "file"
    return InputError(f"{public_name(as_location(location))}: the {kind} is damaged or incomplete ({reason}).")


def sha256_of(path: Location) -> str:
    """Checksum of a whole file on the disk or an open one, in hexadecimal.

    Of a Zarr store, that of the list of its files with their checksums, as `find -L . -type f -print0 | LC_ALL=C sort
    -z | xargs -0 sha256sum` prints it in the store's folder.
    """
    location = as_location(path)
    file = open_file(location)
    return format_of(location).checksum(Path(location)) if file is None else checksum_of_file(file)


def _read(read: Callable[[], NWBFile], name: str) -> NWBFile:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cached namespaces and old schema versions: not ours to mend
            return read()
    except (OSError, InputError):
        raise
    except Exception as error:  # h5py, hdmf and pynwb raise many kinds for a damaged file or one against its schema
        raise InputError(f"{name}: pynwb cannot read this NWB file ({_first_line(error)}).") from error


def _first_line(error: Exception) -> str:
    """The reason in words; hdmf's errors hold it after a description of half the file."""
    text = str(error.args[-1] if error.args and isinstance(error.args[-1], str) else error).strip()
    return textwrap.shorten(text.splitlines()[0], 300, placeholder=" ...") if text else type(error).__name__
