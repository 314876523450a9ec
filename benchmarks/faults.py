"""End the command at random times and fill its disk; count lost files and files left behind; writes faults.md.

python benchmarks/faults.py [--output PATH] [--seed N]   (full disks are mounted, which needs root on Linux)
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from markdown_tables import machine, say, table, write

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from builders import write_sessions
from helpers import Running

from ndx_match.errors import NdxMatchError
from ndx_match.matchfile import read_match_file
from ndx_match.storage.drafts import PREFIX
from ndx_match.storage.files import files_in

SIGNALS = {"SIGKILL": 200, "SIGTERM": 50, "SIGINT": 50, "SIGHUP": 50}
FULL_AT = tuple(range(5, 100, 10))  #: percent of the space that the output needs
METHOD = ("--method", "nway")


@dataclass(frozen=True)
class Kind:
    """A kind of output: its name in the table, its file name, and whether it replaces an earlier output."""

    name: str
    output: str
    replaces: bool


KINDS = (
    Kind("new HDF5 file", "m.nwb", False),
    Kind("HDF5 file replaced", "m.nwb", True),
    Kind("new Zarr store", "m.nwb.zarr", False),
    Kind("Zarr store replaced", "m.nwb.zarr", True),
)


@dataclass
class Tally:
    """The counts of one row of the table."""

    runs: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    behind: Counter[str] = field(default_factory=Counter)
    not_swept: int = 0

    def row(self, *names: object) -> tuple[object, ...]:
        return (*names, self.runs, _counted(self.ended), self.lost, _counted(self.behind), self.not_swept)


def main() -> None:
    """Run the command with all faults and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = write_sessions(folder)
        earlier = {output: folder / "earlier" / output for output in dict.fromkeys(kind.output for kind in KINDS)}
        (folder / "earlier").mkdir()
        seconds = {}
        for output, path in earlier.items():
            started = time.monotonic()
            if _running(inputs, path).code() != 0:
                raise SystemExit("the command does not work")
            seconds[output] = time.monotonic() - started
        signals = [
            _signalled(name, number, kind, inputs, earlier[kind.output], seconds[kind.output], rng)
            for name, number in ((name, -(-count // len(KINDS))) for name, count in SIGNALS.items())
            for kind in KINDS
        ]
        full = [row for kind in KINDS if (row := _full_disk(kind, inputs, earlier[kind.output]))]
    header = ("runs", "exit codes", "something lost", "left behind", "still there after the next run")
    parts = [
        "# Commands that are ended at any time",
        "Written by `python benchmarks/faults.py`. `ndx-match write` matches two small sessions, and is ended by a "
        "signal or a full disk. *Something lost*: an input or an earlier output is no longer complete, or there is an "
        "output that cannot be read. *Left behind*: files that stay in the folder. Then the command is run again with "
        "another output in the same folder, which removes the files of a killed run.",
        machine(),
        "## Signals\n\nHalf of the signals are sent at a random time of the whole run, half while the output is being "
        "written. Exit codes: below 0, the signal itself ended the process; 130, 143 or 129, the command cleaned up "
        "before it ended; 0, the command had finished before.",
        table(("signal", "output", *header), signals),
    ]
    if full:
        parts += [
            f"## Full disk\n\nThe disks have {FULL_AT[0]}, {FULL_AT[1]}, ..., {FULL_AT[-1]} % of the space that the "
            "output needs. Exit code 2: an error message reports the full disk.",
            table(("output", *header), full),
        ]
    write(options.output, parts)


def _running(inputs: list[Path], output: Path, *options: str) -> Running:
    return Running("write", *inputs, "-o", output, *METHOD, "--no-checksum", *options)


def _signalled(
    name: str, runs: int, kind: Kind, inputs: list[Path], earlier: Path, seconds: float, rng: random.Random
) -> tuple[object, ...]:
    say(f"  {name}, {kind.name}")
    tally = Tally()
    for number in range(runs):
        with tempfile.TemporaryDirectory() as folder, _arranged(Path(folder), kind, inputs, earlier) as (there, output):
            running = _running(there, output, *(["--overwrite"] if kind.replaces else []))
            if number % 2:
                end = time.monotonic() + 60
                while not list(output.parent.glob(f"{PREFIX}*.new*")) and time.monotonic() < end:
                    time.sleep(0.001)
                time.sleep(rng.uniform(0, seconds / 4))
            else:
                time.sleep(rng.uniform(0, seconds))
            running.send(getattr(signal, name))
            _look(tally, running.code(), kind, inputs, there, output, earlier)
    return tally.row(name, kind.name)


def _full_disk(kind: Kind, inputs: list[Path], earlier: Path) -> tuple[object, ...] | None:
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        say(f"  full disk, {kind.name}: left out, for no disk can be mounted here")
        return None
    say(f"  full disk, {kind.name}")
    tally = Tally()
    needed = _size(earlier)
    before = sum(map(_size, inputs)) + (needed if kind.replaces else 0)
    for percent in FULL_AT:
        with tempfile.TemporaryDirectory() as folder:
            size = before + needed * percent // 100
            if subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False).returncode:
                return None
            try:
                with _arranged(Path(folder), kind, inputs, earlier) as (there, output):
                    code = _running(there, output, *(["--overwrite"] if kind.replaces else [])).code()
                    _look(tally, code, kind, inputs, there, output, earlier)
            finally:
                subprocess.run(["umount", folder], check=True)
    return tally.row(kind.name)


@contextmanager
def _arranged(folder: Path, kind: Kind, inputs: list[Path], earlier: Path) -> Iterator[tuple[list[Path], Path]]:
    """A folder with the inputs and, if an output is to be replaced, the earlier output."""
    there = [Path(shutil.copy(path, folder)) for path in inputs]
    output = folder / kind.output
    if kind.replaces:
        (shutil.copytree if earlier.is_dir() else shutil.copy)(earlier, output)
    yield there, output


def _look(
    tally: Tally, code: int, kind: Kind, inputs: list[Path], there: list[Path], output: Path, earlier: Path
) -> None:
    """Count what is lost and left behind, run the command again, and count what is still there."""
    tally.runs += 1
    tally.ended[str(code)] += 1
    for path in output.parent.iterdir():
        if path.name.startswith(PREFIX):
            tally.behind[f"`.{'.'.join(path.name.split('.')[2:])}`"] += 1
    lost = any(_digest(one) != _digest(other) for one, other in zip(inputs, there, strict=True))
    _running(there, output.parent / "other.nwb").code()  # a store that was being replaced gets its name back now
    if code == 0 or kind.replaces or output.exists():
        lost |= not output.exists() or not _is_whole(output, earlier)
    tally.lost += lost
    tally.not_swept += any(path.name.startswith(PREFIX) for path in output.parent.iterdir())


def _is_whole(output: Path, earlier: Path) -> bool:
    """Whether an output is the earlier one, or another match file that can be read."""
    if _digest(output) == _digest(earlier):
        return True
    try:
        return len(read_match_file(output).sessions) == 2
    except NdxMatchError:
        return False


def _digest(path: Path) -> str:
    files = [path] if path.is_file() else [path / name for name in sorted(files_in(path))]
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()


def _size(path: Path) -> int:
    """Bytes that a file or folder takes on a disk of blocks of 4,096 bytes."""
    files = [path] if path.is_file() else list(path.rglob("*"))
    return sum(-(-max(1, file.stat().st_size) // 4096) * 4096 for file in files)


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(counter.items())) or "nothing"


if __name__ == "__main__":
    main()
