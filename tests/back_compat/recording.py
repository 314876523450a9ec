"""One small recording with known cells, which every writer's file holds. Needs numpy and pynwb alone.

The field is not square and the cells lie unevenly, so that nothing fits when it is transposed.
"""

from __future__ import annotations

import gzip
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

SHAPE = (48, 72)  #: rows, columns
N_CELLS = 18
ACCEPTED = np.arange(N_CELLS) % 6 != 4  #: by the segmentation's own classification
START = datetime(2021, 3, 4, 12, 0, tzinfo=timezone.utc)
DEPTH = 210.0  #: micrometres
PIXEL_SIZE = (0.75, 1.25)  #: micrometres along (rows, columns)
LOCATION = f"VISp, depth {DEPTH:g} um"
FILES = Path(__file__).parent / "files"


def masks() -> np.ndarray:
    """Weights [roi, row, col]: ellipses of several sizes, most of them in the left and lower part."""
    rng = np.random.default_rng(7)
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    weights = []
    for k in range(N_CELLS):
        row = 5 + (k // 6) * 15 + rng.uniform(0, 6)
        col = 6 + (k % 6) * 11.5 + rng.uniform(-2, 2)
        distance = np.hypot((rows - row) / rng.uniform(2, 3), (cols - col) / rng.uniform(3, 4))
        weights.append(np.where(distance <= 1, 1.0, np.where(distance <= 1.3, 0.5, 0.0)))
    return np.stack(weights).astype(np.float32)


def image() -> np.ndarray:
    """Mean over time [row, col]: the cells, each of its own brightness, on an uneven background."""
    rng = np.random.default_rng(8)
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    brightness = rng.uniform(30, 60, N_CELLS)
    background = 100 + 0.4 * rows + 0.2 * cols + rng.normal(0, 2, SHAPE)
    return (background + np.tensordot(brightness, masks(), 1)).astype(np.float32)


def pixel_lists() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows, columns and weights of the pixels of each cell."""
    return [(*np.nonzero(mask), mask[mask > 0]) for mask in masks()]


def traces(n_samples: int = 20) -> np.ndarray:
    """Fluorescence [roi, time]."""
    return np.random.default_rng(9).gamma(2, 1, (N_CELLS, n_samples)).astype(np.float32)


def keep(written: Path, name: str) -> None:
    """Store what a writer wrote, byte for byte, compressed."""
    FILES.mkdir(exist_ok=True)
    (FILES / f"{name}.nwb.gz").write_bytes(gzip.compress(written.read_bytes(), 9, mtime=0))


def write_suite2p_folder(folder: Path, planes: int = 1) -> Path:
    """The files of a Suite2p run that name these cells, in `folder/suite2p/plane0` and so on."""
    for plane in range(planes):
        plane_folder = folder / "suite2p" / f"plane{plane}"
        plane_folder.mkdir(parents=True)
        stat = [
            {"ypix": rows, "xpix": cols, "lam": weights, "med": [int(np.median(rows)), int(np.median(cols))],
             "npix": len(rows), "radius": 3.0}
            for rows, cols, weights in pixel_lists()
        ]  # fmt: skip
        options = {
            "Ly": SHAPE[0], "Lx": SHAPE[1], "yrange": [0, SHAPE[0]], "xrange": [0, SHAPE[1]], "fs": 30.0, "tau": 1.0,
            "nframes": traces().shape[1], "nplanes": planes, "nchannels": 1, "functional_chan": 1,
            "meanImg": image(), "meanImgE": image(), "Vcorr": image() / 200, "max_proj": 2 * image(),
            "save_path": str(plane_folder), "save_path0": str(folder), "date_proc": START.replace(tzinfo=None),
            "diameter": 8, "aspect": 1.0, "filelist": [], "data_path": [str(folder)], "mesoscan": False,
        }  # fmt: skip
        np.save(plane_folder / "stat.npy", np.array(stat, dtype=object))
        for name in ("ops", "settings", "db", "reg_outputs", "detect_outputs"):
            np.save(plane_folder / f"{name}.npy", np.array(options, dtype=object))
        np.save(plane_folder / "iscell.npy", np.column_stack([ACCEPTED, np.where(ACCEPTED, 0.9, 0.1)]))
        for name in ("F", "Fneu", "spks"):
            np.save(plane_folder / f"{name}.npy", traces())
    return folder / "suite2p"
