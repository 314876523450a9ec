"""Read numbers from MATLAB files of versions 5 to 7, and of version 7.3, which is HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..arrays import Array
from ..errors import InputError
from .hdf5.reading import open_dataset


def read_mat(path: Path, *names: str, optional: bool = False) -> Array | None:
    """A numeric array of a MATLAB file, with the shape that it has in MATLAB.

    Parameters
    ----------
    path : Path
    *names : str
        Name of the variable and, if this is a struct, the name of its field, and so on.
    optional : bool
        Return None if there is no array of this name.

    Raises
    ------
    InputError
        The file cannot be read, or has no numeric array of this name.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file.")
    try:
        array = _of_hdf5(path, names) if h5py.is_hdf5(path) else _of_older(path, names)
    except (MemoryError, Exception) as error:  # h5py and SciPy raise many kinds for damaged files
        raise InputError(
            f"{path}: this file cannot be read as a MATLAB file ({error or type(error).__name__})."
        ) from None
    if array is None and optional:
        return None
    if array is None or array.dtype.kind not in "biuf":
        raise InputError(
            f"{path}: this file has no numeric array {'.'.join(names)}; give the file as its program wrote it."
        )
    return array


def _of_hdf5(path: Path, names: tuple[str, ...]) -> Array | None:
    with open_dataset(path, "/".join(names)) as item:
        if item is None:
            return None
        if item.attrs.get("MATLAB_empty", 0):
            return np.zeros(tuple(item[()]))
        return np.asarray(item[()]).T


def _of_older(path: Path, names: tuple[str, ...]) -> Array | None:
    from scipy.io import loadmat

    item: Any = loadmat(path, variable_names=names[:1]).get(names[0])
    for name in names[1:]:
        if (
            not isinstance(item, np.ndarray)
            or item.dtype.names is None
            or name not in item.dtype.names
            or not item.size
        ):
            return None
        item = item[name].ravel()[0]
    return item if isinstance(item, np.ndarray) else None
