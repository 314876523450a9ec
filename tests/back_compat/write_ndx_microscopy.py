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
    VolumetricImagingSpace,
    VolumetricSegmentation,
)
from pynwb import NWBHDF5IO, NWBFile
from recording import LOCATION, N_CELLS, PIXEL_SIZE, SHAPE, START, image, keep, masks, pixel_lists


def laser() -> IlluminationPattern:
    return IlluminationPattern(name="raster", description="A raster scan.")


def planar() -> PlanarSegmentation:
    """Image masks in a plane."""
    space = PlanarImagingSpace(
        name="plane",
        description=LOCATION,
        pixel_size_in_um=PIXEL_SIZE[::-1],
        dimensions_in_pixels=SHAPE[::-1],
        anatomical_target="VISp",
        illumination_pattern=laser(),
    )
    return PlanarSegmentation(
        name="rois",
        description="Cells.",
        planar_imaging_space=space,
        id=list(range(N_CELLS)),
        columns=[VectorData(name="image_mask", description="Masks.", data=masks())],
        summary_images=[SummaryImage(name="mean", description="Mean.", data=image())],
    )


def volumetric() -> VolumetricSegmentation:
    """Voxel masks in one plane of a volume."""
    space = VolumetricImagingSpace(
        name="volume",
        description=LOCATION,
        voxel_size_in_um=[*PIXEL_SIZE[::-1], 5.0],
        dimensions_in_voxels=[*SHAPE[::-1], 3],
        anatomical_target="VISp",
        illumination_pattern=laser(),
    )
    table = VolumetricSegmentation(
        name="rois",
        description="Cells.",
        volumetric_imaging_space=space,
        summary_images=[SummaryImage(name="mean", description="Mean.", data=image())],
    )
    for rows, cols, weights in pixel_lists():
        table.add_roi(voxel_mask=[(col, row, 1, weight) for row, col, weight in zip(rows, cols, weights, strict=True)])
    return table


for name, make in (("ndx_microscopy", planar), ("ndx_microscopy_volume", volumetric)):
    table = make()
    nwbfile = NWBFile("A session.", name.replace("_", "-"), START, session_id=name.replace("_", "-"))
    module = nwbfile.create_processing_module("ophys", "Segmentation.")
    module.add(SegmentationContainer(name="segmentations", segmentations=[table]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.nwb"
        with NWBHDF5IO(path, "w") as io:
            io.write(nwbfile)
        keep(path, name)
