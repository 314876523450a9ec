"""Change Zarr stores by hand, of the format that the installed version of hdmf-zarr writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zarr

FORMAT = 2 if zarr.__version__.startswith("2.") else 3
ROOT = ".zgroup" if FORMAT == 2 else "zarr.json"  #: a file by which a folder is known as a store
CONSOLIDATED = ".zmetadata" if FORMAT == 2 else "zarr.json"
ATTRIBUTES = ".zattrs" if FORMAT == 2 else "zarr.json"
ARRAY_FILES = {".zarray", ".zattrs"} if FORMAT == 2 else {"zarr.json"}


def chunk(*index: int) -> str:
    """The path of a chunk below its array."""
    return ".".join(map(str, index)) if FORMAT == 2 else "/".join(["c", *map(str, index)])


def chunks_of(store: Path, array: str) -> list[Path]:
    """The files of an array's chunks."""
    return sorted(
        path
        for path in (store / array).rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.name != "zarr.json"
    )


def name_of(chunk_file: Path, store: Path, array: str) -> str:
    """The path of a chunk below its array."""
    return chunk_file.relative_to(store / array).as_posix()


def edit(path: Path, **values: object) -> None:
    """Change what a file of metadata says."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def edit_attributes(group: Path, **values: object) -> None:
    """Change attributes of a group or array."""
    path = group / ATTRIBUTES
    if FORMAT == 2:
        edit(path, **values)
    else:
        edit(path, attributes={**json.loads(path.read_text())["attributes"], **values})


def remove_attributes(group: Path) -> None:
    """Take all attributes from a group."""
    (group / ".zattrs").unlink() if FORMAT == 2 else edit(group / "zarr.json", attributes={})


def unconsolidate(store: Path) -> None:
    """Remove the metadata of all in the root."""
    if FORMAT == 2:
        (store / ".zmetadata").unlink()
    else:
        content = json.loads((store / "zarr.json").read_text())
        del content["consolidated_metadata"]
        (store / "zarr.json").write_text(json.dumps(content))


def replace_array(store: Path, path: str, chunks: tuple[int, ...], nested: bool = False, blosc: bool = False) -> Any:
    """Write an array anew in other chunks, also those that hold nothing but the fill value."""
    root = zarr.open_group(str(store), mode="r+")
    values, attributes = root[path][...], dict(root[path].attrs)
    options: dict[str, Any] = {"chunks": chunks, "overwrite": True}
    if FORMAT == 2:
        separator = {"dimension_separator": "/"} if nested else {}
        array = root.create_dataset(path, data=values, **options, **separator)
    else:
        if blosc:
            options["compressors"] = zarr.codecs.BloscCodec()
        array = root.create_array(path, data=values, config={"write_empty_chunks": True}, **options)
    array.attrs.update(attributes)
    zarr.consolidate_metadata(str(store))
    return array


def arrays_of(store: Path) -> Iterator[tuple[str, Any]]:
    """Every array of a store and its path."""
    root = zarr.open_group(str(store), mode="r", **({} if FORMAT == 2 else {"use_consolidated": False}))
    for file in sorted(store.rglob(".zarray" if FORMAT == 2 else "zarr.json")):
        path = file.parent.relative_to(store).as_posix()
        item = root[path] if path != "." else root
        if isinstance(item, zarr.Array):
            yield path, item
