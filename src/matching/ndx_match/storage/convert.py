"""Convert NWB files between HDF5 and Zarr, and Zarr stores of format 2 into the format that hdmf-zarr writes."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hdmf.build import DatasetBuilder, GroupBuilder, ReferenceBuilder

from ..errors import InputError, NdxMatchError
from ..model import Progress
from .datasets import Meter, holds_references, is_compound, is_in_file, stored, streamed, text_of
from .files import Location, as_location
from .formats import StorageFormat
from .opening import format_of, open_reader
from .outputs import check_output
from .publish import publish
from .remote import is_url, public_name
from .unchanged import check_unchanged, state_of

SMALL_BYTES = 16_000  #: an array of this size or less is not compressed
EMPTY_TEXT = h5py.string_dtype()  #: the type of an empty array of texts, which hdmf cannot infer


def convert_file(
    source: Location, output: str | os.PathLike[str], overwrite: bool = False, progress: Progress | None = None
) -> Path:
    """Write the whole content of an NWB file in another format. If this fails, no output is left.

    Every group, dataset, attribute, link and reference is written as it was read, even if the schema does not define
    it. Large data are compressed again, with the compression of the other format.

    Parameters
    ----------
    source : path, str or binary file
        As for :func:`ndx_match.sources.open_nwb`.
    output : path
        The file to write: a Zarr store if its name ends in `.zarr`, otherwise HDF5.
    overwrite : bool
        Replace an existing file.
    progress : callable, optional
        Called as `progress("MB converted", done, total)` while large data are converted.

    Raises
    ------
    InputError
        The source cannot be read, has content that the other format cannot store, or takes data from other files.
    OutputError
        The output exists or cannot be written, or the library that writes its format is not installed.
    """
    location, path = as_location(source), Path(output)
    check_output(path, overwrite, [] if is_url(location) else [location])
    target = format_of(path)
    name = public_name(location)
    state = state_of(source)
    with open_reader(source) as reader, publish(path, overwrite, target.is_folder) as temporary:
        io = reader()
        if os.path.exists(location):
            for other in sorted(format_of(location).other_files(Path(location))):
                raise InputError(f"{name}: this file takes data from {other}; give one that holds all its data itself.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # hdmf warns when it writes data in another type
                builder = io.read_builder()
                _hand_over(builder, target, Meter("MB converted", progress))
                target.write_builder(temporary, builder, io)
        except (NdxMatchError, OSError):
            raise
        except Exception as error:  # hdmf raises many kinds
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{name}: this file cannot be converted ({reason}).") from error
        check_unchanged(source, state)
    return path


def _hand_over(group: GroupBuilder, target: StorageFormat, meter: Meter) -> None:
    """Replace all datasets of an open file by objects that hdmf writes in the other format."""
    for name, dataset in group.datasets.items():
        data = stored(dataset.data)
        if holds_references(dataset.data) or isinstance(data, ReferenceBuilder):
            continue  # hdmf resolves references
        data = data[()] if is_in_file(data) and not data.ndim else data
        values, dtype = _handed_over(data, dataset.dtype, target, meter)
        replacement = DatasetBuilder(name, values, dtype, attributes=dict(dataset.attributes), source=dataset.source)
        replacement.location = dataset.location
        group.datasets[name] = replacement
    for inner in group.groups.values():
        _hand_over(inner, target, meter)


def _handed_over(data: Any, dtype: Any, target: StorageFormat, meter: Meter) -> tuple[Any, Any]:
    """The data to be written, and their type for hdmf.

    hdmf does not know all type names that hdmf-zarr uses, and writes data of an unknown type as float32.
    """
    if dtype == "scalar" and np.shape(data) == (1,):  # so Zarr of format 2 stores single values
        data = data[0]
    is_text = isinstance(data, (str, bytes)) or getattr(data, "dtype", np.dtype(float)).kind in "OSU"
    if is_text and np.ndim(data):
        values = np.asarray(data[:])
        texts = np.empty(values.size, object)
        texts[:] = [text_of(value) for value in values.ravel()]
        return texts.reshape(values.shape), "utf" if texts.size else EMPTY_TEXT
    if is_text:
        return text_of(data), "utf"
    if is_compound(data):
        return target.compressed(data[:]), dtype
    values = streamed(data, target, meter)
    if isinstance(values, np.ndarray) and values.nbytes > SMALL_BYTES:
        values = target.compressed(values)
    return values, dtype if isinstance(dtype, list) else getattr(data, "dtype", None)
