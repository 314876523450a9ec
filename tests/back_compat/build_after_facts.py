"""Build files in the layouts of writers that cannot be run here: CaImAn, Visual Coding, the Allen's, older neuroconv.

These files are NOT made by the writers. They follow what is known of their layouts, with plain pynwb.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from pynwb import NWBHDF5IO, NWBFile, get_class, load_namespaces
from pynwb.base import Images
from pynwb.image import GrayscaleImage
from pynwb.ophys import ImageSegmentation, OpticalChannel, PlaneSegmentation
from pynwb.spec import NWBAttributeSpec, NWBGroupSpec, NWBNamespaceBuilder, export_spec
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


def add_lab_metadata(nwbfile: NWBFile) -> None:
    """The depth as an attribute of the lab's own metadata."""
    attribute = NWBAttributeSpec(name="imaging_depth", doc="In micrometres.", dtype="int")
    metadata = NWBGroupSpec(
        neurodata_type_def="OphysBehaviorMetadata", neurodata_type_inc="LabMetaData", name="metadata",
        doc="Of the experiment.", attributes=[attribute],
    )  # fmt: skip
    builder = NWBNamespaceBuilder(doc="A part of it.", name="ndx-aibs-behavior-ophys", version="0.1.0", author="-",
                                  contact="-")  # fmt: skip
    builder.include_type("LabMetaData", namespace="core")
    with tempfile.TemporaryDirectory() as folder:
        export_spec(builder, [metadata], folder)
        load_namespaces(str(Path(folder) / "ndx-aibs-behavior-ophys.namespace.yaml"))
    metadata_class = get_class("OphysBehaviorMetadata", "ndx-aibs-behavior-ophys")
    nwbfile.add_lab_meta_data(metadata_class(imaging_depth=int(DEPTH)))


def write(nwbfile: NWBFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.nwb"
        with NWBHDF5IO(path, "w") as io:
            io.write(nwbfile)
        keep(path, nwbfile.identifier)


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
    ("allensdk", "imaging_plane_1", "ophys", "cell_specimen_table", "valid_roi",
     {"description": "(72, 48) field of view"}),
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
    if name == "allensdk":
        add_lab_metadata(nwbfile)
    write(nwbfile)

# neuroconv before it left its mark: image masks and images [column, row], two columns for what is a cell.
nwbfile, table = session("neuroconv_older", "ImagingPlane", "ophys", "ImageSegmentation", "PlaneSegmentation")
for mask in masks():
    table.add_roi(image_mask=mask.T)
for name, data in (("Accepted", ACCEPTED), ("Rejected", ~ACCEPTED)):
    table.add_column(name=name, description="1 if it is, 0 if not.", data=data.astype(int))
add_images(nwbfile, "ophys", "SegmentationImages", mean=image().T, correlation=image().T / 200)
write(nwbfile)
