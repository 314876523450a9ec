"""Let Suite2p find the cells of two days of a movie, and keep its folders as far as they are read.

In an environment of its own: `pip install suite2p==1.1.*`. Made with suite2p 1.1.0.
The folder of the second day has no `ops.npy`, as where `save_ops_orig` is off.
"""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

import suite2p
import tifffile
from recording import FILES
from simulated_movie import RADIUS, RATE, movie

#: What is kept of `suite2p/plane0` of each day: what is read.
KEPT = {
    "day1": ("stat.npy", "iscell.npy", "ops.npy"),
    "day2": ("stat.npy", "iscell.npy", "db.npy", "reg_outputs.npy"),
}

with tempfile.TemporaryDirectory() as temporary:
    for day in (0, 1):
        folder = Path(temporary) / f"day{day + 1}"
        (folder / "movie").mkdir(parents=True)
        tifffile.imwrite(folder / "movie" / "movie.tif", movie(day))
        settings = suite2p.default_settings()
        settings.update(torch_device="cpu", fs=RATE, tau=0.8, diameter=[2 * RADIUS, 2 * RADIUS])
        settings["registration"]["nonrigid"] = False  # for which the field is too small
        settings["run"]["do_regmetrics"] = False
        settings["io"]["save_ops_orig"] = day == 0
        database = suite2p.default_db()
        database.update(data_path=[str(folder / "movie")], save_path0=str(folder))
        suite2p.run_s2p(db=database, settings=settings)
    with tarfile.open(FILES / "suite2p_1_folders.tar.xz", "w:xz") as archive:
        for day, names in KEPT.items():
            for name in names:
                path = Path(temporary) / day / "suite2p" / "plane0" / name
                archive.add(path, path.relative_to(temporary))
