"""Time and memory of `ndx-match write --method nway` on real sessions; writes nway_cost.md.

python benchmarks/nway_cost.py [--runs 5] [--nway-python PATH]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import real_sessions
from markdown_tables import machine, megabytes, say, seconds, table, verdict, write
from processes import Repeated, measure_all, ndx_match, python

STAGES = {
    "import of the libraries": "import",
    "reading, with the SHA-256 of the inputs": "reading",
    "registration": "registration",
    "layers, warping, IoU, cost, assignment": "between",
    "grouping": "grouping",
    "writing": "writing",
}
LARGEST_BETWEEN = 1.0  #: target: most seconds between registration and writing, for three sessions
#: Time and peak memory of the Allen package 0.6.0, including its preparation, as measured on another machine.
RECORDED = {
    2: [
        ("Allen package 0.6.0, masks cropped; recorded elsewhere", "20.6 s loaded, 10-20 s idle", "-", "1.1 GB"),
        ("the same, prepared as the Databook page does; recorded elsewhere", "several minutes", "-", "-"),
    ],
    3: [("Allen package 0.6.0, masks cropped; recorded elsewhere", "40 s loaded, 20-40 s idle", "-", "1.0 GB")],
}


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="runs of each command after a warm-up  [5]")
    parser.add_argument("--nway-python", help="interpreter that has the Allen package; measures --method allen too")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    if not real_sessions.present():
        parser.exit(2, f"{real_sessions.MISSING}\n")
    header = machine()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure_all(_commands(Path(folder) / "matches.nwb", options.nway_python), options.runs)
    failures = [f"{name}: {repeated.failure}" for name, repeated in measured.items() if repeated.failure]
    if failures:
        parser.exit(1, "\n".join(failures) + "\n")
    write(
        options.output,
        [
            "# What `--method nway` costs",
            "Written by `python benchmarks/nway_cost.py`; `docs/benchmarks.md` explains it.",
            header,
            f"Real sessions of one plane with 194, 270 and 294 ROIs. Times are medians of {options.runs} runs after a "
            "warm-up, with the shortest and longest in brackets. Processor time is the sum over all cores; other load "
            "changes it less. Memory is the peak of the process and all its children.",
            "## The whole command",
            _whole(measured),
            "With two sessions, the Allen package 0.5.1 crashes while it draws, before it writes its output; it is "
            "therefore measured only with three.",
            "## Where the time goes",
            _stages(measured),
            _requirement(measured["stages, 3 sessions"]),
        ],
    )


def _commands(output: Path, nway_python: str | None) -> dict[str, list[str]]:
    files = real_sessions.single_plane()
    commands = {}
    for n in (2, 3):
        target = (*files[:n], "-o", output, "--overwrite")
        commands[f"nway, {n} sessions"] = ndx_match("write", "--method", "nway", *target)
        commands[f"stages, {n} sessions"] = python("stages.py", "nway", output, *files[:n])
    if nway_python:
        commands["allen, 3 sessions"] = ndx_match("write", "--method", "allen", "--nway-python", nway_python, *target)
    return commands


def _whole(measured: dict[str, Repeated]) -> str:
    rows: list[tuple[object, ...]] = []
    for n in (2, 3):
        for method in ("nway", "allen"):
            if f"{method}, {n} sessions" in measured:
                repeated = measured[f"{method}, {n} sessions"]
                low, high = repeated.seconds_range
                name = f"`ndx-match write --method {method}`" + (", Allen package 0.5.1" if method == "allen" else "")
                wall = f"{seconds(repeated.seconds)} ({low:.1f}-{high:.1f})"
                rows.append((n, name, wall, seconds(repeated.processor_seconds), megabytes(repeated.peak)))
        rows += [(n, *recorded) for recorded in RECORDED[n]]
    return table(("sessions", "command", "time", "processor time", "peak memory"), rows)


def _stages(measured: dict[str, Repeated]) -> str:
    both = [measured[f"stages, {n} sessions"] for n in (2, 3)]
    rows = []
    for text, name in STAGES.items():
        row = [text]
        for repeated in both:
            row += [seconds(_stage(repeated, name)), seconds(_stage(repeated, name, "processor "))]
        rows.append(row)
    header = ("stage", "2 sessions", "processor time", "3 sessions", "processor time")
    return table(header, rows)


def _stage(repeated: Repeated, name: str, kind: str = "") -> float:
    if name == "between":
        return repeated.printed(f"{kind}after registration") - repeated.printed(f"{kind}grouping")
    return repeated.printed(f"{kind}{name}")


def _requirement(repeated: Repeated) -> str:
    wall, processor = (repeated.printed(f"{kind}after registration") for kind in ("", "processor "))
    return (
        f"For three sessions, the stages between registration and writing take {seconds(wall)} ({seconds(processor)} "
        f"of processor time). The target, at most {LARGEST_BETWEEN:.0f} s, {verdict(wall <= LARGEST_BETWEEN)}."
    )


if __name__ == "__main__":
    say("Measuring `ndx-match write --method nway`; keep the machine idle.")
    main()
