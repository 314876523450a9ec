"""Smooth deformations, the common frame, and regions brought into it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from ndx_match.footprints import centroids, pairwise_iou
from ndx_match.methods.consensus.blocks import grid_points
from ndx_match.methods.consensus.channels import standardised
from ndx_match.methods.consensus.deformation import Deformation, choose_stiffness, fit
from ndx_match.methods.consensus.frame import CommonFrame, bend, frame_around, warp_to_frame
from ndx_match.methods.consensus.supports import supports, typical_radius, warp_supports

SHAPE = (240, 300)
STEP = 40.0
FLAT = Deformation.none(SHAPE, STEP)


def smooth_field(points: np.ndarray, amplitude: float = 4.0) -> np.ndarray:
    x, y = points.T / 300
    return amplitude * np.column_stack([np.sin(3 * y + 1) + x**2, np.cos(4 * x) - y])


def bent(seed: int, amplitude: float) -> Deformation:
    """Random coefficients, smoothed."""
    noise = np.random.default_rng(seed).normal(size=FLAT.coefficients.shape)
    smooth = gaussian_filter(noise, (0, 1, 1))
    return Deformation(FLAT.step, amplitude * smooth / np.abs(smooth).max())


def test_no_deformation_is_zero_everywhere():
    points = np.random.default_rng(0).uniform(-50, 350, (30, 2))
    assert not FLAT.at(points).any()
    assert not FLAT.on_grid(SHAPE).any()


def test_a_constant_displacement_is_represented_exactly_within_the_frame():
    """The splines add up to 1, to the last pixel."""
    constant = Deformation(FLAT.step, np.ones_like(FLAT.coefficients) * [[[2.0]], [[-3.0]]])
    corners = np.array([[0, 0], [299, 239], [0, 239], [299, 0], [150, 100]], float)
    np.testing.assert_allclose(constant.at(corners), np.tile([2.0, -3.0], (5, 1)), atol=1e-12)


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_a_grid_holds_the_values_at_its_points(seed):
    deformation = bent(seed, 5.0)
    grid = deformation.on_grid(SHAPE)
    points = np.random.default_rng(seed).integers(0, (300, 240), (40, 2))
    np.testing.assert_allclose(grid[points[:, 1], points[:, 0]], deformation.at(points.astype(float)), atol=1e-10)


def test_no_points_have_no_displacements():
    assert bent(1, 5.0).at(np.zeros((0, 2))).shape == (0, 2)


def test_a_smooth_field_is_recovered_through_noise_and_outliers():
    rng = np.random.default_rng(1)
    points = grid_points(SHAPE, 15)
    shifts = smooth_field(points) + rng.normal(0, 0.3, points.shape)
    outliers = rng.random(len(points)) < 0.1
    shifts[outliers] += rng.uniform(-12, 12, (outliers.sum(), 2))
    weights = rng.uniform(0.3, 1, len(points))
    stiffness = choose_stiffness(FLAT, points, shifts, weights)
    assert np.isfinite(stiffness)
    fitted = fit(FLAT, points, shifts, weights, stiffness)
    errors = np.linalg.norm(fitted.at(points) - smooth_field(points), axis=1)
    assert np.median(errors) < 0.2
    assert errors.max() < 1.0


@pytest.mark.parametrize("seed", range(6))
def test_noise_bends_nothing(seed):
    points = grid_points(SHAPE, 15)
    noise = np.random.default_rng(seed).normal(size=points.shape)
    assert choose_stiffness(FLAT, points, noise, np.ones(len(points))) == np.inf


@pytest.mark.parametrize("seed", range(4))
def test_noise_that_overlapping_blocks_share_bends_nothing(seed):
    """Neighbours whose errors have a correlation of 0.6 predict each other, but no deformation."""
    shape, flat = (480, 480), Deformation.none((480, 480), STEP)
    points = grid_points(shape, 20)
    noise = np.random.default_rng(seed).normal(size=(24, 24, 2))
    shared = gaussian_filter(noise, (0.7, 0.7, 0)).reshape(-1, 2)
    assert choose_stiffness(flat, points, shared / shared.std(), np.ones(len(points))) == np.inf


@pytest.mark.parametrize("n", [0, 1, 19])
def test_too_few_points_bend_nothing(n):
    points = grid_points(SHAPE, 15)[:n]
    assert choose_stiffness(FLAT, points, smooth_field(points), np.ones(n)) == np.inf
    assert not fit(FLAT, points, smooth_field(points), np.ones(n), np.inf).coefficients.any()


def test_points_without_weight_bend_nothing():
    points = grid_points(SHAPE, 15)
    assert not fit(FLAT, points, smooth_field(points), np.zeros(len(points)), 0.3).coefficients.any()
    assert choose_stiffness(FLAT, points, smooth_field(points), np.zeros(len(points))) == np.inf


def affine(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = np.eye(3)
    matrix[:2] += np.column_stack([rng.uniform(-0.2, 0.2, (2, 2)), rng.uniform(-40, 40, 2)])
    return matrix


@given(st.integers(0, 1000), st.floats(0, 12))
@settings(max_examples=20)
def test_a_point_of_a_session_comes_back_from_the_frame(seed, amplitude):
    frame = CommonFrame(SHAPE, (np.eye(3), affine(seed)), (FLAT, bent(seed, amplitude)))
    points = np.random.default_rng(seed).uniform(0, 240, (20, 2))
    for session in (0, 1):
        np.testing.assert_allclose(frame.to_session(session, frame.from_session(session, points)), points, atol=0.02)


def test_the_places_of_a_frame_are_those_of_its_pixels():
    frame = CommonFrame(SHAPE, (affine(1), affine(2)), (FLAT, bent(2, 5.0)))
    x, y = np.meshgrid(np.arange(300.0), np.arange(240.0))
    for session in (0, 1):
        expected = frame.to_session(session, np.column_stack([x.ravel(), y.ravel()]))
        np.testing.assert_allclose(frame.places(session).reshape(-1, 2), expected, atol=1e-3)


def test_the_frame_holds_every_field():
    shapes = [(100, 120), (80, 90), (130, 60)]
    matrices = [np.eye(3), affine(3), affine(4)]
    frame = frame_around(matrices, shapes, 6.0)
    for session, (n_rows, n_cols) in enumerate(shapes):
        corners = np.array([[x, y] for x in (0.0, n_cols - 1.0) for y in (0.0, n_rows - 1.0)])
        inside = frame.from_session(session, corners)
        assert (inside >= -1e-9).all()
        assert (inside <= np.array(frame.shape[::-1]) - 1 + 1e-9).all()
    # The maps between sessions are those that were given.
    between = frame.matrices[2] @ np.linalg.inv(frame.matrices[1])
    np.testing.assert_allclose(between, matrices[2] @ np.linalg.inv(matrices[1]), atol=1e-9)


def tissue(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return standardised(gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.5))


def session_channels(frame: CommonFrame, session: int, noise: float) -> np.ndarray:
    """What a session sees of two channels of tissue, which lie in the frame; with noise of its own."""
    x, y = np.meshgrid(np.arange(300.0), np.arange(240.0))
    places = frame.from_session(session, np.column_stack([x.ravel(), y.ravel()]))
    places = places.reshape(*SHAPE, 2).astype(np.float32)
    channels = warp_to_frame(np.stack([tissue(1), tissue(2)]), places)
    return channels + noise * np.stack([tissue(100 + session), tissue(200 + session)])


@pytest.mark.slow
def test_sessions_bend_to_fit_each_other():
    straight = CommonFrame(SHAPE, (np.eye(3),) * 3, (FLAT,) * 3)
    true = CommonFrame(SHAPE, (np.eye(3),) * 3, (FLAT, bent(5, 6.0), bent(6, 6.0)))
    frame = bend(straight, [session_channels(true, k, 0.3) for k in range(3)], 8.0)
    points = grid_points(SHAPE, 20)
    points = points[((points > 25) & (points < (275, 215))).all(axis=1)]
    assert not frame.deformations[0].coefficients.any()
    for session in (1, 2):
        before = np.linalg.norm(true.deformations[session].at(points), axis=1)
        after = np.linalg.norm(frame.to_session(session, points) - true.to_session(session, points), axis=1)
        assert np.median(before) > 1.2
        assert np.median(after) < 0.3


def test_what_is_straight_stays_straight():
    straight = CommonFrame(SHAPE, (np.eye(3),) * 3, (FLAT,) * 3)
    frame = bend(straight, [session_channels(straight, k, 0.3) for k in range(3)], 8.0)
    points = grid_points(SHAPE, 20)
    for session in range(3):
        assert np.abs(frame.deformations[session].at(points)).max() < 0.25


def test_sessions_of_nothing_do_not_bend():
    straight = CommonFrame(SHAPE, (np.eye(3),) * 2, (FLAT,) * 2)
    frame = bend(straight, [np.zeros((2, *SHAPE), np.float32)] * 2, 8.0)
    assert not any(deformation.coefficients.any() for deformation in frame.deformations)


def discs(centres: list[tuple[float, float]], radius: float, shape: tuple[int, int]) -> scipy.sparse.csr_array:
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    masks = [((cols - x) ** 2 + (rows - y) ** 2 <= radius**2).ravel() for x, y in centres]
    return scipy.sparse.csr_array(np.array(masks, np.float32).reshape(len(centres), shape[0] * shape[1]))


def test_a_region_is_where_a_footprint_reaches_half_of_its_own_maximum():
    weights = np.array([[0, 0.4, 0.5, 1.0], [0, 8.0, 3.9, 4.0], [0, 0, 0, 0], [0.2, 0, 0, 0]], np.float32)
    expected = [[0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]]
    np.testing.assert_array_equal(supports(scipy.sparse.csr_array(weights)).toarray(), expected)


def test_the_typical_radius():
    regions = discs([(20, 20), (60, 25), (30, 60)], 7.0, (90, 90))
    assert typical_radius(regions) == pytest.approx(7.0, rel=0.03)
    assert np.isnan(typical_radius(discs([], 7.0, (90, 90))))


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.75, 1.2)])
def test_regions_keep_place_and_form_in_the_frame(scale):
    """A disc, seen stretched by a session, is a disc again in the frame; also where the frame is bent."""
    centres = [(60.0, 70.0), (150.0, 120.0), (240.0, 180.0)]
    matrix = np.diag([*scale, 1.0])
    matrix[:2, 2] = (-12.0, 7.0)
    frame = CommonFrame(SHAPE, (matrix,), (bent(3, 3.0),))
    x, y = np.meshgrid(np.arange(260.0), np.arange(320.0))
    places = frame.from_session(0, np.column_stack([x.ravel(), y.ravel()]))
    masks = [(np.linalg.norm(places - centre, axis=1) <= 8).astype(np.float32) for centre in centres]
    regions = scipy.sparse.csr_array(np.array([*masks, np.zeros(260 * 320, np.float32)]))
    supports = warp_supports(regions, (320, 260), frame.places(0))
    assert supports.shape == (4, 240 * 300)
    np.testing.assert_allclose(centroids(supports[:3], 300), centres, atol=0.4)
    overlap = pairwise_iou(supports[:3], discs(centres, 8.0, SHAPE)).toarray()
    assert overlap.diagonal().min() > 0.85
    assert supports.indptr[4] == supports.indptr[3]  # an empty region stays empty


def test_a_region_outside_the_frame_is_empty():
    regions = discs([(10, 10), (150, 100)], 6.0, SHAPE)
    matrix = np.eye(3)
    matrix[:2, 2] = (100, 0)  # the frame begins 100 columns further right
    frame = CommonFrame((240, 200), (matrix,), (Deformation.none((240, 200), STEP),))
    supports = warp_supports(regions, SHAPE, frame.places(0))
    assert np.diff(supports.indptr)[0] == 0
    np.testing.assert_allclose(centroids(supports, 200)[1], (50, 100), atol=1e-6)
