"""The nway pipeline: its stages against independent answers, and what it does where data are awkward."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import combinations

import cv2
import networkx as nx
import numpy as np
import pytest
import scipy.sparse
from builders import Field, field_of_view, session_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ndx_match.errors import MethodError
from ndx_match.methods import nway
from ndx_match.methods.nway.groups import group_matches
from ndx_match.methods.nway.masks import (
    STEPS,
    layered_pixels,
    layers_without_overlap,
    overwrite_in_layers,
    warp_footprints,
)
from ndx_match.methods.nway.matching import SMALLEST_WEIGHT, maximum_weight, minimum_cost
from ndx_match.model import Presence, Registration, RegistrationOutcome, Session

small_masks = arrays(bool, st.tuples(st.integers(0, 7), st.just(4), st.just(5)))


def sparse(masks: np.ndarray) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array(masks.reshape(len(masks), masks.shape[1] * masks.shape[2]).astype(np.float32))


def identity(fixed: int = 0, moving: int = 1) -> Registration:
    return Registration(fixed, moving, np.eye(3))


@pytest.fixture(scope="module")
def three_sessions() -> list[Session]:
    return [session_of(field_of_view(s), name) for s, name in (((0, 0), "a"), ((3, 2), "b"), ((-4, 5), "c"))]


# ---- masks


@given(small_masks)
def test_within_a_layer_nothing_overlaps_and_no_lower_layer_was_free(masks: np.ndarray):
    layers = layers_without_overlap(sparse(masks))
    for later, layer in enumerate(layers):
        earlier = range(later)
        assert not any((masks[k] & masks[later]).any() for k in earlier if layers[k] == layer)
        for lower in range(layer):
            assert any((masks[k] & masks[later]).any() for k in earlier if layers[k] == lower)


@given(small_masks, st.data())
def test_rois_of_different_layers_share_no_pixel(masks: np.ndarray, data: st.DataObject):
    layers = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(masks), max_size=len(masks))), np.intp)
    flat = layered_pixels(sparse(masks), layers, 3).toarray().reshape(len(masks), 3, 4, 5)
    for roi, layer in enumerate(layers):
        np.testing.assert_array_equal(flat[roi, layer], masks[roi])
        assert not np.delete(flat[roi], layer, axis=0).any()


@given(small_masks, st.data())
def test_the_roi_painted_last_keeps_the_pixel(masks: np.ndarray, data: st.DataObject):
    n = len(masks)
    layers = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), np.intp)
    order = np.array(data.draw(st.permutations(range(n))), np.intp)
    canvas = np.full((2, 4, 5), -1)
    for roi in order:
        canvas[layers[roi]][masks[roi]] = roi
    visible_masks = overwrite_in_layers(sparse(masks), layers, order).toarray().reshape(masks.shape)
    for roi in range(n):
        np.testing.assert_array_equal(visible_masks[roi] > 0, canvas[layers[roi]] == roi)


@st.composite
def matrices(draw):
    """Rotations, stretches and shifts, some projective."""
    matrix = np.eye(3)
    angle, x, y = draw(st.floats(-0.6, 0.6)), draw(st.floats(-9, 9)), draw(st.floats(-9, 9))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix[:2, :2] = turn * draw(st.tuples(st.floats(0.7, 1.4), st.floats(0.7, 1.4)))
    matrix[:2, 2] = x, y
    if draw(st.booleans()):
        matrix[2, :2] = draw(st.tuples(st.floats(-1e-3, 1e-3), st.floats(-1e-3, 1e-3)))
    return matrix


steps = st.integers(-300, 300).map(lambda n: n / STEPS)
shifts = st.tuples(steps, steps).map(lambda xy: np.array([[1, 0, xy[0]], [0, 1, xy[1]], [0, 0, 1.0]]))
some_masks = arrays(bool, st.tuples(st.just(3), st.integers(3, 20), st.integers(3, 20)))
some_shape = st.tuples(st.integers(3, 25), st.integers(3, 25))


def assert_warped_as_opencv_does(masks: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]) -> None:
    warped_masks = warp_footprints(sparse(masks), masks.shape[1:], shape, matrix).toarray().reshape(len(masks), *shape)
    for mask, warped in zip(masks, warped_masks, strict=True):
        flags = cv2.INTER_LINEAR + cv2.WARP_INVERSE_MAP
        dense = cv2.warpPerspective(mask.astype(np.float32), matrix, shape[::-1], flags=flags)
        np.testing.assert_array_equal(warped > 0, dense > 0)


@given(some_masks, shifts, some_shape)
def test_warped_masks_are_those_of_opencv_where_it_does_not_round(masks, matrix, shape):
    assert_warped_as_opencv_does(masks, matrix, shape)


@pytest.mark.skipif(not cv2.__version__.startswith("4."), reason="OpenCV 5 does not round places to 1/32 of a pixel")
@given(some_masks, matrices(), some_shape)
def test_warped_masks_are_those_of_opencv_4(masks, matrix, shape):
    assert_warped_as_opencv_does(masks, matrix, shape)


def test_a_place_at_infinity_is_outside_the_image():
    """The denominator x - 2 of the projection is 0 in the third column."""
    matrix = np.array([[1.0, 0, 0], [0, 1, 0], [1, 0, -2]])
    warped = warp_footprints(sparse(np.ones((1, 6, 6), bool)), (6, 6), (6, 6), matrix).toarray().reshape(6, 6)
    assert not warped[:, 2].any()
    assert warped[0, 3]


# ---- assignment


@st.composite
def candidate_pairs(draw):
    pairs = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), unique=True, max_size=20))
    costs = draw(st.lists(st.floats(0, 900), min_size=len(pairs), max_size=len(pairs)))
    row, col = np.array(pairs, np.intp).reshape(-1, 2).T
    return row, col, np.array(costs, float)


@given(candidate_pairs())
def test_the_matching_has_the_weight_of_the_blossom_algorithms(pairs):
    row, col, cost = pairs
    weight = 1 / (1 + cost)
    graph = nx.Graph()
    for r, c, w in zip(row, col, weight, strict=True):
        if w > SMALLEST_WEIGHT:
            graph.add_edge(("fixed", r), ("moving", c), weight=w)
    best = sum(graph.edges[edge]["weight"] for edge in nx.max_weight_matching(graph))
    matched = maximum_weight(row, col, cost)
    assert weight[matched].sum() == pytest.approx(best)
    assert len(set(row[matched])) == len(set(col[matched])) == matched.sum()
    assert (weight[matched] > SMALLEST_WEIGHT).all()


def test_the_hungarian_solver_takes_the_cheapest_whole_assignment():
    """Taking the best single pair (0, 0) would leave (1, 1) 999 away."""
    fixed, moving = np.array([[0.0, 0], [8, 0]]), np.array([[1.0, 0], [-9, 0]])
    assigned = minimum_cost(fixed, moving, scipy.sparse.csr_array((2, 2)), 10)
    assert np.argwhere(assigned).tolist() == [[0, 1], [1, 0]]


# ---- groups


@st.composite
def pairwise_matches(draw):
    """One-to-one matches of every pair of sessions, and costs of matches and of other candidates."""
    n_sessions, n_rois = draw(st.integers(2, 4)), 5
    rows, costs = [], {}
    for i, j in combinations(range(n_sessions), 2):
        partners = draw(st.permutations(range(n_rois)))
        for a, b in zip(range(draw(st.integers(0, n_rois))), partners, strict=False):
            row = [-1] * n_sessions
            row[i], row[j] = a, b
            rows.append(row)
            costs[i, a, j, b] = draw(st.floats(0, 2))
    return np.array(rows, np.int32).reshape(-1, n_sessions), costs


@given(pairwise_matches(), st.sampled_from(nway.PRUNING_METHODS))
def test_groups_are_made_of_matches_and_share_no_roi(matches_and_costs, pruning: str):
    matches, costs = matches_and_costs
    groups = group_matches(matches, costs, pruning)
    for session, column in enumerate(groups.T):
        rows = column[column >= 0]
        assert len(set(rows)) == len(rows)
        assert set(rows) <= set(matches[:, session])
    pairs = {tuple(match[match >= 0]) + tuple(np.flatnonzero(match >= 0)) for match in matches}
    for group in groups:
        members = np.flatnonzero(group >= 0)
        assert len(members) >= 2
        linked = nx.Graph()
        linked.add_nodes_from(members)
        linked.add_edges_from((i, j) for i, j in combinations(members, 2) if (group[i], group[j], i, j) in pairs)
        assert nx.is_connected(linked)


@given(pairwise_matches())
def test_matches_that_agree_everywhere_all_become_groups(matches_and_costs):
    """Where ROI k of a session only ever matches ROI k of another, nothing conflicts and nothing is pruned."""
    matches, _ = matches_and_costs
    agreeing = matches[[len(set(match[match >= 0])) == 1 for match in matches]]
    groups = group_matches(agreeing, {}, "keepmin")
    for roi in range(5):
        graph = nx.Graph(tuple(np.flatnonzero(match >= 0)) for match in agreeing if match.max() == roi)
        expected = {frozenset(map(int, part)) for part in nx.connected_components(graph)}
        actual = {frozenset(np.flatnonzero(group >= 0).tolist()) for group in groups if group.max() == roi}
        # Two passes of merging, as published, may leave a component of four sessions in two parts.
        assert set().union(*actual) == set().union(*expected)
        if matches.shape[1] < 4:
            assert actual == expected


some_pixels = st.sampled_from([0, 0, 0, 0, 1])


@settings(max_examples=50)
@given(st.data())
def test_every_roi_is_in_exactly_one_cell(data: st.DataObject):
    sessions = []
    for k, n_rois in enumerate(data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))):
        masks = data.draw(arrays(np.float32, (n_rois, 12, 15), elements=some_pixels))
        ids = data.draw(st.permutations(range(n_rois)))
        sessions.append(session_of(Field(np.zeros((12, 15), np.float32), masks), f"s{k}", ids))
    registrations = [
        replace(identity(i, j), outcome=data.draw(st.sampled_from(RegistrationOutcome)))
        for i, j in combinations(range(len(sessions)), 2)
    ]
    parameters = nway.NwayParameters(
        maximum_distance=data.draw(st.floats(0.5, 20)),
        assignment_solver=data.draw(st.sampled_from(nway.ASSIGNMENT_SOLVERS)),
        pruning_method=data.draw(st.sampled_from(nway.PRUNING_METHODS)),
        strict=data.draw(st.booleans()),
    )
    result = nway.match_registered(sessions, registrations, parameters)
    for session, column in zip(sessions, result.cells.T, strict=True):
        assert sorted(column[column >= 0]) == list(range(session.n_rois))
    accepted = result.roi_pairs.take(result.roi_pairs.accepted)
    for i, j in combinations(range(len(sessions)), 2):
        pairs = accepted.between(i, j)
        assert len(set(pairs.fixed_roi_row)) == len(set(pairs.moving_roi_row)) == len(pairs)
        assert (pairs.centroid_distance < parameters.maximum_distance).all()


# ---- the whole


def test_the_same_tissue_moved_is_matched_cell_for_cell(three_sessions: list[Session]):
    result = nway.match(three_sessions)
    np.testing.assert_array_equal(result.cells, np.arange(20)[:, None].repeat(3, axis=1))
    assert (result.presence == Presence.PRESENT).all()
    assert result.is_matched.all()
    assert result.warnings == ()
    for registration, (x, y) in zip(result.registrations, ((-2, -3), (-5, 4), (-3, 7)), strict=True):
        np.testing.assert_allclose(registration.matrix[:2, 2], (x, y), atol=0.3)
    assert result.parameters == asdict(nway.NwayParameters())
    assert set(result.software) == {"opencv", "scikit-image"}


def test_the_result_does_not_depend_on_the_number_of_workers(three_sessions: list[Session]):
    one, four = (nway.match(three_sessions, workers=workers) for workers in (1, 4))
    np.testing.assert_array_equal(one.cells, four.cells)
    np.testing.assert_array_equal(one.presence, four.presence)
    for a, b in zip(one.registrations, four.registrations, strict=True):
        np.testing.assert_array_equal(a.matrix, b.matrix)
        assert (a.steps, a.ssim) == (b.steps, b.ssim)
    for name, values in vars(one.roi_pairs).items():
        assert values is None or np.array_equal(values, getattr(four.roi_pairs, name)), name


def test_an_id_of_0_and_equal_ids_in_every_session_lose_nothing(three_sessions: list[Session]):
    assert all(session.roi_ids[0] == 0 for session in three_sessions)
    result = nway.match(three_sessions[:2])
    assert result.cells[0].tolist() == [0, 0]


def test_images_that_are_aligned_already_are_registered(three_sessions: list[Session]):
    first = three_sessions[0]
    twin = replace(first, name="twin")
    result = nway.match([first, twin])
    assert result.registrations[0].steps == ("Identity",)
    assert result.registrations[0].registered
    assert result.registrations[0].reason == "the images are aligned already"
    assert (result.cells[:, 0] == result.cells[:, 1]).all()
    with pytest.raises(MethodError, match=r"Not all pairwise registrations succeeded: a and twin .*strict=True"):
        nway.match([first, twin], nway.NwayParameters(strict=True))


def test_a_session_that_fails_to_register_is_set_aside_and_the_others_are_matched(three_sessions: list[Session]):
    """A field of view so small that the crop leaves nothing to estimate from."""
    small = session_of(field_of_view((3, 2), shape=(75, 75)), "small")
    result = nway.match([three_sessions[0], small, three_sessions[2]])
    assert [registration.registered for registration in result.registrations] == [False, True, False]
    assert result.is_matched[[0, 2]].all()
    assert not result.is_matched[1]
    assert len(result.warnings) == 2
    assert "a and small could not be registered" in result.warnings[0]
    matched = result.cells[(result.cells >= 0).sum(axis=1) == 2]
    np.testing.assert_array_equal(matched, [[k, -1, k] for k in range(20)])
    assert (result.presence[:20, 1] == Presence.NOT_REGISTERED).all()
    assert len(result.roi_pairs.between(0, 1)) == len(result.roi_pairs.between(1, 2)) == 0


def test_rois_warped_out_of_the_image_never_match():
    """The moving ROI leaves the fixed image; the published pipeline then takes it to sit at (0, 0), beside a cell."""
    masks = np.zeros((2, 1, 40, 40), np.float32)
    masks[0, 0, 3:7, 3:7] = 1
    masks[1, 0, 30:34, 30:34] = 1
    image = np.zeros((40, 40), np.float32)
    sessions = [session_of(Field(image, each), name) for each, name in zip(masks, "ab", strict=True)]
    registration = Registration(0, 1, np.array([[1.0, 0, -50], [0, 1, -50], [0, 0, 1]]))
    result = nway.match_registered(sessions, [registration])
    assert len(result.roi_pairs) == 0
    assert sorted(result.cells.tolist()) == [[-1, 0], [0, -1]]
    strict = nway.match_registered(sessions, [registration], nway.NwayParameters(strict=True))
    assert strict.cells.tolist() == [[0, 0]]


def test_empty_masks_never_match_and_are_cells_of_their_own(three_sessions: list[Session]):
    sessions = []
    for session in three_sessions[:2]:
        masks = session.footprints.toarray()
        masks[4] = 0
        sessions.append(replace(session, footprints=scipy.sparse.csr_array(masks)))
    for solver in nway.ASSIGNMENT_SOLVERS:
        result = nway.match(sessions, nway.NwayParameters(assignment_solver=solver))
        assert [4, -1] in result.cells.tolist()
        assert [-1, 4] in result.cells.tolist()
        assert len(result.cells) == 21


def test_rois_in_different_layers_have_no_overlap_though_they_are_identical():
    """In the moving session another ROI lies below, so that the same mask goes to the second layer."""
    mask, other = np.zeros((2, 1, 30, 30), np.float32)
    mask[0, 10:20, 10:20] = 1
    other[0, 10:20, 8:18] = 1
    image = np.zeros((30, 30), np.float32)
    fixed = session_of(Field(image, mask), "a")
    moving = session_of(Field(image, np.concatenate([other, mask])), "b")
    pairs = nway.match_registered([fixed, moving], [identity()]).roi_pairs
    by_row = {
        int(row): (d, u) for row, d, u in zip(pairs.moving_roi_row, pairs.centroid_distance, pairs.iou, strict=True)
    }
    assert by_row[1] == (0, 0)
    assert by_row[0] == (2, pytest.approx(80 / 120))


def test_sessions_of_different_size_are_matched():
    first = session_of(field_of_view(), "a")
    second = session_of(field_of_view((3, 2), shape=(150, 160)), "b")
    result = nway.match([first, second])
    assert result.registrations[0].registered
    assert result.presence.shape == result.cells.shape


@pytest.mark.parametrize("shape", [(100, 100), (96, 141), (64, 64), (20, 30)])
def test_images_smaller_than_the_scores_window_are_compared(shape: tuple[int, int]):
    fields = [field_of_view(shift, shape=(160, 150)) for shift in ((0, 0), (2, 1))]
    fields = [Field(f.image[: shape[0], : shape[1]], f.masks[:, : shape[0], : shape[1]]) for f in fields]
    sessions = [session_of(field, name) for field, name in zip(fields, "ab", strict=True)]
    result = nway.match(sessions, nway.NwayParameters(edge_buffer=0))
    assert result.registrations[0].ssim is not None
    if min(shape) > 60:
        np.testing.assert_allclose(result.registrations[0].matrix[:2, 2], (-1, -2), atol=0.6)


def test_an_image_that_is_far_too_small_is_refused_by_name():
    tiny = session_of(Field(np.zeros((5, 5), np.float32), np.ones((1, 5, 5), np.float32)), "tiny")
    with pytest.raises(MethodError, match="tiny: an image of 5 x 5 pixels"):
        nway.match([tiny, tiny])


def test_an_edge_buffer_of_half_the_image_leaves_no_estimate(three_sessions: list[Session]):
    result = nway.match(three_sessions[:2], nway.NwayParameters(edge_buffer=75))
    assert not result.registrations[0].registered
    assert "no estimate" in result.registrations[0].reason
    whole = nway.match(three_sessions[:2], nway.NwayParameters(edge_buffer=75, include_original=True))
    assert whole.registrations[0].steps == ("CLAHE", "ECC")


@pytest.mark.parametrize("motion_type", nway.MOTION_TYPES)
def test_every_motion_type_finds_a_plain_shift(three_sessions: list[Session], motion_type: str):
    result = nway.match(three_sessions[:2], nway.NwayParameters(motion_type=motion_type))
    assert (result.cells[:, 0] == result.cells[:, 1]).all()


def test_progress_is_reported_to_its_end(three_sessions: list[Session]):
    reports: list[tuple[str, int, int]] = []
    nway.match(three_sessions, progress=lambda *report: reports.append(report))
    assert [report for report in reports if report[0] == "registering"] == [("registering", k, 3) for k in range(4)]
    assert reports[-1] == ("matching", 3, 3)


def test_one_session_is_not_enough(three_sessions: list[Session]):
    with pytest.raises(MethodError, match="at least two"):
        nway.match(three_sessions[:1])


@pytest.mark.parametrize(
    "parameters",
    [
        {"motion_type": "MOTION_ELASTIC"},
        {"assignment_solver": "greedy"},
        {"pruning_method": "none"},
        {"maximum_distance": 0},
        {"maximum_distance": float("inf")},
        {"maximum_distance": float("nan")},
        {"gauss_filt_size": 4},
        {"gauss_filt_size": -1},
        {"clahe_grid": 0},
        {"clahe_clip": -1},
        {"clahe_clip": float("nan")},
        {"edge_buffer": -1},
        {"registration_iterations": 0},
        {"registration_precision": 0},
    ],
)
def test_parameters_that_make_no_sense_are_refused_by_name(parameters: dict):
    with pytest.raises(MethodError, match=next(iter(parameters))):
        nway.NwayParameters(**parameters)
