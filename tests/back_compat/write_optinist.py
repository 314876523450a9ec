"""Let OptiNiSt export the recording as NWB, as its steps LCCD and Suite2p hand over what they found.

In an environment of its own: `pip install optinist "hdmf<4"` (with a newer hdmf its pynwb
makes no file). Made with optinist 2.4.1, pynwb 2.8.3, hdmf 3.14.6.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import yaml
from recording import ACCEPTED, N_CELLS, keep, masks, pixel_lists, traces
from studio.app.optinist.core.nwb import nwb_creater
from studio.app.optinist.core.nwb.nwb import NWBDATASET

settings = yaml.safe_load((Path(nwb_creater.__file__).parent / "nwb.yaml").read_text())
settings["image_series"]["external_file"] = "recording.tif"
rois = {
    "lccd_detect_0": [{"image_mask": mask} for mask in masks()],
    "suite2p_roi_0": [{"pixel_mask": np.array(pixels).T} for pixels in pixel_lists()],  # row, column, weight
}
for function, roi_list in rois.items():
    results = {
        NWBDATASET.ROI: {function: {"roi_list": roi_list}},
        NWBDATASET.POSTPROCESS: {function: {"all_roi_img": np.where(masks() > 0, 0.0, np.nan)}},
        NWBDATASET.COLUMN: {
            function: {
                "name": "iscell",
                "description": "two columns - iscell & probcell",
                "data": ACCEPTED.astype(int),
            }
        },
        NWBDATASET.FLUORESCENCE: {
            function: {
                "Fluorescence": {
                    "table_name": "Fluorescence",
                    "region": list(range(N_CELLS)),
                    "name": "Fluorescence",
                    "data": traces(),
                    "unit": "lumens",
                    "rate": 30,
                }
            }
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.nwb"
        nwb_creater.save_nwb(str(path), settings, results)
        keep(path, "optinist" if function.startswith("lccd") else "optinist_suite2p")
