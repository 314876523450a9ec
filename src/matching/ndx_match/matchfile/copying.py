"""Copy ROI tables and imaging planes into another NWB file: a table cannot point into a foreign file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from hdmf.common import DynamicTableRegion, ElementIdentifiers, VectorData, VectorIndex
from hdmf.data_utils import GenericDataChunkIterator
from hdmf.query import ReferenceResolver
from pynwb import NWBFile
from pynwb.device import Device
from pynwb.image import GrayscaleImage
from pynwb.ophys import ImagingPlane, OpticalChannel, PlaneSegmentation

from ..sources.candidates import MASK_KINDS
from ..storage.file_format import FileFormat
from ..storage.opening import stored
from .metadata import is_placeholder

LARGE_BYTES = 1_000_000  #: of an uncompressed column from which it is compressed on the way
BUFFER_BYTES = 16_000_000  #: of it held in memory at a time
TOOK_PART = "took_part"  #: column of the copied ROI tables
PIXELS_OF_CHUNK = 65536  #: of a column of mask pixels


class ImagingPlaneCopies:
    """Copies of imaging planes and their devices in a file to be written; sessions share those that are the same."""

    def __init__(self, nwbfile: NWBFile, location: str | None = None) -> None:
        """Of all planes, `location` overrides their own."""
        self._nwbfile = nwbfile
        self._location = location
        self._copies: dict[str, Any] = {}

    def add(self, plane: ImagingPlane) -> ImagingPlane:
        """The copy of a plane."""
        source, channels = plane.device, plane.optical_channel
        device = self._shared(
            self._nwbfile.devices,
            source.name,
            self._nwbfile.add_device,
            Device,
            description=_description(source),
            manufacturer=_manufacturer(source),
            serial_number=source.serial_number or None,
        )
        return self._shared(
            self._nwbfile.imaging_planes,
            plane.name,
            self._nwbfile.add_imaging_plane,
            _imaging_plane,
            channels=[(channel.name, _description(channel), channel.emission_lambda) for channel in channels],
            device=device,
            description=_description(plane),
            excitation_lambda=plane.excitation_lambda,
            indicator=plane.indicator,
            location=self._location or plane.location,
            imaging_rate=plane.imaging_rate,
            reference_frame=plane.reference_frame or None,
            origin_coords=_in_memory(plane.origin_coords),
            origin_coords_unit=plane.origin_coords_unit or "meters",
            grid_spacing=_in_memory(plane.grid_spacing),
            grid_spacing_unit=plane.grid_spacing_unit or "meters",
        )

    def _shared(self, taken: Any, name: str, add: Any, make: Any, **about: Any) -> Any:
        """What was made of the same name and content, or a new one; another content gets another name."""
        key = f"{make.__name__} {name} {[(field, getattr(value, 'name', value)) for field, value in about.items()]}"
        if key not in self._copies:
            free = next(candidate for candidate in _names(name) if candidate not in taken)
            self._copies[key] = add(make(name=free, **about))
        return self._copies[key]


def _names(name: str) -> Iterator[str]:
    """A name, and others that resemble it."""
    yield name
    for number in count(2):
        yield f"{name}_{number}"


def _imaging_plane(name: str, channels: Sequence[tuple[str, str, float]], **about: Any) -> ImagingPlane:
    optical_channel = [
        OpticalChannel(name=channel, description=description, emission_lambda=emission_lambda)
        for channel, description, emission_lambda in channels
    ]
    return ImagingPlane(name=name, optical_channel=optical_channel, **about)


@dataclass(frozen=True)
class TableCopy:
    """The copy of an ROI table.

    Attributes
    ----------
    table : PlaneSegmentation
        The copy, whose columns of mask pixels have no rows yet: hdmf would hold every pixel as a Python object.
    left_out : tuple of str
        Names of the columns that were not copied.
    pixels : mapping of str to dataset
        The rows to come of the columns of mask pixels, in the source file; see :func:`fill_pixels`.
    """

    table: PlaneSegmentation
    left_out: tuple[str, ...]
    pixels: Mapping[str, Any]


def copy_roi_table(
    table: PlaneSegmentation,
    plane: ImagingPlane,
    prefix: str,
    file_format: FileFormat,
    took_part: npt.NDArray[np.bool_],
) -> TableCopy:
    """A copy of an ROI table: its ids and all its columns but those that point elsewhere in the source.

    A column `took_part` says which ROIs took part in the matching; it takes the place of one of that name.

    Large columns stay in the source file until the copy is written, so it has to stay open until then.

    Parameters
    ----------
    table : PlaneSegmentation
        In an open file.
    plane : ImagingPlane
        In the file to be written.
    prefix : str
        Of the copy's name.
    file_format : FileFormat
        Of the file to be written.
    took_part : ndarray of bool, shape (n_rois,)
    """
    columns: list[Any] = []
    names: list[str] = []
    pixels: dict[str, Any] = {}
    for name in table.colnames:
        copied = [] if name == TOOK_PART else _copy_column(table[name], file_format)
        columns += copied
        if copied:
            names.append(name)
            source = stored(getattr(table[name], "target", table[name]).data)
            if _is_compound(source):
                pixels[name] = source
    left_out = tuple(name for name in table.colnames if name not in names)
    about = "Whether the ROI took part in the matching of cells across sessions."
    columns.append(VectorData(name=TOOK_PART, description=about, data=took_part))
    names.append(TOOK_PART)
    copy = PlaneSegmentation(
        name=f"{prefix}_{table.name}",
        description=_description(table),
        imaging_plane=plane,
        id=ElementIdentifiers(name="id", data=np.asarray(table.id.data[:])),
        columns=columns,
        colnames=names,
    )
    return TableCopy(copy, left_out, pixels)


def fill_pixels(folder: Any, copy: TableCopy) -> None:
    """Write the rows of the columns of mask pixels into the copy, which lies in a group of the open file by now."""
    for name, source in copy.pixels.items():
        target = folder[copy.table.name][name]
        target.resize(source.shape)
        rows = max(1, BUFFER_BYTES // source.dtype.itemsize)
        for start in range(0, len(source), rows):
            target[start : start + rows] = source[start : start + rows]


def copy_image(image: Any, name: str, file_format: FileFormat) -> GrayscaleImage:
    """A compressed copy of a projection image, with its stored values and data type."""
    return GrayscaleImage(
        name=name,
        data=file_format.compressed(np.asarray(image.data[:])),
        description=_description(image),
        resolution=getattr(image, "resolution", None),
    )


def _description(item: Any) -> str:
    """What the source says, or, if that is nothing, that it says nothing."""
    if is_placeholder(item.description):
        return f"{item.name}; the source does not describe it."
    return str(item.description)


def _copy_column(column: Any, file_format: FileFormat) -> list[Any]:
    """The column and, of a ragged one, its indices; nothing where it points elsewhere in the source."""
    if isinstance(column, VectorIndex):
        target = _copy_column(column.target, file_format)
        if not target:
            return []
        # hdmf would narrow the type to fit the rows that the target has now.
        index = VectorIndex(name=column.name, data=file_format.typed(np.asarray(column.data[:])), target=target[0])
        return [index, *target]
    data = stored(column.data)
    if isinstance(column, DynamicTableRegion) or type(column).__name__ == "EnumData" or _holds_references(column.data):
        return []
    if not _is_compound(data):
        data = _streamed(data, file_format)
    elif column.name in MASK_KINDS:
        data = file_format.growing(data[:0], min(len(data), PIXELS_OF_CHUNK))
    else:
        return []  # hdmf writes no other compound columns
    return [VectorData(name=column.name, description=_description(column), data=data)]


class _DatasetIterator(GenericDataChunkIterator):
    """Reads a dataset of another file piece by piece."""

    def __init__(self, dataset: Any, **shapes: Any) -> None:
        self.dataset = dataset
        super().__init__(**shapes)

    def _get_data(self, selection: tuple[slice, ...]) -> Any:
        return self.dataset[selection]

    def _get_maxshape(self) -> tuple[int, ...]:
        return tuple(self.dataset.shape)

    def _get_dtype(self) -> np.dtype[Any]:
        return self.dataset.dtype


def _holds_references(data: Any) -> bool:
    dataset = stored(data)
    if not isinstance(dataset, h5py.Dataset):
        return isinstance(data, ReferenceResolver)
    fields = [field[0] for field in (dataset.dtype.fields or {}).values()]
    return any(h5py.check_ref_dtype(dtype) is not None for dtype in (dataset.dtype, *fields))


def _is_in_file(data: Any) -> bool:
    """Whether these are data of an open file (h5py.Dataset, zarr.Array), not yet read."""
    return hasattr(data, "dtype") and hasattr(data, "chunks")


def _is_compound(data: Any) -> bool:
    return _is_in_file(data) and data.dtype.names is not None


def _streamed(data: Any, file_format: FileFormat) -> Any:
    """Small data in memory; large data as they are in the file, or through a compressing iterator."""
    if not _is_in_file(data) or data.nbytes < LARGE_BYTES:
        return _in_memory(data)
    if file_format.takes(data):
        return data
    if data.dtype.kind == "O":
        return _in_memory(data)
    row_bytes = max(1, data.nbytes // data.shape[0])
    chunk_rows = max(1, min(data.shape[0], 1_000_000 // row_bytes))
    buffer_rows = max(chunk_rows, BUFFER_BYTES // row_bytes // chunk_rows * chunk_rows)
    iterator = _DatasetIterator(
        data,
        chunk_shape=(chunk_rows, *data.shape[1:]),
        buffer_shape=(min(buffer_rows, data.shape[0]), *data.shape[1:]),
    )
    return file_format.compressed(iterator)


def _in_memory(data: Any) -> Any:
    return data[:] if _is_in_file(data) else data


def _manufacturer(device: Device) -> str | None:
    return device.manufacturer or (device.model.manufacturer if device.model is not None else None) or None
