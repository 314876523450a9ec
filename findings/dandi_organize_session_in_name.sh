#!/bin/sh
# dandi 0.81.0: the name that `dandi organize` gives to a file depends on which other files it is called with.
#
# Expected: a file that says its subject and its session has one name in a dandiset, sub-SUBJECT_ses-SESSION.nwb, so that
#   organizing it again changes nothing.
# What happens: the session goes into the name only if files of the same call cannot be told apart without it. The first
#   session of an animal, organized alone, becomes sub-m1.nwb; organized again with the second session it becomes
#   sub-m1_ses-day1.nwb too, and the dandiset holds it twice: a path recorded in another file stays with the old copy. The
#   help of the command says what disambiguates files of one call, but not that a file can get a second name.
# Seen with: dandi 0.81.0, pynwb 4.2.0, hdmf 6.2.0.
# Instead: `dandi organize --required-field session_id` in every call.
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
    dandi==0.81.0 dandischema==0.14.0 pynwb==4.2.0 hdmf==6.2.0 nwbinspector==0.7.2 h5py==3.16.0 zarr==2.18.7 \
    zarr-checksum==0.4.7 numcodecs==0.15.2 pydantic==2.14.4 numpy==2.4.6 || exit 2

env/bin/python -I - <<'END'
from datetime import datetime, timezone
from importlib.metadata import version

from pynwb import NWBHDF5IO, NWBFile, validate
from pynwb.file import Subject

for number in (1, 2):
    file = NWBFile(
        "An example.",
        f"example {number}",
        datetime(2024, 1, number, tzinfo=timezone.utc),
        session_id=f"day{number}",
        subject=Subject(subject_id="m1", species="Mus musculus", sex="F", age="P60D"),
    )
    with NWBHDF5IO(f"{number}.nwb", "w") as io:
        io.write(file)
    assert validate(path=f"{number}.nwb") == [], "the file should be valid"
print(*(f"{name} {version(name)}" for name in ("dandi", "pynwb", "hdmf")))
END

# Into the dandiset $1: the files that follow. Nothing is sent or asked over the network, nor written to the user's folders.
organize() {
    dandiset=$1
    shift
    mkdir -p "$dandiset" home
    printf 'identifier: DANDI:000000\nname: An example\n' >"$dandiset/dandiset.yaml"
    HOME=$work/home XDG_CACHE_HOME=$work/home XDG_STATE_HOME=$work/home DANDI_NO_ET=1 DANDI_CACHE=ignore \
        env/bin/dandi organize --dandiset-path "$dandiset" --files-mode copy --jobs 1 "$@" >log 2>&1 || { cat log; exit 1; }
}
names() {
    (cd "$1/sub-m1" && echo *.nwb)
}

echo "expected: day 1 is sub-m1_ses-day1.nwb, whatever it is organized with"
organize first 1.nwb
alone=$(names first)
echo "seen: day 1 alone: $alone"
organize first 1.nwb 2.nwb
again=$(names first)
echo "seen: then days 1 and 2: $again"
organize second --required-field session_id 1.nwb
required=$(names second)
echo "seen: day 1 alone with --required-field session_id: $required"

if [ "$alone" = sub-m1.nwb ] && [ "$again" = "sub-m1.nwb sub-m1_ses-day1.nwb sub-m1_ses-day2.nwb" ] &&
    [ "$required" = sub-m1_ses-day1.nwb ]; then
    echo "as described"
else
    echo "CHANGED"
    exit 1
fi
