"""Convert NWB files between HDF5 and Zarr, and Zarr stores of format 2 into the format that is written."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hdmf.build import DatasetBuilder, GroupBuilder

from ..errors import InputError, NdxMatchError
from .datasets import holds_references, is_in_file, stored, streamed, text_of
from .formats import StorageFormat, format_of
from .open_files import Location, as_location
from .opening import open_reader
from .outputs import check_output
from .publish import publish
from .remote import is_url, public_name
from .unchanged import check_unchanged, state_of


def convert_file(source: Location, output: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Write all that an NWB file holds in another format: whole or not at all.

    Every group, dataset, attribute, link and reference is written as it was read, also what the schema does not know;
    large data are compressed anew, whatever their compression was.

    Parameters
    ----------
    source : path, str or binary file
        As of :func:`ndx_match.sources.open_nwb`.
    output : path
        The file to write, a Zarr store where its name ends in `.zarr`, else HDF5.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    InputError
        The source cannot be read, holds what the other format cannot hold, or takes data from other files.
    OutputError
        The output exists, cannot be written, or what writes its format is not installed.
    """
    location, path = as_location(source), Path(output)
    check_output(path, overwrite, [] if is_url(location) else [location])
    target = format_of(path)
    name = public_name(location)
    if os.path.exists(location):
        for other in sorted(format_of(location).other_files(Path(location))):
            raise InputError(f"{name}: this file takes data from {other}; give a file that holds all its data itself.")
    state = state_of(source)
    with open_reader(source) as reader, publish(path, overwrite, target.is_folder) as temporary:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what hdmf writes in another type
                io = reader()
                builder = io.read_builder()
                _hand_over(builder, target)
                target.write_builder(temporary, builder, io)
        except (NdxMatchError, OSError):
            raise
        except Exception as error:  # hdmf raises many kinds
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{name}: this file cannot be converted ({reason}).") from error
        check_unchanged(source, state)
    return path


def _hand_over(group: GroupBuilder, target: StorageFormat) -> None:
    """Replace all datasets that lie in a file by what hdmf writes in the other format."""
    for dataset in _datasets(group):
        data = _data(dataset["data"], target)
        is_scalar = dataset.dtype == "scalar" and np.shape(data) == (1,)  # as Zarr of format 2 holds single values
        dataset["data"] = data[0] if is_scalar else data


def _datasets(group: GroupBuilder) -> Iterator[DatasetBuilder]:
    yield from group.datasets.values()
    for inner in group.groups.values():
        yield from _datasets(inner)


def _data(data: Any, target: StorageFormat) -> Any:
    dataset = stored(data)
    if not is_in_file(dataset) or holds_references(data):
        return data  # hdmf resolves references
    if dataset.dtype.kind in "OS":
        values = np.asarray(dataset[()])
        texts = [text_of(value) for value in values.ravel()]
        return np.array([*texts, None], object)[:-1].reshape(values.shape) if values.ndim else texts[0]
    if dataset.dtype.names is not None:
        values = dataset[()]
        return target.compressed(values) if values.ndim else values
    return streamed(dataset, target) if dataset.ndim else dataset[()]
