"""How the programs that write ROIs into NWB files lay them out. A new layout is one entry and one fixture."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pynwb import NWBFile
from pynwb.ophys import ImagingPlane

from ..model import Orientation
from .candidates import PLANAR_SEGMENTATION, FileContents, TableCandidate, imaging_depth, pixel_size
from .orientation import AS_STORED


@dataclass(frozen=True)
class DepthPlace:
    """Where a writer keeps the depth of the imaging plane, if not in words that say so.

    Attributes
    ----------
    lab_metadata : str
        Name of the lab's metadata that have an attribute `imaging_depth`.
    location : str
        Pattern found in the plane's location, whose first group is the depth in micrometres.
    """

    lab_metadata: str = ""
    location: str = ""


@dataclass(frozen=True)
class Layout:
    """What one writer's files look like, and how they are read.

    Attributes
    ----------
    writer : str
    table : str
        Pattern (regular expression) of the whole path of the ROI table.
    script : str
        Pattern found in the file's `source_script`; empty where the writer leaves no such trace.
    columns : tuple of str
        Columns that the table must have.
    image_sign : str
        Pattern of the whole path of an image that the file must hold; empty where there is no such sign.
    type_name : str
        Neurodata type of the ROI table.
    images : tuple of str
        Last parts of the paths of images, most trusted first; `{z}` stands for the plane of voxel masks.
    accepted : tuple of str
        Conditions as of `--where`; the first whose column the table has says which ROIs the writer accepts.
    convention : Orientation
        How masks and images are stored.
    depth : DepthPlace
        Where the depth of the imaging plane is kept.
    placeholder_pixel_size : tuple of float or None
        Micrometres along (rows, columns) that the writer states whatever the size of the pixels is.
    """

    writer: str
    table: str
    script: str = ""
    columns: tuple[str, ...] = ()
    image_sign: str = ""
    type_name: str = "PlaneSegmentation"
    images: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    convention: Orientation = AS_STORED
    depth: DepthPlace = DepthPlace()
    placeholder_pixel_size: tuple[float, float] | None = None

    def images_of_plane(self, z_plane: int | str | None) -> tuple[str, ...]:
        """The names of images, for the plane of voxel masks that was chosen."""
        return tuple(name.format(z=z_plane if isinstance(z_plane, int) else 0) for name in self.images)

    def holds(self, table: TableCandidate) -> bool:
        """Whether an ROI table lies where this writer puts it and has the columns that it writes."""
        return (
            re.fullmatch(self.table, table.path) is not None
            and type(table.table).__name__ == self.type_name
            and set(self.columns) <= set(table.table.colnames)
        )


NEUROCONV = Layout(
    writer="neuroconv",
    script="(?i)neuroconv",
    table=r"processing/ophys/ImageSegmentation/PlaneSegmentation\w*",
    images=(
        "mean",
        "mean_image",
        "MeanImage",
        "correlation",
        "correlation_image",
        "CorrelationImage",
        "maximum_projection",
        "summary_image",
    ),
    accepted=("iscell>0.5", "is_cell>0.5", "is_accepted>0", "Accepted>0", "cell_status==accepted"),
    convention=Orientation(masks_transposed=True, image_transposed=True),
)

#: In the order in which they are tried. Paths, columns and conventions are those of the files that the writers made.
LAYOUTS = (
    Layout(
        writer="AllenSDK",
        table=r"processing/ophys/image_segmentation/cell_specimen_table",
        columns=("valid_roi",),
        images=("average_image", "max_projection"),
        accepted=("valid_roi>0",),
        depth=DepthPlace(lab_metadata="metadata"),
    ),
    Layout(
        writer="AIND multiplane",
        table=r"processing/[^/]+/image_segmentation/roi_table",
        columns=("is_soma",),
        images=("average_projection", "max_projection"),
        accepted=("is_soma>0",),
        depth=DepthPlace(location=r"Depth:\s*([0-9]+(?:\.[0-9]+)?)"),
    ),
    NEUROCONV,
    replace(
        NEUROCONV,
        writer="neuroconv (without its mark)",
        script="",
        image_sign=r"processing/ophys/SegmentationImages/[^/]+",
    ),
    Layout(
        writer="Suite2p",
        table=r"processing/ophys/ImageSegmentation/PlaneSegmentation",
        columns=("iscell",),
        image_sign=r"processing/ophys/Backgrounds_\d+/\w+",
        images=("Backgrounds_{z}/meanImg", "Backgrounds_{z}/meanImgE", "Backgrounds_{z}/max_proj"),
        accepted=("iscell>0.5",),
        convention=Orientation(masks_transposed=True),
        placeholder_pixel_size=(2.0, 2.0),
    ),
    Layout(
        writer="CaImAn",
        table=r"processing/ophys\d*/ImageSegmentation/PlaneSegmentation",
        columns=("accepted", "rejected"),
        images=("summary_images/local_correlations",),
        accepted=("accepted>0", "keep>0"),
        convention=Orientation(masks_scrambled=True),
    ),
    Layout(
        writer="Visual Coding",
        table=r"processing/[^/]+/ImageSegmentation/PlaneSegmentation",
        image_sign=r"processing/[^/]+/SummaryImages/maximum_intensity_projection",
        images=("maximum_intensity_projection",),
        convention=Orientation(masks_transposed=True),
    ),
    Layout(
        writer="ndx-microscopy",
        table=r"processing/.+",
        type_name=PLANAR_SEGMENTATION,
        images=("mean", "mean_image", "average"),
    ),
)


def depth_of_plane(nwbfile: NWBFile, plane: ImagingPlane, layout: Layout | None) -> float | None:
    """Depth of an imaging plane in micrometres: where its writer keeps it, or else from words; None if not stated."""
    if layout is not None and layout.depth.lab_metadata in nwbfile.lab_meta_data:
        depth = getattr(nwbfile.lab_meta_data[layout.depth.lab_metadata], "imaging_depth", None)
        if depth is not None:
            return float(depth)
    if layout is not None and layout.depth.location:
        found = re.search(layout.depth.location, plane.location or "")
        if found:
            return float(found.group(1))
    return imaging_depth(nwbfile, plane)


def pixel_size_of_plane(plane: ImagingPlane, layout: Layout | None) -> tuple[float, float] | None:
    """Micrometres per pixel along (rows, columns); None if not stated, or if its writer always states this."""
    size = pixel_size(plane)
    return None if layout is not None and size == layout.placeholder_pixel_size else size


@dataclass(frozen=True)
class Recognised:
    """The layout of a file, None where it is of an unknown writer, and what it was recognised by."""

    layout: Layout | None
    reason: str

    @property
    def writer(self) -> str:
        """Name of the writer."""
        return "unknown writer" if self.layout is None else self.layout.writer


def recognise(contents: FileContents) -> Recognised:
    """Find which writer made the ROI tables of a file."""
    for layout in LAYOUTS:
        reasons = _reasons(layout, contents)
        if reasons:
            return Recognised(layout, "; ".join(reasons))
    return Recognised(None, "no ROI table, column or image is as a known writer leaves it; found by search")


def _reasons(layout: Layout, contents: FileContents) -> list[str]:
    """What speaks for a layout; nothing where one of its signs is missing."""
    tables = [table for table in contents.tables if layout.holds(table)]
    images = [image.path for image in contents.images if re.fullmatch(layout.image_sign, image.path)]
    if not tables or (layout.image_sign and not images):
        return []
    if layout.script and not re.search(layout.script, contents.script):
        return []
    reasons = [f"ROI table {tables[0].path}"]
    reasons += [f"columns {', '.join(layout.columns)}"] if layout.columns else []
    reasons += [f"image {images[0]}"] if layout.image_sign else []
    reasons += [f"type {layout.type_name}"] if layout.type_name != "PlaneSegmentation" else []
    reasons += ["source_script names it"] if layout.script else []
    return reasons
