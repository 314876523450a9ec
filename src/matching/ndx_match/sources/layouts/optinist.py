"""Files of OptiNiSt's own export, which leaves an empty table beside those that hold ROIs.

Each step of an analysis that finds ROIs has a table: image masks of LCCD and CaImAn, pixel masks of Suite2p.
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
