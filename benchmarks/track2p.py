"""Run Track2p on the sessions of a benchmark: write the Suite2p folders that it reads, and read the cells it finds."""

from __future__ import annotations

import csv
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from processes import Usage, measure

from ndx_match.arrays import Ints32
from ndx_match.model import Session

#: A script that runs Track2p without its window and with its default settings. Arguments are the folder to save into,
#: and a folder for each session.
RUN = """
import os, sys
os.environ["QT_QPA_PLATFORM"], os.environ["MPLBACKEND"] = "offscreen", "Agg"
from track2p.ops.default import DefaultTrackOps
from track2p.t2p import run_t2p
settings = DefaultTrackOps()
settings.save_path, settings.all_ds_path = sys.argv[1], sys.argv[2:]
run_t2p(settings)
"""


def write_folders(sessions: Sequence[Session], folder: Path) -> list[Path]:
    """Write a Suite2p folder for each session, with its ROIs in their order, all accepted, and its mean image."""
    folders = []
    for session in sessions:
        plane = folder / session.name / "suite2p" / "plane0"
        plane.mkdir(parents=True)
        folders.append(folder / session.name)
        masks = session.footprints
        stat = []
        for row in range(masks.shape[0]):
            one = slice(masks.indptr[row], masks.indptr[row + 1])
            y, x = np.divmod(masks.indices[one], session.shape[1])
            overlap = np.zeros(len(y), bool)
            places = {"ypix": y, "xpix": x, "lam": masks.data[one], "overlap": overlap}
            stat.append({**places, "med": [int(np.median(y)), int(np.median(x))], "npix": len(y)})
        n_rois = len(stat)
        np.save(plane / "stat.npy", np.array(stat, dtype=object))
        np.save(plane / "iscell.npy", np.ones((n_rois, 2)))
        for name in ("F", "Fneu", "spks"):
            np.save(plane / f"{name}.npy", np.zeros((n_rois, 10), np.float32))
        images = dict.fromkeys(("meanImg", "meanImgE", "max_proj", "Vcorr"), session.image)
        n_rows, n_cols = session.shape
        field = {"Ly": n_rows, "Lx": n_cols, "yrange": [0, n_rows], "xrange": [0, n_cols]}
        np.save(plane / "ops.npy", {**field, **images, "fs": 30.0, "nchannels": 1})  # type: ignore[arg-type]
    return folders


def run(python: str, sessions: Sequence[Session]) -> tuple[Usage, Ints32]:
    """Run Track2p on sessions: what it took, and the `roi_row` of each cell in each session, -1 where it has none."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        usage = measure(command(python, folder, write_folders(sessions, folder)))
        if usage.exit_code:
            raise SystemExit(f"Track2p: {usage.errors}")
        return usage, read_cells(folder, [session.n_rois for session in sessions])


def command(python: str, save_in: Path, folders: Sequence[Path]) -> list[str]:
    """The command that runs Track2p in an interpreter that has it; -I, because this module has the same name."""
    return [python, "-I", "-c", RUN, str(save_in), *map(str, folders)]


def version(python: str) -> str:
    """The version of Track2p that an interpreter has."""
    code = "from importlib.metadata import version; print(version('track2p'))"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def read_cells(save_in: Path, counts: Sequence[int]) -> Ints32:
    """`roi_row` of each cell in each session, -1 where it has none; an ROI in no cell becomes a cell of one session."""
    with (save_in / "track2p" / "plane0_suite2p_indices.csv").open(newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))[1:]
    absent = ("", "none", "nan")
    numbers = [[-1 if value.lower() in absent else int(float(value)) for value in row] for row in rows]
    tracked = np.array(numbers, int).reshape(-1, len(counts))
    alone = []
    for session, count in enumerate(counts):
        untracked = np.setdiff1d(np.arange(count), tracked[:, session])
        alone.append(np.full((len(untracked), len(counts)), -1))
        alone[-1][:, session] = untracked
    return np.concatenate([tracked, *alone]).astype(np.int32)
