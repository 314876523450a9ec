"""Make a small result of matching, and the source files of its sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from hdmf.common import VectorData
from pynwb import NWBFile
from pynwb.base import Images
from pynwb.image import GrayscaleImage
from pynwb.ophys import DfOverF, Fluorescence, ImageSegmentation, PlaneSegmentation, RoiResponseSeries
from pynwb.testing.mock.device import mock_Device
from pynwb.testing.mock.file import mock_NWBFile
from pynwb.testing.mock.ophys import mock_ImagingPlane, mock_OpticalChannel

from ...cell_matching import CellMatching
from ...codes import Presence, RegistrationOutcome, RoiSelection, SessionStatus
from ...tables import MatchedSessionsTable, RoiPairsTable, SessionRegistrationsTable

_SHAPE = (32, 40)  #: rows, columns of the images


def mock_source_nwbfile(n_rois: int = 8, seed: int = 0, session_id: str = "day1") -> NWBFile:
    """Make the file of one session in memory, with an ROI table, a mean image, fluorescence and dF/F.

    Parameters
    ----------
    n_rois : int
        Number of ROIs; their ids are 100, 101, ...
    seed : int
        Seed of the places of the ROIs and of the traces; the session starts `seed` days after the beginning of 2024.
    session_id : str
        Session id of the file.

    Returns
    -------
    NWBFile
        `Fluorescence/RoiResponseSeries` holds all ROIs in order; `DfOverF/RoiResponseSeries` holds the ROIs in
        reverse order.
    """
    random = np.random.default_rng(seed)
    start = datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(days=seed)
    nwbfile = mock_NWBFile(session_id=session_id, session_start_time=start)
    module = nwbfile.create_processing_module("ophys", "Optical physiology.")
    roi_table, _ = _add_session(nwbfile, "", n_rois, random)
    for container, rows in ((Fluorescence(), np.arange(n_rois)), (DfOverF(), np.arange(n_rois)[::-1])):
        module.add(container)
        container.add_roi_response_series(
            RoiResponseSeries(
                name="RoiResponseSeries",
                description="Responses of the ROIs.",
                data=random.random((20, n_rois)),
                unit="n.a.",
                rate=10.0,
                rois=roi_table.create_roi_table_region(description="The ROIs.", region=rows.tolist()),
            )
        )
    return nwbfile


def mock_CellMatching(
    *,
    nwbfile: NWBFile | None = None,
    n_sessions: int = 3,
    n_cells: int = 12,
    seed: int = 0,
    cells: npt.ArrayLike | None = None,
    sources: Sequence[NWBFile] | None = None,
    name: str = "CellMatching",
) -> CellMatching:
    """Make a result of matching in `processing/ophys`, with copies of the sessions' ROI tables, planes and images.

    Parameters
    ----------
    nwbfile : NWBFile, optional
        The file to which everything is added; by default a new one, which `result.get_ancestor("NWBFile")` returns.
    n_sessions : int
        Number of sessions, named `day1`, `day2`, ...
    n_cells : int
        Number of cells.
    seed : int
        Seed of all random values.
    cells : array_like of int, shape (n_cells, n_sessions), optional
        `roi_row` of each cell's ROI in each session, -1 where it has none; by default random. If given, `n_sessions`
        and `n_cells` are ignored.
    sources : sequence of NWBFile, optional
        Files made by :func:`mock_source_nwbfile`, one per session, to which the table of sessions refers.
    name : str
        Name of the result.
    """
    random = np.random.default_rng(seed)
    nwbfile = nwbfile if nwbfile is not None else mock_NWBFile()
    rows = _random_cells(n_cells, n_sessions, random) if cells is None else np.asarray(cells)
    n_sessions = rows.shape[1]
    names = [f"day{number + 1}" for number in range(n_sessions)]
    if "ophys" not in nwbfile.processing:
        nwbfile.create_processing_module("ophys", "Cells matched across sessions.")
    module = nwbfile.processing["ophys"]

    roi_tables, images = [], []
    for position, session_name in enumerate(names):
        n_rois = int(rows[:, position].max(initial=0)) + 1
        if sources is not None:
            n_rois = max(n_rois, len(_source_roi_table(sources[position])))
        roi_table, image = _add_session(nwbfile, f"{session_name}_", n_rois, random)
        roi_tables.append(roi_table)
        images.append(image)

    return CellMatching.from_arrays(
        module,
        method="mock",
        method_version="1.0",
        parameters={"seed": seed},
        software={"numpy": np.__version__},
        warnings=["These cells are made up."],
        sessions=_sessions_table(names, roi_tables, images, sources),
        cells=rows,
        presence=np.where(rows >= 0, Presence.PRESENT, random.choice([0, 2, 3, 4], rows.shape)),
        confidence=random.random(len(rows)),
        roi_pairs=_roi_pairs_table(rows, random),
        registrations=_registrations_table(n_sessions, random),
        name=name,
    )


def _random_cells(n_cells: int, n_sessions: int, random: np.random.Generator) -> npt.NDArray[np.int32]:
    """Cells that have an ROI in about two thirds of the sessions, and in at least one, in random order."""
    present = random.random((n_cells, n_sessions)) < 2 / 3
    present[np.arange(n_cells), random.integers(n_sessions, size=n_cells)] = True
    cells = np.full(present.shape, -1, dtype=np.int32)
    for position in range(n_sessions):
        here = np.flatnonzero(present[:, position])
        cells[here, position] = random.permutation(len(here))
    return cells


def _add_session(
    nwbfile: NWBFile, prefix: str, n_rois: int, random: np.random.Generator
) -> tuple[PlaneSegmentation, GrayscaleImage]:
    """Add a session's imaging plane, image and ROI table; their names begin with `prefix`."""
    n_rows, n_cols = _SHAPE
    module = nwbfile.processing["ophys"]
    plane = mock_ImagingPlane(
        name=f"{prefix}ImagingPlane",
        description="The plane in which the session was recorded.",
        location="VISp",
        indicator="GCaMP6f",
        optical_channel=mock_OpticalChannel(),
        device=mock_Device(name=f"{prefix}Microscope", nwbfile=nwbfile),
        nwbfile=nwbfile,
    )

    masks = np.zeros((n_rois, n_rows, n_cols), dtype=np.float32)
    for mask, row, col in zip(
        masks, random.integers(n_rows - 4, size=n_rois), random.integers(n_cols - 4, size=n_rois), strict=True
    ):
        mask[row : row + 4, col : col + 4] = 1
    roi_table = PlaneSegmentation(
        name=f"{prefix}PlaneSegmentation",
        description="The ROIs.",
        imaging_plane=plane,
        id=list(range(100, 100 + n_rois)),
        columns=[VectorData(name="image_mask", description="Mask of each ROI, [row, column].", data=masks)],
    )
    module.add(ImageSegmentation(name=f"{prefix}ImageSegmentation", plane_segmentations=[roi_table]))

    image = GrayscaleImage(name="mean", description="Mean over time.", data=masks.sum(axis=0))
    module.add(Images(name=f"{prefix}Images", description="Projections.", images=[image]))
    return roi_table, image


