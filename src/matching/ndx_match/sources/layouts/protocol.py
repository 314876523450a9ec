"""Define a layout: where and how one program stores ROIs in NWB files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...model import Orientation
from ..candidates import TableCandidate
from ..orientation import AS_STORED


@dataclass(frozen=True)
class DepthPlace:
    """Where a program stores the depth of the imaging plane, if not in a text with a unit."""

    lab_metadata: str = ""  #: name of the lab metadata object that has an attribute `imaging_depth`
    location: str = ""  #: pattern found in the plane's location, whose first group is the depth in micrometres


@dataclass(frozen=True)
class Layout:
    """By which signs the files of one program are recognised, and how they are read.

    Patterns are regular expressions.
    """

    writer: str  #: name of the program
    table: str  #: pattern of the whole path of the ROI table
    script: str = ""  #: pattern found in the file's `source_script`; empty if the program does not write it
    columns: tuple[str, ...] = ()  #: columns that the table must have
    image_sign: str = ""  #: pattern of the whole path of an image that the file must have; empty if there is none
    module: str = ""  #: name of a processing module that the file must have; empty if there is none
    type_name: str = "PlaneSegmentation"  #: pattern of the neurodata type of the ROI table
    #: Last parts of the paths of images, most trusted first; `{z}` is replaced by the plane of voxel masks. If the
    #: pattern of the table has a group `suffix`, the text that it matches is appended to the names of the images.
    images: tuple[str, ...] = ()
    #: Conditions as for `--where`; the first whose column the table has decides which ROIs are accepted.
    accepted: tuple[str, ...] = ()
    convention: Orientation | None = AS_STORED  #: how masks and images are stored; None if it is not known
    pixel_convention: Orientation | None = None  #: how pixel masks are stored, if not like image masks
    depth: DepthPlace = DepthPlace()  #: where the depth of the imaging plane is stored
    #: A pixel size, in micrometres along (rows, columns), that the program writes whatever the true size is.
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
        pattern_match = re.fullmatch(self.table, table.path)
        return (pattern_match.groupdict().get("suffix") or "") if pattern_match else ""

    def holds(self, table: TableCandidate) -> bool:
        """Whether an ROI table has the path, the type and the columns of this layout."""
        return (
            re.fullmatch(self.table, table.path) is not None
            and re.fullmatch(self.type_name, type(table.table).__name__) is not None
            and set(self.columns) <= set(table.table.colnames)
        )


#: The layout of a file from an unknown program.
UNKNOWN = Layout(writer="unknown writer", table="(?!)", convention=None)
