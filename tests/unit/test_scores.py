"""Scores on examples small enough to count by hand, and on simulations whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from measures import calibration, registration_error, supported_groups, triangle_disagreement
from oracles import assign, known_bodies, oracle, warp_footprints, yardstick_pairs

from ndx_match.footprints import pixel_points
from ndx_match.model import MatchResult, Presence, Registration, RegistrationOutcome, RoiPairs, Session
from ndx_match.simulate import Simulation, SimulationParameters, simulate
from ndx_match.simulate.scores import complete_tracks_score, score_links

# Three sessions: cells 1, 2, 3; ROI -1 is no cell.
IDENTITY = [np.array([1, 2, -1]), np.array([2, 1, 3]), np.array([3, 1])]
PERFECT = np.array([[0, 1, 1], [1, 0, -1], [-1, 2, 0], [2, -1, -1]])


def test_perfect_match_scores_one() -> None:
    score = score_links(PERFECT, IDENTITY)
    assert (score.n_true, score.n_predicted, score.n_correct) == (5, 5, 5)
    assert score.precision == score.recall == score.f1 == 1


def test_links_are_counted_pair_by_pair() -> None:
    # Cell 1 lost in session 2, cell 3 joined to the false ROI of session 0.
    cells = np.array([[0, 1, -1], [1, 0, -1], [2, 2, 0], [-1, -1, 1]])
    score = score_links(cells, IDENTITY)
    counts = {pair: (count.n_true, count.n_predicted, count.n_correct) for pair, count in score.pairs.items()}
    assert counts == {(0, 1): (2, 3, 2), (0, 2): (1, 1, 0), (1, 2): (2, 1, 1)}
    assert (score.n_true, score.n_predicted, score.n_correct) == (5, 5, 3)
    assert score.precision == score.recall == score.f1 == pytest.approx(0.6)


def test_two_false_rois_linked_are_an_error() -> None:
    score = score_links(np.array([[0, 0]]), [np.array([-1]), np.array([-1])])
    assert (score.n_true, score.n_predicted, score.n_correct) == (0, 1, 0)
    assert score.f1 == 0


def test_nothing_to_find_and_nothing_found_is_right() -> None:
    score = score_links(np.array([[0, -1], [-1, 0]]), [np.array([1]), np.array([2])])
    assert score.f1 == score.precision == score.recall == 1


def test_either_half_of_a_split_cell_counts_once() -> None:
    identity = [np.array([7, 7]), np.array([7])]
    for half in (0, 1):
        cells = np.array([[half, 0], [1 - half, -1]])
        assert score_links(cells, identity).f1 == 1
    both_split = [np.array([7, 7]), np.array([7, 7])]
    assert score_links(np.array([[0, 0], [1, 1]]), both_split).n_true == 2


@given(st.permutations(range(len(PERFECT))), st.integers(0, 2))
def test_order_of_cells_does_not_matter(order: list[int], dropped: int) -> None:
    cells = PERFECT.copy()
    cells[dropped, 1] = -1
    assert score_links(cells[order], IDENTITY) == score_links(cells, IDENTITY)


def test_cells_of_another_number_of_sessions_are_refused() -> None:
    with pytest.raises(ValueError, match="3 sessions"):
        score_links(PERFECT[:, :2], IDENTITY)


def test_complete_tracks() -> None:
    identity = [np.array([1, 2, 3]), np.array([1, 2, 3]), np.array([1, 2, 4])]
    # Cell 1 right, cell 2 swapped for 4 in the last session: 1 right, 2 found, 2 true.
    cells = np.array([[0, 0, 0], [1, 1, 2], [2, 2, -1], [-1, -1, 1]])
    track = complete_tracks_score(cells, identity)
    assert (track.n_true, track.n_predicted, track.n_correct) == (2, 2, 1)
    assert track.score == pytest.approx(0.5)
    assert complete_tracks_score(PERFECT, IDENTITY).score == 1


def test_calibrated_probabilities_have_a_small_error_and_overconfident_ones_a_large() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(20_000)
    truth = rng.random(20_000) < probability
    assert calibration(probability, truth).expected_calibration_error < 0.02
    sure = calibration(np.ones(1000), np.arange(1000) % 4 > 0)
    assert sure.expected_calibration_error == pytest.approx(0.25)
    assert sure.brier == pytest.approx(0.25)
    assert sure.count.tolist() == [0] * 9 + [1000]
    assert sure.share_true[-1] == pytest.approx(0.75)
    assert np.isnan(sure.share_true[0])


def test_calibration_refuses_what_is_no_probability() -> None:
    for wrong in ([0.5, 1.2], [np.nan, 0.5]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            calibration(np.array(wrong), np.array([True, False]))
    with pytest.raises(ValueError, match="do not fit"):
        calibration(np.array([0.5]), np.array([True, False]))
    assert np.isnan(calibration(np.zeros(0), np.zeros(0, bool)).expected_calibration_error)


def shift_matrix(dx: float, dy: float) -> np.ndarray:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])


@pytest.fixture(scope="module")
def rigid() -> Simulation:
    """Three sessions without non-rigid displacement or noise of masks."""
    return simulate(
        SimulationParameters(
            shape=(160, 150), n_cells=35, shift=12, non_rigid=0.0, mask_noise=0.0, splits=0.0, depth_shift=0.0
        ),
        seed=2,
    )


def true_matrix(simulation: Simulation, fixed: int, moving: int) -> np.ndarray:
    return simulation.transforms[moving].matrix @ np.linalg.inv(simulation.transforms[fixed].matrix)


def test_registration_error(rigid: Simulation) -> None:
    right = [Registration(i, j, true_matrix(rigid, i, j)) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert max(registration_error(right, rigid).values()) < 1e-6
    off = Registration(0, 1, shift_matrix(3, 4) @ true_matrix(rigid, 0, 1))
    assert registration_error([off], rigid) == {(0, 1): pytest.approx(5)}
    failed = Registration(0, 1, np.eye(3), outcome=RegistrationOutcome.NOT_REGISTERED)
    assert registration_error([failed], rigid) == {}


def test_registration_of_unrelated_tissue_has_no_error() -> None:
    simulation = simulate(SimulationParameters(shape=(100, 100), n_cells=15, n_sessions=2, fields=(0, 1)), seed=0)
    assert registration_error([Registration(0, 1, np.eye(3))], simulation) == {}


def test_triangle_disagreement(rigid: Simulation) -> None:
    pairs = ((0, 1), (0, 2), (1, 2))
    closed = [Registration(i, j, true_matrix(rigid, i, j)) for i, j in pairs]
    assert triangle_disagreement(closed, (160, 150))[0, 1, 2] == pytest.approx(0, abs=1e-9)
    opened = [Registration(0, 1, np.eye(3)), Registration(0, 2, np.eye(3)), Registration(1, 2, shift_matrix(0, 2))]
    assert triangle_disagreement(opened, (160, 150)) == {(0, 1, 2): pytest.approx(2)}
    assert triangle_disagreement(opened[:2], (160, 150)) == {}


def test_supported_groups() -> None:
    cells = np.array([[0, 0, 0], [1, 1, 1], [2, 2, -1], [-1, -1, 2]], np.int32)
    # The first cell's three pairs are accepted; of the second's, the pair of sessions 0 and 2 is not.
    rows = [(0, 1, 0, True), (0, 2, 0, True), (1, 2, 0, True), (0, 1, 1, True), (0, 2, 1, False), (1, 2, 1, True)]
    fixed, moving, row, accepted = (np.array(column) for column in zip(*rows, strict=True))
    pairs = RoiPairs(
        fixed.astype(np.int32), moving.astype(np.int32), row.astype(np.int32), row.astype(np.int32),
        np.zeros(6), np.ones(6), accepted.astype(bool),
    )  # fmt: skip
    result = MatchResult(
        method="test",
        method_version="0",
        parameters={},
        cells=cells,
        presence=np.where(cells >= 0, Presence.PRESENT, Presence.NOT_DETECTED).astype(np.uint8),
        roi_pairs=pairs,
        registrations=(),
        session_status=np.zeros(3, np.uint8),
    )
    assert supported_groups(result) == pytest.approx(0.5)
    assert np.isnan(supported_groups(result, minimum=4))


def test_footprints_shifted_by_whole_pixels_stay_as_they_are() -> None:
    image = np.zeros((12, 10), np.float32)
    image[4:7, 3:6] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    footprints = scipy.sparse.csr_array(image.reshape(1, -1))
    # The fixed session sees the tissue 2 pixels further right and 1 further up than the moving one.
    warped = warp_footprints(footprints, image.shape, pixel_points((12, 10)) + np.array([-2, 1]))
    expected = np.roll(image, (-1, 2), axis=(0, 1))
    np.testing.assert_array_equal(warped.toarray().reshape(12, 10), expected)


def test_assignment_maximises_the_total_and_leaves_out_what_does_not_overlap() -> None:
    iou = scipy.sparse.csr_array(np.array([[0.6, 0.5, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    rows, columns = assign(iou)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (1, 0)]


def test_yardstick_counts_overlapping_rois(rigid: Simulation) -> None:
    fixed, moving = rigid.sessions[0], rigid.sessions[1]
    shared = len(np.intersect1d(rigid.identity[0], rigid.identity[1])) - 1
    matrix = true_matrix(rigid, 0, 1)
    assert shared * 0.85 <= yardstick_pairs(fixed, moving, matrix) <= shared + 6
    assert yardstick_pairs(fixed, moving, shift_matrix(7, 7) @ matrix) < shared / 2
    assert yardstick_pairs(fixed, moving, shift_matrix(1000, 0)) == 0


def test_yardstick_of_a_session_with_itself_is_every_roi(rigid: Simulation) -> None:
    session: Session = rigid.sessions[0]
    assert yardstick_pairs(session, session, np.eye(3)) == session.n_rois


def test_oracle_finds_nearly_all_where_masks_hardly_differ(rigid: Simulation) -> None:
    best = oracle(rigid)
    assert best.score.f1 > 0.97
    assert oracle(rigid, threshold=0.999).score.recall < best.score.recall


def test_who_knows_all_bodies_knows_more_than_the_oracle(rigid: Simulation) -> None:
    noisy = simulate(replace(rigid.parameters, mask_noise=1.5, false_rois=0.3), seed=3)
    assert oracle(noisy).score.f1 < known_bodies(noisy).f1 < 1
    unrelated = simulate(replace(rigid.parameters, n_sessions=2, fields=(0, 1)), seed=2)
    assert known_bodies(unrelated).n_predicted == 0


def test_oracle_links_nothing_between_unrelated_fields(rigid: Simulation) -> None:
    simulation = simulate(replace(rigid.parameters, n_sessions=2, fields=(0, 1)), seed=2)
    assert oracle(simulation).score.n_predicted == 0
