"""Files of the extension ndx-microscopy."""

from ..candidates import PLANAR_SEGMENTATION
from .protocol import Layout

LAYOUT = Layout(
    writer="ndx-microscopy",
    table=r"processing/.+",
    type_name=PLANAR_SEGMENTATION,
    images=("mean", "mean_image", "average"),
    order=70,
)
