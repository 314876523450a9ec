"""Files that CaImAn exports."""

from ...model import Orientation
from .protocol import Layout

LAYOUT = Layout(
    writer="CaImAn",
    table=r"processing/ophys\d*/ImageSegmentation/PlaneSegmentation",
    columns=("accepted", "rejected"),
    images=("summary_images/local_correlations",),
    accepted=("accepted>0", "keep>0"),
    convention=Orientation(masks_scrambled=True),
    order=50,
)
