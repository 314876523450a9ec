"""The rough alignment of two sessions: what it finds, and how it tells it from chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, map_coordinates

from ndx_match.footprints import transform_points
from ndx_match.methods.consensus.channels import image_channel, reduced, standardised
from ndx_match.methods.consensus.search import (
    Pose,
    Search,
    neighbours,
    poses_with_scale,
    poses_without_scale,
    to_full_resolution,
)

CENTRE = 100.0  #: of the tissue, (x, y)


def tissue(seed: int, side: int = 200) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(side, side))
    return gaussian_filter(noise, 1.5, mode="wrap")


def look(field: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Each pixel (x, y) of the view shows the tissue at matrix @ (x, y, 1)."""
    x, y = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    places = transform_points(matrix, np.column_stack([x.ravel(), y.ravel()]).astype(float))
    return map_coordinates(field, places[:, ::-1].T, order=1, mode="wrap").reshape(shape)


def pose_matrix(shape, rotation=0.0, scale_x=1.0, scale_y=1.0, shift=(0.0, 0.0)) -> np.ndarray:
    """From a view of this shape to the tissue: its middle, moved back by the shift, at the tissue's centre."""
    angle = np.deg2rad(rotation)
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([scale_x, scale_y])
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = CENTRE - linear @ (middle - np.array(shift))
    return matrix


