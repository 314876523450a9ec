"""Files of the AllenSDK."""

from .protocol import DepthPlace, Layout

LAYOUT = Layout(
    writer="AllenSDK",
    table=r"processing/ophys/image_segmentation/cell_specimen_table",
    columns=("valid_roi",),
    images=("average_image", "max_projection"),
    accepted=("valid_roi>0",),
    depth=DepthPlace(lab_metadata="metadata"),
    order=10,
)
