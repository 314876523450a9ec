#!/bin/sh
# roiextractors 0.10.0 (with neuroconv 0.10.2): the same masks are transposed or not, depending on the program whose file
# holds them: EXTRACT, or CIAtah after EXTRACT or CNMF-E.
#
# Expected: in MATLAB all three files hold masks as [height, width, ROI]: CIAtah puts the spatial_weights of EXTRACT into
#   `extractAnalysisOutput.filters` as they are, and those of CNMF-E, by height and width, into `extractedImages`. HDF5,
#   in which MATLAB stores them, has the dimensions in reverse order. get_frame_shape() is documented as (height, width).
# What happens: the reader of EXTRACT's own file reverses them. Those of `extractAnalysisOutput` and `cnmfeAnalysisOutput`
#   only move the first to the end, so that masks are (width, height) and get_frame_shape() too; the summary images are
#   transposed likewise. neuroconv then writes masks as [ROI, width, height] or as [ROI, height, width]. Sessions of the two
#   kinds do not fit each other, and if the field is square, nothing shows it.
# Seen with: roiextractors 0.10.0, neuroconv 0.10.2, h5py 3.16.0.
# Instead: know which program wrote the file, and transpose masks and images.
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
    roiextractors==0.10.0 neuroconv==0.10.2 pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 numpy==2.4.6 || exit 2

env/bin/python -I -W ignore - <<'END'
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import h5py
import numpy as np
from neuroconv.datainterfaces import CnmfeSegmentationInterface, ExtractSegmentationInterface
from pynwb import NWBHDF5IO
from roiextractors import CnmfeSegmentationExtractor, ExtractSegmentationExtractor

HEIGHT, WIDTH, N_ROIS, N_SAMPLES, RATE = 6, 9, 3, 12, 10.0
PIXELS = [(k, k + 3) for k in range(N_ROIS)]  # each ROI is one pixel [row, col]
masks = np.zeros((HEIGHT, WIDTH, N_ROIS))
for k, pixel in enumerate(PIXELS):
    masks[(*pixel, k)] = 1
traces = np.tile(np.arange(1.0, N_ROIS + 1), (N_SAMPLES, 1))  # [sample, ROI]


def text(letters):
    return np.array([[ord(letter)] for letter in letters], np.uint16)


def write(path, contents):
    """A MATLAB file of version 7.3, which has the dimensions of each array in reverse order."""
    with h5py.File(path, "w") as file:
        for name, content in contents.items():
            file[name] = content if content.dtype == np.uint16 else content.T


write(
    "extract.mat",
    {
        "output/spatial_weights": masks,
        "output/temporal_weights": traces,
        "output/info/version": text("1.1.0"),
        "output/info/summary_image": masks.sum(2),
        "output/config/preprocess": np.ones((1, 1)),
    },
)
write(
    "ciatah_extract.mat",
    {
        "extractAnalysisOutput/filters": masks,
        "extractAnalysisOutput/traces": traces.T,
        "extractAnalysisOutput/info/version": text("0.9.1"),
        "extractAnalysisOutput/info/summary_image": masks.sum(2),
        "extractAnalysisOutput/time/totalTime": np.full((1, 1), N_SAMPLES / RATE),
        "extractAnalysisOutput/file": text("movie.h5"),
    },
)
write(
    "ciatah_cnmfe.mat",
    {
        "cnmfeAnalysisOutput/extractedImages": masks,
        "cnmfeAnalysisOutput/extractedSignals": traces.T,
        "cnmfeAnalysisOutput/Cn": masks.sum(2),
        "cnmfeAnalysisOutput/time/totalTime": np.full((1, 1), N_SAMPLES / RATE),
    },
)
KINDS = {
    "extract": (ExtractSegmentationExtractor, ExtractSegmentationInterface, {"sampling_frequency": RATE}),
    "ciatah_extract": (
        ExtractSegmentationExtractor,
        ExtractSegmentationInterface,
        {"sampling_frequency": RATE, "output_struct_name": "extractAnalysisOutput"},
    ),
    "ciatah_cnmfe": (CnmfeSegmentationExtractor, CnmfeSegmentationInterface, {}),
}

print(*(f"{name} {version(name)}" for name in ("roiextractors", "neuroconv", "h5py")))
print(f"expected: of each file: (height, width) {(HEIGHT, WIDTH)}, pixels {PIXELS}; in NWB the masks of one shape")
seen = {}
for name, (extractor_class, interface_class, options) in KINDS.items():
    extractor = extractor_class(f"{name}.mat", **options)
    assert np.array_equal(extractor.get_traces(name="dff" if name == "extract" else "raw"), traces), "traces are right"
    read = extractor.get_roi_image_masks()
    pixels = [tuple(int(index) for index in np.argwhere(read[..., k])[0]) for k in range(N_ROIS)]
    shape = tuple(extractor.get_frame_shape())

    interface = interface_class(file_path=f"{name}.mat", **options)
    metadata = interface.get_metadata()
    metadata["NWBFile"]["session_start_time"] = datetime(2024, 1, 1, tzinfo=timezone.utc)
    interface.run_conversion(nwbfile_path=f"{name}.nwb", metadata=metadata)
    with NWBHDF5IO(f"{name}.nwb", "r") as io:
        table = io.read().processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]
        stored = table["image_mask"].data.shape
    seen[name] = (shape, pixels, stored)
    print(f"seen: {name}: (height, width) {shape}, pixels {pixels}; in NWB masks of {stored}")

exchanged = ((WIDTH, HEIGHT), [pixel[::-1] for pixel in PIXELS], (N_ROIS, HEIGHT, WIDTH))
as_described = (
    seen["extract"] == ((HEIGHT, WIDTH), PIXELS, (N_ROIS, WIDTH, HEIGHT))
    and seen["ciatah_extract"] == seen["ciatah_cnmfe"] == exchanged
)
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
