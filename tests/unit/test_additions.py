"""`ndx-match add` and `write --previous` as a user meets them: files, ids, and decisions of persons."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pynwb
import pytest
from builders import field_of_view, make_nwbfile, result_of, session_of, write_nwb, write_sessions
from helpers import run

from ndx_cell_matching import Review
from ndx_cell_matching.codes import DecisionKind
from ndx_match.curation import apply_decisions
from ndx_match.curation.extended import with_decisions_of
from ndx_match.curation.previous import continue_from
from ndx_match.decisions import Decision
from ndx_match.matchfile import read_match_file, read_planes_of_match_file, write_planes
from ndx_match.model import MatchedPlane, SourceInfo, with_distinct_cell_ids
from ndx_match.sources import read_sessions

N_ROIS = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sessions, and `old.nwb` of the first two: cells of ids of their own, which a person changed."""
    folder = tmp_path_factory.mktemp("sessions")
    files = write_sessions(folder, ((0, 0), (3, 2), (2, 5)))
    assert run("write", *files[:2], "-o", folder / "first.nwb").code == 0
    plane = read_match_file(folder / "first.nwb")
    plane = replace(plane, result=replace(plane.result, cell_ids=10 + np.arange(len(plane.result.cells))))
    write_planes(apply_decisions([plane], DECISIONS).planes, folder / "old.nwb")
    return folder


DECISIONS = (
    Decision(DecisionKind.SPLIT, rois=(("101", 4),), reviewer="Ada", review_comment="a dendrite"),
    Decision(DecisionKind.ACCEPT, rois=(("101", 0), ("102", 0)), reviewer="Ada"),
    Decision(DecisionKind.REMOVE, rois=(("102", 7),), reviewer="Ada"),
)


def by_rois(path: Path) -> Mapping[tuple[int, ...], int]:
    """The id of each cell by its `roi_row`s."""
    result = read_match_file(path, footprints=False).result
    return dict(zip(map(tuple, result.cells.tolist()), result.cell_ids.tolist(), strict=True))


