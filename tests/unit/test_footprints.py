"""Geometry of sparse footprints against the same on dense arrays."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ndx_match.footprints import centroids, pairwise_iou, pixel_coordinates, transform_points

sizes = st.integers(1, 6)


@st.composite
def stacks(draw, shape: tuple[int, int] | None = None):
    """Masks [roi, row, col] with weights, some 0; some ROIs may be empty."""
    rows, cols = shape or (draw(sizes), draw(sizes))
    return draw(arrays(np.float32, (draw(st.integers(0, 5)), rows, cols), elements=st.sampled_from([0, 0, 0.5, 1, -2])))


@st.composite
def two_stacks(draw):
    shape = draw(sizes), draw(sizes)
    return draw(stacks(shape)), draw(stacks(shape))


def sparse(masks: np.ndarray) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array(masks.reshape(len(masks), masks.shape[1] * masks.shape[2]))


@given(stacks())
def test_pixels_are_those_of_the_dense_masks(masks: np.ndarray):
    coordinates = np.column_stack(pixel_coordinates(sparse(masks), masks.shape[2]))
    np.testing.assert_array_equal(coordinates, np.argwhere(masks))


@given(stacks())
def test_a_centroid_is_the_mean_x_and_y_of_the_pixels_whatever_their_weights(masks: np.ndarray):
    centres = centroids(sparse(masks), masks.shape[2])
    assert centres.shape == (len(masks), 2)
    for mask, (x, y) in zip(masks, centres, strict=True):
        rows, cols = np.nonzero(mask)
        if len(rows):
            assert (x, y) == pytest.approx((cols.mean(), rows.mean()))
        else:
            assert np.isnan([x, y]).all()


@given(two_stacks())
def test_iou_is_that_of_the_dense_pixel_sets(pair: tuple[np.ndarray, np.ndarray]):
    fixed, moving = pair
    iou = pairwise_iou(sparse(fixed), sparse(moving)).toarray()
    for i, a in enumerate(fixed != 0):
        for j, b in enumerate(moving != 0):
            union = (a | b).sum()
            assert iou[i, j] == pytest.approx((a & b).sum() / union if union else 0)


@given(
    arrays(float, (3, 2), elements=st.floats(-100, 100)),
    arrays(float, (4, 2), elements=st.floats(-100, 100)),
)
def test_an_matrix_moves_points(affine: np.ndarray, points: np.ndarray):
    matrix = np.vstack([affine.T, [0, 0, 1]])
    expected = [matrix[:2, :2] @ point + matrix[:2, 2] for point in points]
    np.testing.assert_allclose(transform_points(matrix, points), expected, atol=1e-9)


def test_a_projective_matrix_divides_by_the_third_coordinate():
    matrix = np.array([[2.0, 0, 0], [0, 2, 0], [0, 0.5, 1]])
    np.testing.assert_allclose(transform_points(matrix, np.array([[3.0, 2.0]])), [[3, 2]])
