"""Match many animals with two processes, while one process is killed and one file is cut off; writes batch.md.

python benchmarks/batch.py [--animals N] [--output PATH]
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from markdown_tables import machine, say, seconds, table, write

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from match_tables import table_bytes

from ndx_match.cli import main as ndx_match
from ndx_match.simulate import TIERS, SimulationParameters, simulate
from ndx_match.simulate.files import write_simulation

ANIMAL = replace(TIERS["typical"], shape=(128, 128), n_cells=30, shift=6.0, n_sessions=3)
PATIENCE = 1200.0  #: seconds after which a command that has not ended is killed
COUNTER = Path(__file__).with_name("count_matching.py")


@dataclass
class Cluster:
    """A scheduler and two workers, each in a process, and the matches that they began."""

    folder: Path
    address: str = ""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def matched(self) -> list[tuple[int, str]]:
        """The process and the animal of each match that was begun."""
        path = self.folder / "matched.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(process), animal) for process, animal in (line.split() for line in lines)]

    def kill(self, process: int) -> None:
        """Kill a worker at once, so that it cannot clean up."""
        (worker,) = (each for each in self.workers if each.pid == process)
        os.kill(process, signal.SIGKILL)
        worker.wait()


@dataclass(frozen=True)
class Run:
    """A run of `ndx-match batch`."""

    code: int
    errors: tuple[str, ...]
    seconds: float
    begun: int  #: matches that were begun in it


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--animals", type=int, default=60)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    about = machine()
    with tempfile.TemporaryDirectory() as name:
        measured = measure(Path(name), arguments.animals, ANIMAL)
    write(arguments.output, [*measured.parts(), about])


@dataclass(frozen=True)
class Measured:
    """The results of the benchmark."""

    animals: int
    first: Run
    again: Run
    repaired: Run
    single_seconds: float
    results: int  #: match files after the first run
    same: int  #: match files after the last run whose tables are byte for byte those of single runs
    summary: Counter[str]  #: outcomes in summary.csv after the first run
    begun_more_than_once: dict[str, int]  #: how often animals of the first run were begun, if more than once
    begun_by_killed: str  #: the animal that the killed worker was matching
    unchanged: bool  #: whether the second run left every match file as it was

    def parts(self) -> list[str]:
        """The paragraphs and tables of the document."""
        rows = [
            ("first run: one worker killed, one file cut off", *_row(self.first)),
            ("second run", *_row(self.again)),
            ("third run, after the file was repaired", *_row(self.repaired)),
        ]
        more = ", ".join(f"{name} ({n} times)" for name, n in self.begun_more_than_once.items()) or "none"
        return [
            "# Many animals on a cluster",
            f"`ndx-match batch` matches {self.animals} simulated animals of three sessions (about 30 ROIs each, 128 x "
            "128 pixels) with a dask scheduler and two workers, which are separate processes and communicate over the "
            "loopback interface. During the first run, one worker is killed (SIGKILL) in the middle of a match, and a "
            "file of an animal that has not been matched yet is cut off. Written by `python benchmarks/batch.py`; "
            "[docs/batch.md](../docs/batch.md) explains it.",
            table(("run", "exit code", "errors", "matches begun", "time"), rows),
            f"- Match files after the first run: **{self.results} of {self.animals}**; in `summary.csv`: "
            f"{', '.join(f'{name} {n}' for name, n in sorted(self.summary.items()))}.\n"
            f"- Matches begun more than once in the first run: {more}; the worker was killed while it matched "
            f"{self.begun_by_killed}.\n"
            f"- The second run left every match file as it was: {'yes' if self.unchanged else '**no**'}.\n"
            f"- Match files whose tables are byte for byte those of single runs of `ndx-match write -j 1`, after the "
            f"last run: **{self.same} of {self.animals}**. The single runs took {seconds(self.single_seconds)} in one "
            "process.",
            "The error message for the animal whose file was cut off:",
            "\n".join(f"> {line}" for line in self.first.errors),
        ]


def _row(run: Run) -> tuple[object, ...]:
    return run.code, len(run.errors), run.begun, seconds(run.seconds)


def measure(folder: Path, n_animals: int, parameters: SimulationParameters) -> Measured:
    """Simulate animals, match them while faults occur, and match them one by one."""
    data, out, single = folder / "data", folder / "out", folder / "single"
    names = [f"mouse{number:02d}" for number in range(n_animals)]
    for number, name in enumerate(names):
        write_simulation(simulate(parameters, number), data / f"sub-{name}", subject_id=name, n_samples=10)
        say(f"simulated {name}")
    broken = sorted((data / f"sub-{names[-1]}").glob("*.nwb"))[1]
    content = broken.read_bytes()
    killed: list[str] = []

    with _cluster(folder) as cluster:

        def disturb() -> bool:
            """Cut off a file once its animal is known, and kill a worker; return whether both are done."""
            done = [path.name for path in out.glob("*.nwb")]
            matching = [each for each in cluster.matched if not any(f"sub-{each[1]}_" in name for name in done)]
            if len(done) < max(1, n_animals // 2) or not matching:
                return False
            broken.write_bytes(content[: len(content) // 2])
            process, animal = matching[0]
            cluster.kill(process)
            killed.append(animal)
            return True

        first = _batch(cluster, data, out, disturb)
        begun = Counter(animal for _, animal in cluster.matched)
        before = _states(out)
        with open(out / "summary.csv", newline="", encoding="utf-8") as file:
            summary = Counter(row["outcome"] for row in csv.DictReader(file))
        again = _batch(cluster, data, out)
        unchanged = _states(out) == before
        broken.write_bytes(content)
        repaired = _batch(cluster, data, out)
    started = time.perf_counter()
    same = 0
    single.mkdir()
    for name in names:
        path = single / f"{name}.nwb"
        _quietly("write", *sorted((data / f"sub-{name}").glob("*.nwb")), "-o", path, "-j", 1)
        (of_batch,) = out.glob(f"sub-{name}_*.nwb")
        same += table_bytes(of_batch) == table_bytes(path)
    return Measured(
        animals=n_animals,
        first=first,
        again=again,
        repaired=repaired,
        single_seconds=time.perf_counter() - started,
        results=len(before),
        same=same,
        summary=summary,
        begun_more_than_once={animal: n for animal, n in begun.items() if n > 1},
        begun_by_killed=killed[0],
        unchanged=unchanged,
    )


def _states(folder: Path) -> dict[str, tuple[int, int]]:
    """The state of each match file, which shows whether the file changed."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("*.nwb")}


