"""Let Suite2p export the recording as NWB: one plane with two channels, and two planes.

In an environment of its own: `pip install suite2p pynwb`.
Made with suite2p 0.14.6, pynwb 3.1.3.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from recording import image, keep, traces, write_suite2p_folder
from suite2p.io import save_nwb

for name, planes, channels in (("suite2p", 1, 2), ("suite2p_two_planes", 2, 1)):
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
        save_nwb(str(folder))
        keep(folder / "ophys.nwb", name)
