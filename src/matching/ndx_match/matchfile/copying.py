"""Copy ROI tables and imaging planes into the match file, because a table cannot refer to another file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from hdmf.common import DynamicTableRegion, ElementIdentifiers, VectorData, VectorIndex
from pynwb import NWBFile
from pynwb.device import Device
from pynwb.image import GrayscaleImage
from pynwb.ophys import ImagingPlane, OpticalChannel, PlaneSegmentation

from ..arrays import Ints64
from ..model import Session
from ..sources.candidates import MASK_KINDS
from ..sources.checks import vector_of
from ..sources.read import SourceFile
from ..storage.datasets import copy_rows, holds_references, is_compound, is_in_file, stored, streamed
from ..storage.formats import StorageFormat
from .decisions import AUTOMATIC
from .metadata import is_placeholder

TOOK_PART = "took_part"  #: column of the copied ROI tables
PIXELS_OF_CHUNK = 65536  #: chunk size of a column of mask pixels


class ImagingPlaneCopies:
    """Copies of imaging planes and their devices in a file to be written; sessions share equal planes and devices."""

    def __init__(self, nwbfile: NWBFile, location: str | None = None) -> None:
        """`location`, if given, replaces the location of every plane."""
        self._nwbfile = nwbfile
        self._location = location
        self._copies: dict[str, Any] = {}

    def add(self, plane: ImagingPlane) -> ImagingPlane:
        """Copy a plane, or return the copy of an equal plane."""
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
            origin_coords=vector_of(plane.origin_coords),
            origin_coords_unit=plane.origin_coords_unit or "meters",
            grid_spacing=vector_of(plane.grid_spacing),
            grid_spacing_unit=plane.grid_spacing_unit or "meters",
        )

    def _shared(self, existing: Any, name: str, add: Any, make: Any, **about: Any) -> Any:
        """The copy with this name and content, or a new one, which gets another name if this one is taken."""
        key = f"{make.__name__} {name} {[(field, getattr(value, 'name', value)) for field, value in about.items()]}"
        if key not in self._copies:
            names = (name if number == 1 else f"{name}_{number}" for number in count(1))
            self._copies[key] = add(make(name=next(free for free in names if free not in existing), **about))
        return self._copies[key]


def _imaging_plane(name: str, channels: Sequence[tuple[str, str, float]], **about: Any) -> ImagingPlane:
    optical_channel = [
        OpticalChannel(name=channel, description=description, emission_lambda=emission_lambda)
        for channel, description, emission_lambda in channels
    ]
    return ImagingPlane(name=name, optical_channel=optical_channel, **about)


@dataclass(frozen=True)
class SessionCopy:
    """The copies of a session's ROI table and projection image."""

    table: PlaneSegmentation  #: its columns of mask pixels have no rows yet: hdmf would hold each pixel as an object
    image: GrayscaleImage
    omitted_columns: tuple[str, ...]  #: names of the columns that were not copied
    pixels: Mapping[str, Any]  #: the rows of the columns of mask pixels that are written later, in the source file


def copy_session(
    session: Session,
    file: SourceFile,
    planes: ImagingPlaneCopies,
    name: str,
    file_format: StorageFormat,
    automatic: Ints64 | None = None,
) -> SessionCopy:
    """Copy a session's image and ROI table: ids and columns, except columns of references and of unusual types.

    The image is named `name`, and the name of the table begins with it. The column `took_part` says which ROIs took
    part in the matching. If a person decided on cells, the column `automatic_cell_id` says in which cell the method had
    put each ROI. Both replace columns of the same name. Large columns are read only when the copy is written, so the
    source file must stay open until then.
    """
    candidate = file.contents.table_at(session.data_source.roi_table_path)
    assert candidate is not None  # which was checked when the file was opened
    table = candidate.table
    columns: list[Any] = []
    names: list[str] = []
    pixels: dict[str, Any] = {}
    replaced = (TOOK_PART, AUTOMATIC)
    for column in table.colnames:
        copied = [] if column in replaced else _copy_column(table[column], file_format)
        columns += copied
        if copied:
            names.append(column)
            source = stored(getattr(table[column], "target", table[column]).data)
            if is_compound(source):
                pixels[column] = source
    omitted_columns = tuple(column for column in table.colnames if column not in (*names, *replaced))
    about = "Whether the ROI took part in the matching of cells across sessions."
    columns.append(VectorData(name=TOOK_PART, description=about, data=session.takes_part))
    names.append(TOOK_PART)
    if automatic is not None:
        about = "The cell in which the method had put the ROI, before a person decided on cells; -1: none."
        columns.append(VectorData(name=AUTOMATIC, description=about, data=automatic))
        names.append(AUTOMATIC)
    copy = PlaneSegmentation(
        name=table.name if session.match_file_source and table.name.startswith(f"{name}_") else f"{name}_{table.name}",
        description=_description(table),
        imaging_plane=planes.add(candidate.imaging_plane),
        id=ElementIdentifiers(name="id", data=np.asarray(table.id.data[:])),
        columns=columns,
        colnames=names,
    )
    return SessionCopy(copy, _copy_image(session, file, name, file_format), omitted_columns, pixels)


def fill_pixels(folder: Any, copy: SessionCopy) -> None:
    """Write the mask pixels into the copy, once `folder`, a group of the open file, holds it."""
    for name, source in copy.pixels.items():
        copy_rows(source, folder[copy.table.name][name])


def _copy_image(session: Session, file: SourceFile, name: str, file_format: StorageFormat) -> GrayscaleImage:
    """The image with its stored values and data type, compressed; black if the source has no image."""
    image = file.contents.image_at(session.data_source.image_path) if session.has_image else None
    if image is None:
        data = file_format.compressed(session.image.T if session.orientation.image_transposed else session.image)
        return GrayscaleImage(name=name, data=data, description="Black: the source holds no projection image.")
    data = streamed(image.image.data, file_format)
    return GrayscaleImage(
        name=name,
        data=file_format.compressed(data) if isinstance(data, np.ndarray) else data,
        description=_description(image.image),
        resolution=getattr(image.image, "resolution", None),
    )


def _description(item: Any) -> str:
    """The source's description, or a note that the source has none."""
    if is_placeholder(item.description):
        return f"{item.name}; the source does not describe it."
    return str(item.description)


def _copy_column(column: Any, file_format: StorageFormat) -> list[Any]:
    """The copied column, for a ragged column with its indices; empty if it cannot be copied."""
    if isinstance(column, VectorIndex):
        target = _copy_column(column.target, file_format)
        if not target:
            return []
        # hdmf would narrow the type to fit the rows that the target has now.
        index = VectorIndex(
            name=f"{target[0].name}_index", data=file_format.typed(np.asarray(column.data[:])), target=target[0]
        )
        return [index, *target]
    data = stored(column.data)
    if isinstance(column, DynamicTableRegion) or type(column).__name__ == "EnumData" or holds_references(column.data):
        return []
    if is_in_file(data) and data.dtype.kind == "c":
        return []  # hdmf cannot write complex numbers
    if not is_compound(data):
        data = streamed(data, file_format)
    elif column.name in MASK_KINDS:
        data = file_format.growing(data[:0], min(len(data), PIXELS_OF_CHUNK))
    else:
        return []  # hdmf cannot write other compound columns
    return [VectorData(name=column.name, description=_description(column), data=data)]


def _manufacturer(device: Device) -> str | None:
    return device.manufacturer or (device.model.manufacturer if device.model is not None else None) or None
