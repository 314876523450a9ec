"""Which pairs of ROIs are compared, and the probability that two are the same cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from measures import calibration
from scipy.optimize import check_grad, minimize
from scipy.special import expit

from ndx_match.footprints import pairwise_iou
from ndx_match.methods.consensus import probability
from ndx_match.methods.consensus.candidates import ComparedPairs, candidate_pairs, impossible_pairs
from ndx_match.methods.consensus.overlap_tuning import moves_to_overlap
from ndx_match.methods.consensus.probability import (
    PRIOR,
    cells_of_pairs,
    coherent,
    margins,
    match_log_odds,
    probable_cells,
)

RADIUS = 6.0
ROWS, COLS = 40, 50


def discs(centres: Sequence[Sequence[float]], radius: float = 4.0, shape=(ROWS, COLS)) -> scipy.sparse.csr_array:
    """Discs at (x, y); one of NaN is empty."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    masks = [((cols - x) ** 2 + (rows - y) ** 2 <= radius**2).ravel() for x, y in centres]
    return scipy.sparse.csr_array(np.array(masks, np.float32).reshape(len(centres), shape[0] * shape[1]))


def random_regions(rng: np.random.Generator, n: int) -> scipy.sparse.csr_array:
    """Rectangles of any size; about one in eight is empty."""
    masks = np.zeros((n, ROWS, COLS), np.float32)
    for mask in masks:
        row, col, height, width = rng.integers(0, (ROWS - 8, COLS - 8, 8, 8))
        mask[row : row + height, col : col + width] = 1
    return scipy.sparse.csr_array(masks.reshape(n, ROWS * COLS))


def dense_pairs(first: np.ndarray, second: np.ndarray, reach: float) -> dict[tuple[int, int], tuple[float, ...]]:
    """IoU, distance and ratio of areas of all pairs within reach, from the masks [roi, row, col]."""
    pairs = {}
    for a, one in enumerate(first > 0):
        for b, other in enumerate(second > 0):
            if one.any() and other.any():
                centres = [np.argwhere(mask).mean(axis=0) for mask in (one, other)]
                distance = float(np.linalg.norm(centres[0] - centres[1]))
                if distance <= reach:
                    areas = sorted((one.sum(), other.sum()))
                    pairs[a, b] = ((one & other).sum() / (one | other).sum(), distance, areas[0] / areas[1])
    return pairs


def as_dict(pairs: ComparedPairs, first: int, second: int) -> dict[tuple[int, int], tuple[float, ...]]:
    of_pair = (pairs.first_session == first) & (pairs.second_session == second)
    keys = zip(pairs.first_row[of_pair].tolist(), pairs.second_row[of_pair].tolist(), strict=True)
    values = zip(pairs.iou[of_pair], pairs.distance[of_pair], pairs.area_ratio[of_pair], strict=True)
    return dict(zip(keys, values, strict=True))


def assert_same(actual, expected):
    assert actual.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(actual[key], values, atol=1e-9)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 12), min_size=2, max_size=3), st.floats(1.5, 15.5))
@settings(max_examples=30)
def test_pairs_are_those_of_a_dense_comparison(seed, counts, reach):
    rng = np.random.default_rng(seed)
    regions = [random_regions(rng, n) for n in counts]
    dense = [region.toarray().reshape(-1, ROWS, COLS) for region in regions]
    candidates, impossible = candidate_pairs(regions, COLS, reach), impossible_pairs(regions, COLS, reach)
    total = 0
    for i in range(len(regions)):
        within = {key: value for key, value in dense_pairs(dense[i], dense[i], reach).items() if key[0] != key[1]}
        assert_same(as_dict(impossible, i, i), within)
        for j in range(i + 1, len(regions)):
            expected = dense_pairs(dense[i], dense[j], reach)
            assert_same(as_dict(candidates, i, j), expected)
            total += len(expected)
    assert len(candidates) == total  # and none of other pairs of sessions


def test_sessions_without_rois_have_no_pairs():
    nothing, empty = discs([]), discs([(np.nan, np.nan)])
    for regions in ([nothing, nothing], [nothing, discs([(9, 9)])], [empty, empty]):
        assert len(candidate_pairs(regions, COLS, 10)) == len(impossible_pairs(regions, COLS, 10)) == 0


