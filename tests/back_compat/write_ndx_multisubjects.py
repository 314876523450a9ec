"""Write the recording with ndx-multisubjects. In an environment of its own: `pip install ndx-multisubjects`.

Made with ndx-multisubjects 0.1.1 and pynwb 4.2.0. The second file lists two animals and says
of which of them the ROIs are.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ndx_multisubjects import NdxMultiSubjectsNWBFile, SelectSubjectsContainer, SubjectsTable
from pynwb import NWBHDF5IO
from pynwb.base import Images
from pynwb.image import GrayscaleImage
from pynwb.ophys import ImageSegmentation, OpticalChannel
from recording import LOCATION, PIXEL_SIZE, START, image, keep, masks

for name, subjects in (("ndx_multisubjects", ("mouse-1",)), ("ndx_multisubjects_selected", ("mouse-1", "mouse-2"))):
    nwbfile = NdxMultiSubjectsNWBFile("A session.", name, START, session_id=name)
    table = SubjectsTable(description="The animals.")
    for subject in subjects:
        table.add_row(subject_id=subject, sex="F", species="Mus musculus", age="P90D")
    nwbfile.subjects_table = table
    plane = nwbfile.create_imaging_plane(
        name="plane",
        description="A plane.",
        location=LOCATION,
        optical_channel=OpticalChannel(name="green", description="Green.", emission_lambda=520.0),
        device=nwbfile.create_device(name="Microscope"),
        excitation_lambda=920.0,
        indicator="GCaMP6f",
        grid_spacing=PIXEL_SIZE[::-1],
        grid_spacing_unit="micrometers",
    )
    segmentation = ImageSegmentation(name="segmentation")
    rois = segmentation.create_plane_segmentation(name="rois", description="Cells.", imaging_plane=plane)
    for mask in masks():
        rois.add_roi(image_mask=mask)
    module = nwbfile.create_processing_module("ophys", "Segmentation.")
    if len(subjects) == 1:
        module.add(segmentation)
    else:
        chosen = table.create_region(name="subjects", region=[1], description="Whose ROIs these are.")
        container = SelectSubjectsContainer(name="second", subjects=chosen)
        container.add_nwb_data_interfaces(segmentation)
        module.add(container)
    module.add(Images(name="pictures", images=[GrayscaleImage(name="mean", data=image())]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.nwb"
        with NWBHDF5IO(path, "w") as io:
            io.write(nwbfile)
        keep(path, name)
