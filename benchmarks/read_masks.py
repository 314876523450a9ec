"""Import pynwb and read all masks of NWB files with h5py: the least that any program must do with these files.

python benchmarks/read_masks.py FILE...
"""

import sys

import h5py
import pynwb  # noqa: F401


def main(paths: list[str]) -> None:
    """Read the masks of each file."""
    for path in paths:
        with h5py.File(path, "r") as file:
            file["processing/ophys/image_segmentation/cell_specimen_table/image_mask"][:]


if __name__ == "__main__":
    main(sys.argv[1:])
