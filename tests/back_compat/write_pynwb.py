"""Write the recording with plain pynwb, whichever version runs this: `python write_pynwb.py`.

Made with pynwb 2.8.3 and 4.2.0, each in an environment of its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pynwb
from pynwb import NWBHDF5IO, NWBFile
from pynwb.base import Images
from pynwb.image import GrayscaleImage
from pynwb.ophys import ImageSegmentation, OpticalChannel
from recording import ACCEPTED, LOCATION, PIXEL_SIZE, START, image, keep, masks

version = pynwb.__version__
nwbfile = NWBFile("A session.", f"pynwb-{version}", START, session_id=f"pynwb-{version}")
plane = nwbfile.create_imaging_plane(
    name="plane",
    optical_channel=OpticalChannel(name="green", description="GCaMP.", emission_lambda=520.0),
    description="A plane.",
    device=nwbfile.create_device(name="microscope"),
    excitation_lambda=920.0,
    indicator="GCaMP6f",
    location=LOCATION,
    grid_spacing=[1e-6 * size for size in PIXEL_SIZE[::-1]],
    grid_spacing_unit="meters",
)
module = nwbfile.create_processing_module("ophys", "Segmentation.")
segmentation = ImageSegmentation(name="segmentation")
module.add(segmentation)
table = segmentation.create_plane_segmentation(name="rois", description="Cells.", imaging_plane=plane)
table.add_column(name="good", description="Chosen by hand.")
for mask, good in zip(masks(), ACCEPTED, strict=True):
    table.add_roi(image_mask=mask, good=bool(good))
module.add(Images(name="pictures", images=[GrayscaleImage(name="mean", data=image())], description="Projections."))
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "session.nwb"
    with NWBHDF5IO(str(path), "w") as io:
        io.write(nwbfile)
    keep(path, f"pynwb_{version}")
