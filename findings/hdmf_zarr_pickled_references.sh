#!/bin/sh
# hdmf-zarr 0.13.0 with numcodecs 0.15.2: an environment refuses to read the Zarr store that it has just written.
#
# Expected: NWBZarrIO.export of a valid HDF5 file gives a store that NWBZarrIO of the same environment can read.
# What happens: hdmf-zarr of Zarr format 2 stores a column of object references (and other arrays of objects) with the
#   codec numcodecs.Pickle unless told otherwise. Since numcodecs will not unpickle without leave, reading the store
#   raises UnsafeDecodeError. Writing it gives no warning. pip chooses this numcodecs by itself beside hdmf-zarr 0.13.0,
#   which is what Python 3.11 and older get.
# Seen with: hdmf-zarr 0.13.0, numcodecs 0.15.2, zarr 2.18.7, hdmf 6.2.0, pynwb 4.2.0.
# Instead: ZarrIO(path, manager=pynwb.get_manager(), mode="w", object_codec_class=numcodecs.JSON). NWBZarrIO takes this
#   argument too, and passes it over without a word. hdmf-zarr 0.14, which writes Zarr format 3, does not pickle. Do not
#   switch unpickling on for stores of others.
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
    hdmf-zarr==0.13.0 hdmf==6.2.0 pynwb==4.2.0 h5py==3.16.0 zarr==2.18.7 numcodecs==0.15.2 numpy==2.4.6 || exit 2

env -u NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE env/bin/python -I -W ignore - <<'END'
import json
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import numcodecs
from hdmf.common import DynamicTable
from hdmf_zarr import NWBZarrIO, ZarrIO
from pynwb import NWBHDF5IO, NWBFile, get_manager, validate

tables = [DynamicTable(name=f"day{day}", description="The regions of a day.") for day in (1, 2)]
days = DynamicTable(name="days", description="The days, and where their regions are.")
days.add_column(name="regions", description="The table of the regions of the day.")
for table in tables:
    days.add_row(regions=table)
file = NWBFile("An example.", "example", datetime(2024, 1, 1, tzinfo=timezone.utc))
for table in (*tables, days):
    file.add_acquisition(table)
with NWBHDF5IO("days.nwb", "w") as io:
    io.write(file)
assert validate(path="days.nwb") == [], "the file should be valid"

print(*(f"{name} {version(name)}" for name in ("hdmf-zarr", "numcodecs", "zarr", "hdmf", "pynwb")))
print("expected: each store can be read, and the first day leads to 'day1'; JSON where it is asked for")
JSON = {"object_codec_class": numcodecs.JSON}
WAYS = {
    "NWBZarrIO": lambda path: NWBZarrIO(path, mode="w"),
    "NWBZarrIO-JSON": lambda path: NWBZarrIO(path, mode="w", **JSON),
    "ZarrIO-JSON": lambda path: ZarrIO(path, manager=get_manager(), mode="w", **JSON),
}
codecs, outcomes = {}, {}
for name, way in WAYS.items():
    with NWBHDF5IO("days.nwb", "r") as source, way(f"{name}.nwb.zarr") as target:
        target.export(src_io=source, write_args={"link_data": False})
    array = json.loads(Path(f"{name}.nwb.zarr/acquisition/days/regions/.zarray").read_text())
    codecs[name] = array["filters"][0]["id"]
    try:
        with NWBZarrIO(f"{name}.nwb.zarr", mode="r") as io:
            outcomes[name] = io.read().acquisition["days"]["regions"][0].name
    except Exception as raised:
        outcomes[name] = type(raised).__name__
    print(f"seen: {name}: references stored with {codecs[name]}; reading gives {outcomes[name]}")

as_described = list(codecs.values()) == ["pickle", "pickle", "json2"] and list(outcomes.values()) == [
    "UnsafeDecodeError",
    "UnsafeDecodeError",
    "day1",
]
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
