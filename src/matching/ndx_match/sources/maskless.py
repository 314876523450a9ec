"""Let pynwb read files in which an ROI table without masks lies beside those that hold the ROIs.

OptiNiSt leaves a table without rows and columns in every file. pynwb 3 and 4 refuse to make such a table, and with it
the whole file.
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
    """Read tables as pynwb does, and those without masks too; to make or write one is still an error."""

    def __new_container__(self, cls: Any, container_source: Any, parent: Any, object_id: Any, **kwargs: Any) -> Any:
        """The table of a file."""
        if any(column.name in MASK_KINDS for column in kwargs.get("columns") or ()):
            return super().__new_container__(cls, container_source, parent, object_id, **kwargs)
        table = cls.__new__(cls, container_source=container_source, parent=parent, object_id=object_id)
        own = {name: kwargs.pop(name, None) for name in ("imaging_plane", "reference_images")}
        DynamicTable.__init__(table, **kwargs)
        for name, value in own.items():
            setattr(table, name, value)
        return table
