"""The column of cell numbers in the ROI table of an HDF5 file."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from .hdf5 import PatientFile
from .opening import text_of

COLUMN = "global_roi_id"


def has_column(table: h5py.Group) -> bool:
    """Whether the table has a column of this name, or the remains of one."""
    return COLUMN in table or COLUMN in column_names(table)


def column_names(table: h5py.Group) -> list[str]:
    """The names of a table's columns in their order."""
    return [text_of(name) for name in np.ravel(table.attrs["colnames"])]


def column_names_with(table: h5py.Group) -> list[str]:
    """The names of a table's columns when it has this one too."""
    names = column_names(table)
    return names if COLUMN in names else [*names, COLUMN]


def add_columns(path: Path, columns: Mapping[str, npt.NDArray[np.int32]], description: str) -> None:
    """Write the column into tables of a file, in place of one that is there.

    Parameters
    ----------
    path : path
        An HDF5 file, which is changed.
    columns : mapping of str to ndarray of int32
        For the path of each table its values.
    description : str
        Of the column.

    Raises
    ------
    OSError
        The disk is full, or failed otherwise.
    """
    with open(path, "r+b", buffering=0) as raw:
        stream = PatientFile(raw)
        try:
            with h5py.File(stream, "r+") as file:
                for table, values in columns.items():
                    _add_column(file[table], values, description)
        except Exception as error:
            raise stream.error or error from error
        if stream.error is not None:
            raise stream.error


def _add_column(table: h5py.Group, values: npt.NDArray[np.int32], description: str) -> None:
    names = column_names_with(table)
    if COLUMN in table:
        del table[COLUMN]
    column = table.create_dataset(COLUMN, data=values)
    for name, value in {**common_attributes(table), "description": description}.items():
        column.attrs[name] = value
    stored = table.attrs.get_id("colnames").dtype
    fits = h5py.check_string_dtype(stored)
    if fits is not None and fits.length is not None:
        stored = h5py.string_dtype(fits.encoding, max(len(name.encode()) for name in names))
        table.attrs.create("colnames", np.array([name.encode() for name in names], stored), dtype=stored)
    else:
        table.attrs.create("colnames", names, dtype=stored)


def common_attributes(table: h5py.Group) -> dict[str, str]:
    """What makes a dataset a column: as the file's schema version wants it, which other columns show.

    Files older than NWB 2.2 have columns in the namespace `core`, the oldest also with an attribute `help` and
    without object ids.
    """
    columns = [table[name] for name in ("id", *column_names(table)) if name in table]
    plain = [column for column in columns if column.attrs.get("neurodata_type") in ("VectorData", b"VectorData")]
    like = (plain or columns)[0].attrs
    attributes = {"namespace": like.get("namespace", "hdmf-common"), "neurodata_type": "VectorData"}
    if plain and "help" in like:
        attributes["help"] = like["help"]
    if "object_id" in table.attrs:
        attributes["object_id"] = str(uuid.uuid4())
    return attributes
