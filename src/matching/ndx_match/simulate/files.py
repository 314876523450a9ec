"""Simulated sessions as NWB files in the layout of older OpenScope recordings, and the truth beside them."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from hdmf.backends.hdf5.h5_utils import H5DataIO
from hdmf.data_utils import DataChunkIterator
from pynwb import NWBFile
from pynwb.base import Images
from pynwb.core import DynamicTableRegion, VectorData
from pynwb.file import Subject
from pynwb.image import GrayscaleImage
from pynwb.ophys import DfOverF, ImageSegmentation, ImagingPlane, OpticalChannel, PlaneSegmentation, RoiResponseSeries

from ..arrays import Array, Floats32, Ints64, Matrix
from ..errors import InputError, OutputError
from ..model import Session
from ..storage.opening import format_of
from ..storage.outputs import check_name, check_output
from ..storage.publish import publish
from .tiers import SimulationParameters
from .truth import Simulation

TRUTH_NAME = "truth.json"
_FIRST_SESSION = datetime(2024, 3, 4, 9, 0, tzinfo=timezone.utc)
_IMAGING_DEPTH = 175
_FRAME_RATE = 30.0


@dataclass(frozen=True)
class TrueSession:
    """The truth of one file."""

    file_name: str  #: of the NWB file, in the folder of the truth file
    name: str  #: of the session in the simulation
    field: int  #: which piece of tissue it shows; only sessions of one field share cells
    cell_of_roi: Mapping[int, int]  #: true cell number of each ROI id, in the table's order; -1 where it is no cell
    affine_matrix: Matrix  #: affine part of the map from reference (x, y, 1) to session pixels


@dataclass(frozen=True)
class Truth:
    """What a truth file says, in the order of the simulation. Parameters and seed give the same simulation again."""

    sessions: tuple[TrueSession, ...]
    parameters: SimulationParameters
    seed: int

    def of_file(self, file_name: str) -> TrueSession:
        """The truth of a file, by its name.

        Raises
        ------
        InputError
            The truth file does not name the file.
        """
        for session in self.sessions:
            if session.file_name == file_name:
                return session
        known = ", ".join(session.file_name for session in self.sessions)
        raise InputError(f"{file_name}: the truth file does not name this file; it names {known}.")


def write_simulation(
    simulation: Simulation,
    folder: str | os.PathLike[str],
    *,
    subject_id: str = "",
    n_samples: int = 300,
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write one NWB file per session, and `truth.json`.

    The layout is that of older OpenScope files: the ROIs in `processing/ophys/image_segmentation/
    cell_specimen_table`, the mean image in `processing/ophys/images/average_image`. The same simulation gives
    the same arrays, identifiers and dates.

    Parameters
    ----------
    simulation : Simulation
    folder : path
        Created if it does not exist.
    subject_id : str
        The animal; if empty, an id is made from the seed.
    n_samples : int
        Length of the dF/F traces.
    overwrite : bool
        Whether files of the same name may be replaced.

    Returns
    -------
    tuple of Path
        The NWB files, in the order of the sessions.

    Raises
    ------
    OutputError
        A file exists and `overwrite` is False, or the folder cannot be written to. No new file is left then.
    """
    folder = Path(folder)
    check_name(folder)
    subject_id = subject_id or f"sim{simulation.seed:04d}"
    names = [f"sub-{subject_id}_ses-{_session_id(simulation, k)}_ophys.nwb" for k in range(len(simulation.sessions))]
    new: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in [*names, TRUTH_NAME]:
            check_output(folder / name, overwrite)
        new = [folder / name for name in names if not (folder / name).exists()]
        for number, name in enumerate(names):
            with publish(folder / name, overwrite) as temporary:
                nwbfile = _nwb_file(simulation, number, subject_id, n_samples)
                format_of(temporary).write(temporary, nwbfile, lambda _: None)
        with publish(folder / TRUTH_NAME, overwrite) as temporary:
            temporary.write_text(json.dumps(_truth(simulation, names), indent=1) + "\n", encoding="utf-8")
        new = []
    except OSError as error:
        raise OutputError(f"{folder}: the simulation cannot be written there ({error}); choose another.") from error
    finally:
        for path in new:  # of an incomplete simulation
            path.unlink(missing_ok=True)
    return tuple(folder / name for name in names)


