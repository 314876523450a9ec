"""Compare this build with another on the same data in the same run; writes other_build.md.

python benchmarks/other_build.py --other PYTHON [--seeds 100:103]   (PYTHON: interpreter that has the other build)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import real_sessions
from markdown_tables import machine, mean_sd, say, seconds, table, write
from processes import measure_all, ndx_match

from ndx_match.simulate import TIERS

METHODS = ("consensus", "nway")


def main() -> None:
    """Measure and write the tables; with `--one`, match the simulated sessions in this interpreter and save them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", metavar="PYTHON", default=sys.executable, help="interpreter with the other build")
    parser.add_argument("--seeds", type=seeds_of, default=range(100, 103), help="first:last+1  [100:103]")
    parser.add_argument("--tiers", nargs="+", choices=TIERS, default=list(TIERS), metavar="TIER", help="[all]")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="METHOD", help="[all]")
    parser.add_argument("--runs", type=int, default=5, help="pairs of runs of the command after a warm-up  [5]")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        match_simulated(options.one, options.tiers, options.methods, options.seeds)
        return
    parts = ["# Against another build", "Written by `python benchmarks/other_build.py --other PYTHON`.", machine()]
    if real_sessions.present():
        parts += report_times(options.other, options.runs)
    parts += report_matches(options.other, options.tiers, options.methods, options.seeds)
    write(Path(__file__).with_suffix(".md"), parts)


def seeds_of(text: str) -> range:
    """`first:last+1`."""
    first, _, end = text.partition(":")
    return range(int(first), int(end))


def match_simulated(output: Path, tiers: list[str], methods: list[str], seeds: range) -> None:
    """Save the results of each method, using only functions that other builds have too."""
    from ndx_match.methods import consensus, nway
    from ndx_match.simulate import simulate

    saved: dict[str, Any] = {}
    for tier in tiers:
        for seed in seeds:
            simulation = simulate(TIERS[tier], seed)
            for name in methods:
                result = {"consensus": consensus, "nway": nway}[name].match(simulation.sessions)
                key = f"{tier} {seed} {name}"
                saved[f"{key} cells"] = result.cells
                saved[f"{key} matrices"] = np.array([registration.matrix for registration in result.registrations])
                numbers = result.roi_pairs.cost if name == "nway" else result.roi_pairs.probability
                saved[f"{key} pairs"] = np.asarray(numbers, np.float32)
            for k, identity in enumerate(simulation.identity):
                saved[f"{tier} {seed} identity {k}"] = identity
            say(f"  {sys.executable}: {tier}, seed {seed}")
    np.savez(output, **saved)


def report_matches(other: str, tiers: list[str], methods: list[str], seeds: range) -> list[str]:
    """For each tier, whether the results are the same, and the paired differences of the scores."""
    from ndx_match.simulate.scores import complete_tracks_score, score_links  # which other builds may not have

    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{k}.npz" for k in range(2)]
        chosen = ["--seeds", f"{seeds[0]}:{seeds[-1] + 1}", "--tiers", *tiers, "--methods", *methods]
        running = [
            subprocess.Popen([python, __file__, "--one", str(file), *chosen])
            for python, file in zip((sys.executable, other), files, strict=True)
        ]
        for process in running:
            process.wait()
        if any(process.returncode for process in running):
            raise SystemExit("one of the builds failed")
        here, there = (dict(np.load(file)) for file in files)
    rows = []
    for tier in tiers:
        for method in methods:
            same, links, tracks = 0, [], []
            for seed in seeds:
                key = f"{tier} {seed} {method}"
                parts = [f"{key} {part}" for part in ("cells", "matrices", "pairs")]
                same += all(np.array_equal(here[part], there[part], equal_nan=True) for part in parts)
                identity = [here[f"{tier} {seed} identity {k}"] for k in range(here[f"{key} cells"].shape[1])]
                cells = [build[f"{key} cells"] for build in (here, there)]
                f1, other_f1 = (score_links(build_cells, identity).f1 for build_cells in cells)
                links.append(f1 - other_f1)
                ct, other_ct = (complete_tracks_score(build_cells, identity).score for build_cells in cells)
                tracks.append(ct - other_ct)
            rows.append((tier, method, f"{same} of {len(seeds)}", mean_sd(links, 4, True), mean_sd(tracks, 4, True)))
    header = ("tier", "method", "same cells, matrices and pairs", "F1, this minus other", "CT, this minus other")
    return [f"## Matches\n\nSimulated sessions, seeds {seeds[0]} to {seeds[-1]}.", table(header, rows)]


def report_times(other: str, runs: int) -> list[str]:
    """Time and memory of the whole command on the three real sessions, with each build in turn."""
    files = real_sessions.single_plane()
    with tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder) / name for name in ("this.nwb", "other.nwb")]
        commands = {
            build: [python, *ndx_match("write", *files, "-o", output, "--overwrite")[1:]]
            for build, python, output in zip(("this", "other"), (sys.executable, other), outputs, strict=True)
        }
        measured = measure_all(commands, runs)
        sizes = {name: output.stat().st_size for name, output in zip(measured, outputs, strict=True)}
    pairs = list(zip(measured["this"].runs, measured["other"].runs, strict=True))
    rows = [
        (name, seconds(run.seconds), seconds(run.processor_seconds), f"{run.peak / 1e6:.0f} MB", f"{sizes[name]:,}")
        for name, run in measured.items()
    ]
    wall = [one.seconds / two.seconds for one, two in pairs]
    cpu = [one.processor_seconds / two.processor_seconds for one, two in pairs]
    return [
        "## The command on three real sessions\n\n"
        f"Medians of {runs} runs of `ndx-match write` with each build in turn, after a warm-up. This build takes "
        f"{np.median(wall):.2f} times the time of the other build ({min(wall):.2f} to {max(wall):.2f}) and "
        f"{np.median(cpu):.2f} times its processor time.",
        table(("build", "time", "processor time", "peak memory", "bytes of the match file"), rows),
    ]


if __name__ == "__main__":
    main()
