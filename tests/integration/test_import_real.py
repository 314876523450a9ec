"""Results that other tools made are imported cell for cell, and wrong readings of them refused by overlap."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import run

from ndx_match.errors import InputError
from ndx_match.formats import import_result
from ndx_match.formats.importing.overlap import LEAST_IOU
from ndx_match.matchfile import read_match_file
from ndx_match.model import Presence, Session
from ndx_match.sources import read_sessions

pytestmark = pytest.mark.usefixtures("registered_once")
SETTINGS = ("iscell_thr_0.5_iou", "iscell_thr_0.5_cent")
CLUSTERS = "sim.tracking.results_clusters.json"


@pytest.fixture(scope="module")
def inputs(other_tools: Path) -> list[Path]:
    return sorted((other_tools / "input" / "nwb").glob("*.nwb"))


@pytest.fixture(scope="module")
def sessions(inputs: list[Path]) -> list[Session]:
    return read_sessions(inputs)


@pytest.fixture(scope="module")
def truth(other_tools: Path) -> list[np.ndarray]:
    """The true cell of each ROI of each session, -1 of one that is none."""
    content = json.loads((other_tools / "input" / "truth.json").read_text())
    return [np.array(content["cell_of_roi"][name]) for name in content["sessions"]]


def matched(cells: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(cell) for cell in cells.tolist() if sum(row >= 0 for row in cell) > 1}


def labels_of(path: Path) -> list[list[int]]:
    return json.loads((path / "roicat" / CLUSTERS).read_text())["labels_bySession"]


def cells_of_labels(labels: Sequence[Sequence[int]]) -> np.ndarray:
    """The row of each cluster in each session, written independently of the importer."""
    cells: dict[int, list[int]] = {}
    for position, of_session in enumerate(labels):
        for row, label in enumerate(of_session):
            if label != -1:
                cells.setdefault(label, [-1] * len(labels))[position] = row
    return np.array(list(cells.values()))


def true_pairs(cells: np.ndarray, truth: Sequence[np.ndarray]) -> tuple[int, int]:
    """Matches of two ROIs of one true cell, and all matches."""
    right = total = 0
    for a in range(3):
        for b in range(a + 1, 3):
            both = cells[(cells[:, a] >= 0) & (cells[:, b] >= 0)]
            first, second = truth[a][both[:, a]], truth[b][both[:, b]]
            right, total = right + int(((first == second) & (first >= 0)).sum()), total + len(both)
    return right, total


def test_roicat_cell_for_cell(other_tools: Path, sessions: list[Session], truth: list[np.ndarray]):
    labels = labels_of(other_tools)
    for result in (
        import_result("roicat", other_tools / "roicat", sessions),
        import_result("roicat", other_tools / "roicat" / CLUSTERS, sessions),
    ):
        assert matched(result.cells) == matched(cells_of_labels(labels))
        for cell_id, cell in zip(result.cell_ids.tolist(), result.cells.tolist(), strict=True):
            for position, row in enumerate(cell):
                if row >= 0:
                    assert labels[position][row] == (cell_id if cell_id < 67 else -1)
        assert [int((rows >= 0).sum()) for rows in result.cells.T] == [81, 75, 75]
        assert true_pairs(result.cells, truth) == (159, 159)
        assert (result.roi_pairs.iou >= LEAST_IOU).all()
        assert np.nanmin(result.confidence) >= 0
        assert Presence.NOT_LOOKED_FOR not in result.presence


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", ["", "plane0_suite2p_indices.csv", "plane0_suite2p_indices_nan.npy",
                                  "plane0_suite2p_indices.mat", "plane0_suite2p_indices.npy"])  # fmt: skip
def test_track2p_cell_for_cell(
    other_tools: Path, sessions: list[Session], truth: list[np.ndarray], setting: str, name: str
):
    folder = other_tools / "track2p" / setting
    result = import_result("track2p", folder / name, sessions)
    table = np.load(folder / "plane0_suite2p_indices_nan.npy")
    assert matched(result.cells) == matched(np.where(np.isnan(table), -1, table).astype(int))
    right, total = true_pairs(result.cells, truth)
    assert right == total == {SETTINGS[0]: 146, SETTINGS[1]: 139}[setting]
    assert [int((rows >= 0).sum()) for rows in result.cells.T] == [65, 60, 60]  # the accepted ROIs
    alone = (result.cells >= 0).sum(axis=1) == 1
    assert (result.presence[alone][result.cells[alone] < 0] == Presence.NOT_LOOKED_FOR).all()
    missed_last = ~alone & (result.cells[:, 2] < 0)
    assert set(result.presence[missed_last, 2]) <= {Presence.NOT_DETECTED, Presence.OUTSIDE_FIELD}
    assert missed_last.sum() == {SETTINGS[0]: 8, SETTINGS[1]: 10}[setting]


def in_range(table: np.ndarray, sessions: Sequence[Session]) -> np.ndarray:
    """The table without numbers that are out of range, so that the range tells nothing."""
    return np.where(table < [session.n_rois for session in sessions], table, np.nan)


def another_session(session: Session) -> Session:
    """Another segmentation of the same field: the same ROIs in another order."""
    order = np.random.default_rng(0).permutation(session.n_rois)
    return replace(session, footprints=session.footprints[order], takes_part=session.takes_part[order])


def another_field(session: Session) -> Session:
    """A session that shows another place: its ROIs and image turned round."""
    order = np.random.default_rng(1).permutation(session.n_rois)
    n_rows, n_cols = session.shape
    pixels = np.arange(n_rows * n_cols).reshape(n_rows, n_cols)[::-1, ::-1].ravel()
    footprints = session.footprints[order][:, pixels]
    return replace(session, image=session.image[::-1, ::-1].copy(), footprints=footprints, takes_part=np.ones(75, bool))


@pytest.mark.parametrize("setting", [SETTINGS[0], pytest.param(SETTINGS[1], marks=pytest.mark.slow)])
def test_wrong_readings_of_track2p_are_refused_by_overlap(
    other_tools: Path, sessions: list[Session], tmp_path: Path, setting: str
):
    folder = other_tools / "track2p" / setting
    table = np.load(folder / "plane0_suite2p_indices_nan.npy")
    accepted = np.load(folder / "plane0_match_mat.npy", allow_pickle=True).astype(float)
    elsewhere = [*sessions[:2], another_session(sessions[2])]
    for numbers, input_sessions, right in (
        (accepted, sessions, "read as accepted ROIs, counted from 0, "),
        (in_range(table + 1, sessions), sessions, "read as rows of the ROI table, counted from 1, "),
        (table, [sessions[0], sessions[2], sessions[1]], "if the sessions are in the order day1, day2, day3"),
        (table, elsewhere, "no other reading fits"),
    ):
        np.save(tmp_path / "plane0_suite2p_indices_nan.npy", numbers)
        with pytest.raises(InputError, match="do not overlap after registration") as refused:
            import_result("track2p", tmp_path, input_sessions)
        assert right in str(refused.value)
        assert "has this number" not in str(refused.value)


def test_wrong_readings_of_roicat_are_refused_by_overlap(other_tools: Path, sessions: list[Session], tmp_path: Path):
    labels = labels_of(other_tools)
    # Labels of the accepted ROIs alone, filled up so that their numbers are those of all.
    of_accepted = [
        [*np.array(each)[session.takes_part].tolist(), *[-1] * int((~session.takes_part).sum())]
        for each, session in zip(labels, sessions, strict=True)
    ]
    counted_from_1 = [[-1, *each[:-1]] for each in labels]
    exchanged = [labels[0], labels[2], labels[1]]
    elsewhere = [*sessions[:2], another_session(sessions[2])]
    for written, input_sessions in (
        (of_accepted, sessions),
        (counted_from_1, sessions),
        (exchanged, sessions),
        (labels, elsewhere),
    ):
        (tmp_path / CLUSTERS).write_text(json.dumps({"labels_bySession": written}))
        with pytest.raises(InputError, match="do not overlap after registration"):
            import_result("roicat", tmp_path, input_sessions)


@pytest.mark.slow
def test_another_field_is_refused_by_the_matches(other_tools: Path, sessions: list[Session]):
    folder = other_tools / "track2p" / SETTINGS[0]
    with pytest.raises(
        InputError, match=r"day. and day3 cannot be registered, and their 46 matches agree on no alignment"
    ):
        import_result("track2p", folder, [*sessions[:2], another_field(sessions[2])])


@pytest.mark.slow
def test_the_command_writes_a_whole_match_file(other_tools: Path, inputs: list[Path], tmp_path: Path):
    path = other_tools / "track2p" / SETTINGS[0] / "plane0_suite2p_indices.csv"
    run("import", "--from", "track2p", path, *inputs, "-o", tmp_path / "m.nwb").succeeded()
    result = read_match_file(tmp_path / "m.nwb").result
    assert result.method == "import-track2p"
    assert dict(result.parameters) == {"numbers": "rows", "count_from": 0}
    assert np.triu(result.n_matches, 1).sum() == len(result.roi_pairs) == 146
    assert [registration.registered for registration in result.registrations] == [True] * 3
    run("report", tmp_path / "m.nwb", "-o", tmp_path / "report.html").succeeded()
    run("plot", tmp_path / "m.nwb", "-o", tmp_path / "plots").succeeded()
    run("show", tmp_path / "m.nwb").succeeded()
