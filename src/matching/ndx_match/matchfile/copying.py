"""Copy ROI tables and imaging planes into another NWB file: a table cannot point into a foreign file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hdmf.common import DynamicTableRegion, ElementIdentifiers, VectorData, VectorIndex
from pynwb import NWBFile
from pynwb.device import Device
from pynwb.image import GrayscaleImage
from pynwb.ophys import ImagingPlane, OpticalChannel, PlaneSegmentation

from ..sources.candidates import MASK_KINDS
from ..storage.datasets import copy_rows, holds_references, in_memory, is_compound, stored, streamed
from ..storage.formats import StorageFormat
from .metadata import is_placeholder

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
        origin_coords=in_memory(plane.origin_coords),
        origin_coords_unit=plane.origin_coords_unit or "meters",
        grid_spacing=in_memory(plane.grid_spacing),
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


def copy_roi_table(table: PlaneSegmentation, plane: ImagingPlane, prefix: str, file_format: StorageFormat) -> TableCopy:
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
    file_format : StorageFormat
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
            if is_compound(source):
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
        copy_rows(source, folder[copy.table.name][name])


def copy_image(image: Any, name: str) -> GrayscaleImage:
    """A copy of a projection image, with its stored values and data type."""
    return GrayscaleImage(
        name=name,
        data=in_memory(image.data),
        description=_description(image, name),
        resolution=getattr(image, "resolution", None),
    )


def _description(item: Any, session_name: str) -> str:
    """What the source says, or, where that is nothing, that it says nothing."""
    if is_placeholder(item.description):
        return f"{item.name} of the session {session_name}; its source does not describe it."
    return str(item.description)


def _copy_column(column: Any, session_name: str, file_format: StorageFormat) -> list[Any]:
    """The column and, of a ragged one, its indices; nothing where it points elsewhere in the source."""
    if isinstance(column, VectorIndex):
        target = _copy_column(column.target, session_name, file_format)
        if not target:
            return []
        # hdmf would narrow the type to fit the rows that the target has now.
        index = VectorIndex(name=column.name, data=file_format.typed(np.asarray(column.data[:])), target=target[0])
        return [index, *target]
    data = stored(column.data)
    if isinstance(column, DynamicTableRegion) or type(column).__name__ == "EnumData" or holds_references(column.data):
        return []
    if not is_compound(data):
        data = streamed(data, file_format)
    elif column.name in MASK_KINDS:
        data = file_format.growing(data[:0], min(len(data), PIXELS_OF_CHUNK))
    else:
        return []  # hdmf writes no other compound columns
    return [VectorData(name=column.name, description=_description(column, session_name), data=data)]


def _manufacturer(device: Device) -> str | None:
    return device.manufacturer or (device.model.manufacturer if device.model is not None else None) or None
