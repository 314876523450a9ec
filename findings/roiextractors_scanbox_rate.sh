#!/bin/sh
# roiextractors 0.10.0 (with neuroconv 0.10.2): the frame rate of a Scanbox recording is cut to an integer, the rate that the
# user states is ignored, and of several planes one is read, at the rate of all.
#
# Expected: Scanbox does not store the frame rate; it is the frequency of the resonant mirror divided by the lines of a
#   frame, times two if lines are scanned in both directions, here 7930 / 512 = 15.49 Hz. A `sampling_frequency` that is
#   given is taken instead. A plane of three is recorded at a third of the frame rate.
# What happens: SbxImagingExtractor uses 15 Hz (30 Hz instead of 30.98 Hz in both directions). `sampling_frequency` counts
#   only if there is no rate, but one is always computed. So events of another clock are off by 2 minutes after an hour.
#   Of a recording of three planes the samples are those of the first plane, with 15 Hz instead of 5.16 Hz and without a
#   warning. neuroconv writes these rates.
# Seen with: roiextractors 0.10.0, neuroconv 0.10.2, pynwb 4.2.0.
# Instead: extractor.set_times(np.arange(extractor.get_num_samples()) / rate) before it is written, with the right rate.
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
    roiextractors==0.10.0 neuroconv==0.10.2 pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 scipy==1.17.1 numpy==2.4.6 || exit 2

env/bin/python -I -W ignore - <<'END'
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import numpy as np
from neuroconv.datainterfaces import SbxImagingInterface
from pynwb import NWBHDF5IO
from roiextractors import SbxImagingExtractor
from scipy.io import savemat

MIRROR, LINES, COLUMNS, N_FRAMES = 7930.0, 512, 796, 9  # the frequency of the mirror in Hz; the size of a frame
RECORDINGS = {"one direction": (1, 1), "both directions": (0, 1), "three planes": (1, 3)}  # scan mode, planes


def write(stem, scan_mode, n_planes):
    """A recording of Scanbox, version 2, with one channel; the pixels of a frame say which one it is."""
    info = {"scanbox_version": 2, "resfreq": MIRROR, "scanmode": scan_mode, "config": {"lines": LINES}, "channels": 2}
    info |= {"sz": [LINES, COLUMNS], "recordsPerBuffer": LINES if scan_mode else LINES // 2}
    info |= {"volscan": int(n_planes > 1), "otwave": 20.0 * np.arange(n_planes) if n_planes > 1 else []}
    savemat(f"{stem}.mat", {"info": info})
    frames = np.repeat(np.arange(N_FRAMES, dtype=np.uint16), LINES * COLUMNS)
    (np.iinfo(np.uint16).max - frames).tofile(f"{stem}.sbx")


print(*(f"{name} {version(name)}" for name in ("roiextractors", "neuroconv", "pynwb")))
seen = {}
for number, (name, (scan_mode, n_planes)) in enumerate(RECORDINGS.items()):
    write(number, scan_mode, n_planes)
    right = MIRROR / LINES * (2 - scan_mode) / n_planes
    extractor = SbxImagingExtractor(f"{number}.sbx", sampling_frequency=right)
    frames = extractor.get_series()[:, 0, 0].tolist()

    interface = SbxImagingInterface(file_path=f"{number}.sbx", sampling_frequency=right)
    metadata = interface.get_metadata()
    metadata["NWBFile"]["session_start_time"] = datetime(2024, 1, 1, tzinfo=timezone.utc)
    interface.run_conversion(nwbfile_path=f"{number}.nwb", metadata=metadata)
    with NWBHDF5IO(f"{number}.nwb", "r") as io:
        (series,) = io.read().acquisition.values()
        stored = float(series.rate)
    seen[name] = (extractor.get_sampling_frequency(), stored, frames)
    print(f"expected: {name}: {right:.3f} Hz, which was given as sampling_frequency too")
    print(f"seen: {name}: {seen[name][0]} Hz, in the NWB file {stored} Hz; the frames {frames}")
error = 3600 * (MIRROR / LINES / seen["one direction"][0] - 1)
print(f"seen: after an hour of one direction, times are wrong by {error:.0f} s")

every = list(range(N_FRAMES))
as_described = seen == {
    "one direction": (15.0, 15.0, every),
    "both directions": (30.0, 30.0, every),
    "three planes": (15.0, 15.0, every[::3]),
}
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
