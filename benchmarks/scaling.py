"""How time, memory and the match file grow with sessions, ROIs and pixels, beside another build; writes scaling.md.

python benchmarks/scaling.py --sessions FOLDER --fields FOLDER [FOLDER ...] [--other PYTHON]

FOLDER holds NWB files of one animal, in the order of their names, and `truth_rows.json`: under "rows", for each file,
the number of the true cell of each row of its ROI table.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
from markdown_tables import machine, megabytes, say, seconds, table, write
from processes import Usage, measure, ndx_match

from ndx_match.simulate.scores import score_links

READING = """
import json, sys, time
from pynwb import read_nwb
import ndx_cell_matching, pandas
started = time.perf_counter()
matching = read_nwb(sys.argv[1]).processing["ophys"]["CellMatching"]
matching.to_dataframe()
print(json.dumps(time.perf_counter() - started))
"""


@dataclass(frozen=True)
class Measured:
    """One run of the command on the first `n_files` of a folder."""

    folder: Path
    n_files: int
    build: str
    usage: Usage
    size: int  #: of the match file, in bytes
    f1: float  #: of the links
    reading: float  #: seconds to read the match file as a table


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", metavar="PYTHON", help="interpreter with another build  [none]")
    parser.add_argument(
        "--sessions", type=Path, metavar="FOLDER", help="of many sessions, of which the first are taken"
    )
    parser.add_argument(
        "--counts", type=int, nargs="+", default=[5, 10, 20, 40, 100], help="of sessions  [5 10 20 40 100]"
    )
    parser.add_argument(
        "--fields", type=Path, nargs="*", default=[], metavar="FOLDER", help="of sessions of other sizes"
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    builds = {"this": sys.executable, **({"other": options.other} if options.other else {})}
    parts = ["# How cost grows", "Written by `python benchmarks/scaling.py`.", machine()]
    if options.sessions:
        found = [run(options.sessions, n, build, builds[build]) for n in options.counts for build in builds]
        parts += ["## More sessions", report(found), exponents(found)]
    if options.fields:
        found = [run(folder, 0, build, builds[build]) for folder in options.fields for build in builds]
        parts += ["## More ROIs and pixels", report(found)]
    write(options.output, parts)


def run(folder: Path, n_files: int, build: str, python: str) -> Measured:
    """Match the first files of a folder, all if `n_files` is 0."""
    files = sorted(folder.glob("*.nwb"))[: n_files or None]
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "matches.nwb"
        usage = measure([python, *ndx_match("write", *files, "-o", output)[1:]])
        if usage.exit_code:
            raise SystemExit(f"{build} build: {usage.errors}")
        reading = measure([python, "-c", READING, str(output)])
        found = Measured(
            folder, len(files), build, usage, output.stat().st_size, _f1(folder, output), json.loads(reading.output)
        )
    say(f"  {folder.name}, {len(files)} sessions, {build} build: {usage.processor_seconds:.0f} s of processor time")
    return found


def _f1(folder: Path, output: Path) -> float:
    """F1 of the links of a match file, read without its classes, which another build defines otherwise."""
    truth = [np.array(row) for row in json.loads((folder / "truth_rows.json").read_text())["rows"]]
    columns = []
    with h5py.File(output) as file:
        cells = file["processing/ophys/CellMatching/cells"]
        for name in file["processing/ophys/CellMatching/sessions/session_name"].asstr():
            present = np.diff(cells[f"{name}_index"][:].astype(int), prepend=0) == 1
            columns.append(np.full(len(present), -1, np.int32))
            columns[-1][present] = cells[name][:]
    return score_links(np.stack(columns, axis=1), truth[: len(columns)]).f1


def report(found: Sequence[Measured]) -> str:
    """One row for each run."""
    header = ("sessions", "build", "processor time", "time", "peak memory", "match file", "F1 of links", "to a table")
    rows = []
    for one in found:
        name = f"{one.n_files} of {one.folder.name}"
        figures = (seconds(one.usage.processor_seconds), seconds(one.usage.seconds), megabytes(one.usage.peak))
        rows.append((name, one.build, *figures, megabytes(one.size), f"{one.f1:.4f}", seconds(one.reading)))
    ratios = []
    for this, other in pairwise(found):
        if (this.build, other.build) == ("this", "other"):
            factor = other.usage.processor_seconds / this.usage.processor_seconds
            ratios.append(f"{this.n_files} of {this.folder.name}: {factor:.1f} times less processor time")
    return table(header, rows) + (f"\n\nThis build against the other: {'; '.join(ratios)}." if ratios else "")


def exponents(found: Sequence[Measured]) -> str:
    """With what power of the number of sessions processor time grows from 20 on."""
    sentences = []
    for build in dict.fromkeys(one.build for one in found):
        many = [(one.n_files, one.usage.processor_seconds) for one in found if one.build == build and one.n_files >= 20]
        if len(many) > 1:
            slope = np.polyfit(*np.log(np.array(many, float)).T, 1)[0]
            sentences.append(f"{build} build: {slope:.2f}")
    return f"Exponent of the processor time over sessions, from 20 on: {'; '.join(sentences)}." if sentences else ""


if __name__ == "__main__":
    main()
