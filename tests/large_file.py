"""A file of 500 MB with the parts of a real session: movie, masks, traces, images. Its bulk are holes on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from builders import START, SUBJECT, field_of_view
from hdmf.backends.hdf5 import H5DataIO
from pynwb import NWBHDF5IO, NWBFile
from pynwb.base import Images
from pynwb.behavior import SpatialSeries
from pynwb.file import Subject
from pynwb.image import GrayscaleImage
from pynwb.ophys import (
    DfOverF,
    Fluorescence,
    ImageSegmentation,
    OpticalChannel,
    PlaneSegmentation,
    RoiResponseSeries,
    TwoPhotonSeries,
)

SHAPE = (512, 512)
N_FRAMES = 700
N_SAMPLES = 50_000
COPIES = 12  #: of the masks of `field_of_view`, each moved a little: 240 ROIs


@dataclass(frozen=True)
class LargeFile:
    """The file, and the bytes in it of what matching needs."""

    path: Path
    masks: int
    image: int


def write_large_file(path: Path, session_id: str = "large", day: int = 4, compressed: bool = True) -> LargeFile:
    """Write the file in the steps in which a pipeline writes it, so that its metadata lie between the bulk."""
    nwbfile = NWBFile(
        session_description="A large session.",
        identifier=f"large-{session_id}",
        session_start_time=START.replace(day=day),
        session_id=session_id,
        subject=Subject(**SUBJECT),
    )
    device = nwbfile.create_device(name="microscope", description="A two-photon microscope.")
    channel = OpticalChannel(name="green", description="GCaMP.", emission_lambda=520.0)
    plane = nwbfile.create_imaging_plane(
        name="plane",
        optical_channel=channel,
        description="Layer 2/3, depth 300 um.",
        device=device,
        excitation_lambda=920.0,
        indicator="GCaMP6f",
        location="VISp",
    )
    movie = np.zeros((1, *SHAPE), np.uint16)
    nwbfile.add_acquisition(TwoPhotonSeries(name="movie", data=movie, imaging_plane=plane, rate=30.0, unit="n.a."))
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    _enlarge(path, "acquisition/movie/data", (N_FRAMES, *SHAPE), (1, *SHAPE))
    _append_masks(path, compressed)
    _append_traces(path)
    for name in ("dff", "neuropil", "corrected"):
        shape = (N_SAMPLES, COPIES * 20)
        _enlarge(path, f"processing/ophys/{name}/traces/data", shape, (N_SAMPLES // 8, COPIES * 5))
    _append_image(path)
    with h5py.File(path, "r") as file:
        masks = file["processing/ophys/image_segmentation/rois/image_mask"].id.get_storage_size()
        image = file["processing/ophys/images/average_image"].id.get_storage_size()
    return LargeFile(path, masks, image)


def _append_masks(path: Path, compressed: bool) -> None:
    masks = field_of_view(shape=SHAPE).masks > 0.4
    masks = np.concatenate([np.roll(masks, 37 * k, axis=1) for k in range(COPIES)])
    with NWBHDF5IO(path, "a") as io:
        nwbfile = io.read()
        module = nwbfile.create_processing_module("ophys", "Processed imaging data.")
        segmentation = ImageSegmentation(name="image_segmentation")
        module.add(segmentation)
        table = PlaneSegmentation(
            name="rois", description="Segmented cells.", imaging_plane=nwbfile.imaging_planes["plane"]
        )
        for k in range(len(masks)):
            table.add_roi(id=1000 + k, image_mask=masks[k])
        if compressed:
            table["image_mask"].set_data_io(H5DataIO, {"compression": "gzip", "chunks": (4, *SHAPE)})
        segmentation.add_plane_segmentation(table)
        io.write(nwbfile)


def _append_traces(path: Path) -> None:
    with NWBHDF5IO(path, "a") as io:
        nwbfile = io.read()
        module = nwbfile.processing["ophys"]
        table = module["image_segmentation"]["rois"]
        for kind, name in ((DfOverF, "dff"), (Fluorescence, "neuropil"), (Fluorescence, "corrected")):
            region = table.create_roi_table_region(description="All ROIs.", region=list(range(len(table.id))))
            data = np.zeros((1, len(table.id)), np.float32)
            series = RoiResponseSeries(name="traces", data=data, rois=region, rate=30.0, unit="n.a.")
            module.add(kind(name=name, roi_response_series=series))
        for k in range(20):
            nwbfile.add_acquisition(
                SpatialSeries(name=f"running_{k}", data=np.zeros((5000, 2)), reference_frame="wheel", rate=60.0)
            )
        io.write(nwbfile)


def _append_image(path: Path) -> None:
    with NWBHDF5IO(path, "a") as io:
        nwbfile = io.read()
        images = Images(name="images", description="Projections.")
        nwbfile.processing["ophys"].add(images)
        image = field_of_view(shape=SHAPE).image
        for name in ("average_image", "max_projection"):
            images.add_image(GrayscaleImage(name=name, data=image, description="A projection."))
        io.write(nwbfile)


def _enlarge(path: Path, name: str, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
    """Put a dataset of this shape in the place of another; its chunks have their places but were never written."""
    with h5py.File(path, "r+") as file:
        old = file[name]
        attributes, dtype = dict(old.attrs), old.dtype
        folder, short = name.rsplit("/", 1)
        del file[name]
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk(chunks)
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        h5py.h5d.create(
            file[folder].id, short.encode(), h5py.h5t.py_create(dtype, logical=True), h5py.h5s.create_simple(shape),
            properties,
        )  # fmt: skip
        for key, value in attributes.items():
            file[name].attrs[key] = value
