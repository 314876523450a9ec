"""The folders and files that other programs leave of a session, of known ROIs, as far as they are read."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import h5py
import numpy as np
import scipy.sparse
from builders import Field

N_SAMPLES = 12
START = "2021-03-04T12:00:00+00:00"


def write_suite2p(folder: Path, field: Field, accepted: np.ndarray, plane: int = 0, ops: bool = True) -> Path:
    """One plane of a run; without `ops` as Suite2p from 1.0 on leaves it where `save_ops_orig` is off."""
    plane_folder = folder / "suite2p" / f"plane{plane}"
    plane_folder.mkdir(parents=True)
    stat = []
    for mask in field.masks:
        rows, cols = np.nonzero(mask)
        stat.append({"ypix": rows, "xpix": cols, "lam": mask[rows, cols], "med": [rows.mean(), cols.mean()]})
    np.save(plane_folder / "stat.npy", np.array(stat, dtype=object))
    np.save(plane_folder / "iscell.npy", np.column_stack([accepted, np.where(accepted, 0.9, 0.1)]))
    np.save(plane_folder / "F.npy", np.zeros((len(stat), N_SAMPLES), np.float32))
    shape = field.image.shape
    cut = {"yrange": [4, shape[0] - 2], "xrange": [0, shape[1] - 5]}
    settings = {"Ly": shape[0], "Lx": shape[1], "save_path": plane_folder, "data_path": [str(folder)]}
    images = {"meanImg": field.image, "max_proj": field.image[4:-2, :-5], **cut}
    if ops:
        np.save(plane_folder / "ops.npy", {**settings, **images})  # type: ignore[arg-type]
    else:
        np.save(plane_folder / "db.npy", settings)  # type: ignore[arg-type]
        np.save(plane_folder / "reg_outputs.npy", images)  # type: ignore[arg-type]
    return folder / "suite2p"


def write_caiman(path: Path, field: Field, accepted: np.ndarray) -> Path:
    """CaImAn's results: footprints and background are flattened by columns."""
    n_rois = len(field.masks)
    flat = scipy.sparse.csc_matrix(field.masks.transpose(0, 2, 1).reshape(n_rois, -1).T)
    traces = np.ones((n_rois, N_SAMPLES))
    with h5py.File(path, "w") as file:
        for name in ("data", "indices", "indptr"):
            file[f"estimates/A/{name}"] = getattr(flat, name)
        file["estimates/A/shape"] = flat.shape
        file["estimates/C"], file["estimates/YrA"] = traces, traces
        file["estimates/Cn"] = field.image / 200
        file["estimates/b"], file["estimates/f"] = field.image.T.reshape(-1, 1), traces[:1]
        file["estimates/idx_components"] = np.flatnonzero(accepted)
        file["estimates/idx_components_bad"] = np.flatnonzero(~accepted)
        file["params/data/fr"], file["params/data/dims"] = 30.0, field.image.shape
    return path


def write_extract(path: Path, field: Field) -> Path:
    """EXTRACT's results as MATLAB stores them: every array transposed."""
    with h5py.File(path, "w") as file:
        file["output/spatial_weights"] = field.masks.transpose(0, 2, 1)
        file["output/temporal_weights"] = np.ones((len(field.masks), N_SAMPLES))
        file["output/config/preprocess"] = np.array([[0.0]])
        file["output/info/version"] = np.array([[ord(letter)] for letter in "1.0.0"], np.uint16)
        file["output/info/summary_image"] = field.image.T
    return path


def write_ciatah(path: Path, field: Field) -> Path:
    """EXTRACT's results as CIAtah stores them in MATLAB: the same masks by other names, and traces of [ROI, sample]."""
    with h5py.File(path, "w") as file:
        file["extractAnalysisOutput/filters"] = field.masks.transpose(0, 2, 1)
        file["extractAnalysisOutput/traces"] = np.ones((N_SAMPLES, len(field.masks)))
        file["extractAnalysisOutput/info/summary_image"] = field.image.T
        file["extractAnalysisOutput/info/version"] = np.array([[ord(letter)] for letter in "0.9.1"], np.uint16)
        file["extractAnalysisOutput/time/totalTime"] = np.array([[N_SAMPLES / 30]])
        file["extractAnalysisOutput/file"] = np.array([[ord(letter)] for letter in "movie.h5"], np.uint16)
    return path


def write_minian(folder: Path, field: Field, units: np.ndarray) -> Path:
    """minian's results: each array a store of Zarr's format 2 of its own, without a group around them."""
    import zarr

    version = {} if importlib.metadata.version("zarr").startswith("2.") else {"zarr_format": 2}
    for name, values in (("A", field.masks), ("max_proj", field.image)):
        store = zarr.open_group(str(folder / "minian" / f"{name}.zarr"), mode="w", **version)
        arrays = {name: values, **({"unit_id": units} if name == "A" else {})}
        for key, data in arrays.items():
            array = store.create(key, shape=data.shape, dtype=data.dtype, chunks=data.shape)
            array[...] = data
    return folder / "minian"


def write_inscopix(path: Path, field: Field, accepted: np.ndarray, start: str = START) -> Path:
    """Inscopix's cell set, by its own library, which takes contiguous arrays only."""
    from datetime import datetime

    import isx

    seconds = int(datetime.fromisoformat(start).timestamp())
    began = isx.Time._from_secs_since_epoch(isx.Duration._from_num_den(seconds, 1))
    timing = isx.Timing(N_SAMPLES, isx.Duration.from_msecs(100 / 3), start=began)
    cells = isx.CellSet.write(str(path), timing, isx.Spacing(num_pixels=field.image.shape))
    trace = np.ones(N_SAMPLES, np.float32)
    for k, mask in enumerate(field.masks):
        cells.set_cell_data(k, np.ascontiguousarray(mask, np.float32), trace, f"C{k:02}")
    cells.flush()
    cells = isx.CellSet.read(str(path), read_only=False)
    for k, is_cell in enumerate(accepted):
        cells.set_cell_status(k, "accepted" if is_cell else ("rejected", "undecided")[k % 2])
    del cells
    return path
