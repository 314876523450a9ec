"""Inputs that once went wrong, made by scripts that lie beside the repository: each gives what its docstring says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from helpers import Outcome, run

from ndx_match.matchfile import read_match_file
from ndx_match.model import MatchedPlane


@dataclass(frozen=True)
class Case:
    """What a script made."""

    folder: Path

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.nwb"))

    @property
    def truth(self) -> dict[str, np.ndarray]:
        """The cell of each ROI, by file; -1 for those of no interest."""
        return {name: np.array(cells) for name, cells in json.loads((self.folder / "truth.json").read_text()).items()}

    def write(self, *options: object) -> Matched:
        outcome = run("write", *self.files, "-o", self.folder / "matches.out", "--overwrite", *options).succeeded()
        return Matched(outcome, read_match_file(self.folder / "matches.out"), self.truth)


@dataclass(frozen=True)
class Matched:
    """What a run said and wrote."""

    outcome: Outcome
    plane: MatchedPlane
    truth: dict[str, np.ndarray]

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.outcome.err.splitlines() if line.startswith("Warning: ")]

    def warning(self, *words: str) -> str:
        """The only warning that holds the words."""
        (warning,) = (line for line in self.warnings if all(word in line for word in words))
        return warning

    def counts(self, first: str, second: str) -> tuple[int, int]:
        """How many pairs of two sessions are right, and how many wrong, by the truth."""
        names = [session.name for session in self.plane.sessions]
        rows = self.plane.result.cells[:, [names.index(first), names.index(second)]]
        rows = rows[(rows >= 0).all(axis=1)]
        cells = self.truth[first][rows[:, 0]], self.truth[second][rows[:, 1]]
        right = int(((cells[0] == cells[1]) & (cells[0] >= 0)).sum())
        return right, len(rows) - right

    def possible(self, first: str, second: str) -> int:
        """How many cells both sessions have."""
        cells = np.intersect1d(self.truth[first], self.truth[second])
        return int((cells >= 0).sum())

    def is_complete(self, first: str, second: str) -> bool:
        """Whether every common cell is matched, and nothing else."""
        return self.counts(first, second) == (self.possible(first, second), 0)


@pytest.fixture
def made(cases: Path, tmp_path: Path) -> Callable[..., Case]:
    """Runs a script: `made(name, *arguments)`."""

    def make(name: str, *arguments: str) -> Case:
        command = [sys.executable, str(cases / f"{name}.py"), str(tmp_path), *arguments]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        return Case(tmp_path)

    return make


@pytest.mark.slow
def test_iscell_of_an_unknown_writer(made):
    case = made("iscell_of_an_unknown_writer")
    chosen = case.write("--where", "iscell>0.5")
    assert chosen.counts("day1", "day2") == (28, 0)
    assert chosen.plane.sessions[0].roi_ids.tolist() == list(range(1000, 1069))
    assert not [warning for warning in chosen.warnings if "iscell" in warning]
    inspected = run("inspect", *case.files).succeeded().out
    everything = case.write()
    assert [session.n_taking_part for session in everything.plane.sessions] == [69, 75]
    for count in ("45 of 69", "56 of 75"):
        sentence = f"the column iscell may state which ROIs are cells (--where 'iscell>0.5' would select {count} ROIs)"
        assert sentence in everything.warning(sentence)
        assert sentence in inspected


@pytest.mark.slow
def test_masks_beside_image(made):
    matched = made("masks_beside_image").write()
    assert matched.is_complete("day1", "day3")
    for pair in (("day1", "day2"), ("day2", "day3")):
        assert matched.counts(*pair)[1] == 0
    assert matched.warning("The ROIs and the image do not fit each other").startswith("Warning: day2: ")


@pytest.mark.slow
def test_nan_border(made):
    matched = made("nan_border").write()
    assert matched.counts("day1", "day2") == (58, 0)
    assert "2536 of 65536 pixels" in matched.warning("no data (NaN)", "day2")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "day", "words"), [
    ("rgb", "day2", "RGB images are not used"), ("dead", "day3", ""), ("constant", "day5", "is blank"),
])  # fmt: skip
def test_odd_image(made, kind: str, day: str, words: str):
    matched = made("odd_image", kind).write()
    assert matched.is_complete("day1", day)
    if words:
        assert "registered by its ROIs alone" in matched.warning(f"{day}: ", words)
    else:
        assert matched.warnings == []


@pytest.mark.slow
def test_projection_smaller_than_masks(made):
    case = made("projection_smaller_than_masks")
    refused = run("write", *case.files, "-o", case.folder / "matches.out")
    refused.refused("256 rows x 256 columns", "226 rows x 236 columns", "--image none")
    matched = case.write("--image", "none")
    assert matched.counts("day1", "day2") == (58, 0)
    assert [session.has_image for session in matched.plane.sessions] == [False, False]


@pytest.mark.slow
def test_subject_missing_or_sex_differs(made):
    from pynwb import read_nwb

    case = made("subject_missing_or_sex_differs")
    matched = case.write()
    assert all(matched.is_complete(*pair) for pair in combinations(("day1", "day2", "day3"), 2))
    matched.warning("No subject is stated in", "day2.nwb")
    matched.warning("disagree about the subject's sex", "day1.nwb", "day3.nwb")
    assert read_nwb(case.folder / "matches.out").subject.sex is None
    case.write("--sex", "F")
    assert read_nwb(case.folder / "matches.out").subject.sex == "F"


@pytest.mark.slow
def test_traces_roi_by_time(made):
    """Of every ROI that has a trace, in every session, all values are the number of its cell."""
    from pynwb import read_nwb

    case = made("traces_roi_by_time")
    matched = case.write("--all-rois")
    files = {path.stem: path for path in case.files}
    nwbfile = read_nwb(case.folder / "matches.out")
    activity = nwbfile.processing["ophys"]["CellMatching"].activity(files)
    n_traces = {}
    for (name, frame), rows in zip(activity.items(), matched.plane.result.cells.T, strict=True):
        assert frame.shape == (len(rows), 500)
        has_trace = frame.notna().all(axis=1).to_numpy()
        n_traces[name] = int(has_trace.sum())
        assert frame[~has_trace].isna().all(axis=None)
        assert (rows[has_trace] >= 0).all()
        true = matched.truth[name][rows[has_trace]]
        np.testing.assert_array_equal(frame[has_trace], np.repeat(true[:, None], 500, axis=1))
    n_rois = [len(matched.truth[name]) for name in n_traces]
    assert list(n_traces.values()) == [n_rois[0], n_rois[1] - 5]


@pytest.mark.slow
def test_turned_fields(made):
    case = made("turned_fields")
    matched = case.write()
    assert matched.is_complete("day1", "day5")
    assert all(matched.counts(*pair)[1] == 0 for pair in combinations(sorted(matched.truth), 2))
    for day in ("day2", "day3"):
        assert "--largest-rotation 180" in matched.warning(f"{day} was set aside")
    assert "--mirror day4.nwb" in matched.warning("day4 was set aside")
    turned = case.write("--largest-rotation", 180, "--mirror", "day4.nwb")
    assert turned.counts("day1", "day2") == (57, 0)
    assert turned.counts("day1", "day3") == (56, 0)
    assert turned.is_complete("day1", "day4")
