"""The consensus method on three real sessions, the third of which was recorded with another pixel aspect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from measures import supported_groups, triangle_disagreement
from oracles import yardstick_pairs

from ndx_match.methods import consensus
from ndx_match.methods.consensus import ConsensusParameters
from ndx_match.methods.consensus.pairs import confirm, prepare, register
from ndx_match.model import MatchResult, Presence, Session
from ndx_match.sources import SourceOptions, read_sessions

pytestmark = pytest.mark.allen_data

PAIRS = [(0, 1), (0, 2), (1, 2)]


@pytest.fixture(scope="module")
def sessions(allen_sessions: list[Path]) -> list[Session]:
    return read_sessions(allen_sessions, SourceOptions(checksum=False))


@pytest.fixture(scope="module")
def result(sessions: list[Session]) -> MatchResult:
    return consensus.match(sessions)


def mirrored(session: Session) -> Session:
    masks = session.footprints.toarray().reshape(-1, *session.shape)[:, :, ::-1]
    footprints = scipy.sparse.csr_array(masks.reshape(len(masks), -1))
    return replace(session, name="mirrored", image=session.image[:, ::-1].copy(), footprints=footprints)


@pytest.mark.slow
def test_affine_maps_bring_as_many_rois_to_overlap_as_is_known_to_be_possible(sessions, result):
    assert result.is_matched.all()
    counts = [
        yardstick_pairs(sessions[r.fixed_session], sessions[r.moving_session], r.matrix) for r in result.registrations
    ]
    assert [(r.fixed_session, r.moving_session) for r in result.registrations] == PAIRS
    assert counts[0] >= 165
    assert counts[1] >= 118
    assert counts[2] >= 158


def test_the_other_pixel_aspect_is_found(result):
    for registration in result.registrations[1:]:
        scale_x, scale_y = np.linalg.norm(registration.matrix[:2, :2], axis=0)
        assert scale_x == pytest.approx(0.755, abs=0.03)
        assert scale_y == pytest.approx(1.17, abs=0.03)


def test_scores_are_far_above_chance(result):
    for registration in result.registrations:
        assert registration.score > 5 * registration.chance_score


def test_loops_close(sessions, result):
    assert max(triangle_disagreement(result.registrations, sessions[0].shape).values()) < 0.5


def test_groups_are_supported_by_all_their_pairs(result):
    assert supported_groups(result) >= 0.95


def test_every_roi_is_in_one_cell(sessions, result):
    for session, rows in zip(sessions, result.cells.T, strict=True):
        np.testing.assert_array_equal(np.sort(rows[rows >= 0]), np.arange(session.n_rois))


@pytest.mark.slow
def test_a_mirrored_session_is_set_aside(sessions, result):
    """It has the very same cells, vessels and noise, but fits nothing."""
    with_mirrored = consensus.match([sessions[0], sessions[1], mirrored(sessions[1])])
    assert with_mirrored.is_matched[:2].all()
    assert not with_mirrored.is_matched[2]
    absent = with_mirrored.cells[:, 2] < 0
    assert (with_mirrored.presence[absent, 2] == Presence.NOT_REGISTERED).all()


@pytest.mark.parametrize(("i", "j"), PAIRS)
def test_a_false_shift_of_100_pixels_is_refused(sessions, i, j):
    (fixed, moving), radius = prepare([sessions[i], sessions[j]])
    registration = register(fixed, moving, radius, ConsensusParameters())
    assert registration.registered, registration.reason
    for dx, dy in ((100, 0), (-100, 0), (0, 100), (0, -100)):
        wrong = np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]]) @ registration.matrix
        assert not confirm(fixed, moving, wrong, ConsensusParameters()).registered
