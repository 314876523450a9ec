"""Open NWB files in HDF5, read-only."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py
from hdmf.backends.hdf5.h5_utils import H5SpecReader
from hdmf.build import BuildManager, TypeMap
from hdmf.spec import NamespaceCatalog
from pynwb import NWBHDF5IO, get_type_map

from ...errors import InputError

#: Parts of HDF5's messages about files that another program has locked or marked as open for writing.
IN_USE = ("unable to lock file", "already open for write")
NOT_HDF5 = "this is not an HDF5 file, so it cannot be an NWB file (HDF5)"


class Hdf5Reader(NWBHDF5IO):
    """hdmf's reader of a file, with the open file as an attribute."""

    hdf5_file: h5py.File

    @classmethod
    def of(cls, file: h5py.File, types: TypeMap) -> Hdf5Reader:
        """A reader of `file` that knows these types."""
        reader = cls(file=file, mode="r", manager=BuildManager(types))
        reader.hdf5_file = file
        return reader


@contextmanager
def open_hdf5(location: Any, name: str) -> Iterator[Callable[[bool], NWBHDF5IO]]:
    """Give a function that returns hdmf's reader of a file.

    If the function is called with True, its reader is meant for data only and may know only a part of the schema.

    Parameters
    ----------
    location : path, str or binary file
    name : str
        Name of the file in messages.

    Raises
    ------
    InputError
        The file does not exist, cannot be read, is in use by another program, or is not an NWB file in HDF5.
    """
    if isinstance(location, (str, os.PathLike)):
        _refuse_unreadable(location, name)
    elif isinstance(location, io.TextIOBase):
        raise InputError(f"{name}: this file is open as text; open it in binary mode.")

    def reader(only_data: bool = False) -> NWBHDF5IO:
        if "nwb_version" not in file.attrs:
            raise InputError(f"{name}: this HDF5 file is not an NWB file (it has no attribute nwb_version).")
        return Hdf5Reader.of(file, _types_for_data(file) if only_data else type_map(file))

    try:
        with h5py.File(location, "r") as file:
            yield reader
    except OSError as error:
        if "signature not found" in str(error):
            raise InputError(f"{name}: {NOT_HDF5}.") from error
        if any(sign in str(error) for sign in IN_USE):
            raise InputError(
                f"{name}: another program is writing this file or did not close it; close it there, or give a copy."
            ) from error
        raise


