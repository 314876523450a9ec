"""How time, memory and the match file grow with sessions, ROIs and pixels, beside another build; writes scaling.md.

python benchmarks/scaling.py --sessions FOLDER --fields FOLDER [FOLDER ...] [--other PYTHON] [--track2p PYTHON]

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
import track2p
from markdown_tables import machine, megabytes, say, seconds, table, write
from processes import Usage, measure, ndx_match

from ndx_match import read_sessions
from ndx_match.arrays import Ints32, Ints64
from ndx_match.simulate.scores import score_links

BESIDE_OTHERS = 3  #: sessions that other tools are run on
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
    parser.add_argument("--track2p", metavar="PYTHON", help="interpreter with Track2p  [none]")
    parser.add_argument("--allen", metavar="PYTHON", help="interpreter with the Allen Institute's package  [none]")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    builds = {"this": sys.executable, **({"other": options.other} if options.other else {})}
    parts = ["# How cost grows", "Written by `python benchmarks/scaling.py`.", machine()]
    if options.sessions:
        runs = [run(options.sessions, n, build, builds[build]) for n in options.counts for build in builds]
        parts += ["## More sessions", report(runs), exponents(runs)]
        parts += ["## Beside other tools", beside_others(options.sessions, options.track2p, options.allen)]
    if options.fields:
        runs = [run(folder, 0, build, builds[build]) for folder in options.fields for build in builds]
        parts += ["## More ROIs and pixels", report(runs)]
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
        f1 = score_links(_cells(output), _truth(folder, len(files))).f1
        size, to_a_table = output.stat().st_size, json.loads(reading.output)
        measured = Measured(folder, len(files), build, usage, size, f1, to_a_table)
    say(f"  {folder.name}, {len(files)} sessions, {build} build: {usage.processor_seconds:.0f} s of processor time")
    return measured


def _cells(output: Path) -> Ints32:
    """`roi_row` of each cell of a match file in each session, read without classes that another build may lack."""
    columns = []
    with h5py.File(output) as file:
        cells = file["processing/ophys/CellMatching/cells"]
        for name in file["processing/ophys/CellMatching/sessions/session_name"].asstr():
            present = np.diff(cells[f"{name}_index"][:].astype(int), prepend=0) == 1
            columns.append(np.full(len(present), -1, np.int32))
            columns[-1][present] = cells[name][:]
    return np.stack(columns, axis=1)


def _truth(folder: Path, n_files: int) -> list[Ints64]:
    """The number of the true cell of each ROI of the first sessions."""
    return [np.array(row) for row in json.loads((folder / "truth_rows.json").read_text())["rows"][:n_files]]


def report(runs: Sequence[Measured]) -> str:
    """One row for each run."""
    header = ("sessions", "build", "processor time", "time", "peak memory", "match file", "F1 of links", "to a table")
    rows = []
    for one in runs:
        name = f"{one.n_files} of {one.folder.name}"
        figures = (seconds(one.usage.processor_seconds), seconds(one.usage.seconds), megabytes(one.usage.peak))
        rows.append((name, one.build, *figures, megabytes(one.size), f"{one.f1:.4f}", seconds(one.reading)))
    ratios = []
    for this, other in pairwise(runs):
        if (this.build, other.build) == ("this", "other"):
            factor = other.usage.processor_seconds / this.usage.processor_seconds
            ratios.append(f"{this.n_files} of {this.folder.name}: {factor:.1f} times less processor time")
    return table(header, rows) + (f"\n\nThis build against the other: {'; '.join(ratios)}." if ratios else "")


def beside_others(folder: Path, of_track2p: str | None, of_allen: str | None) -> str:
    """This build and other tools on the first sessions of a folder, one row for each tool."""
    files = sorted(folder.glob("*.nwb"))[:BESIDE_OTHERS]
    truth = _truth(folder, len(files))
    rows: list[tuple[str, ...]] = []

    def add(name: str, usage: Usage, cells: Ints32) -> None:
        score = score_links(cells, truth)
        figures = (seconds(usage.processor_seconds), seconds(usage.seconds), megabytes(usage.peak))
        shares = (f"{score.precision:.4f}", f"{score.recall:.4f}", f"{score.f1:.4f}")
        rows.append((name, *figures, str((cells >= 0).all(axis=1).sum()), *shares))
        say(f"  {name}: {usage.processor_seconds:.0f} s of processor time")

    runs: dict[str, tuple[str, ...]] = {"consensus": ("consensus",), "nway": ("nway",)}
    if of_allen:
        runs["allen, which runs the Allen Institute's package 0.5.1"] = ("allen", "--nway-python", of_allen)
    with tempfile.TemporaryDirectory() as temporary:
        for name, method in runs.items():
            output = Path(temporary) / f"{method[0]}.nwb"
            usage = measure(ndx_match("write", *files, "-o", output, "--method", *method))
            if usage.exit_code:
                raise SystemExit(f"{name}: {usage.errors}")
            add(f"ndx-match, method {name}", usage, _cells(output))
    if of_track2p:
        add(f"Track2p {track2p.version(of_track2p)}", *track2p.run(of_track2p, read_sessions(files)))
    header = ("tool", "processor time", "time", "peak memory", "cells in all", "precision", "recall", "F1 of links")
    about = f"The first {len(files)} sessions of {folder.name}; each tool with the settings it starts with."
    if of_track2p:
        about += " Track2p reads them as Suite2p folders. It looks for cells that are in every session from the first"
        about += " on, so that its recall also counts cells that it does not look for."
    return f"{about}\n\n{table(header, rows)}"


def exponents(runs: Sequence[Measured]) -> str:
    """With what power of the number of sessions processor time grows from 20 on."""
    sentences = []
    for build in dict.fromkeys(one.build for one in runs):
        many = [(one.n_files, one.usage.processor_seconds) for one in runs if one.build == build and one.n_files >= 20]
        if len(many) > 1:
            n_files, times = np.log(np.array(many, float)).T
            slope = np.polyfit(n_files, times, 1)[0]
            sentences.append(f"{build} build: {slope:.2f}")
    return f"Exponent of the processor time over sessions, from 20 on: {'; '.join(sentences)}." if sentences else ""


if __name__ == "__main__":
    main()
