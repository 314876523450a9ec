"""Build files as writers lay them out that cannot be run here: Suite2p's export, CaImAn, Visual Coding, the Allen's.

These files are NOT made by the writers. They follow what is known of their layouts, with plain pynwb.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from pynwb import NWBHDF5IO, NWBFile
from pynwb.base import Images
from pynwb.image import GrayscaleImage
from pynwb.ophys import ImageSegmentation, OpticalChannel, PlaneSegmentation
from recording import ACCEPTED, DEPTH, LOCATION, N_CELLS, PIXEL_SIZE, SHAPE, START, image, keep, masks, pixel_lists


def session(
    name: str, plane: str, module: str, segmentation: str, table: str, **plane_options
) -> tuple[NWBFile, PlaneSegmentation]:
    """A file with an empty ROI table."""
    nwbfile = NWBFile("A session.", name, START, session_id=name)
    plane_options = {"location": "VISp", "description": "standard", **plane_options}
    imaging_plane = nwbfile.create_imaging_plane(
        name=plane,
        optical_channel=OpticalChannel(name="OpticalChannel", description="Green.", emission_lambda=520.0),
        device=nwbfile.create_device(name="Microscope"),
        excitation_lambda=920.0,
        indicator="GCaMP6f",
        **plane_options,
    )
    container = ImageSegmentation(name=segmentation)
    nwbfile.create_processing_module(module, "Optical physiology.").add(container)
    return nwbfile, container.create_plane_segmentation(name=table, description="ROIs.", imaging_plane=imaging_plane)


def add_images(nwbfile: NWBFile, module: str, container: str, **images: np.ndarray) -> None:
    stored = [GrayscaleImage(name=name, data=data) for name, data in images.items()]
    nwbfile.processing[module].add(Images(name=container, images=stored, description="Projections."))


def write(nwbfile: NWBFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.nwb"
        with NWBHDF5IO(path, "w") as io:
            io.write(nwbfile)
        keep(path, nwbfile.identifier)


# Suite2p: x holds the row and y the column; the images are [row, column]; of several planes, z says which.
for name, n_planes in (("suite2p", 1), ("suite2p_two_planes", 2)):
    nwbfile, table = session(name, "ImagingPlane", "ophys", "ImageSegmentation", "PlaneSegmentation")
    for z in range(n_planes):
        for rows, cols, weights in pixel_lists():
            if n_planes == 1:
                table.add_roi(pixel_mask=list(zip(rows, cols, weights, strict=True)))
            else:
                table.add_roi(voxel_mask=[(row, col, z, w) for row, col, w in zip(rows, cols, weights, strict=True)])
        more = {"meanImg_chan2": image()[::-1]} if z == 0 else {}
        add_images(nwbfile, "ophys", f"Backgrounds_{z}", meanImg=image() + 1000 * z, max_proj=2 * image(), **more)
    iscell = np.tile(np.column_stack([ACCEPTED, np.where(ACCEPTED, 0.9, 0.1)]), (n_planes, 1))
    table.add_column(name="iscell", description="Is it a cell, and its probability.", data=iscell)
    write(nwbfile)

# CaImAn: the flattened masks are Fortran-ordered, but shaped in C order; background components follow the cells.
nwbfile, table = session("caiman", "ImagingPlane", "ophys", "ImageSegmentation", "PlaneSegmentation")
for mask in (*masks(), image() / image().max()):
    table.add_roi(image_mask=mask.ravel(order="F").reshape(SHAPE))
of_cells = np.append(ACCEPTED, False)
for name, data in (("accepted", of_cells), ("rejected", ~of_cells), ("keep", of_cells)):
    table.add_column(name=name, description="Of the evaluation of components.", data=data.astype(int))
add_images(nwbfile, "ophys", "summary_images", local_correlations=image() / 200)
write(nwbfile)

# Visual Coding: x holds the row and y the column.
nwbfile, table = session(
    "visual_coding", "imaging_plane_1", "brain_observatory_pipeline", "ImageSegmentation", "PlaneSegmentation",
    location=LOCATION, grid_spacing=list(PIXEL_SIZE[::-1]), grid_spacing_unit="microns",
)  # fmt: skip
for rows, cols, weights in pixel_lists():
    table.add_roi(pixel_mask=list(zip(rows, cols, weights, strict=True)))
add_images(nwbfile, "brain_observatory_pipeline", "SummaryImages", maximum_intensity_projection=image())
write(nwbfile)

# AllenSDK and the newer multiplane files: everything [row, column].
layouts = (
    ("allensdk", "imaging_plane_1", "ophys", "cell_specimen_table", "valid_roi", {"description": LOCATION}),
    ("aind_multiplane", "VISp_0", "VISp_0", "roi_table", "is_soma",
     {"location": f"Structure: VISp Depth: {DEPTH:g} um"}),
)  # fmt: skip
for name, plane, module, table_name, accepted, options in layouts:
    nwbfile, table = session(name, plane, module, "image_segmentation", table_name, **options)
    for k in range(N_CELLS):
        table.add_roi(image_mask=masks()[k])
    table.add_column(name=accepted, description="Is it a cell.", data=ACCEPTED)
    projections = {"average_image" if name == "allensdk" else "average_projection": image(), "max_projection": image()}
    add_images(nwbfile, module, "images", **projections)
    write(nwbfile)
