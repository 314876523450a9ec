"""Open NWB files read-only and turn what can go wrong into one sentence."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
from pynwb import NWBHDF5IO, NWBFile

from ..errors import InputError, NdxMatchError


@contextmanager
def open_nwb(path: str | os.PathLike[str]) -> Iterator[NWBFile]:
    """Open a local NWB file (HDF5) for reading.

    Errors while the block runs that come from damaged data are reported as errors of this file.

    Raises
    ------
    InputError
        The file is missing, truncated, no HDF5 file or no NWB file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file.")
    if not h5py.is_hdf5(path):
        raise InputError(f"{path}: this is not an HDF5 file, so it cannot be an NWB file (HDF5) as needed here.")
    try:
        with h5py.File(path, "r") as file:
            if "nwb_version" not in file.attrs:
                raise InputError(f"{path}: this HDF5 file is not an NWB file (it has no attribute nwb_version).")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of cached namespaces and old schema versions: not ours to mend
                io = NWBHDF5IO(file=file, mode="r", load_namespaces=True)
                nwbfile = _read(io, path)
            yield nwbfile
    except OSError as error:
        raise InputError(f"{path}: the file is damaged or incomplete ({_first_line(error)}).") from error


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Checksum of a whole file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _read(io: NWBHDF5IO, path: Path) -> NWBFile:
    try:
        return io.read()
    except (OSError, NdxMatchError):
        raise
    except Exception as error:  # pynwb raises many kinds for a file that breaks its schema
        raise InputError(f"{path}: pynwb cannot read this NWB file ({_first_line(error)}).") from error


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
