#!/bin/sh
# neuroconv 0.10.2 (with roiextractors 0.10.0): a cell set of Inscopix is converted to NWB without its traces.
#
# Expected: InscopixSegmentationInterface writes the masks and the traces of a cell set, as the interfaces of the other
#   programs do; or says that it leaves the traces out.
# What happens: the NWB file has masks and names, but no RoiResponseSeries, and there is no warning. The extractor that reads
#   the cell set finds the traces if asked for them (get_traces), but does not list them (get_traces_dict), and neuroconv
#   writes what is listed. Besides, it gives them as (ROIs, samples), the extractors of other programs as (samples, ROIs);
#   and get_frame_shape() is (columns, rows), though documented as (height, width), and not the shape of its masks.
# Seen with: neuroconv 0.10.2, roiextractors 0.10.0, isx 2.1.0, pynwb 4.2.0.
# Instead: write extractor.get_traces().T to a RoiResponseSeries oneself; take the size of the field from the masks.
# Needs Python 3.11. Ends with 0 if this is still so, 1 if it has changed, 2 if the packages cannot be installed.
set -eu
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    echo "This script needs Python 3.11: set PYTHON to its interpreter." >&2
    exit 3
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"
"$python" -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check \
    neuroconv==0.10.2 roiextractors==0.10.0 isx==2.1.0 pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 numpy==2.4.6 || exit 2

env/bin/python -I -W ignore - <<'END'
import sys
import warnings
from datetime import datetime, timezone
from importlib.metadata import version

import isx
import numpy as np
from neuroconv.datainterfaces import InscopixSegmentationInterface
from pynwb import NWBHDF5IO
from pynwb.ophys import RoiResponseSeries
from roiextractors import InscopixSegmentationExtractor

N_SAMPLES, N_CELLS, SHAPE = 20, 3, (6, 9)  # the shape of the field in [row, col]

timing = isx.Timing(num_samples=N_SAMPLES, period=isx.Duration.from_msecs(50))
cells = isx.CellSet.write("cells.isxd", timing, isx.Spacing(num_pixels=SHAPE))
for k in range(N_CELLS):
    image = np.zeros(SHAPE, np.float32)
    image[k, k + 1] = 1
    cells.set_cell_data(k, image, 100 * k + np.arange(N_SAMPLES, dtype=np.float32), f"C{k}")
cells.flush()
del cells

extractor = InscopixSegmentationExtractor("cells.isxd")
masks, traces = extractor.get_roi_image_masks(), extractor.get_traces()
assert masks.shape == (*SHAPE, N_CELLS) and traces[1, 2] == 102, "masks and traces should be read"
listed = [name for name, found in extractor.get_traces_dict().items() if found is not None]

interface = InscopixSegmentationInterface(file_path="cells.isxd")
metadata = interface.get_metadata()
metadata["NWBFile"]["session_start_time"] = datetime(2024, 1, 1, tzinfo=timezone.utc)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    interface.run_conversion(nwbfile_path="cells.nwb", metadata=metadata)
about_traces = [str(warning.message) for warning in caught if "trace" in str(warning.message).lower()]
with NWBHDF5IO("cells.nwb", "r") as io:
    file = io.read()
    n_rois = len(file.processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"])
    series = [found.name for found in file.objects.values() if isinstance(found, RoiResponseSeries)]

print(*(f"{name} {version(name)}" for name in ("neuroconv", "roiextractors", "isx", "pynwb")))
print(f"expected: an NWB file of {N_CELLS} ROIs with a RoiResponseSeries, or a warning")
print(f"seen: {n_rois} ROIs, RoiResponseSeries {series}, warnings about traces {about_traces}, traces listed {listed}")
print(f"expected: traces (samples, ROIs) {(N_SAMPLES, N_CELLS)}, field (height, width) {SHAPE}")
print(f"seen: traces {traces.shape}, field {extractor.get_frame_shape()}, masks {masks.shape}")

as_described = (
    (n_rois, series, about_traces, listed) == (N_CELLS, [], [], [])
    and traces.shape == (N_CELLS, N_SAMPLES)
    and tuple(extractor.get_frame_shape()) == SHAPE[::-1]
)
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
