"""Why a cell has no ROI in a session."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from ndx_match.model import Presence, Registration, Session
from ndx_match.presence import presence_codes

ROWS, COLS = 20, 30


def session(*positions: tuple[int, int], shape: tuple[int, int] = (ROWS, COLS)) -> Session:
    """One-pixel ROIs at the (row, col) positions; None stands for an empty mask."""
    masks = np.zeros((len(positions), *shape), np.float32)
    for mask, position in zip(masks, positions, strict=True):
        if position is not None:
            mask[position] = 1
    return Session(
        "s",
        np.zeros(shape, np.float32),
        scipy.sparse.csr_array(masks.reshape(len(masks), -1)),
        np.arange(len(positions)),
    )


def shift(fixed: int, moving: int, x: float = 0, y: float = 0, registered: bool = True) -> Registration:
    return Registration(fixed, moving, np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]]), outcome=int(registered))


def codes(cells, sessions, registrations, status=None) -> list[list[int]]:
    status = np.zeros(len(sessions), np.uint8) if status is None else status
    return presence_codes(np.array(cells, np.int32), sessions, registrations, status).tolist()


def test_a_cell_with_an_roi_is_present_everywhere_it_has_one():
    assert codes([[0, 0]], [session((5, 5)), session((5, 5))], [shift(0, 1)]) == [[1, 1]]


def test_an_absent_cell_is_not_detected_or_outside_the_field():
    """The moving field begins 10 columns further right: x = 3 there lies at -7, x = 15 at 5."""
    sessions = [session((5, 3), (5, 15)), session((5, 29))]
    presence = codes([[0, -1], [1, -1], [-1, 0]], sessions, [shift(0, 1, x=-10)])
    inside, outside = Presence.NOT_DETECTED, Presence.OUTSIDE_FIELD
    assert presence == [[1, outside], [1, inside], [outside, 1]]


def test_the_field_ends_half_a_pixel_beyond_its_last_pixels():
    for x, expected in ((-4.4, Presence.NOT_DETECTED), (-4.6, Presence.OUTSIDE_FIELD)):
        assert codes([[0, -1]], [session((5, 4)), session((5, 5))], [shift(0, 1, x=x)]) == [[1, expected]]
    for y, expected in ((14.4, Presence.NOT_DETECTED), (14.6, Presence.OUTSIDE_FIELD)):
        assert codes([[0, -1]], [session((5, 4)), session((5, 5))], [shift(0, 1, y=y)]) == [[1, expected]]


def test_one_roi_that_lands_inside_is_enough():
    sessions = [session((5, 3)), session((5, 20)), session((5, 5))]
    registrations = [shift(0, 1, x=17), shift(0, 2, x=-10), shift(1, 2, x=-10)]
    assert codes([[0, 0, -1]], sessions, registrations) == [[1, 1, Presence.NOT_DETECTED]]


def test_fields_of_different_size():
    sessions = [session((15, 25)), session((5, 5), shape=(10, 40))]
    assert codes([[0, -1], [-1, 0]], sessions, [shift(0, 1)]) == [[1, Presence.OUTSIDE_FIELD], [0, 1]]


def test_a_session_that_no_roi_can_be_carried_to_is_not_registered():
    sessions = [session((5, 5)), session((5, 5)), session((5, 5))]
    registrations = [
        shift(0, 1),
        shift(0, 2, registered=False),
        shift(1, 2, registered=False),
    ]
    status = np.array([0, 0, 1], np.uint8)
    missing = Presence.NOT_REGISTERED
    presence = codes([[0, 0, -1], [-1, -1, 0]], sessions, registrations, status)
    assert presence == [[1, 1, missing], [missing, missing, 1]]


def test_a_cell_reaches_a_session_through_any_of_its_rois():
    sessions = [session((5, 5)), session((5, 5)), session((5, 5))]
    registrations = [shift(0, 1), shift(0, 2, registered=False), shift(1, 2)]
    assert codes([[0, 0, -1], [0, -1, -1]], sessions, registrations) == [[1, 1, 0], [1, 0, Presence.NOT_REGISTERED]]


def test_an_empty_mask_has_no_place_and_is_not_detected():
    assert codes([[0, -1]], [session(None), session((5, 5))], [shift(0, 1, x=-100)]) == [[1, Presence.NOT_DETECTED]]


@given(st.data())
def test_codes_agree_with_cells_and_do_not_depend_on_the_order_of_registrations(data: st.DataObject):
    position = st.one_of(st.none(), st.tuples(st.integers(0, ROWS - 1), st.integers(0, COLS - 1)))
    sessions = [session(*data.draw(st.lists(position, min_size=1, max_size=4))) for _ in range(3)]
    columns = [
        data.draw(st.permutations([*range(s.n_rois), *[-1] * (5 - s.n_rois)]), label="rows of the cells")
        for s in sessions
    ]
    cells = np.array(columns, np.int32).T
    cells = cells[(cells >= 0).any(axis=1)]
    moves = st.floats(-40, 40)
    registrations = [
        shift(i, j, data.draw(moves), data.draw(moves), data.draw(st.booleans())) for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    presence = codes(cells, sessions, registrations)
    assert ((np.array(presence) == Presence.PRESENT) == (cells >= 0)).all()
    assert codes(cells, sessions, registrations[::-1]) == presence
