#!/bin/sh
# pynwb 4.2.0: the two functions that convert between image masks and pixel masks do not fit each other, and one of them
# makes images of a wrong size.
#
# Expected: PlaneSegmentation.pixel_to_image(PlaneSegmentation.image_to_pixel(mask)) is the mask, or, because the size of the
#   field is not in a pixel mask, its part up to the last pixel. A pixel mask that is read from a file is converted too.
# What happens: image_to_pixel takes the first index of the image for x, as the schema does (num_x, num_y); pixel_to_image
#   takes the second one for x, so that the mask is transposed. The image that it makes has one row for each pixel of the
#   mask, and three columns (those of the list of x, y and weight), whatever the field is. It raises IndexError if a pixel
#   lies outside, and for every pixel mask that is read from a file; if all lie inside, the wrong image is returned.
# Seen with: pynwb 4.2.0, hdmf 6.2.0, numpy 2.4.6.
# Instead: image = np.zeros(shape); image[pixels["x"], pixels["y"]] = pixels["weight"], or with x and y exchanged, as the
#   writer of the file has them.
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
    pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 numpy==2.4.6 pandas==3.1.1 || exit 2

env/bin/python -I -W ignore - <<'END'
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import numpy as np
from pynwb import NWBHDF5IO, NWBFile
from pynwb.ophys import ImageSegmentation, OpticalChannel, PlaneSegmentation

MASKS = {  # the shape of the field, and the pixels of the ROI in it
    "3 pixels in 3 x 3": ((3, 3), [(0, 1), (0, 2), (1, 2)]),
    "4 pixels at the edge of 8 x 10": ((8, 10), [(0, 0), (0, 1), (1, 0), (1, 2)]),
    "4 pixels in the middle of 8 x 10": ((8, 10), [(4, 5), (4, 6), (5, 5), (5, 6)]),
}


def mask(shape, pixels):
    image = np.zeros(shape)
    image[tuple(zip(*pixels))] = 1
    return image


def outcome(pixel_mask):
    try:
        return PlaneSegmentation.pixel_to_image(pixel_mask)
    except Exception as raised:
        return type(raised).__name__


def from_file(pixel_mask):
    """The same pixel mask, written to a file and read."""
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
    table.add_roi(pixel_mask=pixel_mask)
    with NWBHDF5IO("rois.nwb", "w") as io:
        io.write(file)
    with NWBHDF5IO("rois.nwb", "r") as io:
        return io.read().processing["ophys"]["ImageSegmentation"]["rois"]["pixel_mask"][0]


print(*(f"{name} {version(name)}" for name in ("pynwb", "hdmf", "numpy")))
seen = {}
for name, (shape, pixels) in MASKS.items():
    image = mask(shape, pixels)
    pixel_mask = PlaneSegmentation.image_to_pixel(image)
    assert [tuple(pixel[:2]) for pixel in pixel_mask] == pixels, "x should be the first index"
    seen[name] = outcome(pixel_mask)
    print(f"expected: {name}: pixels {pixels}")
    if isinstance(seen[name], str):
        print("seen:", seen[name])
    else:
        found = [tuple(int(k) for k in pixel) for pixel in np.argwhere(seen[name])]
        print(f"seen: an image of {seen[name].shape}, pixels {found}")
read = outcome(from_file(pixel_mask))
print(f"seen: {name}, read from a file: {read}")

small, edge, middle = seen.values()
as_described = (
    np.array_equal(small, mask(*MASKS["3 pixels in 3 x 3"]).T)
    and np.array_equal(edge, mask((4, 3), [pixel[::-1] for pixel in MASKS["4 pixels at the edge of 8 x 10"][1]]))
    and (middle, read) == ("IndexError", "IndexError")
)
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
