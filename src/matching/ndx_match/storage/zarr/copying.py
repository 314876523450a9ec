"""Add a column to tables of a copied Zarr store, and check that nothing else differs from the source."""

from __future__ import annotations

import filecmp
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from ..columns import COLUMN, Columns, column_attributes, column_names_with
from ..files import files_in
from .files import METADATA
from .reading import FORMAT

CONSOLIDATED = ("zarr.json", ".zmetadata")  #: files of the root that can contain the consolidated metadata
ATTRIBUTES = ("zarr.json", ".zattrs")  #: files that contain attributes


def add_columns(path: Path, columns: Columns, description: str) -> None:
    """Write the column into tables of a store, and into its consolidated metadata if it has any."""
    for name, values in columns.items():
        _add_column(zarr.open_group(str(path), path=name.strip("/"), mode="r+"), values, description)
    for root in (path / name for name in CONSOLIDATED if (path / name).exists()):
        content = _content(root)
        entries = _entries(content)
        for table in (path / name.strip("/") for name in columns if entries):
            for file in (table / name for name in ATTRIBUTES if (table / name).exists()):
                _attributes(entries[_key(file, path)])["colnames"] = _attributes(_content(file))["colnames"]
            for file in (table / COLUMN).iterdir():
                if file.name in METADATA:
                    entries[_key(file, path)] = _content(file)
        if entries:
            root.write_text(json.dumps(content, indent=2))


def differences(source: Path, copy: Path, columns: Columns) -> Iterator[str]:
    """A phrase for each difference between a copy and its source, apart from the columns and the lists of columns."""
    tables = [table.strip("/") for table in columns]
    one, other = (_comparable(store, tables) for store in (source, copy))
    for name in sorted(one.keys() ^ other.keys()):
        yield f"{name} is in one of the stores only"
    for name in one.keys() & other.keys():
        if isinstance(one[name], Path):
            if not filecmp.cmp(one[name], other[name], shallow=False):
                yield f"the file {name} differs"
        elif one[name] != other[name]:
            yield "the consolidated metadata differ" if name in CONSOLIDATED else f"the attributes of {name} differ"


def _comparable(store: Path, tables: list[str]) -> dict[str, Any]:
    """The files to be compared, by name: all but those of the columns.

    In place of the files with the lists of column names or with consolidated metadata, their content without the
    columns and these lists.
    """
    of_columns = tuple(f"{table}/{COLUMN}/" for table in tables)
    files: dict[str, Any] = {name: path for name, path in files_in(store).items() if not name.startswith(of_columns)}
    of_tables = [f"{table}/{name}" for table in tables for name in ATTRIBUTES]
    for name in {*of_tables, *CONSOLIDATED} & files.keys():
        files[name] = _content(files[name])
    for name in CONSOLIDATED:
        entries = _entries(files.get(name, {}))
        for key in [key for key in entries if f"{key}/".startswith(of_columns)]:
            del entries[key]
        for file in of_tables:
            _attributes(entries.get(_key(store / file, store), {})).pop("colnames", None)
    for name in of_tables:
        _attributes(files.get(name, {})).pop("colnames", None)
    return files


def _add_column(table: Any, values: npt.NDArray[np.signedinteger], description: str) -> None:
    names = column_names_with(table)
    if COLUMN in table:
        del table[COLUMN]
    # In one chunk, which is written even if all its values are the fill value.
    options = {"write_empty_chunks": True} if FORMAT == 2 else {"config": {"write_empty_chunks": True}}
    create = table.create_dataset if FORMAT == 2 else table.create_array
    column = create(COLUMN, data=values, chunks=(max(1, len(values)),), **options)
    dtype = "_DTYPE" if "_DTYPE" in table["id"].attrs else "zarr_dtype"  # where hdmf-zarr keeps the type
    column.attrs.update(column_attributes(table, description))
    column.attrs.update({dtype: str(values.dtype), "_ARRAY_DIMENSIONS": ["dim0"]})
    table.attrs["colnames"] = names


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def _attributes(content: dict[str, Any]) -> dict[str, Any]:
    """The attributes in the content of a metadata file."""
    attributes: dict[str, Any] = content["attributes"] if "zarr_format" in content else content
    return attributes


def _entries(content: dict[str, Any]) -> dict[str, Any]:
    """The consolidated metadata in the content of a file of the root; empty if it has none."""
    entries: dict[str, Any] = (content.get("consolidated_metadata") or content).get("metadata", {})
    return entries


def _key(file: Path, store: Path) -> str:
    """The key of a file's content in the consolidated metadata."""
    return file.relative_to(store).as_posix().removesuffix("/zarr.json")
