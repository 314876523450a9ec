"""How long the methods take, and how much memory."""

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
    """Matching, and the whole command, on the three real sessions."""
    files = real_sessions.single_plane()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "matches.nwb"
        commands = {READ_MASKS: python("read_masks.py", *files)}
        for method in METHODS:
            commands[f"stages, {method}"] = python("stages.py", method, output, *files)
            commands[_command(method)] = ndx_match("write", "--method", method, *files, "-o", output, "--overwrite")
        measured = measure_all(commands, runs)
    base = measured[READ_MASKS]
    rows = [_row(READ_MASKS, base, base.seconds, base.seconds)]
    for method in METHODS:
        stages, whole = measured[f"stages, {method}"], measured[_command(method)]
        matching = 0.0 if stages.failure else stages.printed("matching")
        rows.append(_row(f"matching, {method}", stages, matching, base.seconds, of_process=False))
        rows.append(_row(_command(method), whole, whole.seconds, base.seconds))
    header = ("what", "time", "of the first row", "peak memory")
    return [
        "## Time",
        f"### Three real sessions\n\nMedians of {runs} runs after a warm-up, taken in turn.",
        table(header, rows),
    ]


def _command(method: str) -> str:
    return f"`ndx-match write --method {method}`"


def _row(name: str, found: Repeated, value: float, base: float, of_process: bool = True) -> tuple[str, ...]:
    if found.failure:
        return name, f"failed: {found.failure}", "-", "-"
    return name, seconds(value), f"{value / base:.2f}", megabytes(found.peak) if of_process else "-"


def report_many(seed: int, methods: tuple[str, ...] = ("consensus",)) -> list[str]:
    """Matching of many simulated sessions."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.pickle"
        say(f"  simulating {N_SESSIONS} sessions")
        simulated = measure(python("many_sessions.py", "simulate", path, N_SESSIONS, seed))
        if simulated.exit_code:
            return ["### Many sessions", f"They could not be simulated: {simulated.errors.strip().splitlines()[-1]}"]
        for method in methods:
            say(f"  matching {N_SESSIONS} sessions, {method}")
            found = Repeated((measure(python("many_sessions.py", "match", path, method)),))
            if found.failure:
                rows.append((method, f"failed: {found.failure}", "-", "-", "-", "-"))
                continue
            matched = f"{found.printed('matched'):.0f} of {found.printed('sessions'):.0f}"
            f1, rois = f"{found.printed('f1'):.3f}", f"{found.printed('rois'):.0f}"
            rows.append((method, seconds(found.printed("seconds")), megabytes(found.peak), rois, matched, f1))
    header = ("method", "matching", "peak memory of the process", "ROIs a session", "sessions matched", "F1 of links")
    return [
        f"### {N_SESSIONS} simulated sessions\n\nOne run, seed {seed}, at the density of the tier `typical`.",
        table(header, rows),
    ]
