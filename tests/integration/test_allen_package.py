"""`--method allen` with the Allen Institute's package itself, 0.5.1, in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse

from ndx_match.errors import MethodError
from ndx_match.formats.nway import read_nway_output, write_nway_output
from ndx_match.methods import nway
from ndx_match.methods.allen import AllenParameters, match
from ndx_match.model import MatchResult, Session
from ndx_match.sources import read_sessions

REQUIREMENTS = (
    "ophys-nway-matching==0.5.1",
    "numpy<1.22",
    "pandas<1.4",
    "scikit-image<0.19",
    "scipy<1.8",
    "matplotlib<3.6",
    "networkx<3",
    "pillow<10",
)
OPENCV = "opencv-python-headless<4.6"


@pytest.fixture(scope="session")
def nway_python(request: pytest.FixtureRequest) -> str:
    """An interpreter that has the package: the one of NDX_MATCH_NWAY_PYTHON, else one made here and kept for next time.

    Skips only where there is no Python 3.9, which the package needs.
    """
    interpreter = os.environ.get("NDX_MATCH_NWAY_PYTHON")
    if interpreter:
        return interpreter
    python39 = find_python39()
    if python39 is None:
        pytest.skip("the Allen Institute's package needs Python 3.9, and there is none here")
    folder = Path(request.config.cache.mkdir("nway-environment"))  # type: ignore[union-attr]
    python = folder / "environment" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = folder / "done.json"
    requirements = json.dumps([python39, *REQUIREMENTS, OPENCV])
    if not done.exists() or done.read_text() != requirements:
        done.unlink(missing_ok=True)
        shutil.rmtree(folder / "environment", ignore_errors=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([python39, "-m", "venv", str(folder / "environment")], check=True)
        subprocess.run([*pip, "install", *REQUIREMENTS], check=True)
        # The package asks for opencv-python of any version, which also needs libraries of a desktop; both
        # distributions fill the same folder, so that one goes before the other comes.
        subprocess.run([*pip, "uninstall", "--yes", "opencv-python"], check=True)
        subprocess.run([*pip, "install", "--no-deps", OPENCV], check=True)
        done.write_text(requirements)
    return str(python)


def find_python39() -> str | None:
    candidates = [shutil.which("python3.9")]
    roots = [os.environ.get("PYENV_ROOT")]
    if shutil.which("pyenv"):
        roots.append(subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip())
    for root in filter(None, roots):
        candidates += map(str, sorted(Path(root, "versions").glob("3.9.*/bin/python")))
    for candidate in filter(None, candidates):
        # pyenv's shim exists for every version that is installed, but works only for those that are switched on
        answer = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.startswith("Python 3.9."):
            return candidate
    return None


def groups(result: MatchResult, sessions: list[Session]) -> set[frozenset[tuple[int, int]]]:
    """The cells as sets of (session, ROI id)."""
    return {
        frozenset((k, int(sessions[k].roi_ids[row])) for k, row in enumerate(cell) if row >= 0)
        for cell in result.cells.tolist()
    }


SHAPE = (240, 220)
SHIFTS = ((0, 0), (5, -3), (-4, 6))


def make_sessions(n_cells: int = 40) -> tuple[list[Session], set[frozenset[tuple[int, int]]]]:
    """Three sessions of one field, shifted by a few pixels, ids from 0 in each, and the true groups.

    In every session some cells are not detected, and the last ROI has no pixel.
    """
    random = np.random.default_rng(5)
    places: list[npt.NDArray[np.float64]] = []
    while len(places) < n_cells:
        place = random.uniform(15, np.array(SHAPE) - 15)
        if all(np.linalg.norm(place - other) > 18 for other in places):
            places.append(place)
    rows, cols = np.indices(SHAPE)
    truth: dict[int, set[tuple[int, int]]] = {}
    sessions, alone = [], []
    for k, shift in enumerate(SHIFTS):
        image = random.normal(0, 0.03, SHAPE)
        masks = []
        for cell, place in enumerate(places):
            distance = np.hypot(rows - place[0] - shift[0], cols - place[1] - shift[1])
            image += np.exp(-((distance / 4) ** 2))
            if random.random() < 0.8:
                truth.setdefault(cell, set()).add((k, len(masks)))
                masks.append(distance < 5)
        alone.append({(k, len(masks))})
        masks.append(np.zeros(SHAPE, bool))
        footprints = scipy.sparse.csr_array(np.array(masks, np.float32).reshape(len(masks), -1))
        sessions.append(Session(f"day_{k}", image.astype(np.float32), footprints, np.arange(len(masks))))
    return sessions, {frozenset(group) for group in [*truth.values(), *alone]}


@pytest.mark.slow
def test_package_finds_the_cells_of_shifted_sessions(nway_python):
    sessions, truth = make_sessions()
    result = match(sessions, AllenParameters(python=nway_python))
    assert result.method_version == "0.5.1"
    assert groups(result, sessions) == truth
    assert groups(nway.match(sessions), sessions) == truth
    for registration, expected in zip(result.registrations, [(-3, 5), (6, -4), (9, -9)], strict=True):
        assert registration.matrix[:2, 2] == pytest.approx(expected, abs=1)
    assert len(result.warnings) == 3
    assert all("no mask pixel" in warning for warning in result.warnings)


@pytest.mark.slow
def test_package_takes_every_parameter(nway_python):
    sessions, truth = make_sessions()
    parameters = AllenParameters(
        maximum_distance=8,
        motion_type="MOTION_HOMOGRAPHY",
        registration_iterations=300,
        registration_precision=1e-6,
        gauss_filt_size=3,
        clahe_grid=-1,
        clahe_clip=2.0,
        edge_buffer=0,
        include_original=True,
        assignment_solver="Hungarian",
        pruning_method="popmax",
        python=nway_python,
    )
    result = match(sessions, parameters)
    assert groups(result, sessions) == truth
    assert result.roi_pairs.centroid_distance.max() <= 8


@pytest.mark.slow
def test_crash_of_the_package_with_two_sessions_is_explained(nway_python):
    sessions, _ = make_sessions()
    with pytest.raises(MethodError, match=r"crashed while it drew its plots.*two sessions.*method='nway'"):
        match(sessions[:2], AllenParameters(python=nway_python))


@pytest.mark.slow
def test_pair_that_the_package_cannot_align_is_explained(nway_python):
    sessions, _ = make_sessions()
    twin = Session("twin", sessions[0].image, sessions[0].footprints, sessions[0].roi_ids)
    with pytest.raises(MethodError, match=r"could not align one pair.*not all pairwise registrations succeeded"):
        match([sessions[0], twin], AllenParameters(python=nway_python))


@pytest.mark.slow
@pytest.mark.allen_data
def test_package_gives_the_recorded_groups(nway_python, allen_data, allen_sessions):
    sessions = read_sessions(allen_sessions)
    recorded = json.loads((allen_data / "nway_output" / "three_sessions_default.json").read_text())

    result = match(sessions, AllenParameters(python=nway_python))

    roi_groups = {frozenset(roi_id for _, roi_id in group) for group in groups(result, sessions)}
    assert len(recorded["nway_matches"]) == 464
    assert roi_groups == {frozenset(group) for group in recorded["nway_matches"]}
    assert result.warnings == ()


@pytest.mark.allen_data
@pytest.mark.parametrize("name", ["two_sessions_hungarian_popmax", "three_sessions_default", "three_sessions_affine"])
def test_recorded_output_survives_reading_and_writing(tmp_path, allen_data, allen_sessions, name):
    path = allen_data / "nway_output" / f"{name}.json"
    recorded = json.loads(path.read_text())
    sessions = read_sessions(allen_sessions[: len(recorded["files"])])
    transform_type = recorded["pairwise_results"][0]["transform"]["transform_type"]

    result = read_nway_output(path, sessions, {"motion_type": transform_type})
    write_nway_output(result, sessions, tmp_path / "again.json")

    again = json.loads((tmp_path / "again.json").read_text())
    assert again["nway_matches"] == recorded["nway_matches"]
    assert len(again["pairwise_results"]) == len(recorded["pairwise_results"])
    for ours, theirs in zip(again["pairwise_results"], recorded["pairwise_results"], strict=True):
        for key in ("scale", "shear", "rotation", "translation"):
            expected = theirs["transform"]["properties"].pop(key)
            assert ours["transform"]["properties"].pop(key) == pytest.approx(expected, abs=1e-9)
        assert ours["transform"] == theirs["transform"]
        assert (ours["fixed_experiment"], ours["moving_experiment"]) == (
            theirs["fixed_experiment"],
            theirs["moving_experiment"],
        )
        for key in ("matches", "rejected"):
            order = [(pair["fixed"], pair["moving"]) for pair in ours[key]]
            assert order == sorted(order)
            assert ours[key] == sorted(theirs[key], key=lambda pair: (pair["fixed"], pair["moving"]))
        assert ours["unmatched"] == {side: sorted(ids) for side, ids in theirs["unmatched"].items()}