@pytest.fixture(scope="module")
def added(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The third session added to `old.nwb`, which is alone: the files of the first two are not needed."""
    alone = tmp_path_factory.mktemp("alone")
    for name in ("old.nwb", "session_2.nwb"):
        shutil.copy(folder / name, alone)
    outcome = run("add", alone / "old.nwb", alone / "session_2.nwb", "-o", alone / "more.nwb").succeeded()
    assert "102 - 103" in outcome.out
    return alone / "more.nwb"


def test_add_keeps_cells_ids_and_decisions(folder: Path, added: Path):
    before, after = by_rois(folder / "old.nwb"), by_rois(added)
    again = {rois[:2]: cell_id for rois, cell_id in after.items() if rois[:2] != (-1, -1)}
    assert again == before
    new = [cell_id for rois, cell_id in after.items() if rois[:2] == (-1, -1)]
    assert all(cell_id > max(before.values()) for cell_id in new)
    old, result = (read_match_file(path, footprints=False).result for path in (folder / "old.nwb", added))
    assert result.decisions == old.decisions
    n = len(old.cells)
    np.testing.assert_array_equal(result.reviews.review[:n], old.reviews.review)
    assert (result.reviews.review[n:] == Review.NOT_REVIEWED).all()
    np.testing.assert_array_equal(result.automatic.cells[: len(old.automatic.cells), :2], old.automatic.cells)
    rows = result.automatic.cells[:, 2]
    assert np.sort(rows[rows >= 0]).tolist() == list(range(N_ROIS))


def test_add_matches_the_new_session(added: Path):
    result = read_match_file(added, footprints=False).result
    assert result.n_matches[0, 2] > 15
    assert [(r.fixed_session, r.moving_session) for r in result.registrations] == [(0, 1), (0, 2), (1, 2)]


def test_what_was_added_is_a_whole_match_file(folder: Path, added: Path):
    assert pynwb.validate(path=str(added)) == []
    run("show", added).succeeded()
    stored = read_match_file(added)
    sources = read_sessions([folder / f"session_{k}.nwb" for k in range(3)])
    for session, source in zip(stored.sessions, sources, strict=True):
        np.testing.assert_array_equal(session.image, source.image)
        assert (session.footprints != source.footprints).nnz == 0
        assert session.source.uri == f"session_{sources.index(source)}.nwb"
        assert session.source.roi_table_path == source.source.roi_table_path


SLOW = [pytest.param(case, marks=pytest.mark.slow) for case in ("another subject", "planes")]


@pytest.mark.parametrize("case", ["there already", "another method", "the output", *SLOW])
def test_what_cannot_be_added_is_refused(folder: Path, tmp_path: Path, case: str):
    matches, new, output, words = folder / "old.nwb", folder / "session_2.nwb", tmp_path / "new.nwb", ""
    if case == "there already":
        new, words = folder / "session_1.nwb", "this is the same session as session_1.nwb"
    elif case == "another subject":
        other = make_nwbfile(session_id="9", subject={"subject_id": "mouse-2"})
        new, words = write_nwb(tmp_path / "other.nwb", other), "different subjects"
    elif case == "the output":
        output, words = new, "the output is one of the inputs"
    else:
        sessions = tuple(read_sessions([folder / "session_0.nwb", folder / "session_1.nwb"]))
        matches = tmp_path / "matches.nwb"
        planes = [MatchedPlane(sessions, result_of(np.array([[0, 0]], np.int32)), name) for name in ("a", "b")]
        words = "several imaging planes" if case == "planes" else "of the method by-hand"
        write_planes(planes[: 2 if case == "planes" else 1], matches)
    run("add", matches, new, "-o", output, "--overwrite").refused(words)


@pytest.mark.slow
def test_names_of_new_sessions_differ_from_those_there(folder: Path, tmp_path: Path):
    again = write_nwb(tmp_path / "again.nwb", make_nwbfile(field_of_view((1, 1)), session_id="101"))
    run("add", folder / "old.nwb", again, "-o", tmp_path / "new.nwb").succeeded()
    names = [session.name for session in read_match_file(tmp_path / "new.nwb", footprints=False).sessions]
    assert names == ["101", "102", "101-2"]


def test_decisions_are_applied_again_and_what_is_impossible_is_said(folder: Path, tmp_path: Path):
    """ROI 4 of session 101 is not there any more; the ids of the later ones moved up."""
    field = field_of_view()
    field = replace(field, masks=np.delete(field.masks, 4, axis=0))
    shortened = write_nwb(tmp_path / "a.nwb", make_nwbfile(field, session_id="101"))
    new = tmp_path / "new.nwb"
    outcome = run("write", shortened, folder / "session_1.nwb", "-o", new, "--previous", folder / "old.nwb").succeeded()
    warnings = [line for line in outcome.err.splitlines() if "The decision to" in line]
    assert warnings == [
        "Warning: The decision to split off ROI 4 of 101 is not applied: ROI 4 of 101 no longer exists."
    ]
    before, after = by_rois(folder / "old.nwb"), by_rois(new)
    for (first, second), cell_id in before.items():
        if first != 4:
            assert after[first - (first > 4), second] == cell_id
    result = read_match_file(new, footprints=False).result
    assert [decision.applied for decision in result.decisions] == [True, True, False]
    assert result.decisions[2].review_comment == "a dendrite"
    accepted = result.reviews.review == Review.ACCEPTED
    assert result.cell_ids[accepted].tolist() == [before[0, 0]]


def test_a_result_that_nobody_changed_stays_so(folder: Path):
    first = read_planes_of_match_file(folder / "first.nwb")
    curated, warnings = continue_from(first, first)
    (plane,) = curated.planes
    assert (warnings, curated.unapplied) == ((), ())
    assert plane.result.reviews is None
    assert plane.result.automatic is None
    assert plane.result.cell_ids.tolist() == first[0].result.cell_ids.tolist()


@pytest.mark.slow
def test_an_id_is_never_given_again_even_if_its_cell_is_gone(folder: Path, tmp_path: Path):
    first, second, third = read_sessions([folder / f"session_{k}.nwb" for k in range(3)])
    old = MatchedPlane((first, second), result_of(np.array([[0, 0], [1, 1], [-1, 2]], np.int32)))
    between = MatchedPlane((first, third), result_of(np.array([[0, 0], [1, 1]], np.int32)))
    curated, _ = continue_from([between], [old])
    write_planes(curated.planes, tmp_path / "between.nwb")
    assert pynwb.read_nwb(tmp_path / "between.nwb").processing["ophys"]["CellMatching"].last_cell_id == 2
    new = MatchedPlane((first, third), result_of(np.array([[0, 0], [1, 1], [2, 2]], np.int32)))
    curated, _ = continue_from([new], read_planes_of_match_file(tmp_path / "between.nwb"))
    assert curated.planes[0].result.cell_ids.tolist() == [0, 1, 3]


def test_decisions_find_their_plane_whatever_it_is_called():
    def plane(name: str, of: str, cells: list[list[int]]) -> MatchedPlane:
        field = field_of_view(seed=int(of))
        sessions = tuple(
            session_of(field, f"{name}-{k}", source=SourceInfo(identifier=str(k), roi_table_path=of)) for k in range(2)
        )
        return MatchedPlane(sessions, result_of(np.array(cells, np.int32)), name)

    old = [plane("a", "1", [[0, 0], [1, 1]]), plane("b", "2", [[0, 0], [1, 1]])]
    split = Decision(DecisionKind.SPLIT, rois=(("b-1", 1),), plane="b")
    old = apply_decisions(with_distinct_cell_ids(old), [split]).planes
    new = [plane("upper", "2", [[1, 1], [0, 0]]), plane("lower", "1", [[1, 1], [0, 0]])]
    curated, _ = continue_from(new, old)
    upper, lower = curated.planes
    assert curated.unapplied == ()
    assert dict(zip(map(tuple, upper.result.cells.tolist()), upper.result.cell_ids.tolist(), strict=True)) == {
        (0, 0): 2,
        (1, -1): 3,
        (-1, 1): 4,
    }
    assert lower.result.cell_ids.tolist() == [1, 0]
    assert lower.result.decisions == ()


def test_of_parts_of_a_cell_that_both_get_an_roi_one_is_new_to_the_method():
    result = result_of(np.array([[0, 0], [1, 1]], np.int32))
    field = field_of_view()
    plane = MatchedPlane((session_of(field, "a"), session_of(field, "b")), result)
    split = apply_decisions([plane], [Decision(DecisionKind.SPLIT, rois=(("b", 1),))]).planes[0].result
    cells = np.column_stack([split.cells, np.arange(3)]).astype(np.int32)
    extended = replace(result_of(cells), cell_ids=split.cell_ids, decisions=split.decisions)
    result_with_decisions = with_decisions_of(extended, split)
    assert result_with_decisions.automatic.cells[:2, :2].tolist() == result.cells.tolist()
    rows = result_with_decisions.automatic.cells[:, 2]
    assert sorted(rows[rows >= 0]) == [0, 1, 2]
    assert len(set(result_with_decisions.automatic.cell_ids)) == 3
