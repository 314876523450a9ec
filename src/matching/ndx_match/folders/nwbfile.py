"""Make an NWB file in memory from the results of another program."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from hdmf.common import ElementIdentifiers, VectorData, VectorIndex
from pynwb import NWBFile
from pynwb.base import Images
from pynwb.file import Subject
from pynwb.image import GrayscaleImage
from pynwb.ophys import ImageSegmentation, OpticalChannel, PlaneSegmentation

from .facts import SessionFacts
from .protocol import Segmentation, SegmentedPlane

MADE_OF = "made by ndx-match of the results of {program}"  #: `source_script` of the file
BLANK = "blank"  #: name of the image of a plane that has no images

Item = TypeVar("Item")


def make_nwbfile(
    segmentation: Segmentation, facts: SessionFacts, start: datetime, program: str, session_id: str
) -> NWBFile:
    """Make an NWB file from ROIs and images; the same ROIs and images always give the same identifier and object ids.

    The ROI tables are in `processing/ophys/ImageSegmentation`. Beside it, the images of each table are in a container
    that has the name of the table. Pixel masks are (x, y, weight), images [row, col].
    """
    identity = _identity(segmentation)
    nwbfile = _with_id(
        NWBFile,
        uuid.uuid5(identity, "file"),
        session_description=f"ROIs that {program} found.",
        identifier=str(identity),
        session_start_time=start,
        session_id=session_id or None,
        source_script=MADE_OF.format(program=program),
        source_script_file_name="ndx-match",
        subject=Subject(subject_id=facts.subject_id) if facts.subject_id else None,
    )
    device = nwbfile.create_device(name="microscope", description=f"Not described by the results of {program}.")
    module = nwbfile.create_processing_module("ophys", f"ROIs and images of {program}.")
    image_segmentation = ImageSegmentation()
    module.add(image_segmentation)
    depth = "" if facts.imaging_depth is None else f" Imaging depth {facts.imaging_depth:g} um."
    for plane in segmentation.planes:
        size = {} if facts.pixel_size is None else {"grid_spacing": [*facts.pixel_size[::-1]]}
        channel = OpticalChannel(name="channel", description=f"Not described by {program}.", emission_lambda=np.nan)
        imaging_plane = nwbfile.create_imaging_plane(
            name=plane.name,
            optical_channel=channel,
            description=f"The plane {plane.name} of {program}.{depth}",
            device=device,
            excitation_lambda=np.nan,
            indicator="unknown",
            location="unknown",
            grid_spacing_unit="micrometers",
            **size,
        )
        image_segmentation.add_plane_segmentation(
            _table(plane, imaging_plane, program, uuid.uuid5(identity, plane.name))
        )
        arrays = dict(plane.images)
        if not arrays and plane.shape is not None:
            arrays[BLANK] = np.zeros(plane.shape, np.float32)  # states the size of the field
        if arrays:
            images = [
                GrayscaleImage(name=name, data=image, description=f"{name} of {program}.")
                for name, image in arrays.items()
            ]
            module.add(Images(name=plane.name, images=images, description=f"Images of the plane {plane.name}."))
    return nwbfile


def _table(plane: SegmentedPlane, imaging_plane: Any, program: str, object_id: uuid.UUID) -> PlaneSegmentation:
    masks = VectorData(name="pixel_mask", description="Pixels of the ROI, and their weights.", data=plane.pixels)
    columns = [VectorIndex(name="pixel_mask_index", data=plane.ends, target=masks), masks]
    columns += [
        VectorData(name=name, description=description, data=values)
        for name, (description, values) in plane.columns.items()
    ]
    return _with_id(
        PlaneSegmentation,
        object_id,
        name=plane.name,
        description=f"ROIs that {program} found.",
        imaging_plane=imaging_plane,
        id=ElementIdentifiers(name="id", data=plane.roi_ids),
        columns=columns,
        colnames=["pixel_mask", *plane.columns],
    )


def _identity(segmentation: Segmentation) -> uuid.UUID:
    """A UUID computed from the ROIs and images, so that the same ROIs and images give the same UUID."""
    digest = hashlib.sha256()
    for plane in segmentation.planes:
        for array in (plane.roi_ids, plane.ends, plane.pixels, *plane.images.values()):
            digest.update(f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return uuid.UUID(bytes=digest.digest()[:16], version=4)


def _with_id(kind: type[Item], object_id: uuid.UUID, **values: Any) -> Item:
    """Make an object with the given object id, in the way hdmf makes the objects it reads."""
    item = kind.__new__(kind, object_id=str(object_id))  # type: ignore[call-arg]
    kind.__init__(item, **values)
    return item
