"""`--method allen` with a stand-in for the Allen Institute's package, and its messages where the package fails."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from ndx_match.errors import MethodError
from ndx_match.methods.allen import AllenParameters, find_package, match
from ndx_match.model import Session

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in interpreter is a shell script")

STAND_IN = Path(__file__).with_name("stand_in_nway.py")
SHAPE = (40, 30)
TWO_SESSIONS_CRASH = """INFO:NwayMatching:Nway matching is done!
INFO:NwayMatching:Creating match summary plots
Traceback (most recent call last):
  File "plots.py", line 1, in <module>
    axes[0, 0]
TypeError: 'AxesSubplot' object is not subscriptable"""
FAILED_PAIR = """multiprocessing.pool.RemoteTraceback:
Traceback (most recent call last):
  File "x.py", line 1, in <module>
__main__.NwayException: not all pairwise registrations succeeded."""


def make_session(name: str, roi_ids: list[int], seed: int, empty: tuple[int, ...] = ()) -> tuple[Session, np.ndarray]:
    """A session and its masks [roi, row, col]."""
    random = np.random.default_rng(seed)
    masks = np.zeros((len(roi_ids), *SHAPE), bool)
    for row in range(len(roi_ids)):
        if row not in empty:
            top, left = random.integers(0, (SHAPE[0] - 9, SHAPE[1] - 9))
            masks[row, top : top + 9, left : left + 9] = random.random((9, 9)) < 0.5
            masks[row, top, left] = True
    weights = masks.reshape(len(roi_ids), -1) * random.uniform(0.1, 1, (len(roi_ids), masks[0].size))
    image = random.normal(300, 50, SHAPE).astype(np.float32)
    session = Session(name, image, scipy.sparse.csr_array(weights.astype(np.float32)), np.array(roi_ids, np.int64))
    return session, masks


def make_interpreter(folder: Path, distribution: str | None, version: str = "0.6.0", plan: dict | None = None) -> str:
    """An interpreter that has, beside our packages, a distribution of the given name, and the stand-in by a plan."""
    modules = folder / "modules"
    modules.mkdir()
    if distribution is not None:
        about = modules / f"{distribution.replace('-', '_')}-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    if plan is not None:
        package = modules / "nway"
        package.mkdir()
        (package / "__init__.py").touch()
        shutil.copy(STAND_IN, package / "nway_matching.py")
        (package / "plan.json").write_text(json.dumps(plan))
    shim = folder / "python"
    shim.write_text(f'#!/bin/sh\nPYTHONPATH="{modules}" exec "{sys.executable}" "$@"\n')
    shim.chmod(0o755)
    return str(shim)


@pytest.fixture
def sessions(tmp_path):
    """Two sessions whose ids restart, one ROI of the second without a pixel, and what the package must be given."""
    (first, masks), (second, other_masks) = (
        make_session("monday", [0, 1, 2], seed=1),
        make_session("tuesday", [0, 1, 2, 3], seed=2, empty=(1,)),
    )
    expected = {"masks_0": masks, "masks_1": np.delete(other_masks, 1, axis=0)}
    for k, session in enumerate((first, second)):
        shifted = session.image - session.image.min()
        expected[f"image_{k}"] = np.floor(shifted / shifted.max() * np.float32(255)).astype(np.uint8)
    np.savez(tmp_path / "expected.npz", **expected)
    return [first, second]


def plan(tmp_path: Path, output: dict | None = None, text: str = "", exit_code: int = 0, seconds: float = 0) -> dict:
    return {
        "expected": str(tmp_path / "expected.npz"),
        "output": output,
        "print": text,
        "exit_code": exit_code,
        "seconds": seconds,
    }


# ids in the JSON: monday 1, 2, 3; tuesday 4, (5: no pixel), 6, 7
OUTPUT = {
    "nway_matches": [[2, 7], [1], [3], [4], [6]],
    "pairwise_results": [
        {
            "fixed_experiment": 0,
            "moving_experiment": 1,
            "transform": {"best_registration": ["Crop", "ECC"], "matrix": [[1, 0, 0.5], [0, 1, 0], [0, 0, 1]]},
            "matches": [{"fixed": 2, "moving": 7, "distance": 1.0, "iou": 0.5, "cost": 0.6}],
            "rejected": [{"fixed": 2, "moving": 6, "distance": 9.0, "iou": 0.0, "cost": 1.9}],
            "unmatched": {"fixed": [1, 3], "moving": [4]},
        }
    ],
}


def test_package_is_given_the_sessions_and_its_output_comes_back(tmp_path, sessions):
    python = make_interpreter(tmp_path, "ophys_nway_matching", "0.6.0", plan(tmp_path, OUTPUT))
    stages = []

    result = match(sessions, AllenParameters(python=python), lambda *stage: stages.append(stage))

    assert result.method == "allen"
    assert result.method_version == "0.6.0"
    assert result.cells.tolist() == [[1, 3], [0, -1], [2, -1], [-1, 0], [-1, 2], [-1, 1]]
    assert result.roi_pairs.moving_roi_row.tolist() == [2, 3]
    assert result.roi_pairs.accepted.tolist() == [False, True]
    assert result.registrations[0].steps == ("Crop", "ECC")
    (warning,) = result.warnings
    assert "tuesday" in warning
    assert "no mask pixel" in warning
    assert stages[-1][1:] == (1, 1)


def test_result_says_with_what_it_was_made_but_not_where(tmp_path, sessions):
    python = make_interpreter(tmp_path, "ophys-nway-matching", "0.5.1", plan(tmp_path, OUTPUT))
    result = match(sessions, AllenParameters(python=python, timeout_minutes=5))
    assert result.method_version == "0.5.1"
    assert result.software["numpy"] == np.__version__
    assert result.software["python"].startswith("3.")
    assert result.parameters["maximum_distance"] == 10
    assert str(tmp_path) not in json.dumps(dict(result.parameters)) + json.dumps(dict(result.software))


def test_package_is_given_the_parameters_by_its_own_names(tmp_path, sessions):
    python = make_interpreter(tmp_path, "ophys_nway_matching", plan=plan(tmp_path, OUTPUT))
    parameters = AllenParameters(
        maximum_distance=15.0,
        motion_type="MOTION_AFFINE",
        registration_iterations=50,
        registration_precision=1e-6,
        gauss_filt_size=7,
        clahe_grid=-1,
        clahe_clip=3.0,
        edge_buffer=20,
        include_original=True,
        assignment_solver="Hungarian",
        pruning_method="popmax",
        python=python,
    )
    match(sessions, parameters)
    arguments = json.loads((tmp_path / "modules" / "nway" / "arguments.json").read_text())
    assert dict(zip(arguments[::2], arguments[1::2], strict=True)) == {
        "--maximum_distance": "15",
        "--motionType": "MOTION_AFFINE",
        "--registration_iterations": "50",
        "--registration_precision": "1e-06",
        "--gaussFiltSize": "7",
        "--CLAHE_grid": "-1",
        "--CLAHE_clip": "3.0",
        "--edge_buffer": "20",
        "--include_original": "True",
        "--assignment_solver": "Hungarian",
        "--pruning_method": "popmax",
    }


@pytest.mark.parametrize("change", ["image", "mask"])
def test_the_stand_in_does_check_what_it_is_given(tmp_path, sessions, change):
    with np.load(tmp_path / "expected.npz") as stored:
        expected = {name: values.copy() for name, values in stored.items()}
    if change == "image":
        expected["image_1"][3, 4] += 1
    else:
        expected["masks_1"][2, 3, 4] ^= True
    np.savez(tmp_path / "expected.npz", **expected)
    python = make_interpreter(tmp_path, "ophys_nway_matching", plan=plan(tmp_path, OUTPUT))
    with pytest.raises(MethodError, match="AssertionError"):
        match(sessions, AllenParameters(python=python))


def test_interpreter_may_be_relative_or_on_the_path(tmp_path, sessions, monkeypatch):
    make_interpreter(tmp_path, "ophys_nway_matching", plan=plan(tmp_path, OUTPUT))
    monkeypatch.chdir(tmp_path)
    assert match(sessions, AllenParameters(python=os.path.join(".", "python"))).method == "allen"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert find_package("python").path == str(tmp_path / "python")


def test_temporary_files_are_removed(tmp_path, sessions, monkeypatch):
    python = make_interpreter(tmp_path, "ophys_nway_matching", plan=plan(tmp_path, OUTPUT))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    match(sessions, AllenParameters(python=python))
    assert list(scratch.iterdir()) == []


# ---- what can be wrong


def test_interpreter_is_missing(sessions):
    with pytest.raises(MethodError, match=r"no/such/python: there is no such Python interpreter.*with `python`,"):
        match(sessions, AllenParameters(python="/no/such/python"))


def test_interpreter_is_another_program(tmp_path, sessions):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)
    with pytest.raises(MethodError, match=r"is no working interpreter of Python 3\.8 or newer"):
        match(sessions, AllenParameters(python=str(program)))


def test_interpreter_is_no_program_at_all(tmp_path, sessions):
    program = tmp_path / "python"
    program.write_bytes(b"\x00\x01\x02")
    program.chmod(0o755)
    with pytest.raises(MethodError, match="is no working interpreter"):
        match(sessions, AllenParameters(python=str(program)))


def test_package_is_missing(tmp_path, sessions):
    python = make_interpreter(tmp_path, None)
    with pytest.raises(MethodError) as caught:
        match(sessions, AllenParameters(python=python))
    message = str(caught.value)
    assert python in message
    for advice in ("ophys_nway_matching", "0.6.0", "0.5.1", "Python 3.9", "pandas<3", "`python`", "method='nway'"):
        assert advice in message


def test_astronomy_package_is_recognised(tmp_path, sessions):
    python = make_interpreter(tmp_path, "nway", "4.5.2")
    with pytest.raises(MethodError, match=r"nway 4\.5\.2 of PyPI, which is an unrelated tool for astronomy"):
        match(sessions, AllenParameters(python=python))


@pytest.mark.parametrize(
    ("text", "exit_code", "messages"),
    [
        (TWO_SESSIONS_CRASH, 1, ["drew its plots", "not subscriptable", "two sessions", "pandas<3", "method='nway'"]),
        (FAILED_PAIR, 1, ["not all pairwise registrations succeeded", "could not align one pair", "method='nway'"]),
        (
            "Traceback (most recent call last):\n  File\n    x = 1\nImportError: libGL.so.1: no such file\n"
            "sys:1: ResourceWarning: left open",
            1,
            ["exit code 1", "ImportError: libGL.so.1: no such file", "method='nway'"],
        ),
        ("something odd\n\n", 3, ["exit code 3", "something odd"]),
        ("", 0, ["ended without a result (exit code 0)"]),
    ],
    ids=["plots", "failed pair", "traceback", "no traceback", "silent"],
)
def test_run_without_output_is_explained(tmp_path, sessions, text, exit_code, messages):
    python = make_interpreter(tmp_path, "ophys_nway_matching", "0.5.1", plan(tmp_path, None, text, exit_code))
    with pytest.raises(MethodError) as caught:
        match(sessions, AllenParameters(python=python))
    for message in ["0.5.1", *messages]:
        assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_run_that_was_killed_is_explained(tmp_path, sessions):
    python = make_interpreter(tmp_path, "ophys_nway_matching", plan=plan(tmp_path))
    module = tmp_path / "modules" / "nway" / "nway_matching.py"
    module.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    with pytest.raises(MethodError, match="stopped by signal 9"):
        match(sessions, AllenParameters(python=python))


def test_run_that_takes_too_long_is_stopped(tmp_path, sessions):
    python = make_interpreter(tmp_path, "ophys_nway_matching", plan=plan(tmp_path, OUTPUT, seconds=60))
    begin = time.monotonic()
    with pytest.raises(MethodError, match=r"stopped after 0\.02 minutes"):
        match(sessions, AllenParameters(python=python, timeout_minutes=0.02))
    assert time.monotonic() - begin < 30


def test_one_session_is_refused(sessions):
    with pytest.raises(MethodError, match="at least two sessions"):
        match(sessions[:1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maximum_distance": 7.5}, "whole pixels"),
        ({"maximum_distance": 0}, "maximum_distance"),
        ({"motion_type": "MOTION_SIDEWAYS"}, "MOTION_EUCLIDEAN"),
        ({"timeout_minutes": 0}, "timeout_minutes"),
    ],
)
def test_parameters_that_the_package_cannot_take(change, message):
    with pytest.raises(MethodError, match=message):
        AllenParameters(**change)
