"""Write `files/hdmf_zarr_*.tar.xz`: stores as the installed version of hdmf-zarr exports them, of format 2 or 3.

Run with hdmf-zarr 0.13.0 (Python 3.11) and 0.14.0 (Python 3.12). Each archive holds `session.nwb.zarr` and
`references.nwb.zarr`, whose ROI table has a column of references, which hdmf-zarr 0.13 pickles.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import zarr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from builders import as_zarr, make_nwbfile, write_nwb

FORMAT = 2 if zarr.__version__.startswith("2.") else 3

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    for stem in ("session", "references"):
        nwbfile = make_nwbfile(mask_kind="pixel_mask", images=("average_image",), keywords=["one", "two"])
        if stem == "references":
            table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
            table.add_column(name="plane", description="Objects.", data=[nwbfile.imaging_planes["plane"]] * 20)
        path = write_nwb(folder / f"{stem}.nwb", nwbfile)
        as_zarr(path)
        os.remove(path)
    target = Path(__file__).resolve().parent / "files" / f"hdmf_zarr_{FORMAT}"
    shutil.make_archive(str(target), "xztar", folder)
    print(target, os.path.getsize(f"{target}.tar.xz"))
