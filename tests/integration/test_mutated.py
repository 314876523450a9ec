"""Inputs, match files and results of other tools in which something was changed at random: a result or one sentence."""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from builders import write_sessions
from helpers import Outcome, listing, run
from mutations import mutate_file, mutate_json

from ndx_match.matchfile import read_match_file

pytestmark = pytest.mark.slow
METHOD = ("--method", "nway")
BATCH = 25  #: seeds a test: enough tests to share them out among processes
MEMORY = 6 * 2**30  #: bytes that may be asked for, beyond which Python raises an error that the test sees


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="module", params=["image_mask", "pixel_mask"])
def inputs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> list[Path]:
    return write_sessions(tmp_path_factory.mktemp("inputs"), mask_kind=request.param)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a match file by each method and, as JSON, what an importer and the nway format make of it."""
    folder = tmp_path_factory.mktemp("files")
    sessions = write_sessions(folder, ((0, 0), (3, 2), (-2, 4)))
    for method in ("nway", "consensus"):
        run("write", *sessions, "-o", folder / f"{method}.nwb", "--method", method).succeeded()
    run("export", folder / "nway.nwb", "-o", folder / "nway.json").succeeded()
    return folder


def check(outcome: Outcome, what: str) -> bool:
    """A result, or one sentence; returns whether it was a result."""
    assert outcome.code in (0, 2), f"{what}\n{outcome.err}"
    if outcome.code == 2:
        lines = outcome.err.strip().splitlines()
        assert lines[-1].startswith("Error: "), f"{what}\n{outcome.err}"
        assert lines[-1].endswith("."), f"{what}\n{outcome.err}"
        assert [line for line in lines if line.startswith("Error: ")] == lines[-1:], f"{what}\n{outcome.err}"
        assert all(line.startswith(("Note: ", "Warning: ", "Error: ")) for line in lines), f"{what}\n{outcome.err}"
    return outcome.code == 0


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("batch", range(10))
def test_an_input_is_matched_or_refused_in_a_sentence(inputs: list[Path], tmp_path: Path, batch: int):
    ended_well = 0
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        spoilt = shutil.copy(inputs[1], tmp_path / "spoilt.nwb")
        what = f"seed {seed}: {mutate_file(spoilt, Random(seed))}"
        before = digest(spoilt)
        output = tmp_path / "m.nwb"
        pair = (inputs[0], spoilt) if seed % 2 else (spoilt, inputs[0])
        if check(run("write", *pair, "-o", output, *METHOD, "--no-checksum"), what):
            read_match_file(output)
            output.unlink()
            ended_well += 1
        check(run("inspect", spoilt), what)
        assert digest(spoilt) == before
        assert listing(tmp_path) == {"spoilt.nwb"}, what
    assert 0 < ended_well < BATCH


@pytest.mark.parametrize("batch", range(8))
def test_a_match_file_is_shown_or_refused_in_a_sentence(files: Path, tmp_path: Path, batch: int):
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        spoilt = shutil.copy(files / ("nway.nwb", "consensus.nwb")[seed % 2], tmp_path / "spoilt.nwb")
        what = f"seed {seed}: {mutate_file(spoilt, Random(seed))}"
        before = digest(spoilt)
        shown = check(run("show", spoilt), what)
        exported = check(run("export", spoilt, "-o", tmp_path / "cells.csv"), what)
        assert shown == exported, what
        assert digest(spoilt) == before
        assert listing(tmp_path) == {"spoilt.nwb"} | ({"cells.csv"} if exported else set()), what
        (tmp_path / "cells.csv").unlink(missing_ok=True)


@pytest.mark.parametrize("batch", range(8))
def test_a_json_result_is_imported_or_refused_in_a_sentence(files: Path, tmp_path: Path, batch: int):
    sessions = sorted(files.glob("session_*.nwb"))
    content = json.loads((files / "nway.json").read_text())
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        text, what = mutate_json(content, Random(seed))
        (tmp_path / "spoilt.json").write_text(text)
        output = tmp_path / "m.nwb"
        outcome = run("import", "--from", "nway", tmp_path / "spoilt.json", *sessions, "-o", output)
        if check(outcome, f"seed {seed}: {what}"):
            read_match_file(output)
            output.unlink()
        assert listing(tmp_path) == {"spoilt.json"}, what