def two_channels(seed: int, matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.stack([standardised(look(tissue(seed + k), matrix, shape)) for k in (0, 1000)])


def largest_error(estimate: np.ndarray, truth: np.ndarray, shape: tuple[int, int]) -> float:
    corners = np.array([[x, y] for x in (0.0, shape[1] - 1) for y in (0.0, shape[0] - 1)])
    return float(np.linalg.norm(transform_points(estimate, corners) - transform_points(truth, corners), axis=1).max())


@pytest.mark.parametrize(
    ("fixed_shape", "moving_shape", "rotation", "scales", "shift"),
    [
        ((90, 100), (90, 100), 0, (1, 1), (0, 0)),
        ((90, 100), (90, 100), 0, (1, 1), (-31, 24)),
        ((90, 100), (90, 100), 10, (1, 1), (20, -15)),
        ((90, 100), (90, 100), -15, (1, 1), (0, 30)),
        ((90, 100), (90, 100), 5, (0.8, 1.2), (-12, 9)),
        ((90, 100), (120, 80), 5, (1, 1), (10, 10)),
        ((120, 120), (60, 70), 0, (1.1, 0.9), (-14, 11)),
    ],
)
def test_it_finds_shift_rotation_and_scale(fixed_shape, moving_shape, rotation, scales, shift):
    fixed_view = pose_matrix(fixed_shape)
    moving_view = pose_matrix(moving_shape, rotation, *scales, shift)
    search = Search(two_channels(1, fixed_view, fixed_shape), two_channels(1, moving_view, moving_shape), 0.4)
    poses = poses_without_scale(15) if scales == (1, 1) else poses_with_scale(5, 0.7, 1.3)
    best = search.best(poses)[0]
    truth = np.linalg.inv(moving_view) @ fixed_view
    assert best.z > 15
    # Half a step of a pose moves the corners by 2.5 (rotation) and 2.5 (scale) pixels, a whole pixel is a shift's step.
    assert largest_error(best.matrix, truth, fixed_shape) < 6


@settings(max_examples=15)
@given(st.integers(-38, 38), st.integers(-34, 34), st.integers(0, 10_000))
def test_whole_shifts_are_found_exactly(dx, dy, seed):
    fixed, moving = pose_matrix((90, 100)), pose_matrix((90, 100), shift=(dx, dy))
    channels = [two_channels(seed, view, (90, 100)) for view in (fixed, moving)]
    best = Search(*channels, 0.4).best([Pose(0.0)])[0]
    np.testing.assert_allclose(best.matrix, [[1, 0, -dx], [0, 1, -dy], [0, 0, 1]], atol=1e-9)


def test_shifts_beyond_the_largest_are_not_taken():
    fixed, moving = pose_matrix((90, 100)), pose_matrix((90, 100), shift=(30, 0))
    channels = [two_channels(3, view, (90, 100)) for view in (fixed, moving)]
    best = Search(*channels, 0.2).best([Pose(0.0)])[0]
    assert abs(best.matrix[0, 2]) <= 20
    assert best.z < 7


def test_it_looks_around_a_known_alignment():
    """A quarter turn is out of the search's reach, but not where it is known beforehand."""
    fixed, moving = pose_matrix((90, 90)), pose_matrix((90, 90), rotation=90, shift=(7, -5))
    channels = [two_channels(3, view, (90, 90)) for view in (fixed, moving)]
    prior = np.linalg.inv(pose_matrix((90, 90), rotation=90)) @ fixed
    assert Search(*channels, 0.4).best(poses_without_scale(15))[0].z < 7
    best = Search(*channels, 0.4, prior).best(poses_without_scale(5))[0]
    assert largest_error(best.matrix, np.linalg.inv(moving) @ fixed, (90, 90)) < 1.5


def test_it_stops_at_the_first_pose_that_is_beyond_doubt():
    view = pose_matrix((90, 100))
    channels = two_channels(5, view, (90, 100))
    alignments = Search(channels, channels, 0.4).best(poses_without_scale(15), sufficient=12)
    assert {alignment.pose.rotation for alignment in alignments} == {0.0}


def test_no_wrong_alignment_of_unrelated_fields_reaches_what_a_right_one_does():
    view, shape = pose_matrix((90, 100)), (90, 100)
    fixed = two_channels(7, view, shape)
    wrong = [Search(fixed, two_channels(k, view, shape), 0.4).best(poses_without_scale(10))[0].z for k in range(20, 32)]
    right = Search(fixed, two_channels(7, pose_matrix(shape, 2.0, shift=(20, 9)), shape), 0.4)
    assert max(wrong) < 7 < 14 < right.best(poses_without_scale(10))[0].z


def few_spots(seed: int) -> np.ndarray:
    """A channel of eight ROIs in an otherwise empty field."""
    rng = np.random.default_rng(seed)
    field = np.zeros((128, 128))
    field[rng.integers(5, 123, 8), rng.integers(5, 123, 8)] = 1
    return standardised(gaussian_filter(field, 1.5) - gaussian_filter(field, 6))[None]


def test_few_spots_that_fall_together_by_chance_are_not_significant():
    """Where most shifts bring nothing together, the typical score is no measure of what the rare ones can reach."""
    best = [Search(few_spots(k), few_spots(100 + k), 0.4).best([Pose(0.0)])[0].z for k in range(10)]
    assert max(best) < 14


def test_a_channel_without_content_does_not_dilute_the_other():
    view, shape = pose_matrix((90, 100)), (90, 100)
    both = two_channels(7, view, shape)
    one = both.copy()
    one[0] = 0
    alone = Search(both[1:], both[1:], 0.4).best([Pose(0.0)])[0].z
    assert Search(one, both, 0.4).best([Pose(0.0)])[0].z == pytest.approx(alone, rel=1e-5)


def test_nothing_to_see_gives_no_score():
    nothing = np.zeros((2, 90, 100), np.float32)
    best = Search(nothing, nothing, 0.4).best(poses_without_scale(5))[0]
    assert best.z == 0
    assert np.isfinite(best.matrix).all()


def test_poses_hold_the_limits_and_start_with_the_smallest_change():
    assert [pose.rotation for pose in poses_without_scale(15)][:3] == [0, -2.5, 2.5]
    assert {abs(pose.rotation) for pose in poses_without_scale(15)} >= {15.0}
    poses = poses_with_scale(15, 0.7, 1.3)
    assert poses[0] == Pose(0.0, 1.0, 1.0)
    scales = {(round(pose.scale_x, 3), round(pose.scale_y, 3)) for pose in poses}
    assert {(0.7, 1.3), (1.3, 0.7), (0.7, 0.7), (1.3, 1.3)} <= scales
    assert Pose(5.0, 1.0, 1.1) in neighbours(Pose(5.0, 1.0, 1.1))


sizes = st.tuples(st.integers(64, 700), st.integers(64, 700))


@given(sizes, sizes, st.floats(1, 9), st.integers(0, 10_000))
def test_reduced_and_full_resolution_compose_exactly(fixed, moving, factor, seed):
    def small(shape):
        return tuple(max(8, round(n / factor)) for n in shape)

    matrix = np.eye(3)
    matrix[:2] += np.random.default_rng(seed).normal(size=(2, 3)) * [0.1, 0.1, 30]
    full = to_full_resolution(matrix, (fixed, small(fixed)), (moving, small(moving)))
    back = to_full_resolution(full, (small(fixed), fixed), (small(moving), moving))
    np.testing.assert_allclose(back, matrix, atol=1e-9)
    # The outer edges of both images, half a pixel beyond the first and last centres, keep their places.
    for corner in ((0, 0), (1, 1)):
        at_full = np.array([[c * n - 0.5 for c, n in zip(corner, fixed[::-1], strict=True)]])
        at_small = np.array([[c * n - 0.5 for c, n in zip(corner, small(fixed)[::-1], strict=True)]])
        scale = np.array(small(moving)[::-1]) / np.array(moving[::-1])
        there = (transform_points(full, at_full) + 0.5) * scale - 0.5
        np.testing.assert_allclose(there, transform_points(matrix, at_small), atol=1e-6)


@pytest.mark.parametrize("factor", [2.0, 3.3, 4.1])
def test_reducing_an_image_keeps_what_it_shows_in_its_place(factor):
    """A spot's centre in the reduced image, carried back, is where it was."""
    rows, cols = np.mgrid[:150, :130]
    spot = np.exp(-((rows - 92.3) ** 2 + (cols - 41.8) ** 2) / 200).astype(np.float32)
    small = reduced(spot[None], factor)[0]
    weight = np.clip(small - np.median(small), 0, None) ** 2
    r, c = np.mgrid[: small.shape[0], : small.shape[1]]
    centre = np.array([[(c * weight).sum(), (r * weight).sum()]]) / weight.sum()
    same = ((10, 10), (10, 10))
    carried = transform_points(to_full_resolution(np.eye(3), same, ((150, 130), small.shape)), centre)
    np.testing.assert_allclose(carried, [[41.8, 92.3]], atol=0.15)


@pytest.mark.parametrize("value", [0.0, 37.7, 1e6])
def test_a_constant_image_gives_an_empty_channel(value):
    assert not image_channel(np.full((64, 80), value, np.float32), 6.0).any()


def test_brightness_vignetting_and_stripes_leave_the_image_channel_as_it_is():
    image = look(tissue(1), pose_matrix((120, 120)), (120, 120)).astype(np.float32)
    rows, cols = np.mgrid[:120, :120]
    vignette = 1 - 0.5 * ((rows - 60) ** 2 + (cols - 60) ** 2) / 7200
    stripes = 0.3 * np.sign(np.sin(rows * 0.9))
    plain = image_channel(image, 6.0)
    for other in (3 * image + 50, (image + 1) * vignette, image + stripes, image + stripes.T):
        correlation = np.corrcoef(plain.ravel(), image_channel(other.astype(np.float32), 6.0).ravel())[0, 1]
        assert correlation > 0.9
