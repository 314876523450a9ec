"""Files of the Allen Brain Observatory: Visual Coding."""

from ...model import Orientation
from .protocol import Layout

LAYOUT = Layout(
    writer="Visual Coding",
    table=r"processing/[^/]+/ImageSegmentation/PlaneSegmentation",
    image_sign=r"processing/[^/]+/SummaryImages/maximum_intensity_projection",
    images=("maximum_intensity_projection",),
    convention=Orientation(masks_transposed=True),
    order=60,
)
