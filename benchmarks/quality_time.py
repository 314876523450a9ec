"""Measure the time and memory of the methods."""

from __future__ import annotations

import tempfile
from pathlib import Path

import real_sessions
from markdown_tables import megabytes, say, seconds, table
from processes import Repeated, measure, measure_all, ndx_match, python

METHODS = ("nway", "consensus")
READ_MASKS = "`import pynwb`, masks read with h5py"
N_SESSIONS = 20


def report_real(runs: int) -> list[str]:
    """Time and memory of matching and of the whole command on the three real sessions."""
    files = real_sessions.single_plane()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "matches.nwb"
        commands = {READ_MASKS: python("read_masks.py", *files)}
        for method in METHODS:
            commands[f"stages, {method}"] = python("stages.py", method, output, *files)
            commands[_command(method)] = ndx_match("write", "--method", method, *files, "-o", output, "--overwrite")
        measured = measure_all(commands, runs)
    base = measured[READ_MASKS]
    rows = [_row(READ_MASKS, base, base)]
    for method in METHODS:
        rows.append(_row_of_matching(method, measured[f"stages, {method}"], base))
        rows.append(_row(_command(method), measured[_command(method)], base))
    header = ("what", "time", "relative to the first row", "processor time", "peak memory")
    return [
        f"## Three real sessions\n\nMedians of {runs} runs after a warm-up; the commands were run in turn.",
        table(header, rows),
    ]


def _command(method: str) -> str:
    return f"`ndx-match write --method {method}`"


def _row(name: str, repeated: Repeated, base: Repeated) -> tuple[str, ...]:
    if repeated.failure:
        return name, f"failed: {repeated.failure}", "-", "-", "-"
    ratio = f"{repeated.seconds / base.seconds:.2f}"
    return name, seconds(repeated.seconds), ratio, seconds(repeated.processor_seconds), megabytes(repeated.peak)


def _row_of_matching(method: str, stages: Repeated, base: Repeated) -> tuple[str, ...]:
    """Matching alone, from sessions in memory to the result."""
    name = f"matching, {method}"
    if stages.failure:
        return name, f"failed: {stages.failure}", "-", "-", "-"
    wall, processor = stages.printed("matching"), stages.printed("processor matching")
    return name, seconds(wall), f"{wall / base.seconds:.2f}", seconds(processor), "-"


def report_many(seed: int, methods: tuple[str, ...] = ("consensus",)) -> list[str]:
    """Time and memory of matching many simulated sessions."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.pickle"
        say(f"  simulating {N_SESSIONS} sessions")
        simulated = measure(python("many_sessions.py", "simulate", path, N_SESSIONS, seed))
        if simulated.exit_code:
            return ["## Many sessions", f"They could not be simulated: {simulated.errors.strip().splitlines()[-1]}"]
        for method in methods:
            say(f"  matching {N_SESSIONS} sessions, {method}")
            repeated = Repeated((measure(python("many_sessions.py", "match", path, method)),))
            if repeated.failure:
                rows.append((method, f"failed: {repeated.failure}", "-", "-", "-", "-", "-"))
                continue
            matched = f"{repeated.printed('matched'):.0f} of {repeated.printed('sessions'):.0f}"
            f1, rois = f"{repeated.printed('f1'):.3f}", f"{repeated.printed('rois'):.0f}"
            times = (seconds(repeated.printed("seconds")), seconds(repeated.printed("processor_seconds")))
            rows.append((method, *times, megabytes(repeated.peak), rois, matched, f1))
    header = (
        "method",
        "matching",
        "processor time",
        "peak memory of the process",
        "ROIs per session",
        "sessions matched",
        "F1 of links",
    )
    return [
        f"## {N_SESSIONS} simulated sessions\n\nOne run, seed {seed}, at the density of the tier `typical`. Memory is "
        "that of the whole process.",
        table(header, rows),
    ]
