"""Cells keep their ids when their sessions are matched again: renamed files, lost ROIs, other ids, other cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import field_of_view, make_nwbfile, result_of, session_of, write_nwb, write_sessions
from helpers import run

from ndx_match.errors import InputError
from ndx_match.identity import keep_ids, same_rois, same_session, successors
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.model import MatchedPlane, Session, SourceInfo
from ndx_match.sources import read_sessions

FIELD = field_of_view()
N_ROIS = len(FIELD.masks)


def session(name: str, rows: Sequence[int] | None = None, roi_ids: Sequence[int] | None = None, **source: str):
    """The first session of the tests with some of its ROIs, in some order."""
    rows = list(range(N_ROIS) if rows is None else rows)
    ids = [100 + row for row in rows] if roi_ids is None else roi_ids
    info = SourceInfo(**{"identifier": name, "object_id": name, "roi_table_path": "/t", **source})
    return session_of(replace(FIELD, masks=FIELD.masks[rows]), name, ids, source=info)


def plane(sessions: Sequence[Session], cells: Sequence[Sequence[int]], cell_ids: Sequence[int] | None = None):
    result = result_of(np.array(cells, np.int32))
    if cell_ids is not None:
        result = replace(result, cell_ids=np.array(cell_ids, np.int64))
    return MatchedPlane(tuple(sessions), result)


def new_cell_ids(new: MatchedPlane, old: MatchedPlane) -> list[int]:
    (matched_plane,), _ = keep_ids([new], [old])
    return matched_plane.result.cell_ids.tolist()


def test_a_cell_keeps_its_id_when_sessions_change_places_and_one_is_new():
    a, b, c = (session(name) for name in "abc")
    old = plane([a, b], [[0, 0], [1, 1], [2, -1], [-1, 2]], [7, 3, 12, 40])
    new = plane([c, b, a], [[-1, 1, 1], [2, 2, 2], [0, 0, 0], [4, -1, -1]])
    assert new_cell_ids(new, old) == [3, 12, 7, 41], "40 joined 12, and is given to no other cell"


def test_of_cells_that_compete_for_an_id_the_one_with_most_rois_gets_it():
    a, b, c = (session(name) for name in "abc")
    old = plane([a, b, c], [[0, 0, 0], [1, 1, 1]], [5, 6])
    divided = plane([a, b, c], [[0, -1, -1], [-1, 0, 0], [1, 1, -1], [-1, -1, 1]])
    assert new_cell_ids(divided, old) == [7, 5, 6, 8]
    swapped = plane([a, b, c], [[0, 1, 1], [1, 0, 0]])
    assert new_cell_ids(swapped, old) == [6, 5]


def test_an_id_goes_to_the_cell_with_which_most_rois_keep_theirs():
    # The new cell 0 shares two ROIs with the old cell 0 and one with 1; the new cell 1 shares two with the old cell 0.
    assert successors(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 0, 0]), 2, 2).tolist() == [1, 0]


def test_planes_of_one_volume_are_different_sessions():
    whole = session("a")
    upper, lower = (replace(whole, orientation=replace(whole.orientation, z_plane=z)) for z in (0, 1))
    assert same_session(upper, upper)
    assert not same_session(upper, lower)
    assert not same_session(upper, whole)


def test_an_roi_is_recognised_by_its_mask_even_if_the_ids_moved_up():
    old, rows = session("a"), [row for row in range(N_ROIS) if row != 4]
    assert same_rois(session("a", rows), old).tolist() == rows
    assert same_rois(session("a", rows[::-1]), old).tolist() == rows[::-1]
    assert same_rois(session("a", rows, range(100, 99 + N_ROIS)), old).tolist() == rows
    other = session_of(field_of_view((0, 8)), "a", range(100, 100 + N_ROIS))
    assert (same_rois(other, old) == -1).all(), "the same ids of other masks mean nothing"


def test_an_roi_without_mask_is_recognised_by_its_id():
    masks = FIELD.masks.copy()
    masks[[2, 3]] = 0
    old = session_of(replace(FIELD, masks=masks), "a", range(100, 100 + N_ROIS))
    rows = [row for row in range(N_ROIS) if row != 2]
    new = session_of(replace(FIELD, masks=masks[rows]), "a", [100 + row for row in rows])
    assert same_rois(new, old).tolist() == rows


def test_a_session_is_recognised_by_identifier_and_path_when_its_object_ids_are_new():
    old = plane([session("a"), session("b")], [[0, 0]], [9])
    again = [session("a", object_id="x"), session("b", object_id="y")]
    assert new_cell_ids(plane(again, [[1, 1], [0, 0]]), old) == [10, 9]
    elsewhere = session("c", identifier="a", roi_table_path="/other")
    assert new_cell_ids(plane([elsewhere, session("b")], [[0, 0], [1, 1]]), old) == [9, 10]


def test_what_is_lost_is_said():
    old = plane([session("a"), session("b")], [[row, row] for row in range(N_ROIS)])
    rows = [row for row in range(N_ROIS) if row != 4]
    new = plane([session("a", rows), session("c")], [[0, 0]])
    _, warnings = keep_ids([new], [old], "old.nwb")
    assert len(warnings) == 2
    assert "a: 1 of the 20 ROIs that took part in old.nwb" in warnings[0]
    assert "(ROI ids 104)" in warnings[0]
    assert "These sessions of old.nwb are not among the files: b;" in warnings[1]


def test_a_result_of_other_sessions_is_refused():
    with pytest.raises(InputError, match=r"^old.nwb: none of its sessions is among the files given"):
        keep_ids([plane([session("a")], [[0]])], [plane([session("b")], [[0]])], "old.nwb")


def test_ids_are_unique_over_the_planes_of_a_file():
    a, b = session("a"), session("b")
    c, d = (session(name, identifier=name[0], object_id=name[0], roi_table_path="/u") for name in ("a2", "b2"))
    c, d = (replace(each, source=replace(each.source, roi_table_object_id="u")) for each in (c, d))
    old = [plane([a, b], [[0, 0], [1, 1]], [0, 1]), plane([c, d], [[0, 0], [1, 1]], [2, 3])]
    new = [plane([c, d], [[1, 1], [5, 5]]), plane([a, b], [[3, 3], [1, 1]])]
    matched_planes, _ = keep_ids(new, old)
    assert [each.result.cell_ids.tolist() for each in matched_planes] == [[3, 4], [5, 1]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions and `old.nwb`, whose cells have ids of their own."""
    folder = tmp_path_factory.mktemp("written")
    sessions = read_sessions(write_sessions(folder))
    cells = np.array([[row, row] for row in range(N_ROIS)], np.int32)
    result = replace(result_of(cells), cell_ids=1000 - np.arange(N_ROIS))
    write_match_file(sessions, result, folder / "old.nwb")
    return folder


