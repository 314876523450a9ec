"""Write the recording with ndx-microscopy. In an environment of its own: `pip install ndx-microscopy`.

Made with ndx-microscopy 0.4.0 and pynwb 4.2.0.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hdmf.common import VectorData
from ndx_microscopy import (
    IlluminationPattern,
    PlanarImagingSpace,
    PlanarSegmentation,
    SegmentationContainer,
    SummaryImage,
)
from pynwb import NWBHDF5IO, NWBFile
from recording import LOCATION, N_CELLS, PIXEL_SIZE, SHAPE, START, image, keep, masks

nwbfile = NWBFile("A session.", "ndx-microscopy", START, session_id="ndx-microscopy")
space = PlanarImagingSpace(
    name="plane",
    description=LOCATION,
    pixel_size_in_um=PIXEL_SIZE[::-1],
    dimensions_in_pixels=SHAPE[::-1],
    anatomical_target="VISp",
    illumination_pattern=IlluminationPattern(name="raster", description="A raster scan."),
)
table = PlanarSegmentation(
    name="rois",
    description="Cells.",
    planar_imaging_space=space,
    id=list(range(N_CELLS)),
    columns=[VectorData(name="image_mask", description="Masks.", data=masks())],
    summary_images=[SummaryImage(name="mean", description="Mean.", data=image())],
)
module = nwbfile.create_processing_module("ophys", "Segmentation.")
module.add(SegmentationContainer(name="segmentations", segmentations=[table]))
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "session.nwb"
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    keep(path, "ndx_microscopy")
