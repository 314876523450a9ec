"""Convert between arrays and the columns of a DynamicTable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from hdmf.common import VectorData
from pynwb import get_class, get_type_map

from ._namespace import NAMESPACE


def table_from_columns(
    table_class: Any, name: str, description: str, columns: Mapping[str, Any], ids: npt.ArrayLike | None = None
) -> Any:
    """Make a table of a type of this extension; the schema gives the types and descriptions of its columns.

    Optional columns without content (None, all NaN, all empty texts) are left out; `ids` are by default 0, 1, 2, ...
    Raises TypeError if a required column is missing or a column is not in the schema, and ValueError if the columns
    differ in length, or a column does not have the shape or the type of values that the schema states.
    """
    predefined = {column["name"]: column for column in table_class.__columns__}
    required = {column for column, about in predefined.items() if about.get("required")}
    if unknown := columns.keys() - predefined.keys():
        raise TypeError(f"the table {name!r} has no column {', '.join(sorted(unknown))}.")
    specs, filled = _specs(table_class.__name__), {}
    for column in predefined:
        try:
            values = _typed(columns.get(column), specs[column], column in required)
        except ValueError as error:
            raise ValueError(f"the column {column!r} of the table {name!r} {error}") from None
        if values is not None:
            filled[column] = values
    if missing := required - filled.keys():
        raise TypeError(f"the table {name!r} needs the columns {', '.join(sorted(missing))}.")
    lengths = {column: len(values) for column, values in filled.items()}
    usual = Counter(lengths.values()).most_common(1)[0][0]
    if odd := [f"{column} has {length}" for column, length in lengths.items() if length != usual]:
        raise ValueError(
            f"the columns of the table {name!r} must have the same length, but {', '.join(odd)} and the others {usual}."
        )
    return table_class(
        name=name,
        description=description,
        id=np.arange(usual) if ids is None else np.asarray(ids, np.int64),
        columns=[
            VectorData(name=column, description=predefined[column]["description"], data=values)
            for column, values in filled.items()
        ],
    )


@cache
def _catalog() -> Any:
    """The schemas, cached because pynwb copies all of them for each request."""
    return get_type_map().namespace_catalog


def _specs(table_type: str) -> dict[str, Any]:
    """What the schema says of the columns of a type of table."""
    spec = _catalog().get_spec(NAMESPACE, table_type)
    return {dataset.name: dataset for dataset in spec.datasets if dataset.name is not None}


@cache
def _target(neurodata_type: str) -> Any:
    """The class to which a column of references refers."""
    return get_class(neurodata_type, "core")


def texts(values: Any) -> list[str]:
    """Values of a text column, in memory or in a file, as a list of str."""
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def array(column: Any) -> npt.NDArray[Any]:
    """Values of a numeric column, in memory or in a file, as an array."""
    return np.asarray(column.data[:])


def _typed(values: Any, spec: Any, required: bool) -> Any:
    """Values converted to the type of the schema, such as `float32`; None for an optional column without content.

    Raises ValueError if a value cannot be converted without changing it; the message lacks the name of the column.
    """
    if values is None:
        return None
    if isinstance(values, str | bytes) or not _is_iterable(values):
        raise ValueError(f"must hold one entry per row, not the single value {values!r}.")
    if spec.dtype == "text":
        words = texts(values)
        return words if required or any(words) else None
    if not isinstance(spec.dtype, str):
        return _references(list(values), spec.dtype.target_type)
    numbers = _numbers(values, spec.dtype)
    shape, dims = _shape(spec)
    if numbers.ndim != len(shape) or any(size not in (None, n) for size, n in zip(shape, numbers.shape, strict=True)):
        sizes = ", ".join(str(size or dim) for size, dim in zip(shape, dims, strict=True))
        raise ValueError(f"must have the shape ({sizes}{',' * (len(shape) == 1)}), not {numbers.shape}.")
    return None if not required and numbers.dtype.kind == "f" and np.isnan(numbers).all() else numbers


def _shape(spec: Any) -> tuple[tuple[int | None, ...], tuple[str, ...]]:
    """Sizes of a column's axes, None if they vary, and the names of the axes; one axis if the schema names none."""
    # Without a shape in the schema, a column has the alternatives that hold for every column of a table.
    has_shape = spec.shape and not isinstance(spec.shape[0], list | tuple)
    return (tuple(spec.shape), tuple(spec.dims)) if has_shape else ((None,), ("rows",))


def _is_iterable(values: Any) -> bool:
    try:
        iter(values)
    except TypeError:  # an array of a single value too
        return False
    return True


def _references(objects: list[Any], target: str) -> list[Any]:
    for each in objects:
        if not isinstance(each, _target(target)):
            raise ValueError(f"must hold objects of the type {target}, not {type(each).__name__}.")
    return objects


def _numbers(values: Any, dtype: str) -> npt.NDArray[Any]:
    try:
        numbers = np.asarray(values)
        if dtype == "float32" and numbers.dtype == np.float64:  # the schema's type is the lowest precision
            return numbers
        with np.errstate(invalid="ignore"):
            converted = numbers.astype(dtype)
        changed = converted.dtype.kind != "f" and (converted != numbers)
    except (TypeError, ValueError) as error:
        raise ValueError(f"must hold numbers of the type {dtype} ({error}).") from None
    if np.any(changed):
        raise ValueError(f"must hold values of the type {dtype}, which {numbers[changed].flat[0]} is not.")
    return converted
