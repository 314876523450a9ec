"""Files of OptiNiSt's own export, which leaves an empty table beside those that hold ROIs."""

from .protocol import Layout

LAYOUT = Layout(
    writer="OptiNiSt",
    module="optinist",
    table=r"processing/ophys/ImageSegmentation/[^/]+",
    accepted=("iscell>0",),
    order=35,
)
