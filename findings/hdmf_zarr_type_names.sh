#!/bin/sh
# hdmf-zarr 0.14.0 and hdmf 6.2.0: the type "int" of one is 64 bits, of the other 32, and numbers change between them.
#
# Expected: what NWBZarrIO.read_builder() returns can be written with HDF5IO.write_builder(), both the public interface of
#   every HDMFIO, with the same values.
# What happens: hdmf-zarr states the type of a single Python number by its Python name, "float" or "int" (64 bits in the
#   store). hdmf's HDF5 writer reads them as names of the HDMF specification language, "float" as float32 and "int" as
#   int32 (as before its version 3.0), though there they are the least precision, not the precision of the values. There is
#   no warning: 0.1 is stored as float32, 2**31 becomes -2147483648 and 2**40 becomes 0. The file is valid.
# Seen with: hdmf-zarr 0.14.0 (0.13.0 states the type "scalar" there, and is not affected), hdmf 6.2.0, pynwb 4.2.0.
# Instead: NWBHDF5IO.export(src_io=..., write_args={"link_data": False}), which builds everything anew; or put
#   new DatasetBuilders in place of those read, with the dtype of their data (`data.dtype`).
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
    hdmf-zarr==0.14.0 hdmf==6.2.0 pynwb==4.2.0 h5py==3.16.0 zarr==3.4.2 numcodecs==0.17.1 numpy==2.5.5 || exit 2

env/bin/python -I -W ignore - <<'END'
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import h5py
import zarr
from hdmf_zarr import NWBZarrIO
from pynwb import NWBHDF5IO, NWBFile, validate

NUMBERS = {"tenth": 0.1, "limit": 2**31, "large": 2**40}

file = NWBFile("An example.", "example", datetime(2024, 1, 1, tzinfo=timezone.utc))
for name, number in NUMBERS.items():
    file.add_scratch(number, name=name, description="A number.")
with NWBZarrIO("numbers.nwb.zarr", "w") as io:
    io.write(file)
with NWBZarrIO("numbers.nwb.zarr", "r") as source:
    assert validate(io=source) == [], "the store should be valid"
with NWBZarrIO("numbers.nwb.zarr", "r") as source:
    builder = source.read_builder()
    stated = {name: builder["scratch"][name].dtype for name in NUMBERS}
    with NWBHDF5IO("built.nwb", "w") as target:
        target.write_builder(builder, link_data=False, export_source=builder.source)
with NWBZarrIO("numbers.nwb.zarr", "r") as source, NWBHDF5IO("exported.nwb", "w") as target:
    target.export(src_io=source, write_args={"link_data": False})

print(*(f"{name} {version(name)}" for name in ("hdmf-zarr", "hdmf", "pynwb", "h5py", "zarr")))
print("expected: the same numbers in HDF5 as in Zarr, of 64 bits")
stored, group = {}, zarr.open_group(store="numbers.nwb.zarr", mode="r")["scratch"]
for name, number in NUMBERS.items():
    print(f"{name}: {number}, in Zarr {group[name].dtype}, type stated by hdmf-zarr {stated[name]!r}")
    for way in ("built", "exported"):
        with h5py.File(f"{way}.nwb") as hdf5:
            stored[way, name] = hdf5["scratch"][name][()]
        print(f"    seen: {way}: {stored[way, name]} of type {stored[way, name].dtype}")
valid = validate(path="built.nwb") == []
print("seen: the file that was built is", "valid" if valid else "not valid")

changed = [stored["built", name] for name in NUMBERS]
as_described = (
    stated == {"tenth": "float", "limit": "int", "large": "int"}
    and [number.dtype for number in changed] == ["float32", "int32", "int32"]
    and all(float(number) != NUMBERS[name] for name, number in zip(NUMBERS, changed))
    and all(stored["exported", name] == number for name, number in NUMBERS.items())
    and valid
)
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
