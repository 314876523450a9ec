"""Run commands and measure them: wall time, and peak memory of the process and all its children.

Run as a script, this module is the small process that starts the command. On Linux a process is charged with the memory
of the process that started it, so a large process must not start the command itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil  # type: ignore[import-untyped]

SAMPLING = 0.02  #: seconds between samples of the memory


@dataclass(frozen=True)
class Usage:
    """One run of a command: wall and processor time in seconds, peak resident memory in bytes, exit code, prints."""

    seconds: float
    processor_seconds: float
    peak: int
    exit_code: int
    output: str
    errors: str


@dataclass(frozen=True)
class Repeated:
    """Several runs of one command, without the warm-up."""

    runs: tuple[Usage, ...]

    @property
    def failure(self) -> str:
        """The last line that the first failed run printed; empty if none failed."""
        for run in self.runs:
            if run.exit_code:
                return (run.errors.strip() or f"exit code {run.exit_code}").splitlines()[-1]
        return ""

    @property
    def seconds(self) -> float:
        """Median wall time."""
        return median(run.seconds for run in self.runs)

    @property
    def seconds_range(self) -> tuple[float, float]:
        """Shortest and longest wall time."""
        return min(run.seconds for run in self.runs), max(run.seconds for run in self.runs)

    @property
    def processor_seconds(self) -> float:
        """Median processor time, summed over all cores; other load changes it little."""
        return median(run.processor_seconds for run in self.runs)

    @property
    def peak(self) -> float:
        """Median peak memory in bytes."""
        return median(run.peak for run in self.runs)

    def printed(self, name: str) -> float:
        """Median of a number that each run printed in a JSON object."""
        return median(json.loads(run.output)[name] for run in self.runs)


def measure(command: Sequence[str]) -> Usage:
    """Run a command once."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "usage.json"
        done = subprocess.run(
            [sys.executable, __file__, str(report), *command], capture_output=True, text=True, check=False
        )
        if not report.exists():
            raise RuntimeError(f"{command[0]} could not be run: {done.stderr}")
        return Usage(**json.loads(report.read_text()), output=done.stdout, errors=done.stderr)


def measure_all(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, Repeated]:
    """Run each command once to warm up, then `runs` times in turn, so that other load affects all of them equally.

    A command that fails is not run again.
    """
    usages_by_name: dict[str, list[Usage]] = {name: [] for name in commands}
    failed: set[str] = set()
    for turn in range(runs + 1):
        for name, command in commands.items():
            if name in failed:
                continue
            usage = measure(command)
            print(
                f"  {name}, {f'run {turn}' if turn else 'warm-up'}: {usage.seconds:.1f} s", file=sys.stderr, flush=True
            )
            if usage.exit_code:
                failed.add(name)
            if turn or usage.exit_code:
                usages_by_name[name].append(usage)
    return {name: Repeated(tuple(usages)) for name, usages in usages_by_name.items()}


def python(script: str, *arguments: object) -> list[str]:
    """The command that runs a script of this folder in this interpreter."""
    return [sys.executable, str(Path(__file__).with_name(script)), *map(str, arguments)]


def ndx_match(*arguments: object) -> list[str]:
    """The command `ndx-match` in this interpreter."""
    return [sys.executable, "-c", "from ndx_match.cli import main; main()", *map(str, arguments)]


def _run(command: Sequence[str]) -> dict[str, float]:
    """Run a command as a child of this process; its output goes where this process's goes."""
    started = time.perf_counter()
    process = subprocess.Popen(command)
    ended = threading.Event()
    sampled: list[int] = [0]

    def sample() -> None:
        while not ended.wait(SAMPLING):
            sampled.append(_resident(process.pid))

    sampler = threading.Thread(target=sample)
    sampler.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it once more
    ended.set()
    sampler.join()
    # The kernel's figure misses no moment, but is of the largest process alone; the sampled one is of all together.
    largest = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "seconds": seconds,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak": max(largest, *sampled),
        "exit_code": process.returncode,
    }


def _resident(pid: int) -> int:
    """Resident memory in bytes of a process and all its descendants, now."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return total


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(_run(sys.argv[2:])))