def pairs_of(entries: Sequence[tuple[int, int, int, int]], iou=0.5, distance=2.0, area_ratio=0.9) -> ComparedPairs:
    """(first session, first row, second session, second row) of each pair, all alike by default."""
    i, a, j, b = np.array(entries, np.int32).reshape(-1, 4).T
    columns = [np.broadcast_to(np.asarray(value, float), i.shape).copy() for value in (iou, distance, area_ratio)]
    return ComparedPairs(i, j, a, b, *columns)


def joined(*parts: ComparedPairs) -> ComparedPairs:
    return ComparedPairs.concatenate(parts)


def simulated_field(
    rng: np.random.Generator, n_cells: int, detection: float = 0.75, n_sessions: int = 2, spacing: float = 2.2
) -> tuple[ComparedPairs, ComparedPairs, np.ndarray]:
    """Candidates and impossible pairs of sessions that each find some of the cells, and which candidates are true.

    Each ROI is its cell's place with an error; how much two ROIs overlap follows from their distance, with an error.
    `spacing` is the side, in ROI radii, of the square that each cell has to itself.
    """
    side = np.sqrt(n_cells) * spacing * RADIUS
    places = rng.uniform(0, side, (n_cells, 2))
    session_cells = [np.flatnonzero(rng.random(n_cells) < detection) for _ in range(n_sessions)]
    roi_places = [places[cells] + rng.normal(0, 0.15 * RADIUS, (len(cells), 2)) for cells in session_cells]
    area = [rng.lognormal(0, 0.2, len(cells)) for cells in session_cells]

    def compare(i: int, j: int) -> tuple[ComparedPairs, np.ndarray]:
        distance = np.linalg.norm(roi_places[i][:, None] - roi_places[j], axis=-1)
        a, b = np.nonzero((distance < 1.6 * RADIUS) & ((i != j) | (distance > 0)))
        overlap = np.clip(1 - distance[a, b] / (1.5 * RADIUS) + rng.normal(0, 0.1, len(a)), 0, 1)
        ratio = np.minimum(area[i][a], area[j][b]) / np.maximum(area[i][a], area[j][b])
        entries = np.column_stack([0 * a + i, a, 0 * b + j, b])
        return pairs_of(entries, overlap, distance[a, b], ratio), session_cells[i][a] == session_cells[j][b]

    across = [compare(i, j) for i in range(n_sessions) for j in range(i + 1, n_sessions)]
    within = [compare(i, i)[0] for i in range(n_sessions)]
    return joined(*(pairs for pairs, _ in across)), joined(*within), np.concatenate([truth for _, truth in across])


def probability_of(candidates: ComparedPairs, impossible: ComparedPairs, n_sessions: int = 2) -> np.ndarray:
    """Probability that each candidate is a match."""
    return expit(match_log_odds(candidates, impossible, n_sessions, RADIUS))


def test_the_loss_has_the_gradient_it_says(monkeypatch: pytest.MonkeyPatch):
    losses = []

    def remember(loss, start, **options):
        losses.append((loss, len(start)))
        return minimize(loss, start, **options)

    monkeypatch.setattr(probability, "minimize", remember)
    rng = np.random.default_rng(0)
    for n_sessions in (2, 5):
        candidates, impossible, _ = simulated_field(rng, 40, n_sessions=n_sessions)
        match_log_odds(candidates, impossible, n_sessions, RADIUS)
    assert len(losses) == 4
    for loss, n in losses:
        for _ in range(5):
            place = PRIOR[:n] + rng.normal(size=n)
            size = np.linalg.norm(loss(place)[1])
            error = check_grad(lambda c, f=loss: f(c)[0], lambda c, f=loss: f(c)[1], place)
            assert error < 1e-4 * max(size, 1)


@pytest.mark.parametrize("spacing", [1.8, 3.0])
@pytest.mark.parametrize(("detection", "n_sessions"), [(0.75, 2), (0.2, 2), (0.75, 4), (0.4, 4)])
def test_probabilities_are_calibrated(detection, n_sessions, spacing):
    rng = np.random.default_rng(7)
    candidates, impossible, truth = simulated_field(rng, int(600 / detection), detection, n_sessions, spacing)
    reliability = calibration(probability_of(candidates, impossible, n_sessions), truth)
    assert reliability.expected_calibration_error < 0.05


