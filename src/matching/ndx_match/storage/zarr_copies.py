"""Annotated copies of Zarr stores."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from hdmf_zarr import NWBZarrIO
from pynwb import validate

from .column import COLUMN, column_names, column_names_with, common_attributes
from .opening import sha256_of
from .outputs import files_in
from .validation import errors_of

ATTRIBUTES, CONSOLIDATED = ".zattrs", ".zmetadata"


class ZarrStorage:
    """Zarr stores in folders; see :class:`ndx_match.storage.copies.Storage`."""

    is_folder = True

    def copy(self, source: Path, target: Path) -> str:
        """Copy every file byte by byte, without permissions; returns the SHA-256."""
        for name, path in files_in(source).items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)
        return sha256_of(target)

    @contextmanager
    def table(self, path: Path, table: str) -> Iterator[zarr.Group]:
        """A table's group."""
        yield zarr.open_group(str(path), mode="r")[table]

    def add_columns(self, path: Path, columns: Mapping[str, npt.NDArray[np.int32]], description: str) -> None:
        """Write the column into tables of a store, and its consolidated metadata anew where it has such."""
        root = zarr.open_group(str(path), mode="r+")
        for name, values in columns.items():
            table = root[name]
            names = column_names_with(table)
            if COLUMN in table:
                del table[COLUMN]
            column = table.create_dataset(COLUMN, data=values)
            column.attrs.update(
                {
                    **common_attributes(table),
                    "description": description,
                    "zarr_dtype": str(values.dtype),
                    "_ARRAY_DIMENSIONS": ["dim0"],
                }
            )
            table.attrs["colnames"] = names
        if (path / CONSOLIDATED).exists():
            zarr.consolidate_metadata(str(path))

    def difference(self, source: Path, copy: Path, columns: Mapping[str, npt.NDArray[np.int32]]) -> str | None:
        """In what the copy differs from its source but for the columns."""
        tables = [table.strip("/") for table in columns]
        names, copied = (_but_columns(files_in(folder), tables) for folder in (source, copy))
        for name in sorted({*names} ^ {*copied}):
            return f"{name} is in one of the stores only"
        changed = {f"{table}/{ATTRIBUTES}" for table in tables}
        for name in {*names} - {*changed, CONSOLIDATED}:
            if not _same_bytes(names[name], copied[name]):
                return f"the file {name} differs"
        for name in changed:
            if _but_colnames(json.loads(names[name].read_bytes())) != _but_colnames(
                json.loads(copied[name].read_bytes())
            ):
                return f"the attributes of {name} differ"
        if CONSOLIDATED in names:
            found = [_consolidated(path, tables) for path in (names[CONSOLIDATED], copied[CONSOLIDATED])]
            if found[0] != found[1]:
                return "the consolidated metadata differ"
        for table in tables:
            with self.table(source, table) as original, self.table(copy, table) as annotated:
                if column_names(annotated) != column_names_with(original):
                    return f"the names of the columns of {table} are wrong"
        return None

    def validation_errors(self, path: Path) -> Counter[str]:
        """What pynwb's validation finds."""

        def check() -> list[object]:
            with NWBZarrIO(str(path), mode="r", load_namespaces=True) as io:
                return list(validate(io=io))

        return errors_of(check, path)

    def lost_files(self, source: Path, target: Path) -> list[str]:
        """Other stores to which links and references of the source lead, by paths that a copy would not find."""
        found: set[str] = set()
        for name, path in files_in(source).items():
            if os.path.basename(name) == ATTRIBUTES:
                found |= {place for place in _sources(json.loads(path.read_bytes())) if not os.path.isabs(place)}
        return sorted(place for place in found if (source / place).exists() and not (target / place).exists())


def _but_columns(files: Mapping[str, Path], tables: list[str]) -> dict[str, Path]:
    return {
        name: path for name, path in files.items() if not any(name.startswith(f"{table}/{COLUMN}/") for table in tables)
    }


def _but_colnames(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name != "colnames"}


def _consolidated(path: Path, tables: list[str]) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads(path.read_bytes())["metadata"]
    for table in tables:
        metadata[f"{table}/{ATTRIBUTES}"] = _but_colnames(metadata.get(f"{table}/{ATTRIBUTES}", {}))
    kept = {f"{table}/{COLUMN}/" for table in tables}
    return {name: value for name, value in metadata.items() if not name.startswith(tuple(kept))}


def _same_bytes(first: Path, second: Path) -> bool:
    if first.stat().st_size != second.stat().st_size:
        return False
    with open(first, "rb") as one, open(second, "rb") as two:
        while block := one.read(1 << 22):
            if block != two.read(len(block)):
                return False
    return True


def _sources(attributes: Any) -> Iterator[str]:
    """Where the links and references of a group's or array's attributes lead, but for those within the store."""
    links = attributes.get("zarr_link", [])
    references = [value.get("value") for value in attributes.values() if isinstance(value, dict)]
    for link in [*links, *references]:
        if isinstance(link, dict) and link.get("source", ".") not in (".", None):
            yield str(link["source"])
