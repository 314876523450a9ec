"""The consensus method as a whole: what a user gets from sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest
import scipy.sparse
from measures import inside, supported_groups, triangle_disagreement

from ndx_cell_matching.registrations import displacement_at
from ndx_match.errors import MethodError
from ndx_match.footprints import centroids, transform_points
from ndx_match.methods import consensus
from ndx_match.methods.consensus import ConsensusParameters
from ndx_match.methods.consensus.blocks import grid_points
from ndx_match.model import MatchResult, Presence, Session
from ndx_match.simulate import Simulation, SimulationParameters, simulate
from ndx_match.simulate.scores import complete_tracks_score, score_links

SMALL = SimulationParameters(shape=(208, 208), n_cells=54, shift=12.0)


@cache
def simulation(seed: int = 1, **changes) -> Simulation:
    return simulate(replace(SMALL, **changes), seed)


@cache
def matched(seed: int = 1, **changes) -> MatchResult:
    return consensus.match(simulation(seed, **changes).sessions)


def take(session: Session, rows: Sequence[int]) -> Session:
    return replace(
        session, footprints=session.footprints[list(rows)], roi_ids=session.roi_ids[list(rows)], takes_part=None
    )


def with_empty_rois(session: Session, n: int) -> Session:
    nothing = scipy.sparse.csr_array((n, session.image.size), dtype=np.float32)
    return replace(
        session,
        footprints=scipy.sparse.vstack([session.footprints, nothing], format="csr"),
        roi_ids=np.append(session.roi_ids, session.roi_ids.max() + 1 + np.arange(n)),
        takes_part=None,
    )


def assert_sound(result: MatchResult, sessions: Sequence[Session]) -> None:
    """What holds of every result, whatever the sessions."""
    for session, rows in zip(sessions, result.cells.T, strict=True):
        np.testing.assert_array_equal(np.sort(rows[rows >= 0]), np.arange(session.n_rois))
    assert result.confidence is not None
    several = result.n_sessions_of_cell > 1
    assert ((result.confidence[several] >= 0) & (result.confidence[several] <= 1)).all()
    assert np.isnan(result.confidence[~several]).all()
    pairs = result.roi_pairs
    assert pairs.probability is not None
    assert pairs.margin is not None
    assert ((pairs.probability >= 0) & (pairs.probability <= 1)).all()
    assert ((pairs.margin >= -1) & (pairs.margin <= pairs.probability)).all()
    assert ((pairs.iou >= 0) & (pairs.iou <= 1)).all()
    assert np.isfinite(pairs.centroid_distance).all()
    assert (pairs.fixed_session < pairs.moving_session).all()
    for registration in result.registrations:
        assert np.isfinite(registration.matrix).all()
        assert abs(np.linalg.det(registration.matrix)) > 0.1
        assert registration.registered or registration.reason
        if registration.displacement is not None:
            assert np.isfinite(registration.displacement).all()
    assert set(np.unique(result.presence)) <= set(Presence)


@pytest.mark.slow
def test_a_typical_match():
    sessions, result = simulation().sessions, matched()
    assert_sound(result, sessions)
    assert result.method == "consensus"
    assert result.parameters == asdict(ConsensusParameters())
    assert result.is_matched.all()
    assert [(r.fixed_session, r.moving_session) for r in result.registrations] == [(0, 1), (0, 2), (1, 2)]
    assert result.warnings == ()
    sizes = result.n_sessions_of_cell
    assert (np.diff(sizes) <= 0).all()  # cells seen most often come first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({}, 0.9),
        ({"n_sessions": 2}, 0.9),
        ({"n_sessions": 6, "n_cells": 40}, 0.9),
        ({"stretched_session": 2, "shift": 40.0, "rotation": 8.0}, 0.85),
        ({"n_cells": 12}, 0.85),
        ({"modality": "one_photon", "merges": 0.0}, 0.9),
    ],
    ids=["typical", "two sessions", "six sessions", "stretched", "few cells", "one-photon"],
)
def test_links_are_right(changes, least):
    simulated = simulation(7, **changes)
    result = matched(7, **changes)
    assert_sound(result, simulated.sessions)
    assert score_links(result.cells, simulated.identity).f1 > least


@pytest.mark.slow
def test_cells_of_all_sessions_are_followed():
    simulated = simulation(3, n_sessions=5, n_cells=50)
    assert complete_tracks_score(matched(3, n_sessions=5, n_cells=50).cells, simulated.identity).score > 0.85


def test_groups_are_supported_by_their_pairs():
    assert supported_groups(matched(3, n_sessions=5, n_cells=50)) > 0.8


def test_loops_close_exactly():
    result = matched(3, n_sessions=5, n_cells=50)
    assert max(triangle_disagreement(result.registrations, (208, 208)).values()) < 1e-6


def test_matrices_and_displacements_lead_to_where_the_tissue_is():
    simulated, result = simulation(1), matched(1)
    points = grid_points((208, 208), 16)
    for registration in result.registrations:
        truth = simulated.map_points(registration.fixed_session, registration.moving_session, points)
        straight = transform_points(registration.matrix, points)
        assert registration.displacement is not None
        bent = straight + displacement_at(registration.displacement, (208, 208), points)
        in_field = inside(truth, (208, 208))
        affine, whole = (np.median(np.linalg.norm(places - truth, axis=1)[in_field]) for places in (straight, bent))
        assert affine < 3.5
        assert whole < 1.0
        assert whole < affine


def test_displacements_close_loops_too():
    """From 0 through 1 to 2 and from 0 to 2, up to what coarse grids can say."""
    result = matched(1)
    points = grid_points((208, 208), 16)
    points = points[((points > 50) & (points < 158)).all(axis=1)]

    def carry(fixed: int, moving: int, at: np.ndarray) -> np.ndarray:
        registration = result.registration(fixed, moving)
        assert registration is not None
        assert registration.displacement is not None
        return transform_points(registration.matrix, at) + displacement_at(registration.displacement, (208, 208), at)

    distances = np.linalg.norm(carry(1, 2, carry(0, 1, points)) - carry(0, 2, points), axis=1)
    assert np.median(distances) < 0.1


def test_without_deformations_there_are_no_displacements():
    result = consensus.match(simulation().sessions, ConsensusParameters(non_rigid=False))
    assert all(registration.displacement is None for registration in result.registrations)
    assert score_links(result.cells, simulation().identity).f1 > 0.85


@pytest.mark.parametrize("n", [2, 3])
def test_identical_sessions_match_roi_by_roi(n):
    session = simulation().sessions[0]
    sessions = [replace(session, name=f"copy {k}") for k in range(n)]
    result = consensus.match(sessions)
    assert_sound(result, sessions)
    np.testing.assert_array_equal(
        result.cells[np.argsort(result.cells[:, 0])], np.arange(session.n_rois)[:, None].repeat(n, 1)
    )
    assert (result.presence == Presence.PRESENT).all()
    points = grid_points(session.shape, 32)
    for registration in result.registrations:
        np.testing.assert_allclose(transform_points(registration.matrix, points), points, atol=0.05)
    accepted = result.roi_pairs.take(result.roi_pairs.accepted)
    assert accepted.probability is not None
    assert np.median(accepted.probability) > 0.95


@pytest.mark.slow
def test_unrelated_fields_give_no_match():
    simulated, result = simulation(n_sessions=2, fields=(0, 1)), matched(n_sessions=2, fields=(0, 1))
    assert_sound(result, simulated.sessions)
    assert (result.n_sessions_of_cell == 1).all()
    assert len(result.roi_pairs) == 0
    assert not result.registrations[0].registered
    assert not result.is_matched.any()
    off_diagonal = result.presence[result.cells < 0]
    assert (off_diagonal == Presence.NOT_REGISTERED).all()
    assert len(result.warnings) == 2


@pytest.mark.slow
def test_an_odd_session_is_set_aside_and_the_others_match_as_if_alone():
    simulated = simulation(1, fields=(0, 0, 1))
    result, alone = matched(1, fields=(0, 0, 1)), consensus.match(simulated.sessions[:2])
    assert_sound(result, simulated.sessions)
    assert result.is_matched[:2].all()
    assert not result.is_matched[2]
    assert any(simulated.sessions[2].name in warning for warning in result.warnings)

    def links(cells: np.ndarray) -> set[tuple[int, int]]:
        return {(a, b) for a, b in cells[:, :2].tolist() if a >= 0 and b >= 0}

    assert links(result.cells) == links(alone.cells)
    np.testing.assert_array_equal(result.registration(0, 1).matrix, alone.registration(0, 1).matrix)
    np.testing.assert_array_equal(result.roi_pairs.probability, alone.roi_pairs.probability)
    in_third = result.cells[:, 2] >= 0
    assert (result.presence[in_third][:, :2] == Presence.NOT_REGISTERED).all()
    assert (result.presence[~in_third][:, 2] == Presence.NOT_REGISTERED).all()


@pytest.mark.slow
def test_sets_of_sessions_are_matched_apart():
    simulated = simulation(2, n_sessions=4, fields=(0, 1, 0, 1))
    result = matched(2, n_sessions=4, fields=(0, 1, 0, 1))
    assert_sound(result, simulated.sessions)
    assert result.is_matched.all()
    assert score_links(result.cells, simulated.identity).f1 > 0.9
    assert any("matched apart" in warning and "session_0, session_2" in warning for warning in result.warnings)
    assert not ((result.cells[:, [0, 2]] >= 0).any(axis=1) & (result.cells[:, [1, 3]] >= 0).any(axis=1)).any()
    assert (result.presence[result.cells[:, 0] >= 0][:, [1, 3]] == Presence.NOT_REGISTERED).all()


def test_the_number_of_workers_changes_nothing():
    one = consensus.match(simulation().sessions, workers=1)
    two = matched()
    np.testing.assert_array_equal(one.cells, two.cells)
    np.testing.assert_array_equal(one.presence, two.presence)
    np.testing.assert_array_equal(one.confidence, two.confidence)
    for name, values in vars(one.roi_pairs).items():
        np.testing.assert_array_equal(values, getattr(two.roi_pairs, name))
    for a, b in zip(one.registrations, two.registrations, strict=True):
        np.testing.assert_array_equal(a.matrix, b.matrix)
        np.testing.assert_array_equal(a.displacement, b.displacement)
        assert (a.score, a.chance_score, a.steps, a.reason) == (b.score, b.chance_score, b.steps, b.reason)


def test_the_order_of_sessions_changes_only_their_numbers():
    simulated, reference = simulation(), matched()
    order = [2, 0, 1]
    result = consensus.match([simulated.sessions[k] for k in order])
    np.testing.assert_array_equal(result.cells[:, np.argsort(order)], reference.cells)
    np.testing.assert_allclose(result.confidence, reference.confidence, rtol=0, atol=1e-9)

    def by_rois(match_result: MatchResult, numbers: Sequence[int]) -> dict[frozenset[tuple[int, int]], float]:
        pairs = match_result.roi_pairs
        return {
            frozenset({(numbers[i], a), (numbers[j], b)}): value
            for (i, a, j, b), value in pairs.by_rois(pairs.probability).items()
        }

    one, other = by_rois(reference, range(3)), by_rois(result, order)
    assert one.keys() == other.keys()
    assert all(abs(one[pair] - other[pair]) <= 1e-9 for pair in one)
    points = np.array([[100.0, 60.0], [30.0, 90.0]])
    for fixed, moving in combinations(range(3), 2):
        here, there = reference.registration(order[moving], order[fixed]), result.registration(fixed, moving)
        if here is None:
            here = reference.registration(order[fixed], order[moving])
            np.testing.assert_allclose(here.matrix, there.matrix, atol=1e-9)
        else:
            np.testing.assert_allclose(transform_points(here.matrix @ there.matrix, points), points, atol=1e-6)


@pytest.mark.parametrize("n_rois", [0, 1, 4])
def test_any_number_of_rois(n_rois):
    first, second, third = simulation().sessions
    few = take(second, range(n_rois))
    sessions = [first, few, third]
    result = consensus.match(sessions)
    assert_sound(result, sessions)
    assert result.is_matched.all()
    # Few ROIs in one session take nothing from the others.
    others = score_links(result.cells[:, [0, 2]], [simulation().identity[k] for k in (0, 2)])
    assert others.f1 > 0.85


@pytest.mark.parametrize("n_rois", [0, 1, 3])
def test_sessions_that_all_have_few_rois(n_rois):
    first, second = simulation().sessions[:2]
    shared = [cell for cell in np.intersect1d(*simulation().identity[:2]) if cell >= 0][:n_rois]
    sessions = [
        take(session, [int(np.flatnonzero(identity == cell)[0]) for cell in shared])
        for session, identity in zip((first, second), simulation().identity[:2], strict=True)
    ]
    result = consensus.match(sessions)
    assert_sound(result, sessions)
    np.testing.assert_array_equal(result.cells[np.argsort(result.cells[:, 0])], np.arange(n_rois)[:, None].repeat(2, 1))
    assert any("prior experience" in warning for warning in result.warnings)


def test_empty_footprints_are_matched_with_nothing():
    first, second = (with_empty_rois(session, 3) for session in simulation().sessions[:2])
    result = consensus.match([first, second])
    assert_sound(result, [first, second])
    for k, session in enumerate((first, second)):
        of_empty = np.isin(result.cells[:, k], session.empty_rows)
        assert of_empty.sum() == 3
        assert (result.n_sessions_of_cell[of_empty] == 1).all()
    assert score_links(result.cells, [np.append(i, [-1] * 3) for i in simulation().identity[:2]]).f1 > 0.85


def test_rois_that_take_no_part_are_in_no_cell():
    first, second = simulation().sessions[:2]
    excluded = np.array([0, 5, 9])
    session = replace(first, takes_part=~np.isin(np.arange(first.n_rois), excluded))
    result = consensus.match([session, second])
    assert not np.isin(result.cells[:, 0], excluded).any()
    assert (result.cells[:, 0] >= 0).sum() == session.n_taking_part


def test_images_without_contrast_leave_the_rois_to_align_by():
    sessions = [replace(s, image=np.full(s.shape, 37.7, np.float32)) for s in simulation().sessions]
    result = consensus.match(sessions)
    assert_sound(result, sessions)
    assert result.is_matched.all()
    assert score_links(result.cells, simulation().identity).f1 > 0.85


def test_sessions_with_nothing_in_them():
    blank = take(replace(simulation().sessions[0], image=np.zeros((208, 208), np.float32)), [])
    result = consensus.match([blank, replace(blank, name="b")])
    assert_sound(result, [blank, blank])
    assert result.cells.shape == (0, 2)
    assert "neither contrast" in result.registrations[0].reason


def window(session: Session, rows: slice, cols: slice) -> Session:
    masks = session.footprints.toarray().reshape(-1, *session.shape)[:, rows, cols]
    footprints = scipy.sparse.csr_array(masks.reshape(len(masks), -1))
    roi_rows = np.flatnonzero(np.diff(footprints.indptr))
    return replace(
        session,
        image=session.image[rows, cols].copy(),
        footprints=footprints[roi_rows],
        roi_ids=session.roi_ids[roi_rows],
        takes_part=None,
    )


def test_a_cell_beyond_the_edge_is_said_to_be_outside_the_field():
    """Both windows show the tissue they share, and a strip that the other does not reach."""
    session = simulation(5, n_sessions=1, non_rigid=0.0).sessions[0]
    left, right = window(session, slice(None), slice(0, 170)), window(session, slice(None), slice(40, 208))
    result = consensus.match([left, replace(right, name="right")])
    assert_sound(result, [left, right])
    np.testing.assert_allclose(result.registrations[0].matrix, [[1, 0, -40], [0, 1, 0], [0, 0, 1]], atol=0.5)
    x = centroids(left.footprints, 170)[:, 0]
    for row, codes in zip(result.cells.tolist(), result.presence.tolist(), strict=True):
        if row[0] >= 0 and x[row[0]] < 36:
            assert codes[1] == Presence.OUTSIDE_FIELD
        if row[0] >= 0 and 50 < x[row[0]] < 160:
            assert codes[1] == Presence.PRESENT


def test_a_cell_with_two_candidates_is_said_to_be_ambiguous():
    """Two ROIs of the second session that share the place of one of the first cannot both be its cell."""
    sessions = [simulation(6, n_sessions=2).sessions[0]] * 2
    largest_row = int(np.argmax(np.diff(sessions[0].footprints.indptr)))
    rows, cols = np.divmod(sessions[0].footprints[[largest_row]].indices, 208)
    half = rows <= np.median(rows)
    masks = np.zeros((2, 208, 208), np.float32)
    masks[0, rows[half], cols[half]] = 1
    masks[1, rows[~half], cols[~half]] = 1
    other_rows = [k for k in range(sessions[0].n_rois) if k != largest_row]
    rest = take(sessions[1], other_rows)
    split = replace(
        rest,
        name="split",
        footprints=scipy.sparse.vstack([rest.footprints, scipy.sparse.csr_array(masks.reshape(2, -1))], format="csr"),
        roi_ids=np.append(rest.roi_ids, [1, 2]),
        takes_part=None,
    )
    result = consensus.match([sessions[0], split])
    halves = [len(other_rows), len(other_rows) + 1]
    loose = [row for row in halves if (result.cells[result.cells[:, 1] == row, 0] < 0).all()]
    assert loose  # at most one of them is the cell
    for row in loose:
        assert result.presence[result.cells[:, 1] == row, 0] == Presence.AMBIGUOUS
    of_halves = result.roi_pairs.take(
        (result.roi_pairs.fixed_roi_row == largest_row) & np.isin(result.roi_pairs.moving_roi_row, halves)
    )
    assert of_halves.margin is not None
    assert np.abs(of_halves.margin).max() < 0.5


def test_progress_is_told():
    stages: list[tuple[str, int, int]] = []
    consensus.match(simulation().sessions, progress=lambda *step: stages.append(step))
    assert [stage for stage, _, _ in stages] == sorted([stage for stage, _, _ in stages], reverse=True)
    assert {stage for stage, _, _ in stages} == {"registering", "matching"}
    assert all(0 <= done <= total for _, done, total in stages)
    assert stages[-1][1] == stages[-1][2]


def test_one_session_cannot_be_matched():
    with pytest.raises(MethodError, match="at least two"):
        consensus.match(simulation().sessions[:1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"largest_shift": 0.0},
        {"largest_shift": 1.5},
        {"largest_rotation": -1.0},
        {"smallest_scale": 1.1},
        {"largest_scale": 0.9},
        {"significance": 0.0},
        {"reach": -1.0},
        {"least_probability": 1.0},
        {"least_probability": float("nan")},
        {"significance": float("nan")},
    ],
)
def test_parameters_that_make_no_sense_are_refused(wrong):
    with pytest.raises(MethodError, match="must"):
        ConsensusParameters(**wrong)