def _batch(cluster: Cluster, data: Path, out: Path, disturb: Callable[[], bool] | None = None) -> Run:
    """Run the command, and call `disturb` until it returns True."""
    begun, started = len(cluster.matched), time.perf_counter()
    command = [sys.executable, "-m", "ndx_match", "batch", str(data), "-o", str(out), "--scheduler", cluster.address]
    with open(cluster.folder / "errors.txt", "w+", encoding="utf-8") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        while process.poll() is None:
            if disturb is not None and disturb():
                disturb = None
            if time.perf_counter() - started > PATIENCE:
                process.kill()
            time.sleep(0.05)
        errors.seek(0)
        lines = errors.read().splitlines()
    duration = time.perf_counter() - started
    messages = tuple(line.replace(f"{data.parent}/", "") for line in lines if line.startswith("Error: "))
    return Run(process.returncode, messages, duration, len(cluster.matched) - begun)


@contextlib.contextmanager
def _cluster(folder: Path) -> Iterator[Cluster]:
    """A dask scheduler and two workers on this machine, each with one thread and without a nanny process."""
    cluster = Cluster(folder)
    scheduler_file = folder / "scheduler.json"
    environment = {**os.environ, "NDX_MATCH_COUNT": str(folder / "matched.txt")}
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    where = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(scheduler_file)]
    scheduler = subprocess.Popen([*dask, "scheduler", *where], **quiet)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + PATIENCE
        while not scheduler_file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        cluster.address = json.loads(scheduler_file.read_text())["address"]
        options = ["--nworkers", "1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--preload", str(COUNTER)]
        for number in range(2):
            scratch = ["--local-directory", str(folder / f"worker{number}")]
            command = [*dask, "worker", cluster.address, *options, *scratch]
            cluster.workers.append(subprocess.Popen(command, **quiet))  # type: ignore[call-overload]
        yield cluster
    finally:
        for process in (*cluster.workers, scheduler):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def _quietly(*arguments: object) -> None:
    """Run the command in this process."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            ndx_match([str(argument) for argument in arguments])
        except SystemExit as end:
            if end.code:
                raise RuntimeError(f"ndx-match {arguments[0]} ended with {end.code}") from end


if __name__ == "__main__":
    main()
