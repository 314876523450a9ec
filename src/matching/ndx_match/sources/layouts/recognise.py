"""Find the layout of a file, and what only its writer's layout tells."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pynwb import NWBFile
from pynwb.ophys import ImagingPlane

from ...plugins import find_plugins
from ..candidates import FileContents, imaging_depth, pixel_size
from .protocol import Layout


def find_layouts() -> tuple[Layout, ...]:
    """Every layout, in the order in which they are tried."""
    layouts = find_plugins("ndx_match.sources.layouts", "ndx_match.layouts", Layout, "LAYOUT", "writer")
    return tuple(sorted(layouts, key=lambda layout: (layout.order, layout.writer)))


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
    for layout in find_layouts():
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
