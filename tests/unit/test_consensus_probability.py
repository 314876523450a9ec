"""Which pairs of ROIs are compared, and the probability that two are the same cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad, minimize
from scipy.special import expit, logit

from ndx_match.evaluate import calibration
from ndx_match.footprints import pairwise_iou
from ndx_match.methods.consensus import probability
from ndx_match.methods.consensus.candidates import ComparedPairs, candidate_pairs, impossible_pairs
from ndx_match.methods.consensus.overlap import sharpen
from ndx_match.methods.consensus.probability import PRIOR, fit_log_odds, log_odds, margins, with_context

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
    found = {}
    for a, one in enumerate(first > 0):
        for b, other in enumerate(second > 0):
            if one.any() and other.any():
                centres = [np.argwhere(mask).mean(axis=0) for mask in (one, other)]
                distance = float(np.linalg.norm(centres[0] - centres[1]))
                if distance <= reach:
                    areas = sorted((one.sum(), other.sum()))
                    found[a, b] = ((one & other).sum() / (one | other).sum(), distance, areas[0] / areas[1])
    return found


def as_dict(pairs: ComparedPairs, first: int, second: int) -> dict[tuple[int, int], tuple[float, ...]]:
    of_pair = (pairs.first_session == first) & (pairs.second_session == second)
    keys = zip(pairs.first_row[of_pair].tolist(), pairs.second_row[of_pair].tolist(), strict=True)
    values = zip(pairs.iou[of_pair], pairs.distance[of_pair], pairs.area_ratio[of_pair], strict=True)
    return dict(zip(keys, values, strict=True))


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, atol=1e-9)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 12), min_size=2, max_size=3), st.floats(1.5, 15.5))
@settings(max_examples=30, deadline=None)
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


def simulated_pairs(rng: np.random.Generator, n_true: int, n_wrong: int) -> tuple[ComparedPairs, np.ndarray]:
    """Candidates of two sessions: true ones that overlap well, wrong ones that do not; and which are true."""
    truth = np.repeat([True, False], [n_true, n_wrong])
    iou = np.where(truth, rng.beta(6, 4, len(truth)), rng.beta(1, 6, len(truth)))
    distance = RADIUS * np.where(truth, 0.25 * rng.rayleigh(1, len(truth)), np.sqrt(rng.uniform(0.05, 2.5, len(truth))))
    rows = np.arange(len(truth))
    entries = np.column_stack([0 * rows, rows, 0 * rows + 1, rows])
    return pairs_of(entries, iou, distance, rng.uniform(0.6, 1, len(truth))), truth


def impossible_of(rng: np.random.Generator, n: int) -> ComparedPairs:
    """Neighbours within two sessions: as many as wrong candidates, in both orders and in each of two sessions."""
    return ComparedPairs.concatenate([simulated_pairs(rng, 0, n)[0] for _ in range(2)])


def test_the_loss_has_the_gradient_it_says(monkeypatch: pytest.MonkeyPatch):
    losses = []

    def remember(loss, start, **options):
        losses.append(loss)
        return minimize(loss, start, **options)

    monkeypatch.setattr(probability, "minimize", remember)
    rng = np.random.default_rng(0)
    for n_sessions in (2, 5):
        fit_log_odds(simulated_pairs(rng, 50, 30)[0], impossible_of(rng, 30), n_sessions, RADIUS)
    for loss in losses:
        for _ in range(5):
            place = PRIOR + rng.normal(size=5)
            size = np.linalg.norm(loss(place)[1])
            away = check_grad(lambda c, f=loss: f(c)[0], lambda c, f=loss: f(c)[1], place)
            assert away < 1e-4 * max(size, 1)


@pytest.mark.parametrize(("n_true", "n_wrong"), [(400, 400), (150, 600), (500, 100), (0, 400)])
def test_probabilities_are_calibrated_where_wrong_pairs_look_like_neighbours(n_true, n_wrong):
    rng = np.random.default_rng(n_true)
    candidates, truth = simulated_pairs(rng, n_true, n_wrong)
    coefficients = fit_log_odds(candidates, impossible_of(rng, n_wrong), 2, RADIUS)
    found = calibration(expit(log_odds(candidates, coefficients, RADIUS)), truth)
    assert found.expected_calibration_error < 0.04


def test_without_data_the_prior_speaks():
    nothing = pairs_of([])
    np.testing.assert_allclose(fit_log_odds(nothing, nothing, 2, RADIUS), PRIOR, atol=1e-6)
    one = pairs_of([(0, 0, 1, 0)], iou=0.7, distance=1.0)
    assert np.abs(fit_log_odds(one, nothing, 2, RADIUS) - PRIOR).max() < 0.5
    alike, unlike = pairs_of([(0, 0, 1, 0)], 0.7, 1.0), pairs_of([(0, 0, 1, 0)], 0.05, 8.0)
    assert expit(log_odds(alike, PRIOR, RADIUS))[0] > 0.9
    assert expit(log_odds(unlike, PRIOR, RADIUS))[0] < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_more_overlap_is_more_probable(seed):
    rng = np.random.default_rng(seed)
    coefficients = fit_log_odds(simulated_pairs(rng, 200, 300)[0], impossible_of(rng, 300), 2, RADIUS)
    overlap = np.linspace(0, 1, 21)
    pairs = pairs_of([(0, k, 1, k) for k in range(21)], overlap, 0.3 * RADIUS)
    assert (np.diff(log_odds(pairs, coefficients, RADIUS)) > 0).all()


def test_a_rival_lowers_a_pair_s_probability():
    alone = with_context(pairs_of([(0, 0, 1, 0)]), np.array([2.0]), 2)[0]
    for rival in ((0, 0, 1, 1), (0, 1, 1, 0)):
        pairs = pairs_of([(0, 0, 1, 0), rival])
        weak, strong = (with_context(pairs, np.array([2.0, value]), 2)[0] for value in (-3.0, 2.0))
        assert strong < weak < alone
    stranger = pairs_of([(0, 0, 1, 0), (0, 1, 1, 1)])
    assert with_context(stranger, np.array([2.0, 2.0]), 2)[0] == pytest.approx(alone)


def test_a_third_session_that_agrees_raises_a_pair_s_probability():
    pair = (0, 0, 1, 0)
    triangle = pairs_of([pair, (0, 0, 2, 0), (1, 0, 2, 0)])
    for value in (-2.0, 0.0, 2.0):
        supported = with_context(triangle, np.array([value, 3.0, 3.0]), 3)[0]
        hardly = with_context(triangle, np.array([value, 3.0, -3.0]), 3)[0]
        by_itself = with_context(pairs_of([pair]), np.array([value]), 3)[0]
        assert supported > hardly >= by_itself - 1e-9
    # A third ROI that matches only one of the two says nothing.
    assert with_context(pairs_of([pair, (0, 0, 2, 0)]), np.array([1.0, 3.0]), 3)[0] == pytest.approx(expit(1.0))


graphs = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)).filter(lambda p: p[0] < p[2]),
    unique=True,
    max_size=20,
)


@given(graphs, st.integers(0, 1000), st.sampled_from([1.0, 8.0, 1000.0]))
@settings(max_examples=60, deadline=None)
def test_probabilities_are_probabilities(entries, seed, size):
    values = size * np.random.default_rng(seed).normal(size=len(entries))
    found = with_context(pairs_of(entries), values, 3)
    assert found.shape == (len(entries),)
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()


@given(graphs, st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_margin_is_the_lead_over_the_best_alternative(entries, seed):
    value = np.random.default_rng(seed).choice([0.1, 0.4, 0.4, 0.7, 0.95], len(entries))
    found = margins(pairs_of(entries), value)
    for k, (i, a, j, b) in enumerate(entries):
        others = [
            value[m] for m, (p, c, q, d) in enumerate(entries) if m != k and (p, q) == (i, j) and (c == a) != (d == b)
        ]
        assert found[k] == pytest.approx(value[k] - max(others, default=0.0))


@given(graphs, st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_the_order_of_pairs_does_not_matter(entries, seed):
    rng = np.random.default_rng(seed)
    values, order = rng.normal(size=len(entries)), rng.permutation(len(entries))
    found = with_context(pairs_of(entries), values, 3)
    shuffled = with_context(pairs_of([entries[k] for k in order]), values[order], 3)
    np.testing.assert_allclose(shuffled, found[order], atol=1e-12)


def test_what_is_certain_stays_so_in_its_context():
    assert with_context(pairs_of([(0, 0, 1, 0)]), np.array([logit(0.999)]), 2)[0] == pytest.approx(0.999)


def scattered(n: int, shape=(200, 220)) -> np.ndarray:
    """Centres (x, y) on a jittered grid."""
    rng = np.random.default_rng(n)
    x, y = np.meshgrid(np.arange(20, shape[1] - 15, 22.0), np.arange(20, shape[0] - 15, 22.0))
    return (np.column_stack([x.ravel(), y.ravel()]) + rng.uniform(-3, 3, (x.size, 2)))[:n]


def test_sharpening_brings_more_rois_to_overlap():
    centres = scattered(60)
    away = np.array([[1.02, 0.005, 2.0], [-0.004, 0.98, -2.5], [0, 0, 1]])
    misplaced = centres @ away[:2, :2].T + away[:2, 2]
    shape = (200, 220)
    fixed = discs(centres, 6.0, shape)
    first, second = sharpen([fixed, discs(misplaced, 6.0, shape)], shape, 6.0)
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
        for move in sharpen(regions, (ROWS, COLS), 4.0):
            np.testing.assert_array_equal(move, np.eye(3))


def test_sharpening_does_not_make_neighbours_overlap():
    """The same ROIs twice, many of which touch others: any move would bring some of these to overlap more."""
    rng = np.random.default_rng(3)
    centres = scattered(60)
    neighbours = centres + 7.0 * np.column_stack([np.cos(rng.uniform(0, 1.5, 60)), np.sin(rng.uniform(0, 1.5, 60))])
    regions = discs([*centres, *neighbours], 6.0, (200, 220))
    _, move = sharpen([regions, regions], (200, 220), 6.0)
    np.testing.assert_allclose(move, np.eye(3), atol=0.02)


def test_sharpening_hardly_moves_a_single_roi():
    """One ROI that could overlap better is no reason to bend a field."""
    for move in sharpen([discs([(20, 20)]), discs([(23, 20)])], (ROWS, COLS), 4.0):
        corners = np.array([[0, 0, 1], [COLS, 0, 1], [0, ROWS, 1], [COLS, ROWS, 1.0]]).T
        assert np.abs(move @ corners - corners).max() < 4.0
        assert np.isfinite(move).all()
