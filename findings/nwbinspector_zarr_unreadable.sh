#!/bin/sh
# nwbinspector 0.7.2 (with hdmf-zarr 0.14.0): of a valid NWB file in Zarr the inspector says that pynwb cannot read it.
#
# Expected: the inspector, whose extra `zarr` installs hdmf-zarr, reports the same about a file in Zarr as about one in HDF5
#   that holds the same; and if it says that pynwb cannot read a file, that is so.
# What happens: it reports one ERROR, "This indicates that PyNWB was unable to read the file", and nothing else; all advice
#   about the contents is lost. But pynwb reads the store and finds it valid: what fails is pynwb.validate(path=...), which
#   gives the reader of Zarr options that only that of HDF5 knows. With skip_validate=True the advice comes, and with it an
#   ERROR of each of the two checks of compression, which ask arrays of Zarr's format 3 for what they no longer have.
# Seen with: nwbinspector 0.7.2, hdmf-zarr 0.14.0, pynwb 4.2.0, hdmf 6.2.0, zarr 3.4.2.
# Instead: pynwb.validate(io=...), and inspect_nwbfile(..., skip_validate=True, ignore=[...]) without these two checks.
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
    nwbinspector==0.7.2 hdmf-zarr==0.14.0 pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 zarr==3.4.2 numcodecs==0.17.1 \
    numpy==2.5.5 || exit 2

mkdir home # for the settings that the inspector keeps
HOME=$work/home XDG_CACHE_HOME=$work/home env/bin/python -I -W ignore - <<'END'
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import numpy as np
from hdmf_zarr import NWBZarrIO
from nwbinspector import inspect_nwbfile
from pynwb import NWBHDF5IO, NWBFile, TimeSeries, validate
from pynwb.file import Subject

COMPRESSION = ["check_large_dataset_compression", "check_small_dataset_compression"]


def written(path, writer):
    """Write a file, read it, and return the errors that pynwb finds in it."""
    subject = Subject(subject_id="m1", species="Mus musculus", sex="F", age="P60D", description="A mouse.")
    file = NWBFile("An example.", "example", datetime(2024, 1, 1, tzinfo=timezone.utc), subject=subject)
    file.add_acquisition(TimeSeries(name="trace", description="A trace.", data=np.arange(100.0), unit="a.u.", rate=10.0))
    with writer(path, "w") as io:
        io.write(file)
    with writer(path, "r") as io:
        assert io.read().acquisition["trace"].data[7] == 7, "the file should be read"
        return validate(io=io)


def found(path, **options):
    """What the inspector reports: names of checks, and errors by what they say or the check that raised them."""
    reported = []
    for message in inspect_nwbfile(nwbfile_path=path, **options):
        name = message.check_function_name
        raised_by = [check for check in COMPRESSION if check in name]
        unreadable = "PyNWB was unable to read the file" in name
        reported.append("unable to read" if unreadable else f"ERROR of {raised_by[0]}" if raised_by else name)
    return sorted(set(reported))


print(*(f"{name} {version(name)}" for name in ("nwbinspector", "hdmf-zarr", "pynwb", "hdmf", "zarr")))
errors = {path: written(path, io) for path, io in (("example.nwb", NWBHDF5IO), ("example.nwb.zarr", NWBZarrIO))}
advice = found("example.nwb")
print("both files are read by pynwb; errors of validate:", errors)
print("expected:", advice)
seen = found("example.nwb.zarr")
print("seen:", seen)
skipped = found("example.nwb.zarr", skip_validate=True)
print("seen: with skip_validate:", skipped)
ignored = found("example.nwb.zarr", skip_validate=True, ignore=COMPRESSION)
print("seen: with skip_validate, without two checks:", ignored)

as_described = (
    list(errors.values()) == [[], []]
    and advice
    and seen == ["unable to read"]
    and skipped == sorted([*(f"ERROR of {check}" for check in COMPRESSION), *advice])
    and ignored == advice
)
print("as described" if as_described else "CHANGED")
sys.exit(not as_described)
END
