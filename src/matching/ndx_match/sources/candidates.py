"""List the ROI tables, projection images and imaging planes of an NWB file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pynwb import NWBFile
from pynwb.base import Image
from pynwb.device import Device
from pynwb.ophys import ImagingPlane, OpticalChannel, PlaneSegmentation

from ..storage.opening import objects_of
from .maskless import MASK_KINDS

#: Neurodata types of ROI tables of ndx-microscopy, for planes and for volumes, with their names since version 0.3 and
#: before it. If the extension is not installed, their classes are made from the schema in the file.
MICROSCOPY_SEGMENTATIONS = ("PlanarSegmentation", "VolumetricSegmentation", "Segmentation2D", "Segmentation3D")
SUMMARY_IMAGE = "SummaryImage"
#: The groups of a file, by the attribute of NWBFile that returns their content.
FOLDERS = {
    "processing": "processing",
    "acquisition": "acquisition",
    "analysis": "analysis",
    "scratch": "scratch",
    "stimulus_template": "stimulus/templates",
    "imaging_planes": "general/optophysiology",
}


@dataclass(frozen=True)
class TableCandidate:
    """An ROI table in a file."""

    path: str  #: in the file, for example `processing/ophys/image_segmentation/cell_specimen_table`
    plane: str  #: name of its imaging plane
    n_rois: int
    mask_kind: str  #: one of `MASK_KINDS`; empty if the table has none
    mask_shape: tuple[int, int] | None  #: shape of an image_mask as stored; most programs store (n_rows, n_cols)
    table: PlaneSegmentation  #: or a table of ndx-microscopy, which has the same columns
    imaging_plane: ImagingPlane  #: for a table of ndx-microscopy, made from its imaging space
    plane_path: str  #: path of the imaging plane in the file

    @property
    def has_masks(self) -> bool:
        """Whether the table has ROIs and masks."""
        return self.n_rois > 0 and self.mask_kind != ""

    def belongs_to(self, plane: str) -> bool:
        """Whether the table's imaging plane, or a part of its path, has this name."""
        return self.plane == plane or plane in self.path.split("/")


@dataclass(frozen=True)
class ImageCandidate:
    """A two-dimensional image in a file; its shape as stored."""

    path: str
    shape: tuple[int, int]
    image: Image


@dataclass(frozen=True)
class FileContents:
    """All ROI tables, images and planes of one file, sorted by path, and signs of the program that wrote the file."""

    tables: tuple[TableCandidate, ...]
    images: tuple[ImageCandidate, ...]
    planes: tuple[str, ...]
    script: str = ""  #: the file's `source_script`, which describes the script that made it
    modules: tuple[str, ...] = ()  #: names of its processing modules
    coloured: tuple[str, ...] = ()  #: paths of images that are not used, because they do not have two dimensions

    def table_at(self, path: str) -> TableCandidate | None:
        """The ROI table at this path; None if there is none."""
        return next((table for table in self.tables if table.path == path), None)

    def image_at(self, path: str) -> ImageCandidate | None:
        """The image at this path; None if there is none."""
        return next((image for image in self.images if image.path == path), None)


def list_contents(nwbfile: NWBFile) -> FileContents:
    """List the ROI tables, images and imaging planes of an open file."""
    tables, images, planes, coloured = [], [], [], []
    for item in objects_of(nwbfile):
        if isinstance(item, PlaneSegmentation) or type(item).__name__ in MICROSCOPY_SEGMENTATIONS:
            tables.append(_table(item))
        elif isinstance(item, Image) or type(item).__name__ == SUMMARY_IMAGE:
            shape = np.shape(item.data)
            if len(shape) == 2:
                images.append(ImageCandidate(path_of(item), (shape[0], shape[1]), item))
            else:
                coloured.append(path_of(item))
        elif isinstance(item, ImagingPlane):
            planes.append(item.name)
    return FileContents(
        tuple(sorted(tables, key=lambda table: table.path)),
        tuple(sorted(images, key=lambda image: image.path)),
        tuple(sorted(planes)),
        nwbfile.source_script or "",
        tuple(sorted(nwbfile.processing)),
        tuple(sorted(coloured)),
    )


def with_masks(tables: Sequence[TableCandidate]) -> Sequence[TableCandidate]:
    """The tables that have masks; all tables if none has."""
    return [table for table in tables if table.has_masks] or tables


def path_of(item: Any) -> str:
    """Where an object lies in its file, without the leading slash."""
    names: list[str] = []
    top = None
    while item is not None and not isinstance(item, NWBFile):
        names.insert(0, item.name)
        top, item = item, item.parent
    for attribute, folder in FOLDERS.items():
        if any(child is top for child in (getattr(item, attribute, None) or {}).values()):
            names.insert(0, folder)
    return "/".join(names)


def _table(table: PlaneSegmentation) -> TableCandidate:
    kind = next((kind for kind in MASK_KINDS if kind in table.colnames), "")
    whole: tuple[int, ...] = np.shape(table[kind].data) if kind == "image_mask" else ()
    shape = (whole[1], whole[2]) if len(whole) == 3 else None
    if isinstance(table, PlaneSegmentation):
        place = plane = table.imaging_plane
    else:
        place = getattr(table, "planar_imaging_space", None) or table.volumetric_imaging_space
        plane = _as_imaging_plane(place)
    return TableCandidate(path_of(table), place.name, len(table.id), kind, shape, table, plane, path_of(place))


def _as_imaging_plane(space: Any) -> ImagingPlane:
    """Make an ImagingPlane, which belongs to no file, from an imaging space of ndx-microscopy."""
    sizes = [getattr(space, name, None) for name in ("pixel_size_in_um", "voxel_size_in_um", "grid_spacing_in_um")]
    size = next((size for size in sizes if size is not None), None)
    channel = OpticalChannel(name="channel", description="Not linked to the segmentation.", emission_lambda=np.nan)
    return ImagingPlane(
        name=space.name,
        optical_channel=channel,
        description=space.description or "",
        device=Device(name="microscope"),
        excitation_lambda=np.nan,
        indicator="unknown",
        location=getattr(space, "anatomical_target", None) or "unknown",
        grid_spacing=None if size is None else list(size),
        grid_spacing_unit="micrometers",
    )
