"""Compare two HDF5 files object by object, in blocks, so that files larger than the memory can be compared."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

BLOCK_BYTES = 1 << 24
BLOCK_OBJECTS = 1 << 14  #: elements of variable length, whose size is not known beforehand


def differences(
    source: h5py.File,
    copy: h5py.File,
    ignored_objects: Collection[str] = (),
    ignored_attributes: Collection[tuple[str, str]] = (),
) -> Iterator[str]:
    """Say how two files differ, a phrase a difference.

    Compared are links of every kind, attributes, types, shapes, the storage of datasets and all values. References
    are the same where they lead to the same object. Links to other files are compared, not followed.

    Parameters
    ----------
    source, copy : h5py.File
        Open for reading.
    ignored_objects : collection of str
        Paths of objects that may differ or be in one of the files only.
    ignored_attributes : collection of (str, str)
        Paths of objects and names of their attributes that may differ.
    """
    one, two = _Tree.of(source), _Tree.of(copy)
    for path in sorted({*one.paths.values()} ^ {*two.paths.values()}):
        if path not in ignored_objects:
            yield f"{path} is in one of the files only"
    for path in {*one.paths.values()} & {*two.paths.values()}:
        if path not in ignored_objects:
            skipped = {name for object_path, name in ignored_attributes if object_path == path}
            yield from _object_differences(path, one, two, skipped, ignored_objects)


@dataclass(frozen=True)
class _Tree:
    """A file, and the first path to the object at each address."""

    file: h5py.File
    paths: dict[int, str]

    @staticmethod
    def of(file: h5py.File) -> _Tree:
        paths: dict[int, str] = {}
        waiting = ["/"]
        while waiting:
            path = waiting.pop()
            item = file[path]
            address = _address(item.id)
            if address not in paths:
                paths[address] = path
                if isinstance(item, h5py.Group):
                    for name in sorted(item, reverse=True):
                        if isinstance(item.get(name, getlink=True), h5py.HardLink):
                            waiting.append(f"{path.rstrip('/')}/{name}")
        return _Tree(file, paths)

    def plain(self, value: Any) -> Any:
        """The value as something that equals that of another file where both are the same, NaN included."""
        if isinstance(value, h5py.Empty):
            return "empty"
        if isinstance(value, h5py.Reference):
            return self._target(value)
        if isinstance(value, np.void) and value.dtype.hasobject:
            return tuple(self.plain(value[name]) for name in value.dtype.names or ())
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            return value.shape, [self.plain(element) for element in value.ravel()]
        if isinstance(value, (np.ndarray, np.generic)):
            return value.dtype.str, value.shape, value.tobytes()
        return value

    def _target(self, reference: h5py.Reference) -> Any:
        if not reference:
            return None
        target = self.paths.get(_address(h5py.h5r.dereference(reference, self.file.id)), "an object without a name")
        if isinstance(reference, h5py.RegionReference):
            return target, h5py.h5r.get_region(reference, self.file.id).encode()
        return target


def _address(identifier: Any) -> int:
    return int(h5py.h5o.get_info(identifier).addr)


def _object_differences(
    path: str, one: _Tree, two: _Tree, skipped_attributes: Collection[str], ignored: Collection[str]
) -> Iterator[str]:
    first, second = one.file[path], two.file[path]
    if type(first) is not type(second):
        yield f"{path} is of another kind"
        return
    yield from _attribute_differences(path, one, two, skipped_attributes)
    if isinstance(first, h5py.Group):
        links = [_links(path, tree, ignored) for tree in (one, two)]
        if links[0] != links[1]:
            yield f"the links of {path} differ"
    elif isinstance(first, h5py.Datatype):
        if first.id.encode() != second.id.encode():
            yield f"the type {path} differs"
    elif _storage(first) != _storage(second):
        yield f"type, shape or storage of {path} differ"
    elif not _same_values(first, second, one, two):
        yield f"the values of {path} differ"


def _attribute_differences(path: str, one: _Tree, two: _Tree, skipped: Collection[str]) -> Iterator[str]:
    first, second = one.file[path].attrs, two.file[path].attrs
    for name in sorted({*first, *second} - {*skipped}):
        if name not in first or name not in second:
            yield f"the attribute {name} of {path} is in one of the files only"
            continue
        ids = [attributes.get_id(name) for attributes in (first, second)]
        types = [(found.get_type().encode(), found.shape) for found in ids]
        if types[0] != types[1] or one.plain(first[name]) != two.plain(second[name]):
            yield f"the attribute {name} of {path} differs"


def _links(path: str, tree: _Tree, ignored: Collection[str]) -> list[tuple[str, ...]]:
    """Name, kind and target of each link, in the group's order."""
    group: h5py.Group = tree.file[path]
    found: list[tuple[str, ...]] = []
    for name in group:
        if f"{path.rstrip('/')}/{name}" in ignored:
            continue
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.SoftLink):
            found.append((name, "soft", link.path))
        elif isinstance(link, h5py.ExternalLink):
            found.append((name, "external", link.filename, link.path))
        else:
            found.append((name, "hard", tree.paths[_address(group[name].id)]))
    return found


def _storage(dataset: h5py.Dataset) -> Any:
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(k) for k in range(properties.get_nfilters())]
    virtual = []
    if dataset.is_virtual:
        for source in dataset.virtual_sources():
            selections = source.vspace.encode(), source.src_space.encode()
            virtual.append((source.file_name, source.dset_name, *selections))
    return (
        dataset.id.get_type().encode(),
        (dataset.shape, dataset.maxshape),
        (properties.get_layout(), dataset.chunks, filters),
        (dataset.external, virtual),
    )


def _same_values(first: h5py.Dataset, second: h5py.Dataset, one: _Tree, two: _Tree) -> bool:
    if first.shape is None or first.is_virtual or first.external:
        return True  # nothing is stored, or in another file, whose name was compared
    has_objects = first.dtype.hasobject
    if first.chunks is not None and not has_objects:
        return _same_chunks(first, second)
    limit = BLOCK_OBJECTS if has_objects else max(1, BLOCK_BYTES // first.dtype.itemsize)
    return all(one.plain(first[block]) == two.plain(second[block]) for block in _blocks(first.shape, limit))


def _same_chunks(first: h5py.Dataset, second: h5py.Dataset) -> bool:
    """As stored: faster than decompressing, and possible where the filter is not installed."""
    chunks = [_chunks(dataset) for dataset in (first, second)]
    return chunks[0] == chunks[1] and all(
        first.id.read_direct_chunk(offset) == second.id.read_direct_chunk(offset) for offset in chunks[0]
    )


def _chunks(dataset: h5py.Dataset) -> dict[tuple[int, ...], tuple[int, int]]:
    found: dict[tuple[int, ...], tuple[int, int]] = {}

    def take(chunk: Any) -> None:
        found[tuple(chunk.chunk_offset)] = (chunk.filter_mask, chunk.size)

    dataset.id.chunk_iter(take)
    return found


def _blocks(shape: tuple[int, ...], limit: int) -> Iterator[tuple[slice, ...]]:
    """Selections of at most `limit` elements that together cover the shape."""
    if not shape:
        yield ()
        return
    row = math.prod(shape[1:])
    if row > limit:
        for start in range(shape[0]):
            for rest in _blocks(shape[1:], limit):
                yield (slice(start, start + 1), *rest)
    else:
        step = max(1, limit // max(1, row))
        for start in range(0, shape[0], step):
            yield (slice(start, start + step),)
