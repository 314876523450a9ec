"""Files of the Allen Brain Observatory: Visual Coding."""

from ..orientation import Convention
from .protocol import Layout

LAYOUT = Layout(
    writer="Visual Coding",
    table=r"processing/[^/]+/ImageSegmentation/PlaneSegmentation",
    image_sign=r"processing/[^/]+/SummaryImages/maximum_intensity_projection",
    images=("maximum_intensity_projection",),
    convention=Convention(masks_transposed=True),
    order=60,
)
