"""Compare two HDF5 files object by object, and values in blocks, so that files may be larger than the memory."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from typing import Any

import h5py
import numpy as np

BLOCK_BYTES = 1 << 24
BLOCK_OBJECTS = 1 << 14  #: size of a block, in elements, if elements have a variable length


def differences(
    source: h5py.File,
    copy: h5py.File,
    ignored_objects: Collection[str] = (),
    ignored_attributes: Collection[tuple[str, str]] = (),
) -> Iterator[str]:
    """Report how two files differ, one phrase per difference.

    All links, attributes, types, shapes, storage settings of datasets and values are compared. References are the same
    if they lead to the same object. Links to other files are compared but not followed.

    Parameters
    ----------
    source, copy : h5py.File
        Open for reading.
    ignored_objects : collection of str
        Paths of objects that may differ or be in only one of the files.
    ignored_attributes : collection of (str, str)
        Paths of objects and names of their attributes that may differ.
    """
    one, two = _Tree(source), _Tree(copy)
    paths, others = ({*tree.paths.values()} - {*ignored_objects} for tree in (one, two))
    for path in sorted(paths ^ others):
        yield f"{path} is in one of the files only"
    for path in paths & others:
        first, second = (tree.described(path, ignored_objects, ignored_attributes) for tree in (one, two))
        changed = [what for what in {**first, **second} if first.get(what) != second.get(what)]
        yield from changed
        if not changed and isinstance(source[path], h5py.Dataset) and not _same_values(path, one, two):
            yield f"the values of {path} differ"


class _Tree:
    """An HDF5 file, and for the address of each object its first path."""

    def __init__(self, file: h5py.File) -> None:
        self.file = file
        self.paths: dict[int, str] = {}
        waiting = ["/"]
        while waiting:
            path = waiting.pop()
            item = file[path]
            address = _address(item.id)
            if address not in self.paths:
                self.paths[address] = path
                for name in sorted(item, reverse=True) if isinstance(item, h5py.Group) else ():
                    if isinstance(item.get(name, getlink=True), h5py.HardLink):
                        waiting.append(f"{path.rstrip('/')}/{name}")

    def described(
        self, path: str, ignored_objects: Collection[str], ignored_attributes: Collection[tuple[str, str]]
    ) -> dict[str, Any]:
        """All that must be the same in both files except the values of a dataset.

        Returns
        -------
        dict of str to object
            The properties, by the phrase to be reported if they differ.
        """
        item = self.file[path]
        properties: dict[str, Any] = {f"{path} is of another kind": type(item)}
        for name in item.attrs:
            if (path, name) not in ignored_attributes:
                stored = item.attrs.get_id(name)
                value = stored.get_type().encode(), stored.shape, self.plain(item.attrs[name])
                properties[f"the attribute {name} of {path} differs"] = value
        if isinstance(item, h5py.Group):
            properties[f"the links of {path} differ"] = [
                self._link(item, name) for name in item if f"{path.rstrip('/')}/{name}" not in ignored_objects
            ]
        elif isinstance(item, h5py.Datatype):
            properties[f"the type {path} differs"] = item.id.encode()
        else:
            properties[f"type, shape or storage of {path} differ"] = _storage(item)
        return properties

    def plain(self, value: Any) -> Any:
        """The value in a form that is equal for two files if their values are the same; NaN equals NaN."""
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

    def _link(self, group: h5py.Group, name: str) -> tuple[str, ...]:
        """Name, kind and target of a link."""
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.SoftLink):
            return name, "soft", link.path
        if isinstance(link, h5py.ExternalLink):
            return name, "external", link.filename, link.path
        return name, "hard", self.paths[_address(group[name].id)]


def _address(identifier: Any) -> int:
    return int(h5py.h5o.get_info(identifier).addr)


def _storage(dataset: h5py.Dataset) -> Any:
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(k) for k in range(properties.get_nfilters())]
    virtual = [
        (source.file_name, source.dset_name, source.vspace.encode(), source.src_space.encode())
        for source in (dataset.virtual_sources() if dataset.is_virtual else ())
    ]
    shape = dataset.shape, dataset.maxshape, dataset.chunks
    return dataset.id.get_type().encode(), shape, properties.get_layout(), filters, dataset.external, virtual


def _same_values(path: str, one: _Tree, two: _Tree) -> bool:
    first, second = one.file[path], two.file[path]
    if first.shape is None or first.is_virtual or first.external:
        return True  # no values, or values in another file, whose name was compared
    has_objects = first.dtype.hasobject
    if first.chunks is not None and not has_objects:  # compared as stored: fast, and no compression filter is needed
        chunks = _chunks(first)
        return chunks == _chunks(second) and all(
            first.id.read_direct_chunk(offset) == second.id.read_direct_chunk(offset) for offset in chunks
        )
    limit = BLOCK_OBJECTS if has_objects else max(1, BLOCK_BYTES // first.dtype.itemsize)
    return all(one.plain(first[block]) == two.plain(second[block]) for block in _blocks(first.shape, limit))


def _chunks(dataset: h5py.Dataset) -> dict[tuple[int, ...], tuple[int, int]]:
    chunks: dict[tuple[int, ...], tuple[int, int]] = {}
    dataset.id.chunk_iter(lambda chunk: chunks.update({tuple(chunk.chunk_offset): (chunk.filter_mask, chunk.size)}))
    return chunks


def _blocks(shape: tuple[int, ...], limit: int) -> Iterator[tuple[slice, ...]]:
    """Selections of at most `limit` elements that together cover the shape, as long as possible along the last axes."""
    axes = []
    for length in reversed(shape):
        step = max(1, min(length, limit))
        axes.append([slice(start, start + step) for start in range(0, length, step)])
        limit //= step
    return itertools.product(*reversed(axes))
