"""Files that `ndx-match` itself makes, in memory, from the folders and files of other programs."""

from .protocol import Layout

LAYOUT = Layout(
    writer="results of another program",
    script=r"^made by ndx-match of the results of ",
    table=r"processing/ophys/ImageSegmentation/[^/]+",
    images=("meanImg", "meanImgE", "mean", "summary_image", "correlation", "max_proj", "max_image"),
    accepted=("iscell>0.5", "is_accepted>0", "cell_status==accepted"),
    order=90,
)
