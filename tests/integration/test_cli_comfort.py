"""What makes the command pleasant: folders, patterns, names of probabilities, hints, quiet, logs and completion."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import as_zarr, make_nwbfile, write_nwb, write_sessions
from helpers import run, run_process
from pynwb import TimeSeries
from rich.progress import Progress

from ndx_match.cli import main
from ndx_match.cli.output import _TimeLeft, progress_bar
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import match
from ndx_match.methods.consensus.parameters import ConsensusParameters
from ndx_match.sources import read_sessions
from ndx_match.sources.inputs import expand, is_match_file
from ndx_match.storage.convert import convert_file
from ndx_match.suggestions import did_you_mean

ESCAPE = "\x1b["


class Terminal(io.StringIO):
    """Standard output and standard error of one that is a terminal."""

    def isatty(self) -> bool:
        return True


def run_in_terminal(*arguments: object) -> str:
    """What the command shows on a terminal."""
    terminal = Terminal()
    with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(terminal), contextlib.suppress(SystemExit):
        main([str(argument) for argument in arguments])
    return terminal.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three sessions and the match file of them."""
    folder = tmp_path_factory.mktemp("made")
    sessions = read_sessions(write_sessions(folder, ((0, 0), (3, 2), (-4, 5))))
    write_match_file(sessions, match(sessions, "nway"), folder / "matches.nwb")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "data"))


def n_sessions(path: Path) -> int:
    return len(read_match_file(path, footprints=False).sessions)


def test_a_folder_stands_for_its_sessions_and_not_for_their_match_file(folder: Path):
    (folder / ".hidden.nwb").touch()
    (folder / "notes.txt").touch()
    (folder / "later").mkdir()
    (folder / "session_2.nwb").rename(folder / "later" / "session_2.nwb")
    names = [os.path.basename(path) for path in expand(folder)]
    assert names == ["session_2.nwb", "session_0.nwb", "session_1.nwb"]
    for _ in range(2):  # into the folder, in which it lies afterwards
        run("write", folder, "-o", folder / "m.nwb", "--method", "nway", "--overwrite").succeeded()
        assert n_sessions(folder / "m.nwb") == 3
    run("propagate", folder / "m.nwb", "-o", folder / "outlines").succeeded()
    assert [os.path.basename(path) for path in expand(folder)] == names


def test_a_pattern_stands_for_the_files_that_fit_it(folder: Path, tmp_path: Path):
    run("write", folder / "session_[01].nwb", "-o", tmp_path / "m.nwb", "--method", "nway").succeeded()
    assert n_sessions(tmp_path / "m.nwb") == 2
    run("write", folder / "day*.nwb", "-o", tmp_path / "n.nwb").refused(f"{folder}/day*.nwb: no file matches")


def test_a_file_whose_name_is_a_pattern_is_taken_as_it_is(folder: Path):
    odd = (folder / "session_0.nwb").rename(folder / "session_[12].nwb")
    assert expand([odd]) == [odd]


def test_one_file_may_be_given_by_its_folder_or_a_pattern(folder: Path):
    direct = run("show", folder / "matches.nwb").succeeded()
    assert run("show", folder).succeeded().out == direct.out
    assert run("show", folder / "mat*.nwb").succeeded().out == direct.out
    shutil.copy(folder / "matches.nwb", folder / "other.nwb")
    run("show", folder).refused("means 2 files", "matches.nwb", "other.nwb", "give one")


def test_match_files_are_told_from_sessions_in_both_formats(folder: Path):
    assert is_match_file(folder / "matches.nwb")
    assert not is_match_file(folder / "session_0.nwb")
    (folder / "text.nwb").write_text("no NWB file")
    assert not is_match_file(folder / "text.nwb")
    pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed; install the group test")
    run("convert", folder / "matches.nwb", folder / "matches.nwb.zarr").succeeded()
    assert is_match_file(folder / "matches.nwb.zarr")
    assert not is_match_file(as_zarr(folder / "session_0.nwb"))


