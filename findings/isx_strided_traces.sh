#!/bin/sh
# isx 2.1.0 (Inscopix): a trace that is a column of an array is written as other numbers.
#
# Expected: CellSet.set_cell_data(index, image, trace, name) stores `trace`, "the trace data in a 1D array", or refuses it.
# What happens: the array goes to the C library as a bare pointer, and only its type is looked at. If its elements do not
#   lie side by side, as those of `traces[:, k]` in the usual array of (samples, cells), the first elements in memory are
#   stored instead, that is, one sample of all cells after the other. There is no error; the traces look like traces.
#   Arrays of another type than float32 are converted, hence copied, and come out right: float64 hides it.
# Seen with: isx 2.1.0, numpy 2.4.6.
# Instead: np.ascontiguousarray(traces[:, k]).
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
    isx==2.1.0 numpy==2.4.6 h5py==3.16.0 pandas==3.1.1 scipy==1.17.1 || exit 2

env/bin/python -I -W ignore - <<'END'
import sys
from importlib.metadata import version

import isx
import numpy as np

N_SAMPLES, N_CELLS, SHAPE = 8, 3, (4, 5)
traces = (100 * np.arange(1, N_CELLS + 1) + np.arange(N_SAMPLES)[:, np.newaxis]).astype(np.float32)
image = np.zeros(SHAPE, np.float32)
image[1, 2] = 1
WAYS = {
    "column": lambda k: traces[:, k],
    "copy": lambda k: np.ascontiguousarray(traces[:, k]),
    "float64": lambda k: traces.astype(float)[:, k],
}


def written(name, column):
    timing = isx.Timing(num_samples=N_SAMPLES, period=isx.Duration.from_msecs(50))
    cells = isx.CellSet.write(f"{name}.isxd", timing, isx.Spacing(num_pixels=SHAPE))
    for k in range(N_CELLS):
        cells.set_cell_data(k, image, column(k), f"C{k}")
    cells.flush()
    del cells
    return np.stack([isx.CellSet.read(f"{name}.isxd").get_cell_trace_data(k) for k in range(N_CELLS)], axis=1)


print("isx", version("isx"), "numpy", version("numpy"))
print("expected: the trace of the first cell is", traces[:, 0])
right = {}
for name, column in WAYS.items():
    read = written(name, column)
    right[name] = bool(np.array_equal(read, traces))
    print(f"seen: given as {name}:", read[:, 0], "right" if right[name] else "WRONG")

as_described = right == {"column": False, "copy": True, "float64": True}
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
