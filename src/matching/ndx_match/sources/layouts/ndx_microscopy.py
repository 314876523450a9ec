"""Files of the extension ndx-microscopy, of planes and of volumes."""

from ..candidates import MICROSCOPY_SEGMENTATIONS
from .protocol import Layout

LAYOUT = Layout(
    writer="ndx-microscopy",
    table=r"processing/.+",
    type_name="|".join(MICROSCOPY_SEGMENTATIONS),
    images=("mean", "mean_image", "average"),
    order=70,
)
