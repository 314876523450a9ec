"""Run neuroconv's interfaces on the recording in the formats of Suite2p, CaImAn, EXTRACT, minian and Inscopix.

In an environment of its own: `pip install neuroconv roiextractors natsort "zarr<3" isx`.
Made with neuroconv 0.10.2, roiextractors 0.10.0, zarr 2.18.7, isx 2.1.0.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import h5py
import isx
import numpy as np
import scipy.sparse
import zarr
from neuroconv import ConverterPipe
from neuroconv.datainterfaces import (
    CaimanSegmentationInterface,
    ExtractSegmentationInterface,
    InscopixSegmentationInterface,
    MinianSegmentationInterface,
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


def write_minian(folder: Path) -> Path:
    """minian's results: everything [roi, row, col]; one background component."""
    arrays = {"A": masks(), "C": traces(), "S": traces(), "b": image() / image().max(), "f": traces()[0],
              "max_proj": 2 * image()}  # fmt: skip
    root = zarr.open_group(str(folder), mode="w")
    for name, values in arrays.items():
        root.create_group(f"{name}.zarr").create_dataset(name, data=values)
    for name, size in zip(("height", "width"), SHAPE, strict=True):
        root["A.zarr"].create_dataset(name, data=np.arange(size))
    n_samples = traces().shape[1]
    root["C.zarr"].create_dataset("frame", data=np.arange(n_samples))
    times = "".join(f"{frame},{1000 * frame / 30}\n" for frame in range(n_samples))
    (folder / "timeStamps.csv").write_text(f"Frame Number,Time Stamp (ms)\n{times}")
    return folder


def write_inscopix(path: Path) -> Path:
    """Inscopix's cell set, by its own library, which takes contiguous arrays only."""
    period = isx.Duration.from_msecs(100 / 3)
    cells = isx.CellSet.write(str(path), isx.Timing(traces().shape[1], period), isx.Spacing(num_pixels=SHAPE))
    for k in range(N_CELLS):
        cells.set_cell_data(k, np.ascontiguousarray(masks()[k]), np.ascontiguousarray(traces()[k]), f"C{k:02}")
    cells.flush()
    cells = isx.CellSet.read(str(path), read_only=False)
    for k in range(N_CELLS):
        cells.set_cell_status(k, "accepted" if ACCEPTED[k] else ("rejected", "undecided")[k // 6 % 2])
    del cells
    return path


def suite2p_channels(folder: Path, planes: int) -> dict[str, Suite2pSegmentationInterface]:
    """A run of several planes and two channels: one interface each, but of one plane the first channel's alone."""
    suite2p_folder = write_suite2p_folder(folder, planes)
    for plane in range(planes):
        plane_folder = suite2p_folder / f"plane{plane}"
        options = np.load(plane_folder / "ops.npy", allow_pickle=True).item()
        options.update(nchannels=2, meanImg=image() + 1000 * plane, meanImg_chan2=2 * image() + 1000 * plane)
        np.save(plane_folder / "ops.npy", np.array(options, dtype=object))
        for response in ("F_chan2", "Fneu_chan2"):
            np.save(plane_folder / f"{response}.npy", traces())
    return {
        f"{channel}_plane{plane}": Suite2pSegmentationInterface(
            folder_path=suite2p_folder, channel_name=channel, plane_name=f"plane{plane}"
        )
        for plane in range(planes)
        for channel in (("chan1",) if planes == 1 else ("chan1", "chan2"))
    }


with tempfile.TemporaryDirectory() as temporary:
    folder = Path(temporary)
    interfaces = {
        "suite2p": Suite2pSegmentationInterface(folder_path=write_suite2p_folder(folder)),
        "caiman": CaimanSegmentationInterface(file_path=write_caiman(folder / "caiman.hdf5")),
        "extract": ExtractSegmentationInterface(
            file_path=write_extract(folder / "extract.mat"), sampling_frequency=30.0, output_struct_name="output"
        ),
        "minian": MinianSegmentationInterface(folder_path=write_minian(folder / "minian")),
        "inscopix": InscopixSegmentationInterface(file_path=write_inscopix(folder / "recording.isxd")),
    }
    for name, interface in interfaces.items():
        metadata = interface.get_metadata()
        metadata["NWBFile"].update(session_start_time=START, session_id=f"neuroconv-{name}")
        interface.run_conversion(nwbfile_path=folder / f"{name}.nwb", metadata=metadata)
        keep(folder / f"{name}.nwb", f"neuroconv_{name}")
    for name, planes in (("two_channels", 1), ("2planes_2channels", 2)):
        converter = ConverterPipe(suite2p_channels(folder / name, planes))
        metadata = converter.get_metadata()
        metadata["NWBFile"].update(session_start_time=START, session_id=f"neuroconv-{name}")
        converter.run_conversion(nwbfile_path=folder / f"{name}.nwb", metadata=metadata)
        keep(folder / f"{name}.nwb", f"neuroconv_{name}")
