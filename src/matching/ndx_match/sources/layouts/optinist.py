"""Files that OptiNiSt exports, in which one ROI table is always empty.

Each step of an analysis that finds ROIs has a table: LCCD and CaImAn with image masks, Suite2p with pixel masks.
"""

from ...model import Orientation
from .protocol import Layout

LAYOUT = Layout(
    writer="OptiNiSt",
    module="optinist",
    table=r"processing/ophys/ImageSegmentation/[^/]+",
    accepted=("iscell>0.5",),
    pixel_convention=Orientation(masks_transposed=True),
    order=35,
)
