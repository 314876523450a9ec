"""Run the Allen Institute's nway package in another interpreter, as its licence does not allow it in this package."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MethodError
from . import apply
from .nway.parameters import PipelineParameters
from .parameters import documented, parameter
from .protocol import Method

if TYPE_CHECKING:
    from ..model import MatchResult, Progress, Session

NAME = "allen"
MODULE = "nway.nway_matching"
POLL_SECONDS = 0.2

#: Name of a parameter -> its name in the package, if that differs.
_NAMES = {
    "motion_type": "motionType",
    "gauss_filt_size": "gaussFiltSize",
    "clahe_grid": "CLAHE_grid",
    "clahe_clip": "CLAHE_clip",
}

ADVICE = (
    "install the Allen Institute's package in a separate environment (0.6.0, ophys_nway_matching, from the institute's "
    "repository, with pandas<3; or 0.5.1, ophys-nway-matching on PyPI, for Python 3.9 with packages of that time) and "
    "give that environment's interpreter with --nway-python, or use --method nway, which does not need the package"
)

# Runs in the other interpreter, which may be as old as Python 3.8.
_ABOUT = """
import json, platform
from importlib import metadata, util

def version(distribution):
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None

names = ("ophys-nway-matching", "nway", "numpy", "scipy", "pandas", "networkx", "scikit-image")
versions = {name: version(name) for name in names}
try:
    import cv2
    versions["opencv"] = cv2.__version__
except Exception:
    versions["opencv"] = None
try:
    runnable = util.find_spec("nway.nway_matching") is not None
except Exception:
    runnable = False
print(json.dumps({"python": platform.python_version(), "versions": versions, "runnable": runnable}))
"""


@documented
@dataclass(frozen=True)
class AllenParameters(PipelineParameters):
    """Parameters of :func:`match`: those of the package, with its defaults, and how to run it."""

    python: str | None = parameter(
        None,
        "path or name of the Python interpreter that has the Allen Institute's package; by default, the interpreter "
        "that runs ndx-match",
        option="nway-python",
        stored=False,
    )
    timeout_minutes: float | None = parameter(
        None,
        "time after which the package is stopped; by default, there is no limit",
        above=0,
        unit="minutes",
        stored=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.maximum_distance.is_integer():
            raise MethodError(
                f"maximum_distance is {self.maximum_distance}, but the Allen Institute's package takes only whole "
                "pixels; give a whole number, or use --method nway."
            )

    def arguments(self) -> list[str]:
        """The arguments of the package's command: the names of the parameters in the package, and their values."""
        values = {**self.stored(), "maximum_distance": int(self.maximum_distance)}
        return [part for name, value in values.items() for part in (f"--{_NAMES.get(name, name)}", str(value))]


@dataclass(frozen=True)
class Interpreter:
    """An interpreter that has the package, with the versions on which the numbers depend."""

    path: str  #: absolute
    package_version: str
    software: Mapping[str, str]  #: versions of Python and of libraries


def match(
    sessions: Sequence[Session], parameters: AllenParameters | None = None, progress: Progress | None = None
) -> MatchResult:
    """Match the cells of several sessions with the Allen Institute's package.

    Arguments and result are those of :func:`ndx_match.methods.match`. The method is described by Garrett et al. 2023,
    10.1101/2023.02.14.528085, p. 31.

    Raises
    ------
    MethodError
        In the cases that :func:`ndx_match.methods.match` lists; also if the interpreter or the package is missing, or
        if the package ends without an output or takes too long.
    InputError
        If the package's output does not fit the sessions.
    """
    return apply.match(sessions, METHOD, parameters, progress)


def _match(sessions: Sequence[Session], parameters: AllenParameters, progress: Progress | None) -> MatchResult:
    from ..formats.nway import read_nway_output, write_nway_input

    interpreter = find_package(parameters.python or sys.executable)
    n_pairs = len(sessions) * (len(sessions) - 1) // 2
    with tempfile.TemporaryDirectory(prefix="ndx-match-allen-") as name:
        folder = Path(name)
        written = write_nway_input(sessions, folder)
        output = folder / "output.json"
        plots = folder / "plots"
        plots.mkdir()
        files = {"--input_json": written.input_json, "--output_json": output, "--output_directory": plots}
        named = [str(part) for option in files.items() for part in option]
        command = [interpreter.path, "-m", MODULE, *named, *parameters.arguments()]
        exit_code, log = _run(command, folder, parameters.timeout_minutes, n_pairs, progress)
        if not output.exists():
            raise _no_output(interpreter, exit_code, log)
        result = read_nway_output(
            output, sessions, parameters.stored(), written.ids, method=NAME, method_version=interpreter.package_version
        )
    return replace(result, software=interpreter.software)


METHOD = Method(
    NAME, "the Allen Institute's own package", AllenParameters, _match, takes_all_rois=True, needs_image=True
)