def read_truth(path: str | os.PathLike[str]) -> Truth:
    """Read a truth file, given by its path or the folder that holds it.

    Raises
    ------
    InputError
        The file is missing or is not a truth file.
    """
    path = Path(path)
    path = path / TRUTH_NAME if path.is_dir() else path
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = "there is no such file" if isinstance(error, FileNotFoundError) else f"it cannot be read ({error})"
        raise InputError(f"{path}: {problem}; give the file {TRUTH_NAME} of a simulation, or its folder.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: this is not a truth file of a simulation, because it is no JSON; give {TRUTH_NAME} or its folder."
        ) from error
    try:
        parameters: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in content["parameters"].items()
        }
        return Truth(
            sessions=tuple(
                TrueSession(
                    file_name=file_name,
                    name=entry["session"],
                    field=entry["field"],
                    cell_of_roi={int(k): int(np.int64(v)) for k, v in entry["cell_of_roi"].items()},
                    affine_matrix=np.array(entry["affine_matrix"], np.float64).reshape(3, 3),
                )
                for file_name, entry in content["files"].items()
            ),
            parameters=SimulationParameters(**parameters),
            seed=int(content["seed"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{path}: this is not a truth file of a simulation ({error!r}).") from error


def true_identity(truth: str | os.PathLike[str], sessions: Sequence[Session]) -> list[Ints64]:
    """The true cell of each ROI, by `roi_row`, of sessions that were read from simulated files; -1 for no cell.

    `truth` is a path, as in :func:`read_truth`.

    Raises
    ------
    InputError
        The truth file cannot be read, or does not name a session or an ROI.
    """
    known = read_truth(truth)
    identity = []
    for session in sessions:
        cell_of_roi = known.of_file(Path(session.source.uri).name).cell_of_roi
        try:
            identity.append(np.array([cell_of_roi[int(roi_id)] for roi_id in session.roi_ids], np.int64))
        except KeyError as error:
            raise InputError(f"{truth}: the truth knows no ROI {error} of session {session.name}.") from error
    return identity


def _truth(simulation: Simulation, names: list[str]) -> dict[str, Any]:
    return {
        "about": "For each file the true cell number of each ROI id; -1: the ROI is no cell. "
        "affine_matrix maps reference (x, y, 1) to session pixels.",
        "seed": simulation.seed,
        "parameters": asdict(simulation.parameters),
        "files": {
            name: {
                "session": session.name,
                "field": field,
                "affine_matrix": warp.matrix.tolist(),
                "cell_of_roi": dict(zip(session.roi_ids.tolist(), cells.tolist(), strict=True)),
            }
            for name, session, field, warp, cells in zip(
                names, simulation.sessions, simulation.fields, simulation.transforms, simulation.identity, strict=True
            )
        },
    }


def _session_id(simulation: Simulation, number: int) -> str:
    return f"{1_080_000_000 + 1000 * (simulation.seed % 1000) + number}"


def _nwb_file(simulation: Simulation, number: int, subject_id: str, n_samples: int) -> NWBFile:
    session, parameters = simulation.sessions[number], simulation.parameters
    session_id = _session_id(simulation, number)
    start = _FIRST_SESSION + timedelta(days=2 * number, minutes=7 * number)
    content = json.dumps([asdict(parameters), simulation.seed, number], sort_keys=True)
    nwb = NWBFile(
        session_description="Simulated two-photon calcium imaging of one plane, with known cell identities.",
        identifier=str(uuid.uuid5(uuid.NAMESPACE_OID, content)),
        session_start_time=start,
        file_create_date=[start + timedelta(days=1)],
        session_id=session_id,
        experiment_description="Sessions of one simulated animal, to measure methods that match cells across days.",
        experimenter=["Simulator, Simone"],
        institution="Institute of Simulated Imaging",
        lab="Known Truth Lab",
        keywords=["simulation", "calcium imaging", "cell matching"],
        subject=Subject(
            subject_id=subject_id,
            species="Mus musculus",
            sex="F",
            age=f"P{90 + 2 * number}D",
            genotype="Slc17a7-IRES2-Cre/wt;Camk2a-tTA/wt;Ai93(TITL-GCaMP6f)/wt",
            description="A simulated mouse.",
        ),
    )
    plane = _imaging_plane(nwb, session)
    module = nwb.create_processing_module("ophys", "Processed imaging data")
    segmentation = ImageSegmentation(name="image_segmentation")
    module.add(segmentation)
    table = _roi_table(session, plane)
    segmentation.add_plane_segmentation(table)
    module.add(
        Images(
            name="images",
            description="Projection images of the movie.",
            images=[
                GrayscaleImage(
                    name="average_image",
                    data=np.clip(np.round(session.image), 0, 255).astype(np.uint8),
                    description="Mean over time.",
                    resolution=10_000 / parameters.pixel_size,
                )
            ],
        )
    )
    traces = _traces(simulation, number, n_samples)
    series = RoiResponseSeries(
        name="traces",
        description="Relative change of fluorescence of every ROI.",
        data=H5DataIO(traces, compression="gzip"),
        unit="n.a.",
        rate=_FRAME_RATE,
        rois=DynamicTableRegion(name="rois", data=list(range(session.n_rois)), description="All ROIs.", table=table),
    )
    dff = DfOverF(name="dff")
    module.add(dff)
    dff.add_roi_response_series(series)
    return nwb


def _imaging_plane(nwb: NWBFile, session: Session) -> ImagingPlane:
    device = nwb.create_device(name="microscope", description="A simulated microscope.")
    n_rows, n_cols = session.shape
    pixel_rows, pixel_columns = session.pixel_size or (1.0, 1.0)
    return nwb.create_imaging_plane(
        name="imaging_plane_1",
        optical_channel=OpticalChannel(name="channel_1", description="Green channel.", emission_lambda=520.0),
        imaging_rate=_FRAME_RATE,
        description=f"({n_cols}, {n_rows}) field of view, Structure: VISp Depth: {_IMAGING_DEPTH} um",
        device=device,
        excitation_lambda=910.0,
        indicator="GCaMP6f",
        location="VISp",
        grid_spacing=[pixel_columns, pixel_rows],
        grid_spacing_unit="micrometers",
    )


def _roi_table(session: Session, plane: ImagingPlane) -> PlaneSegmentation:
    """The ROI table with bounding boxes; masks are handed over one by one, so that they are never all in memory."""
    weighted = bool((session.footprints.data != 1).any())
    dtype = np.dtype(np.float32 if weighted else bool)
    shape = (session.n_rois, *session.shape)

    def masks() -> Iterator[Array]:
        for row in range(session.n_rois):
            yield session.footprints[[row], :].toarray().reshape(session.shape).astype(dtype)

    boxes = np.array([_box(session, row) for row in range(session.n_rois)], np.int64).reshape(-1, 4)
    columns = [
        ("cell_specimen_id", "Unified id of segmented cell across experiments", np.full(session.n_rois, -1)),
        ("x", "x position of ROI", boxes[:, 0]),
        ("y", "y position of ROI", boxes[:, 1]),
        ("width", "width of ROI", boxes[:, 2]),
        ("height", "height of ROI", boxes[:, 3]),
        (
            "valid_roi",
            "Indicates if cell classification found the ROI to be a cell or not",
            np.ones(session.n_rois, bool),
        ),
        (
            "image_mask",
            "Image masks for each ROI",
            H5DataIO(
                DataChunkIterator(data=masks(), buffer_size=8, maxshape=shape, dtype=dtype),
                compression="gzip",
                chunks=(1, *session.shape),
            ),
        ),
    ]
    return PlaneSegmentation(
        name="cell_specimen_table",
        description="Segmented rois",
        imaging_plane=plane,
        id=session.roi_ids,
        columns=[VectorData(name=name, description=text, data=data) for name, text, data in columns],
    )


def _box(session: Session, row: int) -> tuple[int, int, int, int]:
    """x, y, width, height of an ROI."""
    footprints = session.footprints
    pixels = footprints.indices[footprints.indptr[row] : footprints.indptr[row + 1]]
    if not len(pixels):
        return 0, 0, 0, 0
    y, x = np.divmod(pixels, session.shape[1])
    return int(x.min()), int(y.min()), int(np.ptp(x)) + 1, int(np.ptp(y)) + 1


def _traces(simulation: Simulation, number: int, n_samples: int) -> Floats32:
    """Random transients that decay, shape (n_samples, n_rois)."""
    rng = np.random.default_rng([simulation.seed, number])
    n_rois = simulation.sessions[number].n_rois
    events = rng.random((n_samples, n_rois)) < 0.05
    traces = rng.normal(0, 0.02, (n_samples, n_rois))
    level = np.zeros(n_rois)
    for sample in range(n_samples):
        level = 0.9 * level + events[sample]
        traces[sample] += level
    return traces.astype(np.float32)
