"""What an NWB file holds that could be matched: ROI tables, projection images, imaging planes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from pynwb import NWBFile
from pynwb.base import Image
from pynwb.device import Device
from pynwb.ophys import ImagingPlane, OpticalChannel, PlaneSegmentation

#: Neurodata types of ndx-microscopy, whose classes come with the file where the extension is not installed.
PLANAR_SEGMENTATION, SUMMARY_IMAGE = "PlanarSegmentation", "SummaryImage"
MASK_KINDS = ("image_mask", "pixel_mask", "voxel_mask")


@dataclass(frozen=True)
class TableCandidate:
    """An ROI table in a file.

    Attributes
    ----------
    path : str
        In the file, for example `processing/ophys/image_segmentation/cell_specimen_table`.
    plane : str
        Name of its imaging plane.
    n_rois : int
    mask_kind : str
        `image_mask`, `pixel_mask` or `voxel_mask`; empty where the table has none.
    mask_shape : tuple of int or None
        Of an image_mask as stored: (n_rows, n_cols) by most writers.
    table : PlaneSegmentation
        Or a PlanarSegmentation of ndx-microscopy, which has the same columns.
    imaging_plane : ImagingPlane
        The table's; of a PlanarSegmentation, one that says what its imaging space says.
    plane_path : str
        In the file.
    """

    path: str
    plane: str
    n_rois: int
    mask_kind: str
    mask_shape: tuple[int, int] | None
    table: PlaneSegmentation
    imaging_plane: ImagingPlane
    plane_path: str

    def belongs_to(self, plane: str) -> bool:
        """Whether the table is of the named plane, by its imaging plane or by a folder of its path."""
        return self.plane == plane or plane in self.path.split("/")


@dataclass(frozen=True)
class ImageCandidate:
    """A two-dimensional image in a file; its shape as stored."""

    path: str
    shape: tuple[int, int]
    image: Image


@dataclass(frozen=True)
class FileContents:
    """All candidates of one file, sorted by path, and what the file says of the script that made it."""

    tables: tuple[TableCandidate, ...]
    images: tuple[ImageCandidate, ...]
    planes: tuple[str, ...]
    script: str = ""


def list_contents(nwbfile: NWBFile) -> FileContents:
    """List the ROI tables, images and imaging planes of an open file."""
    tables, images, planes = [], [], []
    for item in nwbfile.objects.values():
        if isinstance(item, PlaneSegmentation) or type(item).__name__ == PLANAR_SEGMENTATION:
            tables.append(_table(item))
        elif (isinstance(item, Image) or type(item).__name__ == SUMMARY_IMAGE) and len(np.shape(item.data)) == 2:
            images.append(ImageCandidate(path_of(item), _shape(item.data), item))
        elif isinstance(item, ImagingPlane):
            planes.append(item.name)
    return FileContents(
        tuple(sorted(tables, key=lambda table: table.path)),
        tuple(sorted(images, key=lambda image: image.path)),
        tuple(sorted(planes)),
        nwbfile.source_script or "",
    )


def path_of(item: object) -> str:
    """Where an object lies in its file, without the leading slash."""
    parts: list[str] = []
    current = item
    while current is not None and not isinstance(current, NWBFile):
        parts.append(current.name)  # type: ignore[attr-defined]
        current = current.parent  # type: ignore[attr-defined]
    top = _folder_of(item)
    return "/".join([*top, *reversed(parts)])


def imaging_depth(nwbfile: NWBFile, plane: ImagingPlane) -> float | None:
    """Depth of the plane in micrometres, from its location or description or, of a file's only plane, lab data."""
    for text in (plane.location, plane.description):
        found = re.search(
            r"depth\W{0,3}\s*([0-9]+(?:\.[0-9]+)?)\s*(?:um|µm|μm|microns?|micrometers?)", text or "", re.I
        )
        if found:
            return float(found.group(1))
    for metadata in nwbfile.lab_meta_data.values() if len(nwbfile.imaging_planes) == 1 else ():
        depth = getattr(metadata, "imaging_depth", None)
        if depth is not None:
            return float(depth)
    return None


def pixel_size(plane: ImagingPlane) -> tuple[float, float] | None:
    """Micrometres per pixel along (rows, columns), from `grid_spacing` (x, y); None where it is not stated."""
    if plane.grid_spacing is None or len(plane.grid_spacing) < 2:
        return None
    unit = (plane.grid_spacing_unit or "meters").lower()
    scale = {"meters": 1e6, "meter": 1e6, "m": 1e6, "millimeters": 1e3, "mm": 1e3}.get(unit)
    if scale is None:
        if unit not in ("um", "µm", "μm", "microns", "micron", "micrometers", "micrometer"):
            return None
        scale = 1.0
    x, y = (float(value) * scale for value in plane.grid_spacing[:2])
    return (y, x) if x > 0 and y > 0 else None


def _table(table: PlaneSegmentation) -> TableCandidate:
    kind = next((kind for kind in MASK_KINDS if kind in table.colnames), "")
    shape = None
    if kind == "image_mask":
        whole = np.shape(table["image_mask"].data)
        shape = (whole[1], whole[2]) if len(whole) == 3 else None
    if type(table).__name__ == PLANAR_SEGMENTATION:
        space = table.planar_imaging_space
        return TableCandidate(
            path_of(table), space.name, len(table.id), kind, shape, table, _as_imaging_plane(space), path_of(space)
        )
    plane = table.imaging_plane
    return TableCandidate(path_of(table), plane.name, len(table.id), kind, shape, table, plane, path_of(plane))


def _as_imaging_plane(space: Any) -> ImagingPlane:
    """What a PlanarImagingSpace of ndx-microscopy says, as an ImagingPlane that belongs to no file."""
    channel = OpticalChannel(name="channel", description="Not linked to the segmentation.", emission_lambda=np.nan)
    return ImagingPlane(
        name=space.name,
        optical_channel=channel,
        description=space.description or "",
        device=Device(name="microscope"),
        excitation_lambda=np.nan,
        indicator="unknown",
        location=space.anatomical_target,
        grid_spacing=None if space.pixel_size_in_um is None else list(space.pixel_size_in_um),
        grid_spacing_unit="micrometers",
    )


def _shape(data: object) -> tuple[int, int]:
    n_rows, n_cols = np.shape(data)  # type: ignore[call-overload]
    return n_rows, n_cols


def _folder_of(item: object) -> list[str]:
    """The folder in which a file keeps the module or container that the object belongs to."""
    current, last = item, item
    while current is not None and not isinstance(current, NWBFile):
        last, current = current, current.parent  # type: ignore[attr-defined]
    if current is None:
        return []
    for attribute, folder in (
        ("processing", "processing"),
        ("acquisition", "acquisition"),
        ("analysis", "analysis"),
        ("scratch", "scratch"),
        ("stimulus_template", "stimulus/templates"),
        ("imaging_planes", "general/optophysiology"),
    ):
        if any(held is last for held in (getattr(current, attribute, None) or {}).values()):
            return folder.split("/")
    return []
