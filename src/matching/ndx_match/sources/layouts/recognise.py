"""Find the layout of a file, and read the depth and pixel size of its planes, which depend on the layout."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from pynwb import NWBFile
from pynwb.ophys import ImagingPlane

from ...plugins import find_plugins
from ..candidates import FileContents, TableCandidate, with_masks
from ..checks import vector_of
from .protocol import UNKNOWN, Layout

#: Pattern of a depth in a text.
DEPTH = r"(?i)depth\W{0,3}\s*([0-9]+(?:\.[0-9]+)?)\s*(?:um|µm|μm|microns?|micrometers?)"
#: Micrometres per unit.
MICROMETRES = {
    **dict.fromkeys(("meters", "meter", "m"), 1e6),
    **dict.fromkeys(("millimeters", "mm"), 1e3),
    **dict.fromkeys(("um", "µm", "μm", "microns", "micron", "micrometers", "micrometer"), 1.0),
}


def find_layouts() -> tuple[Layout, ...]:
    """Every layout, in the order in which they are tried."""
    layouts = find_plugins("ndx_match.sources.layouts", "ndx_match.layouts", Layout, "LAYOUT", "writer")
    return tuple(sorted(layouts.values(), key=lambda layout: (layout.order, layout.writer)))


def depth_of_plane(nwbfile: NWBFile, plane: ImagingPlane, layout: Layout) -> float | None:
    """An imaging plane's depth in micrometres, from its place in the layout or else from texts; None if unknown."""
    metadata = nwbfile.lab_meta_data
    if layout.depth.lab_metadata in metadata:
        depth = _number(getattr(metadata[layout.depth.lab_metadata], "imaging_depth", None))
        if depth is not None:
            return depth
    places = [(layout.depth.location, plane.location)] if layout.depth.location else []
    for pattern, text in (*places, (DEPTH, plane.location), (DEPTH, plane.description)):
        pattern_match = re.search(pattern, text or "")
        if pattern_match:
            return float(pattern_match.group(1))
    if len(nwbfile.imaging_planes) == 1:
        depths = [_number(getattr(each, "imaging_depth", None)) for each in metadata.values()]
        return next((depth for depth in depths if depth is not None), None)
    return None


def _number(value: Any) -> float | None:
    """The value as a finite number; None if it is anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def pixel_size_of_plane(plane: ImagingPlane, layout: Layout) -> tuple[float, float] | None:
    """Micrometres per pixel along (rows, columns), from `grid_spacing` (x, y).

    None if it is not stated, or if the program always writes the same size.
    """
    scale = MICROMETRES.get((plane.grid_spacing_unit or "meters").lower())
    spacing = vector_of(plane.grid_spacing)
    if spacing is None or len(spacing) < 2 or scale is None:
        return None
    x, y = (float(value) * scale for value in spacing[:2])
    is_size = all(0 < size < math.inf for size in (x, y))
    return (y, x) if is_size and (y, x) != layout.placeholder_pixel_size else None


@dataclass(frozen=True)
class Recognised:
    """The layout of a file, `UNKNOWN` if no layout fits, and the signs by which it was recognised."""

    layout: Layout
    reason: str

    @property
    def writer(self) -> str:
        """Name of the program that wrote the file."""
        return self.layout.writer

    def of_table(self, table: TableCandidate) -> Recognised:
        """The layout for one ROI table of the file."""
        if self.layout is UNKNOWN or self.layout.holds(table):
            return self
        return Recognised(UNKNOWN, f"the chosen table is not at the place that {self.writer} uses")


def recognise(contents: FileContents) -> Recognised:
    """Find which program made the ROI tables of a file."""
    for layout in find_layouts():
        reasons = _reasons(layout, contents)
        if reasons:
            return Recognised(layout, "; ".join(reasons))
    return Recognised(UNKNOWN, "no known program writes such ROI tables, columns or images; the ROI table was searched")


def _reasons(layout: Layout, contents: FileContents) -> list[str]:
    """The signs of a layout that a file has; empty if one of its signs is missing."""
    tables = [table for table in with_masks(contents.tables) if layout.holds(table)]
    images = [image.path for image in contents.images if re.fullmatch(layout.image_sign, image.path)]
    if not tables or (layout.image_sign and not images):
        return []
    if layout.module and layout.module not in contents.modules:
        return []
    if layout.script and not re.search(layout.script, contents.script):
        return []
    reasons = [f"ROI table {tables[0].path}"]
    reasons += [f"columns {', '.join(layout.columns)}"] if layout.columns else []
    reasons += [f"image {images[0]}"] if layout.image_sign else []
    reasons += [f"type {type(tables[0].table).__name__}"] if layout.type_name != "PlaneSegmentation" else []
    reasons += [f"module {layout.module}"] if layout.module else []
    reasons += ["source_script names it"] if layout.script else []
    return reasons
