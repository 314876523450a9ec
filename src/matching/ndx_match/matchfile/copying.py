"""Copy ROI tables and imaging planes into another NWB file: a table cannot point into a foreign file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
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
PIXELS_OF_CHUNK = 65536  #: of a column of mask pixels


class ImagingPlaneCopies:
    """Copies of the imaging planes of sessions, and of their devices, in a file to be written: each once."""

    def __init__(self, nwbfile: NWBFile, location: str | None = None) -> None:
        """Of all planes, `location` overrides their own."""
        self._nwbfile = nwbfile
        self._location = location
        self._planes: dict[tuple[str, str], ImagingPlane] = {}
        self._devices: dict[tuple[str, str], Device] = {}

    def add(self, plane: ImagingPlane, path: str, session: str, suffix: str = "") -> ImagingPlane:
        """The copy of a plane of a session, whose name precedes its own; a suffix tells planes of one name apart."""
        device = self._devices.get((session, plane.device.name))
        if device is None:
            device = _copy_device(plane.device, self._nwbfile, session)
            self._devices[session, plane.device.name] = device
        if (session, path) not in self._planes:
            taken = f"{session}_{plane.name}" in self._nwbfile.imaging_planes
            copy = _copy_imaging_plane(plane, device, f"{session}{suffix}" if taken else session, self._location)
            self._planes[session, path] = self._nwbfile.add_imaging_plane(copy)
        return self._planes[session, path]


def _copy_device(device: Device, nwbfile: NWBFile, prefix: str) -> Device:
    return nwbfile.add_device(
        Device(
            name=f"{prefix}_{device.name}",
            description=_description(device, prefix),
            manufacturer=_manufacturer(device),
            serial_number=device.serial_number or None,
        )
    )


def _copy_imaging_plane(plane: ImagingPlane, device: Device, prefix: str, location: str | None) -> ImagingPlane:
    channels = [
        OpticalChannel(
            name=channel.name, description=_description(channel, prefix), emission_lambda=channel.emission_lambda
        )
        for channel in plane.optical_channel
    ]
    return ImagingPlane(
        name=f"{prefix}_{plane.name}",
        optical_channel=channels,
        device=device,
        description=_description(plane, prefix),
        excitation_lambda=plane.excitation_lambda,
        indicator=plane.indicator,
        location=location or plane.location,
        imaging_rate=plane.imaging_rate,
        reference_frame=plane.reference_frame or None,
        origin_coords=_in_memory(plane.origin_coords),
        origin_coords_unit=plane.origin_coords_unit or "meters",
        grid_spacing=_in_memory(plane.grid_spacing),
        grid_spacing_unit=plane.grid_spacing_unit or "meters",
    )


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


def copy_roi_table(table: PlaneSegmentation, plane: ImagingPlane, prefix: str, file_format: FileFormat) -> TableCopy:
    """A copy of an ROI table: its ids and all its columns but those that point elsewhere in the source.

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
    """
    columns: list[Any] = []
    names: list[str] = []
    pixels: dict[str, Any] = {}
    for name in table.colnames:
        copied = _copy_column(table[name], prefix, file_format)
        columns += copied
        if copied:
            names.append(name)
            source = stored(getattr(table[name], "target", table[name]).data)
            if _is_compound(source):
                pixels[name] = source
    copy = PlaneSegmentation(
        name=f"{prefix}_{table.name}",
        description=_description(table, prefix),
        imaging_plane=plane,
        id=ElementIdentifiers(name="id", data=np.asarray(table.id.data[:])),
        columns=columns,
        colnames=names,
    )
    return TableCopy(copy, tuple(name for name in table.colnames if name not in names), pixels)


def fill_pixels(folder: Any, copy: TableCopy) -> None:
    """Write the rows of the columns of mask pixels into the copy, which lies in a group of the open file by now."""
    for name, source in copy.pixels.items():
        target = folder[copy.table.name][name]
        target.resize(source.shape)
        rows = max(1, BUFFER_BYTES // source.dtype.itemsize)
        for start in range(0, len(source), rows):
            target[start : start + rows] = source[start : start + rows]


def copy_image(image: Any, name: str) -> GrayscaleImage:
    """A copy of a projection image, with its stored values and data type."""
    return GrayscaleImage(
        name=name,
        data=_in_memory(image.data),
        description=_description(image, name),
        resolution=getattr(image, "resolution", None),
    )


def _description(item: Any, session_name: str) -> str:
    """What the source says, or, where that is nothing, that it says nothing."""
    if is_placeholder(item.description):
        return f"{item.name} of the session {session_name}; its source does not describe it."
    return str(item.description)


def _copy_column(column: Any, session_name: str, file_format: FileFormat) -> list[Any]:
    """The column and, of a ragged one, its indices; nothing where it points elsewhere in the source."""
    if isinstance(column, VectorIndex):
        target = _copy_column(column.target, session_name, file_format)
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
    return [VectorData(name=column.name, description=_description(column, session_name), data=data)]


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
