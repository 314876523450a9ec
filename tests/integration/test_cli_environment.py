"""The command where standard streams, home, working directory or backend cannot be used."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from builders import write_sessions
from helpers import COMMAND, listing, run, run_process

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


@pytest.fixture(scope="module")
def matches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("matches")
    path = folder / "m.nwb"
    run("write", *write_sessions(folder), "-o", path, "--method", "nway").succeeded()
    return path


def shell(arguments: str, redirection: str) -> tuple[int, str, str]:
    """Run the command with redirected streams."""
    command = f"{shlex.join(COMMAND)} {arguments} {redirection}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@needs_full
def test_a_full_standard_output(matches: Path):
    code, _, err = shell(f"show {matches}", "> /dev/full")
    assert (code, err) == (
        2,
        "Error: Standard output cannot be written (No space left on device); give it another place.\n",
    )


@pytest.mark.slow
@needs_full
def test_a_full_standard_error_changes_nothing_else(matches: Path):
    code, out, _ = shell(f"show {matches}", "2> /dev/full")
    assert (code, out) == (0, run("show", matches).out)


@pytest.mark.slow
def test_closed_streams(tmp_path: Path, matches: Path):
    redirection = "<&- >&- 2>&-"
    assert shell(f"export {matches} -o {tmp_path / 'cells.csv'}", redirection)[0] == 0
    run("export", matches, "-o", tmp_path / "same.csv")
    assert (tmp_path / "cells.csv").read_bytes() == (tmp_path / "same.csv").read_bytes()
    assert shell("show none.nwb", redirection)[0] == 2


@pytest.mark.slow
def test_a_reader_that_goes_away(matches: Path):
    assert shell(f"show {matches}", "| true")[2] == ""


@pytest.mark.slow
def test_a_name_that_the_terminal_cannot_show(tmp_path: Path):
    name = "souris-\N{MOUSE FACE}.nwb"
    write_sessions(tmp_path)[0].rename(tmp_path / name)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    shown = run_process("inspect", tmp_path / name, env=environment).succeeded().out
    assert "souris-\\U0001f42d.nwb" in shown


@pytest.mark.slow
def test_pictures_whatever_backend_and_home(tmp_path: Path, matches: Path):
    """Jupyter sets a backend of its own, which commands that it runs inherit; cluster jobs may have no home."""
    backend = "module://matplotlib_inline.backend_inline"
    hidden = {
        "MPLBACKEND": backend,
        "HOME": "/dev/null",
        "XDG_CACHE_HOME": "",
        "MPLCONFIGDIR": "",
        "TMPDIR": str(tmp_path),
    }
    outcome = run_process("plot", matches, "-o", tmp_path / "plots", env={**os.environ, **hidden}).succeeded()
    assert outcome.err == ""
    assert listing(tmp_path) == {"plots", *(f"plots/{path.name}" for path in (tmp_path / "plots").iterdir())}


def test_a_working_directory_that_was_deleted(tmp_path: Path, matches: Path):
    folder = tmp_path / "gone"
    folder.mkdir()
    command = f"cd {folder} && rmdir {folder} && {shlex.join(COMMAND)} show {matches}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: The working directory was deleted; change to another one.\n"


@pytest.mark.parametrize("command", ["write a b -o", "convert a", "simulate -o", "demo -o", "plot m -o", "score m"])
def test_an_address_in_place_of_a_path(command: str):
    run(*command.split(), "https://me:5ecret@example.org/x?y=5ecret").refused("https://example.org/x: ", "local disk")
