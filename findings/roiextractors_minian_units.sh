#!/bin/sh
# roiextractors 0.10.0 (with neuroconv 0.10.2): asked for a unit of minian, the reader returns the mask of another one.
#
# Expected: minian numbers its units (unit_id) and keeps the numbers when units are merged or removed, so that they have gaps
#   and need not be sorted. get_roi_ids() returns these numbers, and get_roi_image_masks([number]) the mask of that unit.
# What happens: the mask is looked up by its position, and the number is taken for it. Of the units 0, 2 and 5, number 2
#   returns the mask of unit 5, without an error; number 5, or all masks, raise KeyError, so that neuroconv writes nothing.
#   If the numbers have no gaps but are not sorted, neuroconv writes each trace with the mask of another unit. The traces
#   are right.
# Seen with: roiextractors 0.10.0, neuroconv 0.10.2, zarr 2.18.7. The folder has a .zgroup, which the reader asks for.
# Instead: read `A` and `unit_id` of A.zarr with zarr; A[k] is the mask of unit_id[k].
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
    roiextractors==0.10.0 neuroconv==0.10.2 zarr==2.18.7 numcodecs==0.15.2 pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 \
    numpy==2.4.6 pandas==3.1.1 || exit 2

env/bin/python -I -W ignore - <<'END'
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import numpy as np
import zarr
from neuroconv.datainterfaces import MinianSegmentationInterface
from pynwb import NWBHDF5IO
from roiextractors import MinianSegmentationExtractor

SHAPE, N_SAMPLES = (8, 9), 12  # the field in [row, col]
GAPS, UNSORTED = [0, 2, 5], [2, 0, 1]  # numbers of units


def write(folder, units):
    """A folder of minian: the mask of a unit is the pixel in the row of its number, its traces are 100 times the number."""
    masks = np.zeros((len(units), *SHAPE))
    masks[np.arange(len(units)), units, units] = 1
    traces = np.tile(100.0 * np.array(units)[:, np.newaxis], N_SAMPLES)
    pixels = {"height": np.arange(SHAPE[0]), "width": np.arange(SHAPE[1])}
    unit, frame = {"unit_id": np.array(units)}, {"frame": np.arange(N_SAMPLES)}
    arrays = {"A": (masks, unit | pixels), "b": (np.ones(SHAPE), pixels), "f": (np.ones(N_SAMPLES), frame)}
    arrays |= {name: (traces, unit | frame) for name in ("C", "S", "b0")}
    root = zarr.open_group(folder, mode="w")
    for name, (data, coordinates) in (arrays | {"max_proj": (masks.max(0), pixels)}).items():
        store = root.create_group(f"{name}.zarr")
        for label, values, dimensions in [(name, data, coordinates), *((k, v, [k]) for k, v in coordinates.items())]:
            store.create_dataset(label, data=values).attrs["_ARRAY_DIMENSIONS"] = list(dimensions)
    times = "".join(f"{k},{50 * k},0\n" for k in range(N_SAMPLES))
    Path(folder, "timeStamps.csv").write_text(f"Frame Number,Time Stamp (ms),Buffer Index\n{times}")


def rows(masks):
    """The row of the pixel in each mask, which is the number of its unit."""
    return [int(np.argmax(mask.any(axis=1))) for mask in masks]


def asked(extractor, units):
    try:
        return rows(np.moveaxis(extractor.get_roi_image_masks(units), -1, 0))
    except Exception as raised:
        return type(raised).__name__


print(*(f"{name} {version(name)}" for name in ("roiextractors", "neuroconv", "zarr")))
write("gaps", GAPS)
extractor = MinianSegmentationExtractor("gaps")
assert list(extractor.get_roi_ids()) == GAPS, "the numbers should be those of minian"
seen = {}
for units in ([0], [2], [5], GAPS):
    seen[tuple(units)] = asked(extractor, units)
    print(f"expected: asked for units {units} of {GAPS}: the masks of units {units}")
    print(f"seen: {seen[tuple(units)]}")

write("unsorted", UNSORTED)
interface = MinianSegmentationInterface(folder_path="unsorted")
metadata = interface.get_metadata()
metadata["NWBFile"]["session_start_time"] = datetime(2024, 1, 1, tzinfo=timezone.utc)
interface.run_conversion(nwbfile_path="units.nwb", metadata=metadata)
with NWBHDF5IO("units.nwb", "r") as io:
    ophys = io.read().processing["ophys"]
    table = ophys["ImageSegmentation"]["PlaneSegmentation"]
    names = [int(name) for name in table["roi_name"].data[:]]
    of_masks = rows(np.swapaxes(table["image_mask"].data[:], 1, 2))
    of_traces = (ophys["Fluorescence"]["Denoised"].data[0] / 100).astype(int).tolist()
print(f"expected: in the NWB file of neuroconv: names, masks and traces of units {UNSORTED}")
print(f"seen: names of units {names}, masks of units {of_masks}, traces of units {of_traces}")

as_described = (
    seen == {(0,): [0], (2,): [5], (5,): "KeyError", tuple(GAPS): "KeyError"}
    and (names, of_masks, of_traces) == (UNSORTED, [1, 2, 0], UNSORTED)
)
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
