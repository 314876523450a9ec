"""Files that neuroconv writes from the results of Suite2p, CaImAn, EXTRACT, minian and Inscopix."""

from dataclasses import replace

from ...model import Orientation
from .protocol import Layout

WITH_MARK = Layout(
    writer="neuroconv",
    script="(?i)neuroconv",
    table=r"processing/ophys/ImageSegmentation/(?:PlaneSegmentation)?(?P<suffix>[^/]*)",
    images=("mean", "mean_image", "MeanImage", "correlation", "correlation_image", "CorrelationImage",
            "maximum_projection", "summary_image"),
    accepted=("iscell>0.5", "is_cell>0.5", "is_accepted>0", "Accepted>0", "cell_status==accepted"),
    convention=Orientation(masks_transposed=True, image_transposed=True),
    order=30,
)  # fmt: skip

WITHOUT_MARK = replace(
    WITH_MARK,
    writer="neuroconv (without its mark)",
    script="",
    table=r"processing/ophys/ImageSegmentation/PlaneSegmentation(?P<suffix>\w*)",
    image_sign=r"processing/ophys/SegmentationImages/[^/]+",
    order=31,
)

LAYOUTS = (WITH_MARK, WITHOUT_MARK)
