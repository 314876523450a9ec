"""Displacement grids: what a registration adds to its matrix."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ndx_cell_matching.registrations import GRID, displacement_at, displacement_points, inverse_displacement
from ndx_match.footprints import transform_points

shapes = st.tuples(st.integers(20, 400), st.integers(20, 400))


def bilinear(points: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """a + b x + c y + d x y of each component."""
    x, y = points.T
    return np.column_stack([np.ones_like(x), x, y, x * y]) @ coefficients


@given(shapes, st.integers(2, 20))
def test_points_reach_from_the_first_pixel_to_the_last_row_by_row(shape, n):
    points = displacement_points(shape, n)
    assert points.shape == (n * n, 2)
    np.testing.assert_array_equal(points[0], (0, 0))
    np.testing.assert_allclose(points[-1], (shape[1] - 1, shape[0] - 1))
    np.testing.assert_allclose(points[n - 1], (shape[1] - 1, 0), atol=1e-9)


@given(shapes, st.integers(0, 1000))
@settings(max_examples=30)
def test_the_value_at_a_grid_point_is_the_grid_s(shape, seed):
    grid = np.random.default_rng(seed).normal(size=(GRID, GRID, 2))
    values = displacement_at(grid, shape, displacement_points(shape))
    np.testing.assert_allclose(values, grid.reshape(-1, 2), atol=1e-6)


@given(shapes, st.integers(0, 1000))
@settings(max_examples=30)
def test_between_grid_points_it_is_bilinear(shape, seed):
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=(4, 2)) * [[3], [0.02], [0.02], [0.0001]]
    grid = bilinear(displacement_points(shape), coefficients).reshape(GRID, GRID, 2)
    points = rng.uniform(0, 1, (30, 2)) * (np.array(shape[::-1]) - 1)
    np.testing.assert_allclose(displacement_at(grid, shape, points), bilinear(points, coefficients), atol=1e-6)


def test_rows_and_columns_are_not_mixed_up():
    """A grid whose x displacement grows down the rows of a wide image."""
    grid = np.zeros((3, 3, 2))
    grid[:, :, 0] = [[0], [1], [2]]
    values = displacement_at(grid, (11, 101), np.array([[50.0, 0.0], [0.0, 10.0], [100.0, 5.0]]))
    np.testing.assert_allclose(values, [[0, 0], [2, 0], [1, 0]], atol=1e-9)


def test_beyond_the_image_it_is_that_of_the_edge():
    grid = np.random.default_rng(0).normal(size=(GRID, GRID, 2))
    outside = np.array([[-30.0, -5.0], [500.0, 40.0], [60.0, 900.0]])
    inside = np.array([[0.0, 0.0], [119.0, 40.0], [60.0, 79.0]])
    np.testing.assert_allclose(displacement_at(grid, (80, 120), outside), displacement_at(grid, (80, 120), inside))


def test_no_points_give_no_displacements():
    assert displacement_at(np.zeros((GRID, GRID, 2)), (80, 120), np.zeros((0, 2))).shape == (0, 2)


@given(st.integers(0, 1000), st.floats(0, 8))
@settings(max_examples=25)
def test_there_and_back_again(seed, amplitude):
    """Through the registration and its inverse a point returns, as far as two coarse grids can say.

    Within a cell of the grid from the edge they say less: beyond it the displacement is that of the edge, so that the
    inverse has a bend within a cell of its own grid.
    """
    rng = np.random.default_rng(seed)
    fixed_shape, moving_shape = (200, 240), (220, 180)
    matrix = np.eye(3)
    matrix[:2] += np.column_stack([rng.uniform(-0.15, 0.15, (2, 2)), rng.uniform(-15, 15, 2)])
    phase = rng.uniform(0, 6, 2)

    def smooth(points: np.ndarray) -> np.ndarray:
        return amplitude * np.sin(points / 60 + phase)

    grid = smooth(displacement_points(fixed_shape)).reshape(GRID, GRID, 2)
    back = inverse_displacement(matrix, grid, fixed_shape, moving_shape)
    assert back.shape == grid.shape
    points = rng.uniform(0, 1, (50, 2)) * (np.array(fixed_shape[::-1]) - 1)
    there = transform_points(matrix, points) + displacement_at(grid, fixed_shape, points)
    in_field = ((there >= 0) & (there <= np.array(moving_shape[::-1]) - 1)).all(axis=1)
    inverse = np.linalg.inv(matrix)
    again = transform_points(inverse, there) + displacement_at(back, moving_shape, there)
    errors = np.abs(again - points).max(axis=1)
    cell = 1.4 * (np.array(fixed_shape[::-1]) - 1) / (GRID - 1)
    inner = ((points > cell) & (points < np.array(fixed_shape[::-1]) - 1 - cell)).all(axis=1)
    assert errors[in_field & inner].max(initial=0) < 0.2
    assert errors[in_field].max(initial=0) < 1


def test_the_inverse_of_no_displacement_is_none():
    matrix = np.array([[1.1, 0.1, 5], [-0.1, 0.9, -3], [0, 0, 1]])
    assert np.abs(inverse_displacement(matrix, np.zeros((GRID, GRID, 2)), (100, 120), (90, 80))).max() < 1e-5
