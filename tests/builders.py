"""Small NWB files of imaging sessions with known content, for tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from pynwb import NWBHDF5IO, NWBFile
from pynwb.base import Images
from pynwb.file import Subject
from pynwb.image import GrayscaleImage
from pynwb.ophys import (
    DfOverF,
    ImageSegmentation,
    ImagingPlane,
    OpticalChannel,
    PlaneSegmentation,
    RoiResponseSeries,
)
from scipy.ndimage import gaussian_filter

from ndx_match.model import MatchResult, Presence, Registration, RoiPairs, Session

START = datetime(2020, 5, 4, 10, 0, tzinfo=timezone.utc)
SUBJECT = {"subject_id": "mouse-1", "sex": "F", "species": "Mus musculus", "age": "P90D", "description": "A mouse."}
SHAPE = (160, 150)  #: rows, columns: the smallest size at which the score's window (141 pixels) fits
RADIUS = 5


@dataclass(frozen=True)
class Field:
    """A field of view: the image [row, col] and the masks [roi, row, col]."""

    image: np.ndarray
    masks: np.ndarray

    @property
    def footprints(self) -> scipy.sparse.csr_array:
        return scipy.sparse.csr_array(self.masks.reshape(len(self.masks), -1))


def field_of_view(shift: tuple[int, int] = (0, 0), shape: tuple[int, int] = SHAPE, seed: int = 0) -> Field:
    """A window on one and the same tissue, moved by `shift` (rows, columns); up to 20 disc-shaped cells."""
    margin = 20
    rng = np.random.default_rng(seed)
    whole = (shape[0] + 2 * margin, shape[1] + 2 * margin)
    tissue = gaussian_filter(rng.normal(size=whole), 3) * 20 + gaussian_filter(rng.normal(size=whole), 12) * 60
    rows, cols = np.mgrid[: whole[0], : whole[1]]
    masks: list[np.ndarray] = []
    nearest = np.full(whole, np.inf)
    for row, col in rng.uniform(margin + 10, margin + np.array(shape) - 10, (500, 2)):
        if nearest[int(row), int(col)] < 3 * RADIUS or len(masks) == 20:
            continue
        distance = np.hypot(rows - row, cols - col)
        nearest = np.minimum(nearest, distance)
        masks.append(np.select([distance <= RADIUS - 1, distance <= RADIUS], [1.0, 0.5]))
        tissue += 15 * np.exp(-((distance / RADIUS) ** 2))
    window = tuple(slice(margin + s, margin + s + n) for s, n in zip(shift, shape, strict=True))
    return Field(tissue[window].astype(np.float32), np.stack([mask[window] for mask in masks]).astype(np.float32))


def session_of(field: Field, name: str = "a", roi_ids: Sequence[int] | None = None, **kwargs: Any) -> Session:
    """The session as it would be read from a file."""
    ids = np.arange(len(field.masks)) if roi_ids is None else np.asarray(roi_ids)
    return Session(name, field.image, field.footprints, ids, **kwargs)


def result_of(
    cells: np.ndarray, pairs: RoiPairs | None = None, registrations: Sequence[Registration] = ()
) -> MatchResult:
    """A result made by hand: the `roi_row` of each cell in each session, -1 where it has none."""
    return MatchResult(
        method="by-hand",
        method_version="1",
        parameters={},
        cells=cells,
        presence=np.where(cells >= 0, Presence.PRESENT, Presence.NOT_DETECTED).astype(np.uint8),
        roi_pairs=RoiPairs.concatenate([]) if pairs is None else pairs,
        registrations=tuple(registrations),
        session_status=np.zeros(cells.shape[1], np.uint8),
    )


def make_nwbfile(
    field: Field | None = None,
    *,
    session_id: str | None = "101",
    start: datetime = START,
    subject: Mapping[str, Any] | None = SUBJECT,
    planes: Sequence[str] | Mapping[str, Field] = ("plane",),
    depths: Mapping[str, float] | None = None,
    roi_ids: Sequence[int] | None = None,
    mask_kind: str = "image_mask",
    images: Sequence[str] = ("average_image", "max_projection"),
    location: str = "VISp",
    plane_options: Mapping[str, Any] | None = None,
    table_description: str = "Segmented cells.",
    **general: Any,
) -> NWBFile:
    """One session; with several planes a processing module for each, as newer OpenScope files have it.

    Every plane shows the same field of view unless `planes` holds one for each.
    """
    field = field or field_of_view()
    nwbfile = NWBFile(
        session_description="A test session.",
        identifier=f"test-{session_id}-{start:%Y%m%d}",
        session_start_time=start,
        session_id=session_id,
        subject=None if subject is None else Subject(**subject),
        **general,
    )
    device = nwbfile.create_device(name="microscope", description="A two-photon microscope.")
    for name in planes:
        plane = nwbfile.create_imaging_plane(
            **{
                "name": name,
                "optical_channel": OpticalChannel(name="green", description="GCaMP.", emission_lambda=520.0),
                "description": f"Layer 2/3, depth {(depths or {}).get(name, 300):g} um.",
                "device": device,
                "excitation_lambda": 920.0,
                "indicator": "GCaMP6f",
                "location": location,
                "grid_spacing": [0.8, 0.8],
                "grid_spacing_unit": "microns",
                **(plane_options or {}),
            }
        )
        module = nwbfile.create_processing_module("ophys" if len(planes) == 1 else name, "Processed imaging data.")
        shown = planes[name] if isinstance(planes, Mapping) else field
        segmentation = ImageSegmentation(name="image_segmentation")
        module.add(segmentation)
        segmentation.add_plane_segmentation(roi_table(shown.masks, plane, roi_ids, mask_kind, table_description))
        if images:
            container = Images(name="images", description="Projections.")
            module.add(container)
            for image in images:
                factor = 1 if image.startswith(("average", "mean")) else 2
                container.add_image(GrayscaleImage(name=image, data=shown.image * factor, description="A projection."))
    return nwbfile


def roi_table(
    masks: np.ndarray,
    plane: ImagingPlane,
    roi_ids: Sequence[int] | None = None,
    mask_kind: str = "image_mask",
    description: str = "Segmented cells.",
) -> PlaneSegmentation:
    """A table named `roi_table` with masks of the given kind."""
    table = PlaneSegmentation(name="roi_table", description=description, imaging_plane=plane)
    ids = range(len(masks)) if roi_ids is None else roi_ids
    for roi_id, mask in zip(ids, masks, strict=True):
        rows, cols = np.nonzero(mask)
        pixels = list(zip(cols, rows, mask[rows, cols], strict=True))
        value = {
            "image_mask": mask,
            "pixel_mask": pixels,
            "voxel_mask": [(col, row, 0, weight) for col, row, weight in pixels],
        }[mask_kind]
        table.add_roi(id=int(roi_id), **{mask_kind: value})
    return table


def add_responses(nwbfile: NWBFile, data: np.ndarray) -> None:
    """Add `DfOverF/traces`, responses [time, ROI] of all ROIs of a file of one plane."""
    module = nwbfile.processing["ophys"]
    table = module["image_segmentation"]["roi_table"]
    rois = table.create_roi_table_region(description="All ROIs.", region=list(range(len(table))))
    series = RoiResponseSeries(name="traces", data=data, unit="n.a.", rate=30.0, rois=rois)
    module.add(DfOverF(roi_response_series=series))


def write_nwb(path: Path, nwbfile: NWBFile) -> Path:
    """Write the file and return its path."""
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    return path


def as_zarr(path: Path) -> Path:
    """The same NWB file as a Zarr store beside it, `a.nwb.zarr` of `a.nwb`, as hdmf-zarr converts it."""
    from hdmf_zarr import NWBZarrIO

    store = path.with_name(f"{path.name}.zarr")
    with NWBHDF5IO(path, "r") as source, NWBZarrIO(str(store), "w") as io:
        io.export(source, write_args={"link_data": False})
    return store


def write_sessions(folder: Path, shifts: Sequence[tuple[int, int]] = ((0, 0), (3, 2)), **options: Any) -> list[Path]:
    """Write one file per session, some days apart, each a window on the same tissue moved by a few pixels.

    Files that were made before are copied, because that is faster.
    """
    key = repr((shifts, sorted(options.items())))
    if not all(isinstance(value, (str, int, Sequence)) for value in options.values()):
        return _write_sessions(folder, shifts, **options)
    if key not in _written:
        _written[key] = _write_sessions(Path(tempfile.mkdtemp(dir=_folder_of_written.name)), shifts, **options)
    return [Path(shutil.copy(path, folder)) for path in _written[key]]


_folder_of_written = tempfile.TemporaryDirectory()
_written: dict[str, list[Path]] = {}


def _write_sessions(folder: Path, shifts: Sequence[tuple[int, int]], **options: Any) -> list[Path]:
    return [
        write_nwb(
            folder / f"session_{k}.nwb",
            make_nwbfile(field_of_view(shift), session_id=str(101 + k), start=START.replace(day=4 + k), **options),
        )
        for k, shift in enumerate(shifts)
    ]