def find_package(python: str = sys.executable) -> Interpreter:
    """Find the Allen Institute's package in an interpreter, which is given by its path or its name on the `PATH`.

    Raises
    ------
    MethodError
        If there is no such interpreter, if it does not work, or if it does not have the package.
    """
    located = shutil.which(os.path.expanduser(python))
    if located is None:
        raise MethodError(
            f"{python}: there is no such Python interpreter; give the path of the one that has the Allen Institute's "
            "package with --nway-python, or use --method nway, which does not need it."
        )
    # Absolute, because the package runs in another folder. Links stay, as the interpreter of an environment is a link.
    path = os.path.abspath(located)
    about = _ask(path)
    versions = about["versions"]
    package = versions.pop("ophys-nway-matching")
    astronomy = versions.pop("nway")
    if package is None and not about["runnable"]:
        if astronomy is not None:
            raise MethodError(
                f"{path}: has the package nway {astronomy} of PyPI, which is an unrelated tool for astronomy; {ADVICE}."
            )
        raise MethodError(f"{path}: does not have the Allen Institute's package ophys_nway_matching; {ADVICE}.")
    software = {"python": about["python"], **{k: v for k, v in versions.items() if v is not None}}
    return Interpreter(path, package or "unknown", software)


def _ask(path: str) -> dict[str, Any]:
    try:
        with tempfile.TemporaryDirectory(prefix="ndx-match-allen-") as empty_folder:
            answer = subprocess.run(
                [path, "-c", _ABOUT],
                cwd=empty_folder,  # Python looks for modules in its working folder first
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=120,
                env=_environment(path),
                check=False,
            )
        about = json.loads(answer.stdout.strip().splitlines()[-1])
        return {"python": about["python"], "versions": dict(about["versions"]), "runnable": about["runnable"]}
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    except (ValueError, IndexError, KeyError, TypeError):
        reason = _last_error(answer.stderr) or "it gave no answer"
    raise MethodError(
        f"{path}: is no working interpreter of Python 3.8 or newer ({reason}); give the one that has the Allen "
        "Institute's package with --nway-python, or use --method nway, which does not need it."
    )


def _run(
    command: Sequence[str], folder: Path, timeout_minutes: float | None, n_pairs: int, progress: Progress | None
) -> tuple[int, str]:
    """Run the package in a folder, and return its exit code and everything it printed."""
    log = folder / "log.txt"
    deadline = None if timeout_minutes is None else time.monotonic() + 60 * timeout_minutes
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=_environment(command[0]),
            start_new_session=True,  # its workers can then be stopped with it
        )
        try:
            while process.poll() is None:
                if progress:
                    progress("running the Allen Institute's package", _pairs_done(log, n_pairs), n_pairs)
                if deadline is not None and time.monotonic() > deadline:
                    raise MethodError(
                        f"The Allen Institute's package was stopped after {timeout_minutes:g} minutes without a "
                        "result; allow it more time, or use --method nway."
                    )
                time.sleep(POLL_SECONDS)
        except BaseException:
            _stop(process)
            raise
    if progress:
        progress("running the Allen Institute's package", n_pairs, n_pairs)
    return process.returncode, _text(log)


def _stop(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have ended just now
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _pairs_done(log: Path, n_pairs: int) -> int:
    return min(_text(log).count("best registration was"), n_pairs)


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


def _environment(python: str) -> dict[str, str]:
    """Our environment variables, changed so that another interpreter finds none of our packages and opens no window."""
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    if python != sys.executable:
        for name in ("PYTHONPATH", "PYTHONHOME"):
            environment.pop(name, None)
    return environment


def _no_output(interpreter: Interpreter, exit_code: int, log: str) -> MethodError:
    package = f"The Allen Institute's package {interpreter.package_version}"
    last = _last_error(log)
    quoted = f" ({last})" if last else ""
    if "not all pairwise registrations succeeded" in log:
        return MethodError(
            f"{package} ended without a result because it could not align one pair of sessions{quoted}; leave out the "
            "session that does not fit, or use --method nway or --method consensus, which go on without that pair."
        )
    if "Nway matching is done" in log:
        return MethodError(
            f"{package} crashed while it drew its plots, before it wrote its result{quoted}; 0.5.1 does so with two "
            "sessions and 0.6.0 with pandas 3, so give three sessions or more, or use 0.6.0 (from the Allen "
            "Institute's repository) in an environment with pandas<3, or use --method nway, which needs neither."
        )
    if exit_code < 0:
        return MethodError(
            f"{package} was stopped by signal {-exit_code} and left no result, perhaps because there was too "
            "little memory; free some memory, or use --method nway."
        )
    return MethodError(
        f"{package} ended without a result (exit code {exit_code}){': ' + last if last else ''}; check whether "
        f"{interpreter.path} has the packages that it needs, or {ADVICE}."
    )


def _last_error(log: str) -> str:
    """The line that names the last error: the first unindented one after the last traceback, else the last line."""
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    tracebacks = [k for k, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    if tracebacks:
        lines = [line for line in lines[tracebacks[-1] + 1 :] if re.match(r"\S", line)][:1]
    return lines[-1].rstrip(".")[:300] if lines else ""
