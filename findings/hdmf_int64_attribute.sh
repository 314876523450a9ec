#!/bin/sh
# hdmf 6.2.0 (with pynwb 4.2.0): the class of an extension's type takes a Python integer for an attribute whose dtype is
# int32, and refuses the same integer for one whose dtype is int64.
#
# Expected: a wider dtype takes whatever a narrower one takes. The schema language gives each dtype as the least precision
#   of what is stored, so that int64 is the safe choice for ids, and 5 is a value of both.
# What happens: the class that hdmf makes for the type raises TypeError ("got 'int', expected 'int64'"), and also for
#   numpy.int32(5); for int32 it takes Python integers, numpy.int32 and numpy.int64. A file in which the attribute was
#   written as numpy.int64 is valid and read back.
# Seen with: hdmf 6.2.0, pynwb 4.2.0, numpy 2.5.5.
# Instead: convert to numpy.int64 before the class is called, or state int32 or int in the schema.
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

import numpy as np
from pynwb import NWBHDF5IO, NWBFile, get_class, load_namespaces, validate
from pynwb.spec import NWBAttributeSpec, NWBGroupSpec, NWBNamespaceBuilder

DTYPES = ("int32", "int64")

builder = NWBNamespaceBuilder("An example.", "ndx-example", version="0.1.0", author="A. Author", contact="a@example.org")
builder.include_type("NWBDataInterface", namespace="core")
for dtype in DTYPES:
    attribute = NWBAttributeSpec(name="number", doc="A number.", dtype=dtype)
    spec = NWBGroupSpec(
        neurodata_type_def=f"Example{dtype}", neurodata_type_inc="NWBDataInterface", doc=".", attributes=[attribute]
    )
    builder.add_spec("ndx-example.extensions.yaml", spec)
builder.export("ndx-example.namespace.yaml", outdir=".")
load_namespaces("ndx-example.namespace.yaml")


def takes(dtype, value):
    try:
        get_class(f"Example{dtype}", "ndx-example")(name="example", number=value)
    except TypeError as error:
        return str(error).split(": ", 1)[-1]
    return "taken"


def read_back(dtype, value):
    file = NWBFile("An example.", "example", datetime(2024, 1, 1, tzinfo=timezone.utc))
    file.add_acquisition(get_class(f"Example{dtype}", "ndx-example")(name="example", number=value))
    with NWBHDF5IO("example.nwb", "w") as io:
        io.write(file)
    assert validate(path="example.nwb") == [], "the file should be valid"
    with NWBHDF5IO("example.nwb", "r") as io:
        return io.read().acquisition["example"].number


for package in ("hdmf", "pynwb", "numpy"):
    print(package, version(package))
outcomes = {}
for dtype in DTYPES:
    for value in (5, np.int32(5), np.int64(5)):
        outcomes[dtype, type(value).__name__] = takes(dtype, value)
        print(f"attribute of {dtype}, given {type(value).__name__}: {outcomes[dtype, type(value).__name__]}")
stored = read_back("int64", np.int64(2**40))
print("numpy.int64(2**40) written and read back:", stored)
still = (
    all(outcomes["int32", kind] == "taken" for kind in ("int", "int32", "int64"))
    and outcomes["int64", "int64"] == "taken"
    and "expected 'int64'" in outcomes["int64", "int"]
    and "expected 'int64'" in outcomes["int64", "int32"]
    and stored == 2**40
)
print("As described." if still else "It has changed.")
sys.exit(0 if still else 1)
END
