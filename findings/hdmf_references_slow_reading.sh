#!/bin/sh
# hdmf 6.2.0 (with h5py 3.16.0 and pynwb 4.2.0): the time to open an HDF5 file grows with the square of the number of
# references to objects in it, before any of them is used.
#
# Expected: a table with a column of row references (DynamicTableRegion) per session opens about as fast as the same
#   table with plain columns, since the paths of all objects are known while the file is read.
# What happens: for each reference hdmf asks HDF5 for the name of the object behind it, several times. HDF5 does not know
#   it for an object that was opened by a reference, and searches the file from its root each time.
# Seen with: hdmf 6.2.0, pynwb 4.2.0, h5py 3.16.0. Processor time to open a file with 400 tables, and one table of 400
#   columns: about 20 s if they are row references, 4 s if they are integers; with 50 of each, 0.5 s and 0.3 s.
# Instead: nothing helps a reader; a writer can keep the number of references small.
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
import time
from datetime import datetime, timezone
from importlib.metadata import version

import numpy as np
from hdmf.common import DynamicTable, DynamicTableRegion, VectorData
from pynwb import NWBHDF5IO, NWBFile, validate

FEW, MANY = 50, 300


def write(n_columns, references):
    file = NWBFile("An example.", "example", datetime(2024, 1, 1, tzinfo=timezone.utc))
    module = file.create_processing_module("ophys", "Tables.")
    columns = []
    for k in range(n_columns):
        values = VectorData(name="value", description="A value.", data=np.arange(3.0))
        table = DynamicTable(name=f"session{k:03d}", description="A session.", columns=[values])
        module.add(table)
        column = {"name": f"column{k:03d}", "description": "Rows of a session.", "data": [0, 1]}
        columns.append(DynamicTableRegion(**column, table=table) if references else VectorData(**column))
    module.add(DynamicTable(name="cells", description="Cells.", columns=columns))
    with NWBHDF5IO("example.nwb", "w") as io:
        io.write(file)


def seconds_to_open():
    begun = time.process_time()
    with NWBHDF5IO("example.nwb", "r") as io:
        io.read()
    return time.process_time() - begun


for package in ("hdmf", "pynwb", "h5py"):
    print(package, version(package))
growth = {}
for references in (False, True):
    seconds = []
    for n_columns in (FEW, MANY):
        write(n_columns, references)
        if n_columns == FEW:
            assert validate(path="example.nwb") == [], "the file should be valid"
        seconds.append(seconds_to_open())
        kind = "row references" if references else "integers"
        print(f"{n_columns} tables and a table with {n_columns} columns of {kind}: {seconds[-1]:.1f} s to open")
    growth[references] = seconds[1] / seconds[0]
print(f"{MANY // FEW} times as many take {growth[False]:.0f} times as long, with references {growth[True]:.0f} times")
still = growth[True] > 1.7 * growth[False]
print("As described." if still else "It has changed.")
sys.exit(0 if still else 1)
END