def _refuse_unreadable(path: str | os.PathLike[str], name: str) -> None:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # checked first, because opening a pipe would wait for its writer
            raise InputError(f"{name}: this is a pipe or a device, not a file; copy its content into a file.")
        with open(path, "rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise InputError(f"{name}: there is no such file.") from error
    except OSError as error:
        raise InputError(f"{name}: the file cannot be read ({error.strerror}).") from error
    if empty:
        raise InputError(f"{name}: the file is empty.")
    if not h5py.is_hdf5(path):
        raise InputError(f"{name}: {NOT_HDF5} as needed here.")


#: The types of each schema, by its digest. Loading a schema takes longer than reading a file, and files that the same
#: program wrote have the same schema.
_type_maps: dict[tuple[bytes, bool], TypeMap] = {}


def type_map(file: h5py.File, frugal: bool = False) -> TypeMap:
    """The map with which hdmf reads the types of the schema in a file.

    Most extensions include all types of the core schema, which takes hdmf a third of a second. With `frugal`, only
    those types are included that the types of the extension use.
    """
    digest = hashlib.sha256()

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        digest.update(name.encode())
        if isinstance(item, h5py.Dataset):
            digest.update(item[()])

    location = file.attrs.get(".specloc")
    if location is None:
        return get_type_map()
    schema = file[location]
    schema.visititems(add)
    key = digest.digest(), frugal
    if key not in _type_maps:
        types = get_type_map()
        if frugal:
            known = types.namespace_catalog
            versions = NWBHDF5IO.get_namespaces(file=file)
            readers = {name: _UsedTypes(schema[name][version], known) for name, version in versions.items()}
            types.load_namespaces("namespace", reader=readers)
        else:
            NWBHDF5IO.load_namespaces(types, file=file)
        _type_maps[key] = types
    return _type_maps[key]


def _types_for_data(file: h5py.File) -> TypeMap:
    """The types that are needed to read the data of a file; all types of its schema if few are not enough."""
    try:
        types = type_map(file, frugal=True)
        if _knows_all(types, file):
            return types
    except (OSError, InputError):
        raise
    except Exception:  # hdmf raises many kinds of exceptions for an unusual or damaged schema
        pass
    return type_map(file)


def _knows_all(types: TypeMap, file: h5py.File) -> bool:
    """Whether each object of a file has a type that is known in the namespace that the object names.

    An object may name an extension as the namespace of a core type that the extension includes. hdmf would leave out
    objects of unknown types.
    """
    catalog = types.namespace_catalog
    core = get_type_map().namespace_catalog.namespaces
    new = {name: set(catalog.get_namespace(name).get_registered_types()) for name in catalog.namespaces}
    new = {name: kinds for name, kinds in new.items() if name not in core}

    def unknown(name: str, item: h5py.Group | h5py.Dataset) -> bool | None:
        namespace, kind = (item.attrs.get(attribute) for attribute in ("namespace", "neurodata_type"))
        return True if isinstance(namespace, str) and namespace in new and kind not in new[namespace] else None

    return not new or file.visititems(unknown) is None


class _UsedTypes(H5SpecReader):
    """Reads the schema of an extension; from namespaces that are already loaded, it includes only the types in use."""

    def __init__(self, group: h5py.Group, known: NamespaceCatalog) -> None:
        super().__init__(group=group)
        self._known = known
        self._namespaces: list[dict[str, Any]] | None = None

    def read_namespace(self, ns_path: str) -> list[dict[str, Any]]:
        if self._namespaces is None:
            self._namespaces = [self._with_used_types(namespace) for namespace in super().read_namespace(ns_path)]
        return self._namespaces

    def _with_used_types(self, namespace: dict[str, Any]) -> dict[str, Any]:
        if namespace["name"] in self._known.namespaces:
            return namespace  # hdmf does not load it again
        specs = (self.read_spec(part["source"]) for part in namespace["schema"] if "source" in part)
        used = {name for spec in specs for name in _named(spec)}
        schema = []
        for part in namespace["schema"]:
            includes_all = "namespace" in part and not {"neurodata_types", "data_types"} & part.keys()
            if includes_all and part["namespace"] in self._known.namespaces:
                there = self._known.get_namespace(part["namespace"]).get_registered_types()
                part = {**part, "neurodata_types": sorted(used.intersection(there))}
            schema.append(part)
        return {**namespace, "schema": schema}


def _named(spec: Any) -> Iterator[str]:
    """Names of the types that a specification (as JSON) extends, contains or refers to."""
    if isinstance(spec, dict):
        for key, value in spec.items():
            if key in ("neurodata_type_inc", "data_type_inc", "target_type") and isinstance(value, str):
                yield value
            else:
                yield from _named(value)
    elif isinstance(spec, list):
        for item in spec:
            yield from _named(item)


def holds_any(path: str | os.PathLike[str], names: Iterable[str]) -> bool:
    """Whether a file is an HDF5 file, of any program, with an object at one of these paths."""
    try:
        with h5py.File(path, "r") as file:
            return any(name in file for name in names)
    except OSError:
        return False


@contextmanager
def open_dataset(path: str | os.PathLike[str], name: str) -> Iterator[h5py.Dataset | None]:
    """A dataset of an HDF5 file of any program while the block runs; None if the file does not hold it itself."""
    with h5py.File(path, "r") as file:
        item: Any = file
        for part in name.split("/"):
            # Only hard links are followed, because other links may lead to other files.
            is_inside = isinstance(item, h5py.Group) and isinstance(item.get(part, getlink=True), h5py.HardLink)
            item = item[part] if is_inside else None
        yield item if isinstance(item, h5py.Dataset) else None
