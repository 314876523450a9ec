"""Many animals in one go: each on its own, once, and none the worse for another."""

from __future__ import annotations

import json
import os
import shutil
import sys
import uuid
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from builders import SUBJECT, result_of, write_sessions
from helpers import Outcome, run
from match_tables import table_bytes

from ndx_match.batch import job as job_module
from ndx_match.batch.records import read_record, write_record
from ndx_match.matchfile import read_match_file
from ndx_match.model import MatchResult, Session

FILES = ("sub-a_plane-plane.nwb", "sub-b_plane-plane.nwb")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two animals of two sessions each, in a folder each."""
    folder = tmp_path_factory.mktemp("animals")
    for name in "ab":
        (folder / name).mkdir()
        write_sessions(folder / name, subject={**SUBJECT, "subject_id": name}, images=("average_image",))
    return folder


@pytest.fixture
def animals(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "animals"))


@pytest.fixture(autouse=True)
def matched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The animals that were matched, each time one was; cells are the ROIs of one row, at the second time upwards."""
    subject_ids: list[str] = []

    def match(sessions: Sequence[Session], method: str, parameters: Any, _: Any) -> MatchResult:
        subject_ids.append(sessions[0].subject_id)
        rows = np.arange(sessions[0].n_rois)[:: 1 if subject_ids.count(subject_ids[-1]) == 1 else -1]
        cells = np.repeat(rows[:, None], len(sessions), axis=1)
        return replace(result_of(cells), method=method, parameters=parameters.stored())

    monkeypatch.setattr(job_module, "match", match)
    return subject_ids


def batch(animals: Path, *more: object) -> Outcome:
    """Run the command, unless `more` says otherwise in this process."""
    return run("batch", animals, "-o", animals.parent / "out", "-j", 1, *more)


