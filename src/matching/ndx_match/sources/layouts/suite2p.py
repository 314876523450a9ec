"""Files that Suite2p exports."""

from ...model import Orientation
from .protocol import Layout

LAYOUT = Layout(
    writer="Suite2p",
    table=r"processing/ophys/ImageSegmentation/PlaneSegmentation",
    columns=("iscell",),
    image_sign=r"processing/ophys/Backgrounds_\d+/\w+",
    images=("Backgrounds_{z}/meanImg", "Backgrounds_{z}/meanImgE", "Backgrounds_{z}/max_proj"),
    accepted=("iscell>0.5",),
    convention=Orientation(masks_transposed=True),
    placeholder_pixel_size=(2.0, 2.0),
    order=40,
)
