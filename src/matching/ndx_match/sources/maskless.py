"""Let pynwb read files in which one of the ROI tables has no masks.

OptiNiSt leaves a table without rows and columns in every file. pynwb 3 and 4 raise an error for such a table, so that
the whole file could not be read.
"""

from __future__ import annotations

from typing import Any

from hdmf.common import DynamicTable
from pynwb import register_map
from pynwb.io.ophys import PlaneSegmentationMap
from pynwb.ophys import PlaneSegmentation

MASK_KINDS = ("image_mask", "pixel_mask", "voxel_mask")


@register_map(PlaneSegmentation)
class AnyPlaneSegmentationMap(PlaneSegmentationMap):
    """Reads tables as pynwb does, but also tables without masks; to make or write such a table is still an error."""

    def __new_container__(self, cls: Any, container_source: Any, parent: Any, object_id: Any, **kwargs: Any) -> Any:
        """Make the table of a file that is read."""
        if any(column.name in MASK_KINDS for column in kwargs.get("columns") or ()):
            return super().__new_container__(cls, container_source, parent, object_id, **kwargs)
        table = cls.__new__(cls, container_source=container_source, parent=parent, object_id=object_id)
        attributes = {name: kwargs.pop(name, None) for name in ("imaging_plane", "reference_images")}
        DynamicTable.__init__(table, **kwargs)
        for name, value in attributes.items():
            setattr(table, name, value)
        return table
