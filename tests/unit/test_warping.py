"""Preparation and warping of projection images."""

from __future__ import annotations

import numpy as np
import pytest

from ndx_match.model import Registration
from ndx_match.warping import to_8_bit, warp_image, warp_registered


def test_an_image_is_scaled_from_its_minimum_to_its_maximum_and_truncated():
    image = np.array([[10.0, 20.0], [60.0, 110.0]])
    assert to_8_bit(image).tolist() == [[0, 25], [127, 255]]  # 25.5 and 127.5 before truncation
    assert to_8_bit(image).dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float64])
def test_the_stored_type_makes_no_difference(dtype: type):
    image = np.array([[0, 100], [50, 3]])
    np.testing.assert_array_equal(to_8_bit(image.astype(dtype)), to_8_bit(image.astype(np.float32)))


def test_an_image_of_one_value_is_black():
    assert not to_8_bit(np.full((4, 5), 7.0)).any()


def test_a_matrix_maps_fixed_to_moving_coordinates():
    """Fixed (x, y) = (2, 1) lies at moving (x, y) = (3, 1): one column further."""
    moving = np.zeros((4, 6), np.float32)
    moving[1, 3] = 1
    registered = warp_image(moving, np.array([[1.0, 0, 1], [0, 1, 0], [0, 0, 1]]), (4, 6))
    assert np.argwhere(registered).tolist() == [[1, 2]]


def test_the_result_has_the_fixed_images_size_and_the_moving_images_type():
    registered = warp_image(np.ones((10, 12), np.uint8), np.eye(3), (20, 5))
    assert registered.shape == (20, 5)
    assert registered.dtype == np.uint8
    assert registered[:10].all()
    assert not registered[10:].any()


def test_a_projective_matrix_is_recognised():
    moving = np.arange(400, dtype=np.float32).reshape(20, 20)
    matrix = np.array([[1.0, 0, 0], [0, 1, 0], [0.02, 0, 1]])
    assert np.array_equal(warp_image(moving, matrix, (20, 20)), warp_image(moving, matrix, (20, 20), perspective=True))
    assert not np.array_equal(
        warp_image(moving, matrix, (20, 20)), warp_image(moving, matrix, (20, 20), perspective=False)
    )


def test_a_deformation_moves_what_the_matrix_does_not():
    rng = np.random.default_rng(0)
    moving = rng.random((40, 50)).astype(np.float32)
    matrix = np.array([[1.0, 0, 2], [0, 1, -3], [0, 0, 1]])
    bent = np.zeros((3, 3, 2), np.float32)
    bent[..., 0], bent[..., 1] = 4, 1
    together = np.array([[1.0, 0, 6], [0, 1, -2], [0, 0, 1]])
    warped = warp_registered(moving, Registration(0, 1, matrix, ("known",), displacement=bent), (40, 50))
    np.testing.assert_allclose(warped, warp_image(moving, together, (40, 50)), atol=1e-5)
    plain = warp_registered(moving, Registration(0, 1, matrix, ("known",)), (40, 50))
    np.testing.assert_array_equal(plain, warp_image(moving, matrix, (40, 50)))
