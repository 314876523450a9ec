"""The command `ndx-match curate`: decisions in a list, a new match file out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import result_of, write_sessions
from helpers import run

from ndx_cell_matching import RegistrationOutcome
from ndx_match.curation import Decision, DecisionKind, curate, write_decisions
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import match
from ndx_match.model import Session
from ndx_match.sources import read_sessions

SHIFT = (3, 2)  #: rows and columns by which the second session is moved


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> list[Session]:
    return read_sessions(write_sessions(tmp_path_factory.mktemp("sessions"), ((0, 0), SHIFT)))


@pytest.fixture
def matches(sessions: list[Session], tmp_path: Path) -> Path:
    """A match file of two sessions, whose files lie elsewhere; ROIs of the same row are one cell."""
    rows = np.arange(sessions[0].n_rois, dtype=np.int32)
    write_match_file(sessions, result_of(np.stack([rows, rows], axis=1)), tmp_path / "m.nwb")
    return tmp_path / "m.nwb"


def test_a_list_is_applied_and_shown(matches: Path, tmp_path: Path):
    before = read_match_file(matches)
    first, second = (session.name for session in before.sessions)
    (tmp_path / "d.csv").write_text(
        f"kind,cell_id,session_name,roi_id,review_comment\nremove,,{second},4,blurred\naccept,0,,,\naccept,999,,,\n"
    )
    out = run("curate", matches, tmp_path / "d.csv", "-o", tmp_path / "new.nwb", "--reviewer", "Ada").succeeded()
    assert "Applied 2 of 3 decisions" in out.out
    assert "The decision to accept the cell 999 was not applied: there is no cell 999." in out.err
    after = read_match_file(tmp_path / "new.nwb")
    assert set(before.result.cell_ids) < set(after.result.cell_ids)
    assert [decision.reviewer for decision in after.result.decisions] == ["Ada"] * 3
    shown = run("show", tmp_path / "new.nwb").succeeded()
    assert [line.split()[:3] for line in shown.out.splitlines() if "Ada" in line] == [
        ["accepted", "1", "Ada"],
        ["changed", "2", "Ada"],
    ]
    assert "there is no cell 999" in shown.err
    assert first in shown.out


@pytest.mark.slow
def test_the_session_id_of_the_file_and_the_places_of_its_sources_stay(matches: Path, tmp_path: Path):
    (tmp_path / "d.csv").write_text("kind,cell_id\naccept,0\n")
    (tmp_path / "below").mkdir()
    run("curate", matches, tmp_path / "d.csv", "-o", tmp_path / "below" / "new.nwb").succeeded()
    before, after = read_match_file(matches), read_match_file(tmp_path / "below" / "new.nwb")
    assert [session.source for session in after.sessions] == [session.source for session in before.sessions]
    assert after.result.warnings == before.result.warnings
    run("curate", matches, tmp_path / "d.csv", "-o", matches).refused("one of the inputs")


def test_alignments_that_cannot_be_used_are_reported_and_kept(matches: Path, tmp_path: Path):
    """Of a method that takes none, and of a session that is not there."""
    plane = read_match_file(matches)
    names = [session.name for session in plane.sessions]
    matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    accepted = Decision(DecisionKind.ACCEPT, 0)
    held = curate([plane], [accepted]).planes
    unknown = Decision(DecisionKind.ALIGN, sessions=(names[0], "none"), matrix=matrix)
    possible = Decision(DecisionKind.ALIGN, sessions=(names[0], names[1]), matrix=matrix)
    once, twice = curate(held, [unknown]), curate(held, [unknown, possible])
    assert [left.reason for left in once.unapplied] == ["there is no session none"]
    assert "takes no alignments by hand" in twice.unapplied[1].reason
    kinds = [(decision.kind, decision.applied) for decision in twice.planes[0].result.decisions]
    assert kinds == [(DecisionKind.ACCEPT, True), (DecisionKind.ALIGN, False), (DecisionKind.ALIGN, False)]


def test_bad_lists_are_refused_and_nothing_is_written(matches: Path, tmp_path: Path):
    (tmp_path / "d.csv").write_text("kind,cell_id\nlike,0\n")
    run("curate", matches, tmp_path / "d.csv", "-o", tmp_path / "new.nwb").refused("d.csv, row 2", "'like'")
    run("curate", matches, tmp_path / "none.csv", "-o", tmp_path / "new.nwb").refused("none.csv")
    assert not (tmp_path / "new.nwb").exists()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["nway", "consensus"])
def test_sessions_are_matched_again_with_an_alignment_given_by_hand(
    sessions: list[Session], tmp_path: Path, method: str
):
    rng = np.random.default_rng(1)
    blind = [replace(session, image=rng.normal(100, 1, session.shape).astype(np.float32)) for session in sessions]
    path = tmp_path / "m.nwb"
    write_match_file(sessions, match(blind, method), path)
    before = read_match_file(path).result
    names = tuple(session.name for session in sessions)
    right = ((1.0, 0.0, -SHIFT[1]), (0.0, 1.0, -SHIFT[0]), (0.0, 0.0, 1.0))
    write_decisions([Decision(DecisionKind.ALIGN, sessions=(names[0], names[1]), matrix=right)], tmp_path / "d.csv")
    run("curate", path, tmp_path / "d.csv", "-o", tmp_path / "new.nwb").succeeded()
    after = read_match_file(tmp_path / "new.nwb").result
    if method == "nway":  # consensus needs no image
        assert before.n_matches[0, 1] < 5
    assert after.n_matches[0, 1] >= 0.8 * sessions[0].n_rois
    assert after.registrations[0].outcome == RegistrationOutcome.BY_HAND
    np.testing.assert_allclose(after.registrations[0].matrix, right, atol=1)
    assert after.decisions[0].applied
    # Each cell continues the one that had its id.
    earlier = dict(zip(before.cell_ids.tolist(), before.cells, strict=True))
    kept = [cell_id for cell_id in after.cell_ids.tolist() if cell_id in earlier]
    assert len(kept) == len(after.cells)
    for cell_id, rows in zip(after.cell_ids.tolist(), after.cells, strict=True):
        assert ((rows == earlier[cell_id]) & (rows >= 0)).any()


@pytest.mark.slow
def test_the_real_pair_that_nway_misaligns_is_rescued(allen_sessions: list[Path], tmp_path: Path):
    run("write", *allen_sessions, "-o", tmp_path / "nway.nwb", "--method", "nway").succeeded()
    run("write", *allen_sessions, "-o", tmp_path / "right.nwb").succeeded()
    right, wrong = read_match_file(tmp_path / "right.nwb"), read_match_file(tmp_path / "nway.nwb").result
    names = [session.name for session in right.sessions]
    decisions = [
        Decision(
            DecisionKind.ALIGN,
            sessions=(names[r.fixed_session], names[2]),
            matrix=tuple(map(tuple, r.matrix.tolist())),
        )
        for r in right.result.registrations
        if r.moving_session == 2
    ]
    write_decisions(decisions, tmp_path / "d.csv")
    out = run("curate", tmp_path / "nway.nwb", tmp_path / "d.csv", "-o", tmp_path / "new.nwb").succeeded()
    after = read_match_file(tmp_path / "new.nwb").result
    assert "aligned wrongly" not in out.err
    for fixed in (0, 1):
        assert after.n_matches[fixed, 2] >= right.result.n_matches[fixed, 2]
        assert after.n_matches[fixed, 2] > 1.4 * wrong.n_matches[fixed, 2]
    assert after.warnings == ()
