#!/bin/sh
# hdmf 6.2.0 (with pynwb 4.2.0): rows cannot be appended to a ragged column of a file beyond its 255th element.
#
# Expected: `add_row` on a DynamicTable that was read from an HDF5 file opened with mode "a" either adds the whole row or
#   leaves the file as it was. hdmf made it for this (pull request 426, "add a row to a column after IO"), and writes the
#   columns of tables so that they can grow (argument `expandable` of HDF5IO.write_dataset).
# What happens: the end of each row is kept in a VectorIndex, which begins as uint8 and is widened in memory when needed.
#   One that was read from a file begins as uint8 too, whatever type the file has, and cannot be widened: as soon as the
#   column has more than 255 elements add_row raises ValueError, after the elements and the id of the row were written.
#   From then on pynwb cannot read the file at all. An index that is uint16 in the file fails at the first row.
# Seen with: hdmf 6.2.0, pynwb 4.2.0, h5py 3.16.0. A wide type for the index does not help: VectorIndex narrows it.
# Instead: make the whole table anew in memory and write a new file.
# Needs Python 3.12. Ends with 0 if this is still so, 1 if it has changed, 2 if the packages cannot be installed.
set -eu
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))'; then
    echo "This script needs Python 3.12: set PYTHON to its interpreter." >&2
    exit 3
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"
"$python" -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check \
    hdmf==6.2.0 pynwb==4.2.0 h5py==3.16.0 numpy==2.5.5 pandas==3.1.1 || exit 2

env/bin/python -I - <<'END'
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import h5py
from hdmf.common import DynamicTable
from pynwb import NWBHDF5IO, NWBFile, validate

LENGTH, N_END = 2, 160  # elements of each row; rows that the table shall have in the end


def write(path, n_rows):
    table = DynamicTable(name="pixels", description="A table with one ragged column.")
    table.add_column(name="pixel", description="Pixels of each region.", index=True)
    for row in range(n_rows):
        table.add_row(pixel=[row] * LENGTH)
    file = NWBFile("An example.", "example", datetime(2024, 1, 1, tzinfo=timezone.utc))
    file.add_acquisition(table)
    with NWBHDF5IO(path, "w") as io:
        io.write(file)
    assert validate(path=path) == [], "the file to begin with should be valid"


def append(path, n_rows):
    with NWBHDF5IO(path, "a") as io:
        read = io.read().acquisition["pixels"]
        for row in range(n_rows, N_END):
            try:
                read.add_row(pixel=[row] * LENGTH)
            except ValueError as raised:
                return f"raised ValueError at row {row}: {raised.args[0]}"
    return "raised nothing"


def lengths(path):
    with h5py.File(path) as stored:
        group = stored["acquisition/pixels"]
        return len(group["id"]), len(group["pixel_index"]), len(group["pixel"]), str(group["pixel_index"].dtype)


def is_readable(path):
    try:
        with NWBHDF5IO(path, "r") as io:
            io.read()
    except Exception as raised:
        print(f"seen: pynwb cannot read it: ...{str(raised)[-60:]}")
        return False
    print("seen: pynwb reads the file")
    return True


print("hdmf", version("hdmf"), "pynwb", version("pynwb"), "h5py", version("h5py"))
print(f"expected: {N_END} rows, or an error that leaves whole rows; pynwb reads the file")
as_described = True
for path, n_rows, index_type in (("small.nwb", 100, "uint8"), ("larger.nwb", 150, "uint16")):
    write(path, n_rows)
    before = lengths(path)
    print("%s: %d ids, %d rows in the index, %d elements, index of type %s" % (path, *before))
    outcome = append(path, n_rows)
    after, n_whole = lengths(path), max(n_rows, 255 // LENGTH)
    print("seen: add_row", outcome)
    print("seen: %d ids, %d rows in the index, %d elements, index of type %s" % after)
    as_described &= before == (n_rows, n_rows, n_rows * LENGTH, index_type)
    as_described &= outcome.startswith(f"raised ValueError at row {n_whole}:")
    as_described &= after == (n_whole + 1, n_whole, (n_whole + 1) * LENGTH, index_type)
    as_described &= not is_readable(path)
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
