"""Many sessions: which pairs are tried, which sessions belong together, and transforms whose loops close."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndx_match.footprints import transform_points
from ndx_match.methods.consensus import synchronisation
from ndx_match.methods.consensus.blocks import grid_points
from ndx_match.methods.consensus.pairs import PairAlignment
from ndx_match.methods.consensus.parameters import ConsensusParameters
from ndx_match.methods.consensus.synchronisation import align_all

SHAPE = (256, 320)
RADIUS = 8.0


class KnownSession:
    """A session whose place in the tissue is known."""

    def __init__(self, number: int, field: int) -> None:
        rng = np.random.default_rng(number)
        self.number, self.field, self.shape = number, field, SHAPE
        self.matrix = np.eye(3)  #: tissue to session
        if number:
            self.matrix[:2] += np.column_stack([rng.uniform(-0.1, 0.1, (2, 2)), rng.uniform(-30, 30, 2)])


class Registrar:
    """Stands in for the registration of pairs, whose own tests are elsewhere: right up to noise, or told to err.

    Parameters
    ----------
    n : int
        Sessions.
    fields : sequence of int, optional
        The tissue each looks at.
    refused : set of pairs
        Of which a search finds nothing.
    wrong : mapping of pair to (score, shift in pixels)
        Of which a search finds an alignment that is away by that much.
    noise : float
        Standard deviation in pixels of every alignment's shift.
    """

    def __init__(self, n, fields=None, refused=(), wrong=None, noise=0.0) -> None:
        self.sessions = [KnownSession(k, 0 if fields is None else fields[k]) for k in range(n)]
        self.refused, self.wrong, self.noise = set(refused), dict(wrong or {}), noise
        self.searched: list[tuple[int, int]] = []
        self.predicted: list[tuple[int, int]] = []

    def truth(self, i: int, j: int) -> np.ndarray:
        return self.sessions[j].matrix @ np.linalg.inv(self.sessions[i].matrix)

    def measured(self, i: int, j: int) -> np.ndarray:
        matrix = self.truth(i, j).copy()
        matrix[:2, 2] += np.random.default_rng((i, j)).normal(0, self.noise, 2) if self.noise else 0
        return matrix

    def register(self, fixed, moving, radius, parameters) -> PairAlignment:
        pair = (fixed.number, moving.number)
        self.searched.append(pair)
        if fixed.field != moving.field or pair in self.refused:
            return PairAlignment(np.eye(3), 5.0, 4.0, False, "nothing found")
        if pair in self.wrong:
            score, shift = self.wrong[pair]
            translation = np.eye(3)
            translation[0, 2] = shift
            return PairAlignment(translation @ self.truth(*pair), score, 4.0, True)
        return PairAlignment(self.measured(*pair), 30.0, 4.0, True)

    def refine_near(self, fixed, moving, rough, radius) -> np.ndarray:
        pair = (fixed.number, moving.number)
        self.predicted.append(pair)
        return self.measured(*pair) if self.distance(rough, self.truth(*pair)) < 2 * RADIUS else rough

    def confirm(self, fixed, moving, matrix, parameters) -> PairAlignment:
        right = self.distance(matrix, self.truth(fixed.number, moving.number)) < RADIUS
        return PairAlignment(matrix, 30.0 if right else 5.0, 4.0, right, "" if right else "not well above chance")

    @staticmethod
    def distance(first: np.ndarray, second: np.ndarray) -> float:
        points = grid_points(SHAPE, 40)
        differences = transform_points(first, points) - transform_points(second, points)
        return float(np.median(np.linalg.norm(differences, axis=1)))

    def error(self, component) -> float:
        """Largest of the component's errors in pixels, over its pairs."""
        placed = dict(zip(component.members, component.matrices, strict=True))
        errors = [
            self.distance(placed[j] @ np.linalg.inv(placed[i]), self.truth(i, j))
            for i, j in combinations(component.members, 2)
        ]
        return max(errors, default=0.0)


@pytest.fixture
def solve(monkeypatch: pytest.MonkeyPatch):
    def run(registrar: Registrar, workers: int = 1):
        for name in ("register", "refine_near", "confirm"):
            monkeypatch.setattr(synchronisation, name, getattr(registrar, name))
        return align_all(registrar.sessions, RADIUS, ConsensusParameters(), workers=workers)

    return run


def members(components) -> list[tuple[int, ...]]:
    return [component.members for component in components]


@pytest.mark.parametrize("n", [2, 3, 5, 8, 20])
def test_sessions_of_one_field_are_placed(solve, n):
    registrar = Registrar(n)
    components, _ = solve(registrar)
    assert members(components) == [tuple(range(n))]
    np.testing.assert_array_equal(components[0].matrices[0], np.eye(3))
    assert registrar.error(components[0]) < 0.05


def test_averaging_over_loops_is_better_than_a_chain(solve):
    registrar = Registrar(8, noise=1.0)
    components, alignments = solve(registrar)
    chain = np.eye(3)
    for k in range(7):
        chain = alignments[k, k + 1].matrix @ chain
    placed = components[0].matrices
    assert registrar.distance(placed[7] @ np.linalg.inv(placed[0]), registrar.truth(0, 7)) < registrar.distance(
        chain, registrar.truth(0, 7)
    )