def spoil(path: Path) -> bytes:
    """Cut a file in half; returns what it was."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return content


def test_each_animal_is_matched_once(animals: Path, matched: list[str]):
    outcome = batch(animals).succeeded()
    assert matched == ["a", "b"]
    for name, file in zip("ab", FILES, strict=True):
        assert file in outcome.out
        plane = read_match_file(animals.parent / "out" / file, footprints=False)
        assert [session.subject_id for session in plane.sessions] == [name, name]
        assert [session.name for session in plane.sessions] == ["101", "102"]
    written = {path: path.stat().st_mtime_ns for path in (animals.parent / "out").iterdir()}
    again = batch(animals).succeeded()
    assert matched == ["a", "b"]
    assert again.out.count("done before") == 2
    assert {path: path.stat().st_mtime_ns for path in written if path.suffix in (".nwb", ".json")} == {
        path: time for path, time in written.items() if path.suffix in (".nwb", ".json")
    }


@pytest.mark.slow
def test_a_rerun_does_what_is_missing_or_changed(animals: Path, matched: list[str]):
    batch(animals).succeeded()
    os.utime(animals / "a" / "session_0.nwb")  # its content is the same
    (animals.parent / "out" / FILES[1]).unlink()
    batch(animals).succeeded()
    assert matched == ["a", "b", "b"]
    with h5py.File(animals / "a" / "session_0.nwb", "a") as file:
        file["processing/ophys/images/average_image"][0, 0] += 1
    batch(animals).succeeded()
    assert matched == ["a", "b", "b", "a"]
    result = read_match_file(animals.parent / "out" / FILES[0], footprints=False).result
    assert result.cell_ids.tolist() == result.cells[:, 0].tolist()  # as before, though the rows are in another order


@pytest.mark.slow
def test_other_options_are_a_change(animals: Path, matched: list[str]):
    batch(animals).succeeded()
    batch(animals, "--reach", "2").succeeded()
    assert matched == ["a", "b"] * 2
    batch(animals, "--reach", "2").succeeded()
    batch(animals, "--reach", "2", "--overwrite").succeeded()
    assert matched == ["a", "b"] * 3


@pytest.mark.slow
def test_a_match_file_that_was_changed_is_not_lost(animals: Path, matched: list[str]):
    """A person may have reviewed it."""
    batch(animals).succeeded()
    path = animals.parent / "out" / FILES[0]
    path.write_bytes(path.read_bytes() + b"\0")
    changed = path.read_bytes()
    batch(animals).succeeded()  # the sessions are the same
    outcome = batch(animals, "--reach", "2")
    assert outcome.code == 2
    assert "changed" in outcome.err
    assert path.read_bytes() == changed
    assert matched == ["a", "b", "b"]


@pytest.mark.slow
def test_a_broken_file_does_not_stop_the_others(animals: Path, matched: list[str]):
    broken = animals / "a" / "session_1.nwb"
    content = spoil(broken)
    folder = animals / "a"
    folder.rename(animals / "sub-a")  # says of which animal the broken file is
    outcome = batch(animals)
    assert outcome.code == 2
    errors = [line for line in outcome.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "session_1.nwb" in errors[0]
    assert errors[0].endswith(".")
    assert matched == ["b"]
    summary = (animals.parent / "out" / "summary.csv").read_text()
    assert "session_1.nwb" in summary
    assert str(animals) not in summary  # a place on somebody's machine
    (animals / "sub-a" / "session_1.nwb").write_bytes(content)
    batch(animals).succeeded()
    assert matched == ["b", "a"]


@pytest.mark.slow
def test_a_match_file_is_not_replaced_by_one_without_a_file_that_broke(animals: Path, matched: list[str]):
    """Nothing in the name of the file says of which animal it is; its record does, however often the batch is run."""
    shutil.copy(animals / "a" / "session_1.nwb", animals / "a" / "session_2.nwb")
    with h5py.File(animals / "a" / "session_2.nwb", "r+") as file:
        file.attrs["object_id"] = str(uuid.uuid4())
    batch(animals).succeeded()
    output = animals.parent / "out" / FILES[0]
    before = output.read_bytes()
    content = spoil(animals / "a" / "session_2.nwb")
    for _ in range(2):
        outcome = batch(animals)
        assert outcome.code == 2
        assert "session_2.nwb" in outcome.err
        assert output.read_bytes() == before
    (animals / "a" / "session_2.nwb").write_bytes(content)
    batch(animals).succeeded()
    assert sorted(matched) == ["a", "b"]
    assert output.read_bytes() == before


@pytest.mark.slow
def test_a_file_that_breaks_on_the_way_is_one_failure(
    animals: Path, matched: list[str], monkeypatch: pytest.MonkeyPatch
):
    read = job_module.read_each

    def read_or_break(files: Any, progress: Any) -> list[Session]:
        if "/a/" in files[0][0]:
            spoil(animals / "a" / "session_1.nwb")
        return read(files, progress)

    monkeypatch.setattr(job_module, "read_each", read_or_break)
    assert batch(animals).code == 2
    assert matched == ["b"]
    record = read_record(animals.parent / "out" / "sub-a_plane-plane.json")
    assert record is not None
    assert record.outcome == "failed"
    assert "session_1.nwb" in record.error
    assert str(animals) not in record.error
    assert not (animals.parent / "out" / FILES[0]).exists()


@pytest.mark.slow
def test_a_match_file_without_record_is_recognised(animals: Path, matched: list[str]):
    batch(animals).succeeded()
    record = animals.parent / "out" / "sub-a_plane-plane.json"
    record.unlink()
    assert batch(animals).succeeded().out.count("done before") == 2
    assert matched == ["a", "b"]
    assert json.loads(record.read_text())["outcome"] == "done"


@pytest.mark.slow
def test_a_match_file_of_others_is_not_replaced(animals: Path, matched: list[str]):
    batch(animals).succeeded()
    out = animals.parent / "out"
    shutil.copy(out / FILES[1], out / FILES[0])
    (out / "sub-a_plane-plane.json").unlink()
    outcome = batch(animals)
    assert outcome.code == 2
    assert "--overwrite" in outcome.err
    assert (out / FILES[0]).read_bytes() == (out / FILES[1]).read_bytes()
    assert matched == ["a", "b"]


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--no-checksum", "--all-rois")])
def test_what_a_killed_process_had_written_is_recognised(animals: Path, matched: list[str], more: Sequence[str]):
    """It wrote the match file, but not that it had."""
    batch(animals, *more).succeeded()
    path = animals.parent / "out" / "sub-a_plane-plane.json"
    record = read_record(path)
    assert record is not None
    write_record(path, replace(record, outcome="started", output=None, figures=None))
    batch(animals, *more).succeeded()
    assert matched == ["a", "b"]
    again = read_record(path)
    assert again is not None
    assert again.figures == record.figures


@pytest.mark.slow
def test_a_manifest_names_files_animals_and_order(animals: Path, matched: list[str], tmp_path: Path):
    manifest = tmp_path / "manifest.csv"
    rows = ["animals/b/session_1.nwb,b", "animals/b/session_0.nwb,b", "animals/a/session_0.nwb,"]
    manifest.write_text("\n".join(["file,subject", *rows]))
    outcome = run("batch", manifest, "-o", tmp_path / "out").succeeded()
    assert matched == ["b"]
    assert "subject a is in no other session" in outcome.err
    plane = read_match_file(tmp_path / "out" / FILES[1], footprints=False)
    assert [session.name for session in plane.sessions] == ["102", "101"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("path\nx.nwb\n", ("'file'", "path")),
        ("file\n\n", ("no NWB file",)),
        ("file,subject\n,a\n", ("row 2",)),
        ("file\nx.nwb\nx.nwb\n", ("2 times",)),
    ],
)
def test_a_manifest_that_cannot_be_understood(content: str, words: Sequence[str], tmp_path: Path):
    (tmp_path / "manifest.csv").write_text(content)
    run("batch", tmp_path / "manifest.csv", "-o", tmp_path / "out").refused(*words)


def test_without_dask_it_says_what_to_install(animals: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    batch(animals, "-j", 2).refused("[distributed]", "-j 1")
    assert not (animals.parent / "out").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("distributed")
def test_a_scheduler_that_is_not_there(animals: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ndx_match.batch.cluster.PATIENCE", 1.0)
    batch(animals, "--scheduler", "tcp://127.0.0.1:9").refused("tcp://127.0.0.1:9", "dask worker")
    batch(animals, "--scheduler", "nonsense:").refused("nonsense:", "dask worker")


@pytest.mark.slow
@pytest.mark.usefixtures("distributed")
def test_the_tables_are_those_of_single_runs(animals: Path, monkeypatch: pytest.MonkeyPatch):
    """Of processes of this machine, of which each has its own animals."""
    monkeypatch.undo()  # match them
    batch(animals, "-j", 2).succeeded()
    (animals.parent / "single").mkdir()
    for name, file in zip("ab", FILES, strict=True):
        single = animals.parent / "single" / file
        run("write", *sorted((animals / name).iterdir()), "-o", single, "-j", 1).succeeded()
        tables = table_bytes(animals.parent / "out" / file)
        assert tables == table_bytes(single)
        assert len(tables) > 30
    by_hand = animals.parent / "by_hand"
    by_hand.mkdir()
    for file in FILES:
        shutil.copy(animals.parent / "single" / file, by_hand)
    assert run("batch", animals, "-o", by_hand).succeeded().out.count("done before") == 2


@pytest.mark.slow
@pytest.mark.usefixtures("distributed")
def test_a_killed_worker_and_a_broken_file_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A scheduler and two workers, all processes of their own."""
    monkeypatch.undo()
    benchmark = import_module("batch")
    measured = benchmark.measure(tmp_path, 4, benchmark.ANIMAL)
    assert (measured.first.code, measured.results, measured.summary) == (2, 3, {"done": 3, "failed": 1})
    assert len(measured.first.errors) == 1
    assert "sub-mouse03" in measured.first.errors[0]
    assert measured.begun_more_than_once == {measured.begun_by_killed: 2}
    assert (measured.again.code, measured.again.begun, measured.unchanged) == (2, 0, True)
    assert (measured.repaired.code, measured.repaired.begun) == (0, 1)
    assert measured.same == 4
