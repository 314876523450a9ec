"""Local shifts between aligned images, and the affine map that is fitted to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, shift

from ndx_match.footprints import transform_points
from ndx_match.methods.consensus.alignment import (
    COARSE_ROUNDS,
    FINE_ROUNDS,
    refine,
    robust_affine,
    warp_channels,
    weighted_median,
)
from ndx_match.methods.consensus.blocks import grid_points, local_shifts
from ndx_match.methods.consensus.channels import standardised

SHAPE = (240, 260)


def tissue(seed: int, margin: int = 40) -> np.ndarray:
    """Two channels of texture, larger than the image by a margin on all sides."""
    shape = tuple(n + 2 * margin for n in SHAPE)
    rng = np.random.default_rng(seed)
    return np.stack([standardised(gaussian_filter(rng.normal(size=shape), sigma)) for sigma in (2.5, 4)])


def inner(channels: np.ndarray, margin: int = 40) -> np.ndarray:
    return channels[:, margin:-margin, margin:-margin]


def shifted_pair(dx: float, dy: float, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """What lies at p in the first lies at p + (dx, dy) in the second."""
    whole = tissue(1)
    moved = np.stack([shift(channel, (dy, dx), order=3) for channel in whole])
    return inner(whole), inner(moved + noise * tissue(2))


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (0.3, -0.4), (0.5, 0.5), (-0.25, 0.8)])
def test_sub_pixel_shifts_are_found(dx, dy):
    blocks = local_shifts(*shifted_pair(dx, dy), grid_points(SHAPE, 24), half=32, largest=6)
    assert len(blocks.points) > 90
    assert np.abs(np.median(blocks.shifts, axis=0) - (dx, dy)).max() < 0.1
    assert blocks.correlation.min() > 0.8


@pytest.mark.parametrize(("dx", "dy"), [(0.3, -0.4), (-4.7, 3.1), (5.4, 5.4)])
def test_repeated_rounds_find_shifts_to_a_tenth_of_a_pixel(dx, dy):
    """Blocks underrate shifts by a few percent, which the next round makes up for."""
    fixed, moving = shifted_pair(dx, dy, noise=0.3)
    matrix = refine(fixed, moving, np.eye(3), 6.0, (*COARSE_ROUNDS, *FINE_ROUNDS))
    points = grid_points(SHAPE, 20)
    errors = np.linalg.norm(transform_points(matrix, points) - points - np.array([dx, dy]), axis=1)
    assert np.median(errors) < 0.1
    assert errors.max() < 0.3


def test_a_shift_beyond_the_largest_is_not_followed():
    blocks = local_shifts(*shifted_pair(12, 0), grid_points(SHAPE, 24), half=32, largest=6)
    assert np.abs(blocks.shifts).max() <= 6.5


def test_blocks_that_either_session_does_not_cover_are_left_out():
    fixed, moving = (channels.copy() for channels in shifted_pair(0, 0))
    fixed[:, :, :100] = 0
    moving[:, 150:] = 0
    blocks = local_shifts(fixed, moving, grid_points(SHAPE, 20), half=30, largest=6)
    assert len(blocks.points) > 20
    # A block is kept where at least half of it is covered, that is, where its middle is.
    assert blocks.points[:, 0].min() >= 99
    assert blocks.points[:, 1].max() <= 151
    nothing = local_shifts(np.zeros_like(fixed), moving, grid_points(SHAPE, 20), half=30, largest=6)
    assert nothing.points.shape == nothing.shifts.shape == (0, 2)
    assert nothing.correlation.shape == (0,)


def test_a_channel_that_only_one_session_has_gives_no_correlation():
    fixed, moving = (channels.copy() for channels in shifted_pair(1, 1))
    fixed[0], moving[1] = 0, 0
    blocks = local_shifts(fixed, moving, grid_points(SHAPE, 40), half=30, largest=6)
    assert np.isfinite(blocks.shifts).all()
    assert blocks.correlation.max() < 1e-3
    unchanged = refine(fixed, moving, np.eye(3), 6.0, COARSE_ROUNDS)
    np.testing.assert_array_equal(unchanged, np.eye(3))


def test_correlation_tells_what_belongs_together():
    same = local_shifts(*shifted_pair(1, 1, noise=0.5), grid_points(SHAPE, 24), half=32, largest=6)
    other = local_shifts(inner(tissue(1)), inner(tissue(7)), grid_points(SHAPE, 24), half=32, largest=6)
    assert same.correlation.min() > 0.7 > 0.5 > np.median(other.correlation)
    assert ((other.correlation >= 0) & (other.correlation <= 1)).all()


@given(st.integers(2, 500), st.integers(2, 500), st.floats(1, 200))
def test_grid_points_are_even_and_inside(n_rows, n_cols, step):
    points = grid_points((n_rows, n_cols), step)
    assert (points >= -0.5).all()
    assert (points <= np.array([n_cols, n_rows]) - 0.5).all()
    np.testing.assert_allclose(points.mean(axis=0), [(n_cols - 1) / 2, (n_rows - 1) / 2], atol=1e-9)
    assert len(points) == len(np.unique(points[:, 0])) * len(np.unique(points[:, 1]))


affine = st.builds(
    lambda a, t: np.vstack([np.column_stack([np.eye(2) + np.reshape(a, (2, 2)), t]), [0, 0, 1]]),
    st.lists(st.floats(-0.3, 0.3), min_size=4, max_size=4),
    st.lists(st.floats(-50, 50), min_size=2, max_size=2),
)


@given(affine)
@settings(max_examples=30)
def test_an_affine_map_is_recovered_from_points(matrix):
    points = grid_points(SHAPE, 40)
    estimate = robust_affine(points, transform_points(matrix, points), np.ones(len(points)))
    np.testing.assert_allclose(estimate, matrix, atol=1e-8)


@given(affine, st.integers(0, 1000))
@settings(max_examples=20)
def test_a_third_of_wrong_points_changes_little(matrix, seed):
    rng = np.random.default_rng(seed)
    points = grid_points(SHAPE, 20)
    targets = transform_points(matrix, points) + rng.normal(0, 0.1, points.shape)
    wrong = rng.permutation(len(points))[: len(points) // 3]
    targets[wrong] += rng.uniform(-25, 25, (len(wrong), 2))
    estimate = robust_affine(points, targets, np.ones(len(points)))
    errors = np.linalg.norm(transform_points(estimate, points) - transform_points(matrix, points), axis=1)
    assert errors.max() < 0.4


def test_refining_finds_an_affine_map():
    truth = np.array([[1.02, -0.03, 4.0], [0.025, 0.985, -5.0], [0, 0, 1]])
    whole = tissue(3)
    offset = np.array([[1, 0, 40], [0, 1, 40], [0, 0, 1.0]])
    moving = inner(whole)
    # fixed(p) = moving(truth p), cut from the larger tissue so that its margins are filled.
    fixed = warp_channels(whole, offset @ truth, SHAPE)
    estimate = refine(fixed, moving, np.eye(3), 6.0, (*COARSE_ROUNDS, *FINE_ROUNDS))
    corners = np.array([[0, 0], [259, 0], [0, 239], [259, 239]], float)
    errors = np.linalg.norm(transform_points(estimate, corners) - transform_points(truth, corners), axis=1)
    assert errors.max() < 0.3


def test_the_weighted_median():
    values = np.array([5.0, 1.0, 3.0])
    assert weighted_median(values, np.ones(3)) == 3
    assert weighted_median(values, np.array([10.0, 1, 1])) == 5
    assert weighted_median(np.zeros(0), np.zeros(0)) == 0
