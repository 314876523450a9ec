#!/bin/sh
# lazynwb 1.0.0: asked for a table that the file does not hold, get_df returns another one, and references lead nowhere.
#
# Expected: get_df(path, "/processing/ophys/rois_day3") raises if there is no such table, as scan_nwb does; and a column of
#   object references, as NWB allows in tables, says what each refers to.
# What happens: get_df takes every path for a search term and returns the table with the most similar path, here that of
#   another day, which has the same columns: only a message of the log and the column `_table_path` tell. Its documentation
#   says that `exact_path=True` prevents this; it is not the default, not even for a path from the root of the file.
#   References come out as the text "<HDF5 object reference>", the same in each row.
# Seen with: lazynwb 1.0.0, polars 2.1.0, h5py 3.16.0; the file is written by pynwb 4.2.0.
# Instead: get_df(..., exact_path=True) or scan_nwb; beside each column of references write one of paths as text.
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
# The packages for cloud storage are pinned because pip searches for long for versions that go together.
env/bin/python -m pip install --quiet --disable-pip-version-check \
    lazynwb==1.0.0 pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 zarr==2.18.7 numcodecs==0.15.2 polars==2.1.0 pyarrow==26.0.1 \
    pandas==3.1.1 numpy==2.5.5 s3fs==2026.9.0 fsspec==2026.9.0 aiobotocore==3.10.0 boto3==1.43.117 botocore==1.43.117 \
    python-dateutil==2.9.0.post0 urllib3==2.8.0 wrapt==2.5.2 || exit 2

mkdir home # for the cache that lazynwb keeps
HOME=$work/home XDG_CACHE_HOME=$work/home env/bin/python -I -W ignore - <<'END'
import logging
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import h5py
import lazynwb
from hdmf.common import DynamicTable
from pynwb import NWBHDF5IO, NWBFile, validate

logging.disable()  # what a script sees that keeps no log
MISSING = "/processing/ophys/rois_day3"

file = NWBFile("An example.", "example", datetime(2024, 1, 1, tzinfo=timezone.utc))
module = file.create_processing_module("ophys", "The regions of two days.")
days = DynamicTable(name="days", description="The days, and where their regions are.")
days.add_column(name="rois", description="The table of the regions of the day.")
for day in ("day1", "day2"):
    table = DynamicTable(name=f"rois_{day}", description="The regions of a day.")
    table.add_column(name="label", description="A name of the region.")
    for number in range(2):
        table.add_row(label=f"{day} region {number}")
    module.add(table)
    days.add_row(rois=table)
module.add(days)
with NWBHDF5IO("days.nwb", "w") as io:
    io.write(file)
assert validate(path="days.nwb") == [], "the file should be valid"
with h5py.File("days.nwb") as stored:
    targets = [stored[reference].name for reference in stored["processing/ophys/days/rois"]]


def outcome(read):
    try:
        frame = read()
    except Exception as raised:
        return type(raised).__name__
    return f"{set(frame['_table_path'])}, {list(frame['label'])}"


print(*(f"{name} {version(name)}" for name in ("lazynwb", "polars", "h5py", "pynwb")))
print("expected: an error for", MISSING)
outcomes = {
    "get_df": outcome(lambda: lazynwb.get_df("days.nwb", MISSING)),
    "get_df exact": outcome(lambda: lazynwb.get_df("days.nwb", MISSING, exact_path=True)),
    "scan_nwb": outcome(lambda: lazynwb.scan_nwb(["days.nwb"], MISSING).collect()),
}
for name, what in outcomes.items():
    print(f"seen: {name}: {what}")
print("expected: references to", *targets)
references = lazynwb.scan_nwb(["days.nwb"], "processing/ophys/days").collect()["rois"].to_list()
print("seen:", references)

as_described = (
    outcomes["get_df"] == "{'processing/ophys/rois_day2'}, ['day2 region 0', 'day2 region 1']"
    and outcomes["get_df exact"] == "KeyError"
    and outcomes["scan_nwb"] == "InternalPathError"
    and references == ["<HDF5 object reference>"] * 2
)
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