def test_probabilities_have_names(folder: Path, tmp_path: Path):
    run("write", folder, "-o", tmp_path / "m.nwb", "--confident").succeeded()
    assert read_match_file(tmp_path / "m.nwb", footprints=False).result.parameters["least_probability"] == 0.9
    assert ConsensusParameters(least_probability="inclusive").least_probability == 0.3
    refused = run("write", folder, "-o", tmp_path / "n.nwb", "--confident", "--least-probability", "0.8")
    refused.refused("--least-probability and --confident state the same thing")
    run("write", folder, "-o", tmp_path / "n.nwb", "--method", "nway", "--inclusive").refused("does not belong", "nway")


def test_what_was_probably_meant_is_named(folder: Path):
    assert did_you_mean("visp_l", ["VISp_1", "VISl_3"]) == " (did you mean VISp_1?)"
    assert did_you_mean("x", ["VISp_1"]) == ""
    assert "no command 'wirte' (did you mean write?)" in run("wirte").err
    assert "--overwrite" in run("write", "--overwirte", "a.nwb").err
    run("show", folder, "--plane", "plan").refused("no plane 'plan' (did you mean plane?)")
    run("inspect", folder / "session_0.nwb", "--plane", "plan").succeeded()
    run("write", folder, "-o", folder / "m.nwb", "--plane", "plan").refused("(did you mean plane?)")
    matching = read_match_file(folder / "matches.nwb", footprints=False)
    assert [session.name for session in matching.sessions] == ["101", "102", "103"]


def test_quiet_prints_warnings_and_errors_only(folder: Path, tmp_path: Path):
    files = [folder / f"session_{number}.nwb" for number in (1, 0)]
    loud = run("write", *files, "-o", tmp_path / "m.nwb", "--method", "nway").succeeded()
    assert "Note: " in loud.err
    quiet = run("write", *files, "-o", tmp_path / "n.nwb", "--method", "nway", "--quiet").succeeded()
    assert quiet.out == ""
    assert quiet.err.splitlines() == [line for line in loud.err.splitlines() if line.startswith("Warning: ")] != []
    run("export", folder, "-o", tmp_path / "none" / "cells.csv", "-q").refused("does not exist")


def test_quiet_leaves_the_text_that_is_a_command_s_purpose(folder: Path):
    assert run("show", folder, "-q").succeeded().out == run("show", folder).succeeded().out != ""


def test_the_log_holds_what_was_printed_stages_and_errors(folder: Path, tmp_path: Path):
    log = tmp_path / "run.log"
    options = ("--log-file", log, "--quiet")
    run("write", folder, "-o", tmp_path / "m.nwb", "--method", "nway", *options).succeeded()
    run("show", tmp_path / "gone.nwb", *options).refused("gone.nwb")
    text = log.read_text()
    assert re.search(
        r"^[\d-]{10} [\d:,]{12} INFO +ndx-match \S+, Python \S+, \S+: ndx-match write ", text, re.MULTILINE
    )
    assert re.search(r"INFO +registering: 3 of 3 in \d+\.\d s", text)
    assert f"Wrote {tmp_path / 'm.nwb'}" in text
    assert re.search(r"ERROR +.*gone\.nwb", text)
    assert re.search(r"Ended with 0$.*Ended with 2$", text, re.MULTILINE | re.DOTALL)


