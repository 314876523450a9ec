"""Between arrays and the columns of a DynamicTable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from hdmf.common import VectorData


def table_from_columns(
    table_class: Any,
    name: str,
    description: str,
    columns: Mapping[str, Any],
    column_descriptions: Mapping[str, str] | None = None,
) -> Any:
    """A table whose columns hold `columns`, described as in the schema.

    Parameters
    ----------
    table_class : type
        A type of this extension.
    name, description : str
        Of the table.
    columns : mapping of str to array_like
        Values of the predefined columns; those that are None are left out.
    column_descriptions : mapping of str to str, optional
        Descriptions that say more than the schema's.

    Raises
    ------
    ValueError
        If the columns differ in length.
    """
    given = {column: values for column, values in columns.items() if values is not None}
    lengths = {column: len(values) for column, values in given.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns of the table {name!r} must have the same length, not {lengths}.")
    descriptions = {column["name"]: column["description"] for column in table_class.__columns__}
    descriptions.update(column_descriptions or {})
    return table_class(
        name=name,
        description=description,
        id=np.arange(next(iter(lengths.values()))),
        columns=[
            VectorData(name=column, description=descriptions[column], data=values) for column, values in given.items()
        ],
    )


def texts(values: Any) -> list[str]:
    """Values of a text column, in memory or in a file, as a list of str."""
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def array(column: Any) -> npt.NDArray[Any]:
    """Values of a numeric column, in memory or in a file, as an array."""
    return np.asarray(column.data[:])