@pytest.mark.slow
def test_a_sample_of_many_pairs_says_what_all_say(monkeypatch: pytest.MonkeyPatch):
    candidates, impossible, _ = simulated_field(np.random.default_rng(0), 8_000, spacing=3.0)
    of_all = match_log_odds(candidates, impossible, 2, RADIUS)
    monkeypatch.setattr(probability, "ENOUGH_PAIRS", len(candidates) // 2)
    of_sample = match_log_odds(candidates, impossible, 2, RADIUS)
    assert 0 < np.abs(expit(of_sample) - expit(of_all)).max() < 0.1


def test_without_data_the_prior_speaks():
    nothing = pairs_of([])
    assert len(probability_of(nothing, nothing)) == 0
    assert probability_of(pairs_of([(0, 0, 1, 0)], 0.7, 1.0), nothing)[0] > 0.9
    assert probability_of(pairs_of([(0, 0, 1, 0)], 0.05, 8.0), nothing)[0] < 0.05


@pytest.fixture(scope="module")
def field() -> tuple[ComparedPairs, ComparedPairs]:
    """Candidates and impossible pairs that other pairs are judged by; their rows end below 900."""
    return simulated_field(np.random.default_rng(5), 400)[:2]


def test_more_overlap_is_more_probable(field):
    graded = pairs_of([(0, 1000 + k, 1, 1000 + k) for k in range(21)], np.linspace(0, 1, 21), 0.3 * RADIUS)
    log_odds = match_log_odds(joined(graded, field[0]), field[1], 2, RADIUS)
    assert (np.diff(log_odds[:21]) > 0).all()


@pytest.mark.parametrize("rival", [(0, 900, 1, 901), (0, 901, 1, 900)])
def test_a_rival_lowers_a_pair_s_probability(field, rival):
    candidates, impossible = field
    pair = pairs_of([(0, 900, 1, 900)], 0.6, 2.0)

    def with_other(*others: ComparedPairs) -> float:
        return probability_of(joined(pair, *others, candidates), impossible)[0]

    alone = with_other()
    weak, strong = (with_other(pairs_of([rival], iou, distance)) for iou, distance in ((0, 9), (0.6, 2)))
    assert strong < weak - 0.05
    assert weak <= alone + 1e-3
    assert with_other(pairs_of([(0, 901, 1, 901)], 0.6, 2.0)) == pytest.approx(alone, abs=0.005)


def test_rois_with_good_partners_are_hardly_each_other_s(field):
    candidates, impossible = field
    pair, partners = pairs_of([(0, 900, 1, 900)], 0.4, 5.0), pairs_of([(0, 900, 1, 901), (0, 901, 1, 900)], 0.9, 1.0)
    lonely, partnered = (
        probability_of(joined(*parts, candidates), impossible)[0] for parts in ((pair,), (pair, partners))
    )
    assert partnered < 0.2 * lonely


def test_pairs_within_cells_do_not_contradict_each_other():
    triangle = pairs_of([(0, 0, 1, 0), (1, 0, 2, 0), (0, 0, 2, 0), (0, 1, 2, 0)])
    probability = coherent(triangle, np.array([0.9, 0.95, 0.3, 0.4]), np.array([[0, 0, 0], [1, -1, -1]], np.int32))
    np.testing.assert_allclose(probability, [0.9, 0.95, 0.85, 0.4])  # the last pair is of two cells
    probability = coherent(triangle, np.array([0.3, 0.2, 0.1, 0.4]), np.array([[0, 0, 0], [1, -1, -1]], np.int32))
    np.testing.assert_allclose(probability, [0.3, 0.2, 0.1, 0.4])  # doubt proves nothing


def test_a_cell_keeps_only_rois_of_which_every_two_are_probable():
    # ROI 0 of three sessions and ROI 1 of sessions 0 and 2, which is no candidate pair.
    pairs = pairs_of([(0, 0, 1, 0), (1, 0, 2, 0), (0, 0, 2, 0)])
    alone = np.array([0.95, 0.8, 0.3])
    cells = np.array([[0, 0, 0], [1, -1, 1]], np.int32)
    for least, groups in (
        (0.5, [[0, 0, 0], [1, -1, -1], [-1, -1, 1]]),  # sessions 0 and 2 are together with 0.95 + 0.8 - 1
        (0.8, [[0, 0, -1], [-1, -1, 0], [1, -1, -1], [-1, -1, 1]]),
        (0.99, [[0, -1, -1], [-1, 0, -1], [-1, -1, 0], [1, -1, -1], [-1, -1, 1]]),
    ):
        parts, probability = probable_cells(pairs, alone, cells, least)
        np.testing.assert_array_equal(parts, groups)
        within = cells_of_pairs(pairs, parts) >= 0
        assert (probability[within] >= least).all()
        np.testing.assert_allclose(probability[~within], alone[~within])  # what is divided says no more


graphs = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)).filter(lambda p: p[0] < p[2]),
    unique=True,
    max_size=20,
)


