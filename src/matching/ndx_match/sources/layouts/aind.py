"""Files of the pipeline for several planes of the Allen Institute for Neural Dynamics."""

from .protocol import DepthPlace, Layout

LAYOUT = Layout(
    writer="AIND multiplane",
    table=r"processing/[^/]+/image_segmentation/roi_table",
    columns=("is_soma",),
    images=("average_projection", "max_projection"),
    accepted=("is_soma>0",),
    depth=DepthPlace(location=r"Depth:\s*([0-9]+(?:\.[0-9]+)?)"),
    order=20,
)
