"""Simulated sessions: their truth is true, and each parameter does what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measures import inside
from oracles import oracle
from scipy.ndimage import gaussian_filter, map_coordinates

from ndx_match.errors import MethodError
from ndx_match.footprints import centroids, pixel_points
from ndx_match.simulate import TIERS, Simulation, SimulationParameters, simulate

SMALL = SimulationParameters(shape=(200, 180), n_cells=45, shift=15, length_scale=60)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(SMALL, seed=1)


def bodies_of(simulation: Simulation, session: int) -> dict[int, np.ndarray]:
    """Centroid (x, y) of each cell that has exactly one ROI in a session."""
    places = centroids(simulation.sessions[session].footprints, simulation.sessions[session].shape[1])
    cells, count = np.unique(simulation.identity[session], return_counts=True)
    single = set(cells[(count == 1) & (cells >= 0)].tolist())
    pairs = zip(simulation.identity[session].tolist(), places, strict=True)
    return {cell: place for cell, place in pairs if cell in single}


@pytest.mark.slow
def test_same_seed_gives_same_arrays_and_another_seed_does_not(simulation: Simulation) -> None:
    again, other = simulate(SMALL, seed=1), simulate(SMALL, seed=2)
    for one, two in zip(simulation.sessions, again.sessions, strict=True):
        np.testing.assert_array_equal(one.image, two.image)
        np.testing.assert_array_equal(one.roi_ids, two.roi_ids)
        assert (one.footprints != two.footprints).nnz == 0
    for one, two in zip(simulation.identity, again.identity, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(simulation.sessions[0].image, other.sessions[0].image)


def test_images_are_grey_values(simulation: Simulation) -> None:
    for session in simulation.sessions:
        assert session.image.dtype == np.float32
        assert session.shape == SMALL.shape
        np.testing.assert_array_equal(session.image, session.image.astype(np.uint8))
        assert session.image.std() > 2


def test_every_roi_has_pixels_and_one_identity(simulation: Simulation) -> None:
    for session, identity in zip(simulation.sessions, simulation.identity, strict=True):
        assert len(identity) == session.n_rois
        assert len(session.empty_rows) == 0
        assert identity.min() >= -1


def test_roi_ids_are_large_and_unique_over_sessions_unless_asked_otherwise(simulation: Simulation) -> None:
    ids = np.concatenate([session.roi_ids for session in simulation.sessions])
    assert len(np.unique(ids)) == len(ids)
    assert ids.min() > 1_000_000_000
    from_zero = simulate(replace(SMALL, roi_id_style="from_zero"), seed=1)
    for session in from_zero.sessions:
        np.testing.assert_array_equal(session.roi_ids, np.arange(session.n_rois))


def test_true_transform_brings_cells_together_where_identity_does_not() -> None:
    simulation = simulate(replace(SMALL, mask_noise=0.0, merges=0.0, depth_shift=0.0), seed=1)
    first, second = bodies_of(simulation, 0), bodies_of(simulation, 1)
    shared = sorted(first.keys() & second.keys())
    assert len(shared) > 15
    before = np.array([first[cell] for cell in shared])
    after = np.array([second[cell] for cell in shared])
    mapped = simulation.map_points(0, 1, before)
    assert np.median(np.linalg.norm(mapped - after, axis=1)) < 0.5
    assert np.median(np.linalg.norm(before - after, axis=1)) > 6


def test_images_agree_best_under_the_true_transform() -> None:
    simulation = simulate(replace(SMALL, border=0), seed=1)
    fixed, moving = (
        gaussian_filter(simulation.sessions[k].image, 1) - gaussian_filter(simulation.sessions[k].image, 12)
        for k in (0, 2)
    )
    points = simulation.map_points(0, 2, pixel_points(fixed.shape))
    common = inside(points, moving.shape)

    def agreement(dx: float, dy: float) -> float:
        places = points + np.array([dx, dy])
        warped = map_coordinates(moving, [places[..., 1], places[..., 0]], order=1, mode="nearest")
        return float(np.corrcoef(fixed[common], warped[common])[0, 1])

    assert agreement(0, 0) > 0.8
    assert agreement(0, 0) > max(agreement(*offset) for offset in ((1, 0), (-1, 0), (0, 1), (0, -1)))
    assert np.corrcoef(fixed[common], moving[common])[0, 1] < 0.3


def test_field_of_view_really_moves(simulation: Simulation) -> None:
    """Some cells of a later session lie where the reference has no pixel."""
    places = np.array(list(bodies_of(simulation, 1).values()))
    in_reference = simulation.transforms[0](simulation.transforms[1].inverse(places))
    outside = ~inside(in_reference, SMALL.shape)
    assert 0 < outside.mean() < 0.5


@given(st.floats(-40, 220), st.floats(-40, 240))
@settings(max_examples=50)
def test_inverse_undoes_transform(simulation: Simulation, x: float, y: float) -> None:
    point = np.array([[x, y]])
    np.testing.assert_allclose(simulation.transforms[1].inverse(simulation.transforms[1](point)), point, atol=1e-4)


def test_non_rigid_displacement_has_the_size_asked_for_and_no_affine_part() -> None:
    simulation = simulate(replace(SMALL, non_rigid=5.0), seed=4)
    for transform in simulation.transforms[1:]:
        points = pixel_points(SMALL.shape).reshape(-1, 2)
        reference = transform.inverse(points)
        displacement = transform.displacement_at(reference)
        assert 3.5 < np.linalg.norm(displacement, axis=1).max() < 5.2
        design = np.column_stack([reference, np.ones(len(reference))])
        fit = design @ np.linalg.lstsq(design, displacement, rcond=None)[0]
        assert np.linalg.norm(fit, axis=1).mean() < 0.3
    np.testing.assert_array_equal(simulation.transforms[0](points), points)


@pytest.mark.slow
def test_affine_part_stays_within_the_ranges() -> None:
    parameters = replace(SMALL, n_sessions=6, shift=20.0, rotation=4.0, scale=0.0)
    centre = np.array([(SMALL.shape[1] - 1) / 2, (SMALL.shape[0] - 1) / 2])
    for transform in simulate(parameters, seed=0).transforms[1:]:
        angle = np.rad2deg(np.arctan2(transform.matrix[1, 0], transform.matrix[0, 0]))
        assert 2 <= abs(angle) <= 4
        moved = transform.matrix[:2, :2] @ centre + transform.matrix[:2, 2] - centre
        assert 12 <= np.linalg.norm(moved) <= 20


def test_stretched_session_has_the_pixel_aspect_asked_for() -> None:
    parameters = replace(SMALL, stretched_session=2, scale=0.0)
    linear = simulate(parameters, seed=0).transforms[2].matrix[:2, :2]
    np.testing.assert_allclose(np.linalg.norm(linear, axis=1), [0.75, 1.17])


@pytest.mark.slow
def test_without_mask_noise_masks_coincide_and_with_it_they_do_not() -> None:
    clean = replace(SMALL, mask_noise=0.0, depth_shift=0.0, splits=0.0, merges=0.0)
    assert np.median(oracle(simulate(clean, seed=3)).iou_same) > 0.9
    assert np.median(oracle(simulate(replace(clean, mask_noise=1.0), seed=3)).iou_same) < 0.75


@pytest.mark.slow
def test_split_cells_have_two_rois_and_only_they() -> None:
    whole = simulate(replace(SMALL, splits=0.0), seed=5)
    split = simulate(replace(SMALL, splits=0.3), seed=5)
    for identity in whole.identity:
        cells = identity[identity >= 0]
        assert len(np.unique(cells)) == len(cells)
    for identity in split.identity:
        _, count = np.unique(identity[identity >= 0], return_counts=True)
        assert set(count.tolist()) == {1, 2}
        assert (count == 2).mean() == pytest.approx(0.3, abs=0.1)


@pytest.mark.slow
def test_merged_cells_share_one_larger_roi() -> None:
    dense = replace(SMALL, n_cells=90, splits=0.0, false_rois=0.0)
    apart = simulate(replace(dense, merges=0.0), seed=6)
    merged = simulate(replace(dense, merges=0.2), seed=6)
    for before, after in zip(apart.sessions, merged.sessions, strict=True):
        assert after.n_rois < before.n_rois
        assert np.diff(after.footprints.indptr).max() > np.diff(before.footprints.indptr).max()


@pytest.mark.slow
def test_share_of_false_rois() -> None:
    none = simulate(replace(SMALL, false_rois=0.0), seed=7)
    assert all((identity >= 0).all() for identity in none.identity)
    many = simulate(replace(SMALL, false_rois=0.5), seed=7)
    assert all(0.15 < (identity == -1).mean() < 0.5 for identity in many.identity)


@pytest.mark.slow
def test_detection_probability_sets_how_often_a_cell_is_found_again() -> None:
    still = replace(SMALL, n_cells=120, shift=0.0, rotation=0.0, merges=0.0, depth_shift=0.0, detection_spread=0.0)
    for detection in (0.5, 0.9):
        identity = simulate(replace(still, detection=detection), seed=8).identity
        again = np.isin(identity[0][identity[0] >= 0], identity[1]).mean()
        assert again == pytest.approx(detection, abs=0.15)


@pytest.mark.slow
def test_stripes_are_fixed_to_the_detector_and_change_no_mask() -> None:
    plain = simulate(replace(SMALL, border=0), seed=9)
    striped = simulate(replace(SMALL, border=0, stripes=0.2), seed=9)
    profiles = []
    for one, two in zip(plain.sessions, striped.sessions, strict=True):
        assert (one.footprints != two.footprints).nnz == 0
        profiles.append(np.log1p(two.image).mean(axis=1) - np.log1p(one.image).mean(axis=1))
    assert np.corrcoef(profiles)[0, 1:].min() > 0.95


def test_unrelated_fields_share_no_cell_and_no_transform() -> None:
    simulation = simulate(replace(SMALL, fields=(0, 0, 1)), seed=10)
    first, second, other = (set(identity[identity >= 0].tolist()) for identity in simulation.identity)
    assert first & second
    assert not (first | second) & other
    with pytest.raises(ValueError, match="different tissue"):
        simulation.map_points(0, 2, np.zeros((1, 2)))


@pytest.mark.slow
def test_one_photon_footprints_are_weighted_and_broad() -> None:
    simulation = simulate(replace(TIERS["one_photon"], shape=(150, 150), n_cells=40, roi_id_style="from_zero"), seed=0)
    weights = simulation.sessions[0].footprints.data
    assert weights.max() == pytest.approx(1)
    assert len(np.unique(weights)) > 100
    assert weights.min() > 0


@pytest.mark.slow
@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_can_be_simulated(tier: str) -> None:
    parameters = replace(TIERS[tier], shape=(160, 160), n_cells=30, shift=TIERS[tier].shift / 4)
    simulation = simulate(parameters, seed=0)
    assert len(simulation.sessions) == parameters.n_sessions
    assert all(session.n_rois > 5 for session in simulation.sessions)


@pytest.mark.slow
def test_typical_tier_is_as_documented() -> None:
    simulation = simulate(TIERS["typical"], seed=0)
    assert all(150 <= session.n_rois <= 270 for session in simulation.sessions)
    reached = oracle(simulation)
    assert np.median(reached.iou_same) == pytest.approx(0.6, abs=0.03)
    assert reached.score.f1 > 0.94


def test_few_cells_do_not_break_it() -> None:
    simulation = simulate(replace(SMALL, n_cells=1, detection=0.05), seed=0)
    assert all(session.footprints.shape[1] == 200 * 180 for session in simulation.sessions)


def test_another_number_of_sessions_keeps_what_sets_the_last_apart() -> None:
    assert TIERS["hard"].with_sessions(2).stretched_session == 1
    assert TIERS["hard"].with_sessions(6).stretched_session == 5
    assert TIERS["odd_one_out"].with_sessions(5).fields == (0, 0, 0, 0, 1)
    assert TIERS["odd_one_out"].with_sessions(2).fields == (0, 1)
    assert TIERS["typical"].with_sessions(5) == TIERS["five_sessions"]
    with pytest.raises(MethodError):
        TIERS["unrelated"].with_sessions(1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_sessions": 0},
        {"fields": (0, 1)},
        {"fields": (0, -1, 0)},
        {"detection": 1.0},
        {"shape": (32, 512)},
        {"n_cells": 0},
        {"stretched_session": 0},
        {"stretched_session": 3},
    ],
)
def test_impossible_parameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(MethodError):
        SimulationParameters(**wrong)  # type: ignore[arg-type]
