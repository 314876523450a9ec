"""Decisions of persons: what they do to the cells, and what can be said of the cells afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pynwb
import pytest
from builders import Field, result_of, session_of, write_sessions

from ndx_cell_matching import DecisionKind, Presence, Review
from ndx_match.curation import (
    Decision,
    apply_decisions,
    automatic_result,
    read_decisions,
    with_cells,
    write_decisions,
)
from ndx_match.errors import InputError
from ndx_match.matchfile import read_match_file, write_match_file, write_planes
from ndx_match.model import MatchedPlane, MatchResult, RoiPairs
from ndx_match.sources import read_sessions

#: roi_row of the cells 10, 11, 12, 13 in the sessions a, b, c.
CELLS = np.array([[0, 0, 0], [1, 1, -1], [2, -1, 1], [-1, 2, -1]], np.int32)


@pytest.fixture
def plane() -> MatchedPlane:
    """Three sessions of three ROIs; the ids of the ROIs are 100, 101, 102."""
    masks = np.zeros((3, 12, 12), np.float32)
    for k in range(3):
        masks[k, 4 * k, 4 * k] = 1
    sessions = tuple(session_of(Field(masks[0], masks), name, [100, 101, 102]) for name in "abc")
    nothing = np.zeros(1, np.int32)
    pairs = RoiPairs(
        nothing, nothing + 1, nothing, nothing, np.ones(1), np.ones(1), np.ones(1, bool), probability=np.ones(1)
    )
    presence = np.where(CELLS >= 0, Presence.PRESENT, Presence.NOT_DETECTED).astype(np.uint8)
    presence[1, 2] = Presence.AMBIGUOUS
    result = replace(
        result_of(CELLS, pairs),
        presence=presence,
        confidence=np.array([0.9, 0.8, 0.7, np.nan]),
        cell_ids=np.arange(10, 14),
    )
    return MatchedPlane(sessions, result, "plane")


def cells(result: MatchResult) -> dict[int, list[int]]:
    return dict(zip(result.cell_ids.tolist(), result.cells.tolist(), strict=True))


def applied(plane: MatchedPlane, *decisions: Decision) -> MatchResult:
    curated = apply_decisions([plane], decisions)
    assert curated.unapplied == ()
    return curated.planes[0].result


def test_where_there_are_no_cells_a_decision_cannot_be_applied(plane: MatchedPlane):
    none = tuple(replace(session, takes_part=np.zeros(3, bool)) for session in plane.sessions)
    empty = MatchedPlane(none, result_of(np.zeros((0, 3), np.int32)), "plane")
    curated = apply_decisions([empty], [Decision(DecisionKind.ACCEPT, 10)])
    assert [unapplied.reason for unapplied in curated.unapplied] == ["there is no cell 10"]
    assert len(curated.planes[0].result.cells) == 0


def test_a_split_leaves_the_id_to_the_part_with_more_rois(plane: MatchedPlane):
    out = applied(plane, Decision(DecisionKind.SPLIT, rois=(("a", 100), ("b", 100)), reviewer="Ada"))
    assert cells(out)[10] == [0, 0, -1]
    assert cells(out)[14] == [-1, -1, 0]
    assert out.decisions == (Decision(DecisionKind.SPLIT, 10, 14, (("a", 100), ("b", 100)), reviewer="Ada"),)
    assert out.reviews is not None
    assert out.reviews.review.tolist() == [Review.CHANGED, 0, 0, 0, Review.CHANGED]
    assert out.reviews.reviewer == ("Ada", "", "", "", "Ada")


def test_a_removed_roi_becomes_a_cell_of_its_own(plane: MatchedPlane):
    out = applied(plane, Decision(DecisionKind.REMOVE, 11, rois=(("b", 101),)))
    assert (cells(out)[11], cells(out)[14]) == ([1, -1, -1], [-1, 1, -1])


def test_joined_cells_have_the_id_of_the_larger(plane: MatchedPlane):
    out = applied(plane, Decision(DecisionKind.JOIN, 13, 12))
    assert cells(out)[12] == [2, 2, 1]
    assert 13 not in cells(out)
    assert out.decisions[0].rois == (("a", 102), ("b", 102), ("c", 101))


def test_a_moved_roi_leaves_no_empty_cell(plane: MatchedPlane):
    out = applied(plane, Decision(DecisionKind.MOVE, 12, rois=(("b", 102),)))
    assert cells(out) == {10: [0, 0, 0], 11: [1, 1, -1], 12: [2, 2, 1]}


def test_what_the_method_said_stays_where_it_is_still_true(plane: MatchedPlane):
    out = applied(plane, Decision(DecisionKind.MOVE, 12, rois=(("b", 101),)))
    np.testing.assert_array_equal(out.confidence, [0.9, np.nan, np.nan, np.nan])
    before = plane.result
    assert (out.method, out.roi_pairs, out.registrations) == (before.method, before.roi_pairs, before.registrations)
    assert out.presence[1].tolist() == [Presence.PRESENT, Presence.NOT_DETECTED, Presence.AMBIGUOUS]
    assert out.n_sessions_of_cell.tolist() == [3, 1, 3, 1]


def test_acceptance_and_doubt_change_no_cell(plane: MatchedPlane):
    out = applied(plane, Decision(DecisionKind.ACCEPT, 10), Decision(DecisionKind.UNCERTAIN, 11, review_comment="Dim"))
    assert cells(out) == cells(plane.result)
    assert out.reviews is not None
    assert out.reviews.review.tolist() == [Review.ACCEPTED, Review.UNCERTAIN, 0, 0]
    assert out.reviews.review_comment[1] == "Dim"
    np.testing.assert_array_equal(out.confidence, plane.result.confidence)


def test_accepting_a_changed_cell_does_not_say_that_the_method_was_right(plane: MatchedPlane):
    out = applied(plane, Decision(DecisionKind.JOIN, 13, 12), Decision(DecisionKind.ACCEPT, 12))
    assert out.reviews is not None
    assert out.reviews.review[2] == Review.CHANGED


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (Decision(DecisionKind.JOIN, 10, 11), "the cells 10 and 11 both have an ROI in the session a"),
        (Decision(DecisionKind.MOVE, 10, rois=(("b", 101),)), "the cell 10 has another ROI in the session b"),
        (Decision(DecisionKind.ACCEPT, 99), "there is no cell 99"),
        (Decision(DecisionKind.REMOVE, rois=(("a", 7),)), "the session a has no ROI 7"),
        (Decision(DecisionKind.REMOVE, rois=(("z", 100),)), "there is no session z"),
        (Decision(DecisionKind.REMOVE, rois=(("c", 102),)), "the ROI 102 of the session c did not take part"),
        (Decision(DecisionKind.ACCEPT, 11, rois=(("a", 100),)), "its ROIs are in the cell 10, not in the cell 11"),
        (Decision(DecisionKind.ACCEPT, rois=(("a", 100), ("a", 101))), "its ROIs are in several cells: 10, 11"),
        (Decision(DecisionKind.JOIN, 10, 10), "it must name two cells"),
        (
            Decision(DecisionKind.ALIGN, sessions=("a", "b"), matrix=((1, 0, 0), (0, 1, 0), (0, 0, 1))),
            "not aligned by this matrix",
        ),
        (Decision(DecisionKind.ACCEPT, 10, plane="other"), "there is no imaging plane 'other'"),
    ],
)
def test_a_decision_that_does_not_fit_is_left_out_with_the_reason(plane: MatchedPlane, decision, reason):
    curated = apply_decisions([plane], [decision, Decision(DecisionKind.ACCEPT, 12)])
    (unapplied,) = curated.unapplied
    assert reason in unapplied.reason
    result = curated.planes[0].result
    assert cells(result) == cells(plane.result)
    assert result.decisions[-1].applied
    assert [held.reason for held in result.decisions[:-1]] == [unapplied.reason] * (decision.plane == "")


def test_the_automatic_cells_are_kept_and_decisions_applied_to_them_give_the_same(plane: MatchedPlane):
    once = applied(
        plane,
        Decision(DecisionKind.REMOVE, other_cell_id=14, rois=(("a", 100),)),
        Decision(DecisionKind.JOIN, 13, 12),
        Decision(DecisionKind.MOVE, 14, rois=(("c", 101),)),
        Decision(DecisionKind.ACCEPT, 14),
    )
    again = applied(replace(plane, result=once), Decision(DecisionKind.ACCEPT, 11))
    assert cells(automatic_result(again)) == cells(plane.result)
    replayed = applied(replace(plane, result=automatic_result(again)), *again.decisions)
    assert cells(replayed) == cells(again)
    assert replayed.decisions == again.decisions
    assert replayed.reviews is not None
    assert again.reviews is not None
    assert replayed.reviews.review.tolist() == again.reviews.review.tolist()


def test_ids_that_were_used_once_are_not_used_again(plane: MatchedPlane):
    first = applied(
        plane, Decision(DecisionKind.REMOVE, other_cell_id=14, rois=(("a", 100),)), Decision(DecisionKind.JOIN, 13, 14)
    )
    assert 14 not in cells(first)
    second = applied(replace(plane, result=first), Decision(DecisionKind.REMOVE, rois=(("b", 100),)))
    assert 15 in cells(second)


def test_cells_can_be_replaced_by_others_of_the_same_rois_only(plane: MatchedPlane):
    whole = np.array([[0, 0, 0], [1, 1, 1], [2, 2, -1]], np.int32)
    out = with_cells(plane.result, whole, np.arange(3))
    np.testing.assert_array_equal(out.confidence, [0.9, np.nan, np.nan])
    assert out.automatic is not None
    assert out.automatic.cell_ids.tolist() == [10, 11, 12, 13]
    with pytest.raises(ValueError, match="ROIs"):
        with_cells(plane.result, whole[:2], np.arange(2))


def test_decisions_are_written_and_read_back(tmp_path: Path):
    decisions = [
        Decision(DecisionKind.SPLIT, 5, rois=(("a", 7), ("b", -3)), reviewer="Ada, L.", reviewed_on="2024-01-02"),
        Decision(DecisionKind.JOIN, 5, 9, review_comment='said "same"\nand so on'),
        Decision(
            DecisionKind.ALIGN, sessions=("a", "b"), matrix=((1.0, 0.25, -3.0), (0.0, 1.0, 1e-3), (0.0, 0.0, 1.0))
        ),
    ]
    write_decisions(decisions, tmp_path / "d.csv")
    assert read_decisions(tmp_path / "d.csv") == decisions


def test_a_list_of_a_person_needs_few_columns(tmp_path: Path):
    (tmp_path / "d.csv").write_text("\ufeffkind;cell_id;session_name;roi_id\naccept;4;;\n\nRemove;;day1;12\n", "utf-8")
    assert read_decisions(tmp_path / "d.csv") == [
        Decision(DecisionKind.ACCEPT, 4),
        Decision(DecisionKind.REMOVE, rois=(("day1", 12),)),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cell_id\n4\n", "no column 'kind'"),
        ("kind,cell\naccept,4\n", "unknown column 'cell'"),
        ("kind\nlike\n", "row 2: there are no decisions of the kind 'like'"),
        ("kind,cell_id\naccept,four\n", "row 2: cell_id must be a whole number"),
        ("kind,cell_id\naccept,4,5\n", "more values than columns"),
        ("decision,kind,cell_id\n1,accept,4\n1,accept,5\n", "rows of one decision"),
        ("kind,session_name,moving_session_name,matrix\nalign,a,b,0 0 0 0 0 0\n", "invertible matrix"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(tmp_path: Path, text: str, words: str):
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_decisions(tmp_path / "d.csv")


@pytest.fixture(scope="module")
def matches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A match file of two sessions, beside them; the cells of all ROIs but the last of each are those of a row."""
    folder = tmp_path_factory.mktemp("matches")
    sessions = read_sessions(write_sessions(folder))
    n = sessions[0].n_rois
    cells = np.stack([np.arange(n), np.arange(n)], axis=1).astype(np.int32)
    loose = [[n - 1, -1], [-1, n - 1]]
    write_match_file(sessions, result_of(np.vstack([cells[:-1], loose]).astype(np.int32)), folder / "m.nwb")
    return folder / "m.nwb"