@given(graphs, st.integers(0, 1000))
@settings(max_examples=60)
def test_probabilities_are_finite_and_do_not_depend_on_the_order_of_pairs(entries, seed):
    rng = np.random.default_rng(seed)
    overlap, distance, ratio = rng.random((3, len(entries)))
    pairs = pairs_of(entries, overlap, 10 * distance, 0.2 + 0.8 * ratio)
    order, (_, wrong, _) = rng.permutation(len(entries)), simulated_field(rng, 20, n_sessions=3)
    log_odds = match_log_odds(pairs, wrong, 3, RADIUS)
    assert log_odds.shape == (len(entries),)
    assert np.isfinite(log_odds).all()
    np.testing.assert_allclose(match_log_odds(pairs.take(order), wrong, 3, RADIUS), log_odds[order], atol=0.01)


@given(graphs, st.integers(0, 1000))
@settings(max_examples=60)
def test_a_margin_is_the_lead_over_the_best_alternative(entries, seed):
    value = np.random.default_rng(seed).choice([0.1, 0.4, 0.4, 0.7, 0.95], len(entries))
    margin = margins(pairs_of(entries), value)
    for k, (i, a, j, b) in enumerate(entries):
        others = [
            value[m] for m, (p, c, q, d) in enumerate(entries) if m != k and (p, q) == (i, j) and (c == a) != (d == b)
        ]
        assert margin[k] == pytest.approx(value[k] - max(others, default=0.0))


def scattered(n: int, shape=(200, 220)) -> np.ndarray:
    """Centres (x, y) on a jittered grid."""
    rng = np.random.default_rng(n)
    x, y = np.meshgrid(np.arange(20, shape[1] - 15, 22.0), np.arange(20, shape[0] - 15, 22.0))
    return (np.column_stack([x.ravel(), y.ravel()]) + rng.uniform(-3, 3, (x.size, 2)))[:n]


def test_sharpening_brings_more_rois_to_overlap():
    centres = scattered(60)
    matrix = np.array([[1.02, 0.005, 2.0], [-0.004, 0.98, -2.5], [0, 0, 1]])
    misplaced = centres @ matrix[:2, :2].T + matrix[:2, 2]
    shape = (200, 220)
    fixed = discs(centres, 6.0, shape)
    first, second = moves_to_overlap([fixed, discs(misplaced, 6.0, shape)], shape, 6.0)
    np.testing.assert_array_equal(first, np.eye(3))
    back = misplaced @ second[:2, :2].T + second[:2, 2]
    before, after = (
        (pairwise_iou(fixed, discs(points, 6.0, shape)).toarray().diagonal() > 0.3).sum()
        for points in (misplaced, back)
    )
    assert before < 45
    assert after > 54


def test_sharpening_leaves_alone_what_it_cannot_judge():
    for regions in ([discs([]), discs([])], [discs([(10, 10)]), discs([(40, 30)])], [discs([(9, 9)]), discs([])]):
        for move in moves_to_overlap(regions, (ROWS, COLS), 4.0):
            np.testing.assert_array_equal(move, np.eye(3))


def test_sharpening_does_not_make_neighbours_overlap():
    """The same ROIs twice, many of which touch others: any move would bring some of these to overlap more."""
    rng = np.random.default_rng(3)
    centres = scattered(60)
    neighbours = centres + 7.0 * np.column_stack([np.cos(rng.uniform(0, 1.5, 60)), np.sin(rng.uniform(0, 1.5, 60))])
    regions = discs([*centres, *neighbours], 6.0, (200, 220))
    _, move = moves_to_overlap([regions, regions], (200, 220), 6.0)
    np.testing.assert_allclose(move, np.eye(3), atol=0.02)


def test_sharpening_hardly_moves_a_single_roi():
    """One ROI that could overlap better is no reason to bend a field."""
    for move in moves_to_overlap([discs([(20, 20)]), discs([(23, 20)])], (ROWS, COLS), 4.0):
        corners = np.array([[0, 0, 1], [COLS, 0, 1], [0, ROWS, 1], [COLS, ROWS, 1.0]]).T
        assert np.abs(move @ corners - corners).max() < 4.0
        assert np.isfinite(move).all()
