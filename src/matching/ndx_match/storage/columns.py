"""The column of cell numbers in an ROI table, which is the same in HDF5 files and in Zarr stores."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .datasets import text_of

COLUMN = "global_roi_id"

Columns = Mapping[str, npt.NDArray[np.signedinteger]]  #: the column's values, by the path of their table


def has_column(table: Any) -> bool:
    """Whether the group of a table has the column `global_roi_id`: as a dataset, or only as a name in its list."""
    return COLUMN in table or COLUMN in column_names(table)


def column_names(table: Any) -> list[str]:
    """The names of a table's columns in their order."""
    return [text_of(name) for name in np.ravel(table.attrs["colnames"])]


def column_names_with(table: Any) -> list[str]:
    """The names of a table's columns, with `global_roi_id` added at the end if it is not among them."""
    names = column_names(table)
    return names if COLUMN in names else [*names, COLUMN]


def column_attributes(table: Any, description: str) -> dict[str, str]:
    """The attributes that make a dataset a column in the schema version of the file, copied from another column.

    In files older than NWB 2.2, columns are in the namespace `core`; in the oldest they also have an attribute `help`
    and no object id.
    """
    columns = [table[name] for name in ("id", *column_names(table)) if name in table]
    plain = [column for column in columns if column.attrs.get("neurodata_type") in ("VectorData", b"VectorData")]
    like = (plain or columns)[0].attrs
    attributes = {"namespace": like.get("namespace", "hdmf-common"), "neurodata_type": "VectorData"}
    if plain and "help" in like:
        attributes["help"] = like["help"]
    if "object_id" in table.attrs:
        attributes["object_id"] = str(uuid.uuid4())
    return {**attributes, "description": description}
