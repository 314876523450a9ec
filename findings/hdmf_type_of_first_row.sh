#!/bin/sh
# hdmf 6.2.0 (with pynwb 4.2.0): a column of a table is stored with the type of its first row, and the values of all other
# rows are changed to fit, without an error.
#
# Expected: rows of different types are stored with a type that holds all of them, as numpy does when it makes an array of
#   them; or add_row or write refuses a value that does not fit.
# What happens: HDF5IO looks at the first row only. A score that is the integer 0 in the first row cuts the scores of all
#   rows to integers. If the first image mask is of type uint8 or boolean, the weights of all other masks are lost. There is
#   no warning, the file is valid, and nothing in it shows that there were other values.
# Seen with: hdmf 6.2.0, pynwb 4.2.0, h5py 3.16.0, numpy 2.4.6.
# Instead: convert every mask and value to one type before add_row; or give whole columns as arrays.
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
    hdmf==6.2.0 pynwb==4.2.0 h5py==3.16.0 numpy==2.4.6 pandas==3.1.1 || exit 2

env/bin/python -I - <<'END'
import sys
import warnings
from datetime import datetime, timezone
from importlib.metadata import version

import numpy as np
from pynwb import NWBHDF5IO, NWBFile, validate
from pynwb.ophys import ImageSegmentation, OpticalChannel

WEIGHTS, SCORES = [0.0, 0.25, 0.5, 1.0], [2.75, 0.5]  # the mask of the second and third ROI, and their scores
FIRST = {  # the types of the mask and of the score of the first ROI
    "float": (np.float64, float),
    "uint8 and integer": (np.uint8, int),
    "boolean": (np.bool_, bool),
}


def stored(mask_type, score_type):
    """The mask of the second ROI and the scores of the second and third one, as they are read back."""
    file = NWBFile("An example.", "example", datetime(2024, 1, 1, tzinfo=timezone.utc))
    plane = file.create_imaging_plane(
        name="plane",
        description="A plane.",
        optical_channel=OpticalChannel(name="green", description="The channel.", emission_lambda=520.0),
        device=file.create_device("microscope"),
        excitation_lambda=920.0,
        indicator="GCaMP6f",
        location="VISp",
    )
    segmentation = ImageSegmentation()
    file.create_processing_module("ophys", "The regions.").add(segmentation)
    table = segmentation.create_plane_segmentation(name="rois", description="The regions.", imaging_plane=plane)
    table.add_column(name="score", description="A score of each region.")
    table.add_roi(image_mask=np.zeros((2, 2), mask_type), score=score_type(0))
    for score in SCORES:
        table.add_roi(image_mask=np.reshape(WEIGHTS, (2, 2)), score=score)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with NWBHDF5IO("rois.nwb", "w") as io:
            io.write(file)
    assert validate(path="rois.nwb") == [], "the file should be valid"
    with NWBHDF5IO("rois.nwb", "r") as io:
        read = io.read().processing["ophys"]["ImageSegmentation"]["rois"]
        return read["image_mask"].data[1].ravel().tolist(), read["score"].data[1:].tolist()


print(*(f"{name} {version(name)}" for name in ("hdmf", "pynwb", "h5py", "numpy")))
print(f"expected: the mask {WEIGHTS}, the scores {SCORES}, or an error or a warning")
seen = {name: stored(*types) for name, types in FIRST.items()}
for name, (mask, scores) in seen.items():
    print(f"seen: the first row is {name}: the mask {mask}, the scores {scores}")

as_described = seen == {
    "float": (WEIGHTS, SCORES),
    "uint8 and integer": ([0, 0, 0, 1], [2, 0]),
    "boolean": ([False, True, True, True], [True, True]),
}
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
