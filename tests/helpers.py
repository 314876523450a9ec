"""The command `ndx-match`, run in this process or in one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ndx_match.cli import main

COMMAND = (sys.executable, "-c", "from ndx_match.cli import main; main()")
NOBODY = 65534


@dataclass(frozen=True)
class Outcome:
    """What a run of the command left behind."""

    code: int
    out: str
    err: str

    def succeeded(self) -> Outcome:
        assert self.code == 0, self.err
        return self

    def refused(self, *words: str) -> Outcome:
        """It ended with a sentence on standard error, which holds the words, and nothing else."""
        assert self.code == 2, self.err
        assert self.out == ""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("Error: ")
        assert lines[0].endswith(".")
        for word in words:
            assert word in lines[0]
        return self


def run(*arguments: object) -> Outcome:
    """Run the command in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


def run_process(*arguments: object, **options: Any) -> Outcome:
    """Run the command in a process of its own."""
    command = [*COMMAND, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **options)
    return Outcome(done.returncode, done.stdout, done.stderr)


class Running:
    """The command in a process of its own, which starts at once because it is forked from this one."""

    def __init__(self, *arguments: object) -> None:
        self.process = os.fork()
        if not self.process:
            code = 99
            try:
                quiet = os.open(os.devnull, os.O_WRONLY)
                os.dup2(quiet, 1)
                os.dup2(quiet, 2)
                main([str(argument) for argument in arguments])
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                os._exit(code)

    def send(self, *numbers: signal.Signals, pause: float = 0.0) -> None:
        for number in numbers:
            os.kill(self.process, number)
            time.sleep(pause)

    def code(self) -> int:
        """The exit code, negative of one that was killed."""
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Run as a user who is bound by file permissions, unlike root."""
    if sys.platform == "win32":
        pytest.skip("file permissions are those of Unix")
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def listing(folder: Path) -> set[str]:
    """Every file and folder below, hidden ones too, also of a folder that changes meanwhile."""
    return {
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, folders, files in os.walk(folder)
        for name in (*folders, *files)
    }
