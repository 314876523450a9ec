"""What is said of a session that fits no other as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from builders import Field, field_of_view, session_of

from ndx_match.methods import match
from ndx_match.methods.consensus.hints import hint_of
from ndx_match.methods.consensus.parameters import ConsensusParameters
from ndx_match.model import Orientation, Session, SourceInfo

SQUARE = (150, 150)
View = Callable[[np.ndarray], np.ndarray]  #: of an array whose last two axes are rows and columns


def transposed(array: np.ndarray) -> np.ndarray:
    return np.swapaxes(array, -1, -2)


def mirrored(array: np.ndarray) -> np.ndarray:
    return array[..., ::-1]


def turned(quarters: int) -> View:
    return lambda array: np.rot90(array, quarters, axes=(-2, -1))


def two_views(view: View, shift: tuple[int, int] = (3, 2), seed: int = 0) -> list[Session]:
    """A session, and one of the same tissue that is viewed otherwise."""
    first, second = field_of_view(shape=SQUARE), field_of_view(shift, SQUARE, seed)
    other = Field(np.ascontiguousarray(view(second.image)), np.ascontiguousarray(view(second.masks)))
    return [
        replace(session_of(field, name), source=SourceInfo(uri=f"/data/{name}.nwb"))
        for name, field in (("a", first), ("b", other))
    ]


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (turned(2), "fits a turned by 180 degrees: give --largest-rotation 180"),
        (turned(1), "fits a turned by 90 degrees: give --largest-rotation 180"),
        (mirrored, "fits a mirrored: give --mirror b.nwb"),
        (transposed, "fits a with rows and columns exchanged: give --transpose b.nwb=both"),
        (
            lambda array: array[..., ::-1, :],
            "fits a mirrored and turned by 180 degrees: give --mirror b.nwb and",
        ),
    ],
)
def test_the_option_that_settles_it_is_named(view: View, words: str):
    assert hint_of(two_views(view), 0, 1, ConsensusParameters()).startswith(words)


def test_rows_and_columns_that_were_exchanged_are_exchanged_back():
    sessions = two_views(transposed)
    sessions[1] = replace(sessions[1], orientation=Orientation(masks_transposed=True, image_transposed=True))
    assert hint_of(sessions, 0, 1, ConsensusParameters()).endswith("--transpose b.nwb=none")


def test_of_another_field_nothing_is_said():
    assert hint_of(two_views(lambda array: array, seed=1), 0, 1, ConsensusParameters()) == ""


def test_it_is_said_where_the_session_is_set_aside():
    (warning,) = (text for text in match(two_views(mirrored)).warnings if "b was set aside" in text)
    assert warning.endswith("; it fits a mirrored: give --mirror b.nwb.")
