"""What a layout is: how one program writes ROIs into NWB files, and how they are read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...model import Orientation
from ..candidates import TableCandidate
from ..orientation import AS_STORED


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
    convention : Orientation or None
        How masks and images are stored; None if it is not known.
    depth : DepthPlace
        Where the depth of the imaging plane is kept.
    placeholder_pixel_size : tuple of float or None
        Micrometres along (rows, columns) that the writer states whatever the size of the pixels is.
    order : int
        Layouts are tried in ascending order; the first that fits is taken.
    """

    writer: str
    table: str
    script: str = ""
    columns: tuple[str, ...] = ()
    image_sign: str = ""
    type_name: str = "PlaneSegmentation"
    images: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    convention: Orientation | None = AS_STORED
    depth: DepthPlace = DepthPlace()
    placeholder_pixel_size: tuple[float, float] | None = None
    order: int = 0

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


#: Of a file that no known writer made: nothing is where it would be.
UNKNOWN = Layout(writer="unknown writer", table="(?!)", convention=None)
