"""Every example that `--help` shows is run, in a folder of small files of the names that examples use."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import click
import pytest
from example_files import example_files
from helpers import listing, run

from ndx_match.cli.command import Command, Example
from ndx_match.cli.main import COMMANDS, cli


def command_of(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


#: The commands whose first example is run with the fast tests: which every user needs.
FAST = ("write", "inspect", "show", "export", "report", "import")


def examples() -> list[object]:
    """Each example; most are run with the slow tests."""
    return [
        pytest.param(
            example, id=example.line, marks=[pytest.mark.slow] * (example.slow or number > 0 or name not in FAST)
        )
        for name in COMMANDS
        for number, example in enumerate(getattr(command_of(name), "examples", ()))
    ]


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
def test_the_example_runs(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if "zarr" in example.line:
        pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed; install the group test")
    monkeypatch.setenv("NDX_MATCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("ndx_match.review.ReviewServer.serve_forever", lambda server: None)
    monkeypatch.setattr("webbrowser.open", lambda address: True)
    folder = Path(shutil.copytree(example_files(), tmp_path / "folder"))
    monkeypatch.chdir(folder)
    _, *arguments = shlex.split(example.line)
    if "-o" in arguments:  # what the example writes is not there yet
        (folder / arguments[arguments.index("-o") + 1]).unlink(missing_ok=True)
    before = listing(folder)
    outcome = run(*arguments)
    assert outcome.code == example.code, outcome.err
    assert outcome.out
    if "-o" in arguments and arguments[0] != "review":
        assert listing(folder) - before