def test_write_with_previous_keeps_ids_though_an_roi_vanished(written: Path, tmp_path: Path):
    rows = [row for row in range(N_ROIS) if row != 4]
    field = replace(FIELD, masks=FIELD.masks[rows])
    shortened = write_nwb(tmp_path / "renamed.nwb", make_nwbfile(field, session_id="101", roi_ids=rows))
    new = tmp_path / "new.nwb"
    files = (shortened, written / "session_1.nwb")
    outcome = run("write", *files, "-o", new, "--previous", written / "old.nwb").succeeded()
    assert "Warning: 101: 1 of the 20 ROIs that took part in" in outcome.err
    assert "(ROI ids 4)" in outcome.err
    result = read_match_file(new, footprints=False).result
    ids = {tuple(cell): cell_id for cell, cell_id in zip(result.cells.tolist(), result.cell_ids.tolist(), strict=True)}
    assert ids[0, 0] == 1000
    assert ids[4, 5] == 995, "the ROI of row 5 is in row 4 now"
    assert ids[-1, 4] == 996


@pytest.mark.parametrize(
    "case", [pytest.param("of other sessions", marks=pytest.mark.slow), "the output", "no match file"]
)
def test_an_earlier_file_that_makes_no_sense_is_refused(written: Path, tmp_path: Path, case: str):
    files: list[Path] = [written / "session_0.nwb", written / "session_1.nwb"]
    previous, output, words = written / "old.nwb", tmp_path / "new.nwb", "none of its sessions"
    if case == "of other sessions":
        files = [write_nwb(tmp_path / f"{k}.nwb", make_nwbfile(session_id=f"other{k}")) for k in range(2)]
    elif case == "the output":
        output, words = previous, "is one of the inputs"
    else:
        previous, words = files[0], "holds no matched cells"
    run("write", *files, "-o", output, "--overwrite", "--previous", previous).refused(words)
