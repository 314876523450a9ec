"""Several processes write the same name, and processes that write are told to end or killed, at any time."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import field_of_view, make_nwbfile, write_nwb
from helpers import COMMAND, Running, listing, run

from ndx_match.cli import signals
from ndx_match.errors import OutputError
from ndx_match.matchfile import read_match_file, write, write_match_file
from ndx_match.methods import nway
from ndx_match.sources import read_sessions
from ndx_match.storage.publish import publish

METHOD = ("--method", "nway", "--no-checksum")
fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("made")
    fields = [field_of_view(shift) for shift in ((0, 0), (3, 2))]
    return [write_nwb(folder / f"{k}.nwb", make_nwbfile(field, session_id=str(k))) for k, field in enumerate(fields)]


def write_one(path: Path, barrier: Any, answers: Any, write_as: Callable[[Path], object]) -> None:
    barrier.wait()
    try:
        write_as(path)
        answers.put("")
    except OutputError as error:
        answers.put(str(error))


def two_writers(path: Path, write_as: Callable[[Path], object]) -> None:
    """Two processes write the same name at the same time: one of them does, the other says that it cannot."""
    barrier, answers = fork.Barrier(2), fork.Queue()
    writers = [fork.Process(target=write_one, args=(path, barrier, answers, write_as)) for _ in range(2)]
    for writer in writers:
        writer.start()
    won, refused = sorted(answers.get(timeout=60) for _ in writers)
    for writer in writers:
        writer.join()
    assert won == ""
    assert refused.startswith(f"{path}: this ")
    assert "was made by another program meanwhile and is not replaced" in refused or "exists already" in refused


@pytest.mark.slow
def test_of_two_processes_that_write_the_same_name_one_is_refused_each_time(made: list[Path], tmp_path: Path):
    sessions = read_sessions(made)
    result = nway.match(sessions)
    for k in range(20):
        path = tmp_path / f"{k}.nwb"
        two_writers(path, lambda path: write_match_file(sessions, result, path))
        assert len(read_match_file(path, footprints=False).sessions) == 2
    assert listing(tmp_path) == {f"{k}.nwb" for k in range(20)}


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("folder", [True, False])
def test_of_two_processes_that_write_at_once_one_is_refused_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool, linked: bool
):
    def refuse(*_: object) -> None:
        raise OSError("no links on this disk")

    def write_both(path: Path) -> None:
        with publish(path, folder=folder) as temporary:
            (temporary / "file" if folder else temporary).write_text("whole")

    if not linked:
        monkeypatch.setattr(os, "link", refuse)
    for k in range(20):
        two_writers(tmp_path / f"{k}.zarr", write_both)
        assert (tmp_path / f"{k}.zarr" / ("file" if folder else "")).read_text() == "whole"
    assert {path.name for path in tmp_path.iterdir()} == {f"{k}.zarr" for k in range(20)}


@pytest.mark.slow
def test_two_commands_that_write_the_same_name(made: list[Path], tmp_path: Path):
    command = [*COMMAND, "write", *map(str, made), "-o", str(tmp_path / "m.nwb"), *METHOD]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in "ab"]
    errors = [process.communicate()[1] for process in running]
    assert sorted(process.returncode for process in running) == [0, 2]
    (error,) = (error for error, process in zip(errors, running, strict=True) if process.returncode)
    assert error.startswith(f"Error: {tmp_path / 'm.nwb'}: this file ")
    assert len(error.splitlines()) == 1
    assert listing(tmp_path) == {"m.nwb"}
    read_match_file(tmp_path / "m.nwb")


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def drafts_in(folder: Path) -> list[Path]:
    return list(folder.glob(".ndx-match-*.new*"))


#: And the exit codes; of several that come at once Python may see any first.
SIGNALS = [
    ((signal.SIGHUP,), {129}),
    ((signal.SIGINT, signal.SIGINT), {130}),
    ((signal.SIGTERM, signal.SIGHUP, signal.SIGINT), {143, 129, 130}),
]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing takes so long that a signal comes in time, however busy the computer is."""
    fill = write._fill
    monkeypatch.setattr(write, "_fill", lambda *arguments: (time.sleep(1), fill(*arguments)))


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("output", ["m.nwb", "m.nwb.zarr"])
@pytest.mark.parametrize(("numbers", "codes"), SIGNALS)
@pytest.mark.slow
def test_signals_while_it_writes_leave_nothing(
    made: list[Path], tmp_path: Path, numbers: tuple[signal.Signals, ...], codes: set[int], output: str
):
    if output.endswith(".zarr"):
        pytest.importorskip("hdmf_zarr", reason="hdmf_zarr is not installed; install the group test")
    running = Running("write", *made, "-o", tmp_path / output, *METHOD)
    wait_for(lambda: drafts_in(tmp_path))
    running.send(*numbers, pause=0.002)
    assert running.code() in codes
    assert listing(tmp_path) == set()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_signals_at_any_time_leave_a_whole_file_or_nothing(made: list[Path], tmp_path: Path, seed: int):
    rng = random.Random(seed)
    numbers, codes = SIGNALS[seed % len(SIGNALS)]
    running = Running("write", *made, "-o", tmp_path / "m.nwb", *METHOD)
    if seed % 2:
        wait_for(lambda: drafts_in(tmp_path))
    time.sleep(rng.uniform(0.05, 0.8))
    running.send(*numbers, pause=rng.choice([0, 0.001, 0.01]))
    ended = running.code()
    assert ended in {*codes, 0}
    assert listing(tmp_path) <= {"m.nwb"}
    if ended == 0 or listing(tmp_path):
        read_match_file(tmp_path / "m.nwb")


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Writing never ends, and patience with it soon does."""
    monkeypatch.setattr(write, "_fill", lambda *_: time.sleep(100))
    monkeypatch.setattr(signals, "PATIENCE", 1.5)  # longer than two signals are apart on a busy computer
    return


@pytest.mark.usefixtures("hanging")
def test_where_cleaning_up_hangs_a_later_signal_ends_it_and_leaves_nothing(made: list[Path], tmp_path: Path):
    running = Running("write", *made, "-o", tmp_path / "m.nwb", *METHOD)
    wait_for(lambda: any(path.stat().st_size for path in drafts_in(tmp_path)))
    running.send(signal.SIGINT)
    time.sleep(0.1)
    running.send(signal.SIGINT)  # too early
    assert drafts_in(tmp_path)
    time.sleep(1.6)
    assert drafts_in(tmp_path)
    running.send(signal.SIGTERM)
    assert running.code() == 130
    assert listing(tmp_path) == set()


@pytest.mark.parametrize("output", ["m.nwb", "m.nwb.zarr"])
@pytest.mark.slow
def test_what_a_killed_command_leaves_is_removed_by_the_next(made: list[Path], tmp_path: Path, output: str):
    if output.endswith(".zarr"):
        pytest.importorskip("hdmf_zarr", reason="hdmf_zarr is not installed; install the group test")
    killed = Running("write", *made, "-o", tmp_path / output, *METHOD)
    wait_for(lambda: drafts_in(tmp_path))
    killed.send(signal.SIGKILL)
    assert killed.code() == -signal.SIGKILL
    assert drafts_in(tmp_path)
    run("write", *made, "-o", tmp_path / "other.nwb", *METHOD).succeeded()
    assert listing(tmp_path) == {"other.nwb"}


def test_what_a_running_command_writes_is_left_alone_by_others(made: list[Path], tmp_path: Path):
    with publish(tmp_path / "m.nwb") as temporary:
        before = listing(tmp_path)
        run("write", *made, "-o", tmp_path / "other.nwb", *METHOD).succeeded()
        assert listing(tmp_path) == before | {"other.nwb"}
        temporary.write_text("whole")
    assert listing(tmp_path) == {"m.nwb", "other.nwb"}