def test_the_log_holds_the_traceback_of_a_bug(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("ndx_match.matchfile.read_planes_of_match_file", fail)
    assert run("show", folder, "--log-file", tmp_path / "run.log").code == 70
    assert "Traceback" in (tmp_path / "run.log").read_text()


def test_a_log_replaces_nothing_and_shows_no_password(folder: Path, tmp_path: Path, cache: Path):
    before = (folder / "session_0.nwb").read_bytes()
    run("show", folder, "--log-file", folder / "session_0.nwb").refused("session_0.nwb: this file is not a log")
    assert (folder / "session_0.nwb").read_bytes() == before
    run("show", folder, "--log-file", tmp_path / "none" / "run.log").refused("the log cannot be written")
    run("convert", "https://user:secret@127.0.0.1:9/a.nwb", tmp_path / "a.nwb", "--log-file", tmp_path / "run.log")
    text = (tmp_path / "run.log").read_text()
    assert "127.0.0.1" in text
    assert "secret" not in text


def test_colours_are_for_terminals_that_want_them(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert ESCAPE in run_in_terminal("show", "--help")
    assert ESCAPE not in run("show", "--help").out
    coloured = _progress_shown()
    assert re.search(r"\x1b\[[\d;]*3[0-9]", coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    assert ESCAPE not in run_in_terminal("show", "--help")
    assert not re.search(r"\x1b\[[\d;]*3[0-9]", _progress_shown())


def _progress_shown() -> str:
    terminal = Terminal()
    with contextlib.redirect_stderr(terminal), progress_bar() as progress:
        for done in range(4):
            progress("matching", done, 4)
    return terminal.getvalue()


def test_progress_tells_the_time_left():
    now = 0.0
    bar = Progress(auto_refresh=False, get_time=lambda: now)
    bar.add_task("matching", total=10)
    (task,) = bar.tasks
    for done in range(1, 5):
        now = 3.0 * done
        bar.update(task.id, completed=done)
    assert _TimeLeft().render(task).plain == "0:00:12, 0:00:18 left"
    bar.update(task.id, completed=10)
    assert _TimeLeft().render(task).plain == "0:00:12"


def test_every_stage_tells_how_much_is_done_until_all_is(folder: Path, tmp_path: Path):
    log = tmp_path / "run.log"
    run("write", folder, "-o", tmp_path / "m.nwb", "--log-file", log).succeeded()
    run("report", tmp_path / "m.nwb", "-o", tmp_path / "m.html", "--log-file", log).succeeded()
    stages = dict(re.findall(r"INFO +(\w+): (\d+ of \d+) in ", log.read_text()))
    assert stages == {
        "reading": "3 of 3",
        "registering": "3 of 3",
        "matching": "18 of 18",
        "writing": "6 of 6",
        "opening": "3 of 3",
        "page": "3 of 3",
    }


@pytest.mark.slow
def test_converting_tells_how_much_is_done(folder: Path, tmp_path: Path):
    pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed; install the group test")
    nwbfile = make_nwbfile()
    data = np.zeros(6_000_000, np.float32)
    nwbfile.add_acquisition(TimeSeries(name="movie", data=data, unit="a.u.", rate=30.0))
    source = write_nwb(tmp_path / "long.nwb", nwbfile)
    reports: list[tuple[str, int, int]] = []
    convert_file(source, tmp_path / "long.nwb.zarr", progress=lambda *each: reports.append(each))
    assert len(reports) > 1
    stage, done, total = reports[-1]
    assert stage == "MB converted"
    assert done == total >= 24


def complete(line: str) -> list[str]:
    words = line.split(" ")
    variables = {"_NDX_MATCH_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return run_process(env={**os.environ, **variables}).out.split()


def test_shells_complete_commands():
    assert complete("ndx-match wr") == ["plain,write"]


@pytest.mark.slow
def test_shells_complete_options_and_files():
    assert complete("ndx-match write --over") == ["plain,--overwrite"]
    assert complete("ndx-match write day") == ["file,day"]


def test_the_line_of_the_readme_switches_completion_on(tmp_path: Path):
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    (line,) = re.findall(r'^eval "\$\(_NDX_MATCH_COMPLETE=bash_source ndx-match\)"$', readme, re.MULTILINE)
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    script = tmp_path / "ndx-match"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from ndx_match.cli import main; main()" "$@"\n')
    script.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        [bash, "-c", f"{line}\ncomplete -p ndx-match"], capture_output=True, text=True, check=False, env=environment
    )
    assert "ndx-match" in done.stdout, done.stderr
