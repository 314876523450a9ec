"""Run neuroconv's interfaces on the recording in the formats of Suite2p, CaImAn and EXTRACT.

In an environment of its own: `pip install neuroconv roiextractors natsort`.
Made with neuroconv 0.10.2, roiextractors 0.10.0.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import h5py
import numpy as np
import scipy.sparse
from neuroconv.datainterfaces import (
    CaimanSegmentationInterface,
    ExtractSegmentationInterface,
    Suite2pSegmentationInterface,
)
from recording import ACCEPTED, N_CELLS, SHAPE, START, image, keep, masks, traces, write_suite2p_folder


def write_caiman(path: Path) -> Path:
    """CaImAn's results: footprints and background are flattened by columns."""
    flat = scipy.sparse.csc_matrix(masks().transpose(0, 2, 1).reshape(N_CELLS, -1).T)
    with h5py.File(path, "w") as file:
        for name in ("data", "indices", "indptr"):
            file[f"estimates/A/{name}"] = getattr(flat, name)
        file["estimates/A/shape"] = flat.shape
        file["estimates/C"], file["estimates/YrA"] = traces(), 0.1 * traces()
        file["estimates/Cn"] = image() / 200
        file["estimates/b"], file["estimates/f"] = image().T.reshape(-1, 1), traces()[:1]
        file["estimates/idx_components"] = np.flatnonzero(ACCEPTED)
        file["estimates/idx_components_bad"] = np.flatnonzero(~ACCEPTED)
        file["params/data/fr"], file["params/data/dims"] = 30.0, SHAPE
    return path


def write_extract(path: Path) -> Path:
    """EXTRACT's results as MATLAB stores them: every array transposed."""
    with h5py.File(path, "w") as file:
        file["output/spatial_weights"] = masks().transpose(0, 2, 1)
        file["output/temporal_weights"] = traces()
        file["output/config/preprocess"] = np.array([[0.0]])
        file["output/info/version"] = np.array([[ord(letter)] for letter in "1.0.0"], np.uint16)
        file["output/info/summary_image"] = image().T
        file["output/info/max_image"] = 2 * image().T
    return path


with tempfile.TemporaryDirectory() as temporary:
    folder = Path(temporary)
    interfaces = {
        "suite2p": Suite2pSegmentationInterface(folder_path=write_suite2p_folder(folder)),
        "caiman": CaimanSegmentationInterface(file_path=write_caiman(folder / "caiman.hdf5")),
        "extract": ExtractSegmentationInterface(
            file_path=write_extract(folder / "extract.mat"), sampling_frequency=30.0, output_struct_name="output"
        ),
    }
    for name, interface in interfaces.items():
        metadata = interface.get_metadata()
        metadata["NWBFile"].update(session_start_time=START, session_id=f"neuroconv-{name}")
        interface.run_conversion(nwbfile_path=folder / f"{name}.nwb", metadata=metadata)
        keep(folder / f"{name}.nwb", f"neuroconv_{name}")
