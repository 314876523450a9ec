"""What a layout is: how one program writes ROIs into NWB files, and how they are read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...model import Orientation
from ..candidates import TableCandidate
from ..orientation import AS_STORED


@dataclass(frozen=True)
class DepthPlace:
    """Where a writer stores the depth of the imaging plane, if not in words that state it."""

    lab_metadata: str = ""  #: name of the lab's metadata that have an attribute `imaging_depth`
    location: str = ""  #: pattern found in the plane's location, whose first group is the depth in micrometres


@dataclass(frozen=True)
class Layout:
    """What one writer's files look like, and how they are read; patterns are regular expressions."""

    writer: str
    table: str  #: pattern of the whole path of the ROI table
    script: str = ""  #: pattern found in the file's `source_script`; empty if the writer leaves no such trace
    columns: tuple[str, ...] = ()  #: that the table must have
    image_sign: str = ""  #: pattern of the whole path of an image that the file must hold; empty if there is none
    module: str = ""  #: name of a processing module that the file must hold; empty if there is none
    type_name: str = "PlaneSegmentation"  #: pattern of the neurodata type of the ROI table
    #: Last parts of the paths of images, most trusted first; `{z}` stands for the plane of voxel masks. What a group
    #: `suffix` in the pattern of the table finds is also the end of the names of its images.
    images: tuple[str, ...] = ()
    #: Conditions as of `--where`; the first whose column the table has says which ROIs the writer accepts.
    accepted: tuple[str, ...] = ()
    convention: Orientation | None = AS_STORED  #: how masks and images are stored; None if it is not known
    pixel_convention: Orientation | None = None  #: of pixel masks, if they differ from image masks
    depth: DepthPlace = DepthPlace()  #: where the depth of the imaging plane is kept
    #: Micrometres along (rows, columns) that the writer states whatever the size of the pixels is.
    placeholder_pixel_size: tuple[float, float] | None = None
    order: int = 0  #: layouts are tried in ascending order; the first that fits is taken

    def convention_of(self, table: TableCandidate) -> Orientation | None:
        """How a table's masks and images are stored; None if it is not known."""
        return (self.pixel_convention if table.mask_kind == "pixel_mask" else None) or self.convention

    def images_of(self, table: TableCandidate, z_plane: int | str | None = None) -> tuple[str, ...]:
        """The names of a table's images, for the plane of voxel masks that was chosen."""
        suffix = self.suffix_of(table)
        return tuple(name.format(z=z_plane if isinstance(z_plane, int) else 0) + suffix for name in self.images)

    def suffix_of(self, table: TableCandidate) -> str:
        """The ending that the names of a table and of its images share; empty if there is none."""
        found = re.fullmatch(self.table, table.path)
        return (found.groupdict().get("suffix") or "") if found else ""

    def holds(self, table: TableCandidate) -> bool:
        """Whether an ROI table lies where this writer puts it and has the columns that it writes."""
        return (
            re.fullmatch(self.table, table.path) is not None
            and re.fullmatch(self.type_name, type(table.table).__name__) is not None
            and set(self.columns) <= set(table.table.colnames)
        )


#: The layout of a file that no known writer made: no place in it is known.
UNKNOWN = Layout(writer="unknown writer", table="(?!)", convention=None)
