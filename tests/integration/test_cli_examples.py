"""Every example that `--help` shows is run, in a folder of small files of the names that examples use."""

from __future__ import annotations

import csv
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from builders import as_zarr
from helpers import listing, run

from ndx_match.cli.command import Command, Example
from ndx_match.cli.main import COMMANDS, cli
from ndx_match.curation import write_decisions
from ndx_match.decisions import Decision, DecisionKind
from ndx_match.formats.nway import write_nway_output
from ndx_match.matchfile import write_match_file
from ndx_match.methods import match
from ndx_match.simulate import SimulationParameters, simulate
from ndx_match.simulate.files import write_simulation
from ndx_match.sources import read_sessions

PARAMETERS = SimulationParameters(shape=(150, 140), n_cells=30, n_sessions=4, shift=8)


def command_of(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def examples() -> list[object]:
    """Each example, slow ones marked."""
    return [
        pytest.param(example, id=example.line, marks=[pytest.mark.slow] * example.slow)
        for name in COMMANDS
        for example in getattr(command_of(name), "examples", ())
    ]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples name: `day1.nwb` to `day4.nwb`, the first three in `sessions` and matched in `matches.nwb`."""
    folder = tmp_path_factory.mktemp("files")
    made = folder / "made"
    paths = write_simulation(simulate(PARAMETERS, seed=3), made, n_samples=60)
    truth = (made / "truth.json").read_text()
    for number, path in enumerate(paths, start=1):
        truth = truth.replace(path.name, f"day{number}.nwb")
        path.rename(folder / f"day{number}.nwb")
    shutil.rmtree(made)
    (folder / "truth.json").write_text(truth)
    (folder / "sessions").mkdir()
    days = [Path(shutil.copy(folder / f"day{number}.nwb", folder / "sessions")) for number in (1, 2, 3)]
    sessions = read_sessions(days)
    result = match(sessions)
    write_match_file(sessions, result, folder / "matches.nwb")
    write_nway_output(result, sessions, folder / "nway.json")
    write_decisions([Decision(DecisionKind.ACCEPT, cell_id=0)], folder / "decisions.csv")
    with open(folder / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file"], *([f"sessions/{day.name}"] for day in days)])
    if find_spec("hdmf_zarr") is not None:
        as_zarr(folder / "day1.nwb")
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_in_its_help(name: str):
    command = command_of(name)
    assert isinstance(command, Command), "make it with `command` of ndx_match.cli.command"
    assert command.examples
    shown = run(name, "--help").succeeded().out
    for example in command.examples:
        assert example.line.startswith(f"ndx-match {name}")
        assert f"  # {example.does}\n  {example.line}\n" in shown


@pytest.mark.parametrize("example", examples())
def test_the_example_runs(example: Example, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if "zarr" in example.line:
        pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed; install the group test")
    monkeypatch.setenv("NDX_MATCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("ndx_match.review.ReviewServer.serve_forever", lambda server: None)
    monkeypatch.setattr("webbrowser.open", lambda address: True)
    folder = Path(shutil.copytree(files, tmp_path / "folder"))
    monkeypatch.chdir(folder)
    _, *arguments = shlex.split(example.line)
    if "-o" in arguments:  # what the example writes is not there yet
        (folder / arguments[arguments.index("-o") + 1]).unlink(missing_ok=True)
    before = listing(folder)
    outcome = run(*arguments).succeeded()
    assert outcome.out
    if "-o" in arguments and arguments[0] != "review":
        assert listing(folder) - before