def test_magnification_gives_a_session_no_weight(solve):
    """Errors of equal size in the tissue are shared alike, though one session has four times as many pixels for it."""
    registrar = Registrar(3)
    for session, scale in zip(registrar.sessions, (1.0, 1.0, 4.0), strict=True):
        session.matrix = np.diag([scale, scale, 1.0])
    three_pixels = np.array([[1, 0, 3.0], [0, 1, 0], [0, 0, 1]])
    registrar.measured = lambda i, j: registrar.truth(i, j) @ (three_pixels if i == 1 else np.eye(3))
    (component,), _ = solve(registrar)
    in_first = [
        np.linalg.inv(matrix) @ session.matrix
        for matrix, session in zip(component.matrices, registrar.sessions, strict=True)
    ]
    np.testing.assert_allclose([abs(matrix[0, 2]) for matrix in in_first], [0, 1, 1], atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("n", [6, 20, 100])
def test_searches_grow_with_the_number_of_sessions(solve, n):
    registrar = Registrar(n)
    components, alignments = solve(registrar)
    assert members(components) == [tuple(range(n))]
    assert len(registrar.searched) == n - 1
    assert len(alignments) < 3 * n
    assert registrar.error(components[0]) < 0.5


def test_every_pair_of_few_sessions_is_aligned_but_only_a_chain_is_searched(solve):
    registrar = Registrar(4)
    _, alignments = solve(registrar)
    assert sorted(alignments) == list(combinations(range(4), 2))
    assert len(registrar.searched) == 3
    assert len(registrar.predicted) == 3


def test_a_pair_that_fails_is_reached_through_a_third_session(solve):
    """1-2 cannot be aligned with each other, but both with 0."""
    registrar = Registrar(3, refused={(1, 2)})
    components, alignments = solve(registrar)
    assert members(components) == [(0, 1, 2)]
    assert not alignments[1, 2].registered
    assert registrar.error(components[0]) < 0.05


@pytest.mark.parametrize("odd", range(5))
def test_a_session_of_another_field_is_set_aside_and_the_others_go_on(solve, odd):
    registrar = Registrar(5, fields=[int(k == odd) for k in range(5)])
    components, _ = solve(registrar)
    assert sorted(members(components), key=len) == [(odd,), tuple(k for k in range(5) if k != odd)]
    assert max(registrar.error(component) for component in components) < 0.05


def test_two_sets_of_sessions_are_solved_apart(solve):
    registrar = Registrar(6, fields=[0, 1, 0, 1, 1, 0])
    components, _ = solve(registrar)
    assert members(components) == [(0, 2, 5), (1, 3, 4)]
    assert max(registrar.error(component) for component in components) < 0.05


def test_sessions_that_fit_nobody_do_not_cost_all_pairs(solve):
    registrar = Registrar(30, fields=range(30))
    components, _ = solve(registrar)
    assert members(components) == [(k,) for k in range(30)]
    assert len(registrar.searched) < 6 * 30


@pytest.mark.parametrize("wrong", [(0, 1), (1, 2), (2, 3), (3, 4)])
def test_a_wrong_pair_that_contradicts_the_others_is_dropped(solve, wrong):
    registrar = Registrar(5, wrong={wrong: (15.0, 60.0)})
    components, alignments = solve(registrar)
    assert members(components) == [(0, 1, 2, 3, 4)]
    assert not alignments[wrong].registered
    assert "disagrees" in alignments[wrong].reason
    assert registrar.error(components[0]) < 0.05


def test_loops_close(solve):
    registrar = Registrar(6, noise=1.0)
    components, _ = solve(registrar)
    placed = components[0].matrices
    maps = {(i, j): placed[j] @ np.linalg.inv(placed[i]) for i, j in permutations(range(6), 2)}
    for i, j, k in permutations(range(6), 3):
        np.testing.assert_allclose(maps[k, i] @ maps[j, k] @ maps[i, j], np.eye(3), atol=1e-9)


@settings(max_examples=20)
@given(st.data())
def test_whatever_fails_every_session_is_in_one_component(data):
    n = data.draw(st.integers(2, 9))
    fields = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    pairs = list(combinations(range(n), 2))
    refused = data.draw(st.sets(st.sampled_from(pairs)))
    registrar = Registrar(n, fields, refused)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("register", "refine_near", "confirm"):
            patch.setattr(synchronisation, name, getattr(registrar, name))
        components, alignments = align_all(registrar.sessions, RADIUS, ConsensusParameters(), workers=1)
    assert sorted(k for component in components for k in component.members) == list(range(n))
    for component in components:
        assert len({fields[k] for k in component.members}) == 1
        assert registrar.error(component) < 0.05
    assert len(registrar.searched) == len(set(registrar.searched))
    assert all(i < j for i, j in alignments)


def test_workers_change_nothing(solve):
    results = []
    for workers in (1, 3):
        registrar = Registrar(9, fields=[0, 0, 1, 0, 0, 1, 0, 0, 0], noise=1.0, refused={(3, 4)})
        components, alignments = solve(registrar, workers)
        results.append((members(components), np.array([m for c in components for m in c.matrices]), list(alignments)))
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert results[0][2] == results[1][2]


def test_progress_reaches_its_total(monkeypatch: pytest.MonkeyPatch):
    registrar = Registrar(6, fields=[0, 0, 1, 0, 0, 0])
    for name in ("register", "refine_near", "confirm"):
        monkeypatch.setattr(synchronisation, name, getattr(registrar, name))
    reports: list[tuple[int, int]] = []
    align_all(registrar.sessions, RADIUS, ConsensusParameters(), lambda done, total: reports.append((done, total)), 1)
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert all(done <= total for done, total in reports)
    assert reports[-1][0] == reports[-1][1]
