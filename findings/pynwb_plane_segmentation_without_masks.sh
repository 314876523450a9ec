#!/bin/sh
# pynwb 4.2.0: a table of ROIs without masks is written and found valid, and then the whole file cannot be read.
#
# Expected: what pynwb writes and finds valid it also reads. The description of the type asks for masks of at least one of
#   three kinds, in words; each column by itself is optional. So add_row, write or validate should say that there are none.
# What happens: a PlaneSegmentation that is filled with add_row may have other columns alone. It is written, and validate
#   finds nothing. On reading, the constructor demands one of image_mask, pixel_mask and voxel_mask, so that the whole file
#   cannot be read: the traces and all else in it are out of reach too.
# Seen with: pynwb 4.2.0, hdmf 6.2.0, h5py 3.16.0.
# Instead: write each ROI's pixels, or keep measures without masks in a plain DynamicTable; an existing file is read with
#   h5py, or with pynwb after a column of masks was added to the table.
# Ends with 0 if this is still so, 1 if it has changed, 2 if the packages cannot be installed.
set -eu
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"
"$python" -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 || exit 2

env/bin/python -I -W ignore - <<'END'
import sys
from datetime import datetime, timezone
from importlib.metadata import version

from pynwb import NWBHDF5IO, NWBFile, validate
from pynwb.ophys import ImageSegmentation, OpticalChannel


def written(path, with_masks):
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
    table.add_column(name="snr", description="The signal-to-noise ratio of each region.")
    for snr in (3.0, 5.0):
        table.add_row(snr=snr, **({"pixel_mask": [(1, 2, 1.0)]} if with_masks else {}))
    with NWBHDF5IO(path, "w") as io:
        io.write(file)


def outcome(read):
    try:
        return str(read())
    except Exception as raised:
        return f"{type(raised).__name__}: ...{str(raised)[-90:]}"


def rows(path):
    with NWBHDF5IO(path, "r") as io:
        return len(io.read().processing["ophys"]["ImageSegmentation"]["rois"])


print(*(f"{name} {version(name)}" for name in ("pynwb", "hdmf", "h5py")))
outcomes = {}
for name, with_masks in (("with masks", True), ("without masks", False)):
    path = f"{name.replace(' ', '_')}.nwb"
    written(path, with_masks)
    outcomes[name] = (validate(path=path), outcome(lambda path=path: rows(path)))
    print(f"expected: {name}: errors of validate [], rows read 2")
    print(f"seen: {name}: errors of validate {outcomes[name][0]}, rows read {outcomes[name][1]}")

as_described = (
    outcomes["with masks"] == ([], "2")
    and outcomes["without masks"][0] == []
    and "Must provide at least one of 'image_mask', 'pixel_mask', or 'voxel_mask'" in outcomes["without masks"][1]
)
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
