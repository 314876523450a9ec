"""Copy ROI tables and imaging planes into another NWB file: a table cannot point into a foreign file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
from hdmf.common import DynamicTableRegion, ElementIdentifiers, VectorData, VectorIndex
from pynwb import NWBFile
from pynwb.device import Device
from pynwb.image import GrayscaleImage
from pynwb.ophys import ImagingPlane, OpticalChannel, PlaneSegmentation

from ..sources.candidates import MASK_KINDS
from ..storage.datasets import copy_rows, holds_references, in_memory, is_compound, stored, streamed
from ..storage.formats import StorageFormat
from .metadata import is_placeholder

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
            origin_coords=in_memory(plane.origin_coords),
            origin_coords_unit=plane.origin_coords_unit or "meters",
            grid_spacing=in_memory(plane.grid_spacing),
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
    file_format: StorageFormat,
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
    file_format : StorageFormat
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
            if is_compound(source):
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
        copy_rows(source, folder[copy.table.name][name])


def copy_image(image: Any, name: str, file_format: StorageFormat) -> GrayscaleImage:
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


def _copy_column(column: Any, file_format: StorageFormat) -> list[Any]:
    """The column and, of a ragged one, its indices; nothing where it points elsewhere in the source."""
    if isinstance(column, VectorIndex):
        target = _copy_column(column.target, file_format)
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
    return [VectorData(name=column.name, description=_description(column), data=data)]


def _manufacturer(device: Device) -> str | None:
    return device.manufacturer or (device.model.manufacturer if device.model is not None else None) or None
