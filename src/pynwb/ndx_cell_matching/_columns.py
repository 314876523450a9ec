"""Convert between arrays and the columns of a DynamicTable."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from hdmf.common import VectorData
from pynwb import get_type_map

from ._namespace import NAMESPACE


def table_from_columns(
    table_class: Any, name: str, description: str, columns: Mapping[str, Any], ids: npt.ArrayLike | None = None
) -> Any:
    """Make a table of a type of this extension; the schema gives the types and descriptions of its columns.

    Optional columns without content (None, all NaN, all empty texts) are left out; `ids` are by default 0, 1, 2, ...
    Raises TypeError if a required column is missing or a column is not in the schema, and ValueError if the columns
    differ in length.
    """
    predefined = {column["name"]: column for column in table_class.__columns__}
    required = {column for column, about in predefined.items() if about.get("required")}
    if unknown := columns.keys() - predefined.keys():
        raise TypeError(f"the table {name!r} has no column {', '.join(sorted(unknown))}.")
    dtypes = _dtypes(table_class.__name__)
    typed = {column: _typed(columns.get(column), dtypes[column], column in required) for column in predefined}
    filled = {column: values for column, values in typed.items() if values is not None}
    if missing := required - filled.keys():
        raise TypeError(f"the table {name!r} needs the columns {', '.join(sorted(missing))}.")
    lengths = {column: len(values) for column, values in filled.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns of the table {name!r} must have the same length, not {lengths}.")
    return table_class(
        name=name,
        description=description,
        id=np.arange(next(iter(lengths.values()))) if ids is None else np.asarray(ids, np.int64),
        columns=[
            VectorData(name=column, description=predefined[column]["description"], data=values)
            for column, values in filled.items()
        ],
    )


@cache
def _catalog() -> Any:
    """The schemas, cached because pynwb copies all of them for each request."""
    return get_type_map().namespace_catalog


def _dtypes(table_type: str) -> dict[str, Any]:
    """The types that the schema gives to the columns of a type of table."""
    spec = _catalog().get_spec(NAMESPACE, table_type)
    return {dataset.name: dataset.dtype for dataset in spec.datasets if dataset.name is not None}


def texts(values: Any) -> list[str]:
    """Values of a text column, in memory or in a file, as a list of str."""
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def array(column: Any) -> npt.NDArray[Any]:
    """Values of a numeric column, in memory or in a file, as an array."""
    return np.asarray(column.data[:])


def _typed(values: Any, dtype: Any, required: bool) -> Any:
    """Values converted to a type of the schema, such as `float32`; None for an optional column without content."""
    if values is None:
        return None
    if dtype == "text":
        words = texts(values)
        return words if required or any(words) else None
    if not isinstance(dtype, str):  # a reference
        return list(values)
    numbers = np.asarray(values)
    if not (dtype == "float32" and numbers.dtype == np.float64):  # the schema's type is the lowest precision
        numbers = numbers.astype(dtype)
    return None if not required and numbers.dtype.kind == "f" and np.isnan(numbers).all() else numbers