def _source_roi_table(nwbfile: NWBFile) -> PlaneSegmentation:
    return nwbfile.processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]


def _sessions_table(
    names: Sequence[str],
    roi_tables: Sequence[PlaneSegmentation],
    images: Sequence[GrayscaleImage],
    sources: Sequence[NWBFile] | None,
) -> MatchedSessionsTable:
    sources = sources or [mock_source_nwbfile(n_rois=1, seed=day, session_id=name) for day, name in enumerate(names)]
    same_in_all: dict[str, Any] = {
        "status": SessionStatus.MATCHED,
        "status_reason": "",
        "roi_selection": RoiSelection.ALL,
        "roi_selection_reason": "all ROIs",
        **dict.fromkeys(("masks_transposed", "image_transposed", "masks_scrambled", "mirrored"), False),
        "orientation_reason": "stored as [row, col]",
        "source_plane_path": "/general/optophysiology/ImagingPlane",
        "source_roi_table_path": "/processing/ophys/ImageSegmentation/PlaneSegmentation",
        "source_image_path": "/processing/ophys/Images/mean",
        "subject_id": "mouse1",
        "imaging_depth": 175.0,
        "pixel_size": (0.8, 0.8),
    }
    constant: dict[str, Any] = {column: [value] * len(names) for column, value in same_in_all.items()}
    return MatchedSessionsTable.from_arrays(
        session_name=names,
        roi_table=roi_tables,
        roi_table_path=[f"/processing/ophys/{table.parent.name}/{table.name}" for table in roi_tables],
        image=images,
        image_path=[f"/processing/ophys/{image.parent.name}/{image.name}" for image in images],
        session_start=[source.session_start_time.isoformat() for source in sources],
        source_uri=[f"{name}.nwb" for name in names],
        source_identifier=[source.identifier for source in sources],
        source_object_id=[source.object_id for source in sources],
        source_session_id=names,
        source_roi_table_object_id=[_source_roi_table(source).object_id for source in sources],
        **constant,
    )


def _roi_pairs_table(cells: npt.NDArray[np.int32], random: np.random.Generator) -> RoiPairsTable:
    """All pairs of ROIs that are in one cell."""
    pairs = [
        (fixed, moving, row[fixed], row[moving])
        for row in cells
        for fixed, moving in combinations(range(cells.shape[1]), 2)
        if row[fixed] >= 0 and row[moving] >= 0
    ]
    fixed_session, moving_session, fixed_roi_row, moving_roi_row = np.array(pairs, dtype=np.int32).reshape(-1, 4).T
    return RoiPairsTable.from_arrays(
        fixed_session=fixed_session,
        moving_session=moving_session,
        fixed_roi_row=fixed_roi_row,
        moving_roi_row=moving_roi_row,
        centroid_distance=random.random(len(pairs)) * 5,
        iou=random.random(len(pairs)),
        accepted=random.random(len(pairs)) < 0.8,
        cost=random.random(len(pairs)),
        probability=random.random(len(pairs)),
        margin=random.random(len(pairs)),
    )


def _registrations_table(n_sessions: int, random: np.random.Generator) -> SessionRegistrationsTable:
    """Shifts between all pairs of sessions."""
    pairs = np.array(list(combinations(range(n_sessions), 2)), dtype=np.int32).reshape(-1, 2)
    matrices = np.tile(np.eye(3), (len(pairs), 1, 1))
    matrices[:, :2, 2] = random.normal(size=(len(pairs), 2))
    return SessionRegistrationsTable.from_arrays(
        fixed_session=pairs[:, 0],
        moving_session=pairs[:, 1],
        matrix=matrices,
        steps=["ECC"] * len(pairs),
        outcome=[RegistrationOutcome.REGISTERED] * len(pairs),
        reason=[""] * len(pairs),
        ssim=random.random(len(pairs)),
    )
