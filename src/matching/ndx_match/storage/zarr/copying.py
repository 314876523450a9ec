"""Annotated copies of Zarr stores: a column is added to the tables, and nothing else may differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from ..columns import COLUMN, Columns, column_attributes, column_names, column_names_with
from ..outputs import files_in
from .reading import FORMAT


@dataclass(frozen=True)
class _Layout:
    """Where the stores of one format keep their metadata.

    Attributes
    ----------
    files : tuple of str
        The files of an array's metadata; the last one holds its attributes, and those of a group.
    consolidated : str
        The file in the root with the metadata of all.
    dtype : str
        The attribute in which hdmf-zarr keeps the type of an array.
    """

    files: tuple[str, ...]
    consolidated: str
    dtype: str

    def key(self, folder: str, file: str) -> str:
        """The name of a file's content among the metadata of all."""
        return folder if file == self.consolidated else f"{folder}/{file}"

    def attributes(self, content: dict[str, Any]) -> dict[str, Any]:
        """The attributes in a file's content."""
        found: dict[str, Any] = content["attributes"] if self.files[-1] == self.consolidated else content
        return found

    def entries(self, content: dict[str, Any]) -> dict[str, Any]:
        """The metadata of all in the content of the root's file; empty where they are not there."""
        found: dict[str, Any] = (content.get("consolidated_metadata") or content).get("metadata", {})
        return found


_LAYOUTS = {
    2: _Layout((".zarray", ".zattrs"), ".zmetadata", "zarr_dtype"),
    3: _Layout(("zarr.json",), "zarr.json", "_DTYPE"),
}


def add_columns(path: Path, columns: Columns, description: str) -> None:
    """Write the column into tables of a store, and into the metadata of all where it has such."""
    layout = _layout_of(path)
    for name, values in columns.items():
        table = zarr.open_group(str(path), path=name.strip("/"), mode="r+")
        _add_column(table, values, description, layout.dtype)
    root = path / layout.consolidated
    content = _content(root) if root.exists() else {}
    entries = layout.entries(content)
    if not entries:
        return
    for name in columns:
        table_name, column = name.strip("/"), f"{name.strip('/')}/{COLUMN}"
        names = layout.attributes(_content(path / table_name / layout.files[-1]))["colnames"]
        layout.attributes(entries[layout.key(table_name, layout.files[-1])])["colnames"] = names
        for file in layout.files:
            entries[layout.key(column, file)] = _content(path / column / file)
    root.write_text(json.dumps(content, indent=2))


def difference(source: Path, copy: Path, columns: Columns) -> str | None:
    """In what the copy differs from its source but for the columns, a phrase; None where in nothing."""
    layout = _layout_of(source)
    tables = [table.strip("/") for table in columns]
    names, copied = (_but_columns(files_in(folder), tables) for folder in (source, copy))
    for name in sorted({*names} ^ {*copied}):
        return f"{name} is in one of the stores only"
    changed = {f"{table}/{layout.files[-1]}" for table in tables}
    for name in {*names} - {*changed, layout.consolidated}:
        if not _same_bytes(names[name], copied[name]):
            return f"the file {name} differs"
    for name in changed:
        contents = [_content(files[name]) for files in (names, copied)]
        if _without_names(contents[0], layout) != _without_names(contents[1], layout):
            return f"the attributes of {name} differ"
    if layout.consolidated in names:
        found = [_without_columns(files[layout.consolidated], tables, layout) for files in (names, copied)]
        if found[0] != found[1]:
            return "the consolidated metadata differ"
    for name in tables:
        original, annotated = (zarr.open_group(str(path), path=name, mode="r") for path in (source, copy))
        if column_names(annotated) != column_names_with(original):
            return f"the names of the columns of {name} are wrong"
    return None


def _layout_of(path: Path) -> _Layout:
    return _LAYOUTS[3 if (path / "zarr.json").exists() else 2]


def _add_column(table: Any, values: npt.NDArray[np.int32], description: str, dtype: str) -> None:
    names = column_names_with(table)
    if COLUMN in table:
        del table[COLUMN]
    # In one chunk, which is written though it may hold nothing but the fill value.
    options = {"write_empty_chunks": True} if FORMAT == 2 else {"config": {"write_empty_chunks": True}}
    create = table.create_dataset if FORMAT == 2 else table.create_array
    column = create(COLUMN, data=values, chunks=(max(1, len(values)),), **options)
    attributes = column_attributes(table, description)
    column.attrs.update({**attributes, dtype: str(values.dtype), "_ARRAY_DIMENSIONS": ["dim0"]})
    table.attrs["colnames"] = names


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def _but_columns(files: Mapping[str, Path], tables: list[str]) -> dict[str, Path]:
    return {
        name: path for name, path in files.items() if not any(name.startswith(f"{table}/{COLUMN}/") for table in tables)
    }


def _without_names(content: dict[str, Any], layout: _Layout) -> dict[str, Any]:
    layout.attributes(content).pop("colnames", None)
    return content


def _without_columns(path: Path, tables: list[str], layout: _Layout) -> dict[str, Any]:
    content = _content(path)
    entries = layout.entries(content)
    for table in tables:
        entry = entries.get(layout.key(table, layout.files[-1]))
        if entry is not None:
            _without_names(entry, layout)
        for file in layout.files:
            entries.pop(layout.key(f"{table}/{COLUMN}", file), None)
    return content


def _same_bytes(first: Path, second: Path) -> bool:
    if first.stat().st_size != second.stat().st_size:
        return False
    with open(first, "rb") as one, open(second, "rb") as two:
        while block := one.read(1 << 22):
            if block != two.read(len(block)):
                return False
    return True
