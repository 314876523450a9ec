"""Let Suite2p export the recording as NWB: one plane with two channels, and two planes.

In an environment of its own: `pip install suite2p "pynwb<4"`; with a newer pynwb, Suite2p 1.1.0 writes no file.
Made with suite2p 0.14.6 and 1.1.0, pynwb 3.1.3.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from recording import image, keep, traces, write_suite2p_folder
from suite2p.io import save_nwb

FILES = {
    "0": (("suite2p", 1, 2), ("suite2p_two_planes", 2, 1)),
    "1": (("suite2p_1", 1, 2), ("suite2p_1_two_planes", 2, 2)),
}  #: by the version: names, numbers of planes and of channels

for name, planes, channels in FILES[version("suite2p").split(".")[0]]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_suite2p_folder(Path(temporary), planes)
        for plane in range(planes):
            plane_folder = folder / f"plane{plane}"
            ops = np.load(plane_folder / "ops.npy", allow_pickle=True).item()
            ops.update(meanImg=image() + 1000 * plane, nchannels=channels, data_path=["recording"])
            if channels == 2:
                ops["meanImg_chan2"] = image()[::-1]
                for response in ("F_chan2", "Fneu_chan2"):
                    np.save(plane_folder / f"{response}.npy", traces())
            np.save(plane_folder / "ops.npy", ops)
            if version("suite2p").startswith("1"):  # which writes no file where the key is there, and says nothing
                ops.pop("mesoscan")
                for path in plane_folder.glob("*.npy"):
                    if np.load(path, allow_pickle=True).dtype == object and path.stem != "stat":
                        options = np.load(path, allow_pickle=True).item()
                        options.pop("mesoscan")
                        np.save(path, {**ops, **options, "nchannels": channels, "meanImg": ops["meanImg"]})
        save_nwb(str(folder))
        keep(folder / "ophys.nwb", name)