def test_decisions_and_the_automatic_cells_are_kept_in_a_match_file(matches: Path, tmp_path: Path):
    before = read_match_file(matches)
    names = [session.name for session in before.sessions]
    n = before.sessions[0].n_rois
    matrix = ((1.0, 0.0, 2.0), (0.0, 1.0, 3.0), (0.0, 0.0, 1.0))
    curated = apply_decisions(
        [before],
        [
            Decision(DecisionKind.JOIN, n - 1, n, reviewer="Ada", reviewed_on="2024-05-06T07:08:09+00:00"),
            Decision(DecisionKind.REMOVE, rois=((names[0], 0),), review_comment="Another cell."),
            Decision(DecisionKind.ALIGN, sessions=(names[0], names[1]), matrix=matrix),
        ],
    )
    write_planes(curated.planes, tmp_path / "new.nwb")
    assert pynwb.validate(path=tmp_path / "new.nwb") == []
    after, expected = read_match_file(tmp_path / "new.nwb"), curated.planes[0]
    assert cells(after.result) == cells(expected.result)
    assert after.result.decisions == expected.result.decisions
    assert [decision.applied for decision in after.result.decisions] == [True, True, False]
    assert after.result.reviews is not None
    assert expected.result.reviews is not None
    assert after.result.reviews.reviewer == expected.result.reviews.reviewer
    np.testing.assert_array_equal(after.result.reviews.review, expected.result.reviews.review)
    assert cells(automatic_result(after.result)) == cells(before.result)
    for session, old in zip(after.sessions, before.sessions, strict=True):
        assert session.source == old.source
        np.testing.assert_array_equal(session.image, old.image)
        np.testing.assert_array_equal(session.footprints.toarray(), old.footprints.toarray())
    table = f"processing/ophys/roi_tables/{names[0]}_roi_table/automatic_cell_id"
    for place, entry, value, words in (
        (table, 1, 0, "puts several ROIs in the cell 0"),
        ("processing/ophys/CellMatching/decisions/matrix", -1, np.zeros((3, 3)), "singular"),
    ):
        with h5py.File(shutil.copy(tmp_path / "new.nwb", tmp_path / "bad.nwb"), "a") as file:
            file[place][entry] = value
        with pytest.raises(InputError, match=words):
            read_match_file(tmp_path / "bad.nwb", footprints=False)


@pytest.mark.slow
def test_plain_pynwb_reads_who_decided_what(matches: Path, tmp_path: Path):
    plane = read_match_file(matches)
    curated = apply_decisions([plane], [Decision(DecisionKind.ACCEPT, 3, reviewer="Ada")])
    write_planes(curated.planes, tmp_path / "new.nwb")
    code = (
        "import pynwb, sys; m = pynwb.read_nwb(sys.argv[1]).processing['ophys']['CellMatching']; "
        "d = m.decisions.to_dataframe(); print(d.kind.tolist(), d.cell_id.tolist(), set(d.reviewer)); "
        "print(m.cells['review'][3], m.cells['reviewer'][3], m.sessions['roi_table'][0]['automatic_cell_id'][3])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "new.nwb")]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ""})
    assert out.stdout.splitlines() == ["[4, 4] [3, 3] {'Ada'}", "1 Ada 3"]
