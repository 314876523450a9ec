"""The check by activity: what it says of right, shuffled, shifted and partly wrong matches."""

from __future__ import annotations

from pathlib import Path

import check_activity as benchmark
import numpy as np
import pytest
import scipy.sparse
from helpers import run
from structured_traces import neuropil_of, put_traces, traces_of

from ndx_match.activity.check import check_activity
from ndx_match.activity.fits import doubtful_cells
from ndx_match.activity.structure import (
    FEWEST_CELLS,
    LARGEST_GROUP,
    Structure,
    StructureComparison,
    compare_structures,
    groups_of_neighbours,
    shuffled,
    structure_of,
)
from ndx_match.matchfile import write_match_file
from ndx_match.model import Session
from ndx_match.simulate import SimulationParameters, simulate
from ndx_match.simulate.files import true_identity, write_simulation
from ndx_match.sources import read_session, read_sessions

N = 120
N_GRID = 11
POINTS = np.random.default_rng(0).uniform(0, 400, (N, 2))


@pytest.fixture(scope="module")
def days() -> dict[float, tuple[Structure, Structure, Structure]]:
    """Three days of the same cells, by the strength of their structure."""
    cells = np.where(np.arange(N) < 8, -1, np.arange(N))
    return {s: tuple(structure_of(traces_of(cells, s, day)) for day in range(3)) for s in (0.3, 0.1, 0.0)}  # type: ignore[misc]


def compare(first: Structure, second: Structure, order: np.ndarray | None = None) -> StructureComparison:
    """Compare two days, with the cells of the second in another order."""
    order = np.arange(N) if order is None else order
    parts = [(each.whole, each.first, each.last) for each in (first, second)]
    moved = tuple(part[np.ix_(order, order)] for part in parts[1])
    return compare_structures(parts[0], moved, POINTS[order], np.random.default_rng(0), 150)  # type: ignore[arg-type]


def test_groups_hold_neighbours_and_shuffling_stays_in_them():
    group = groups_of_neighbours(POINTS)
    sizes = np.bincount(group)
    assert sizes.min() >= LARGEST_GROUP // 2
    assert sizes.max() <= LARGEST_GROUP
    assert max(np.ptp(POINTS[group == number], axis=0).max() for number in range(len(sizes))) < 250
    order = shuffled(group, np.random.default_rng(0))
    assert sorted(order) == list(range(N))
    assert np.array_equal(group[order], group)
    # The same ROIs are in the same groups, in whichever order they come.
    assert {frozenset(order[groups_of_neighbours(POINTS[order]) == n]) for n in range(len(sizes))} == {
        frozenset(np.flatnonzero(group == n)) for n in range(len(sizes))
    }


@pytest.mark.parametrize("structure", [0.3, 0.1, 0.0])
def test_z_of_shuffled_results_is_standard(days: dict, structure: float):
    some = np.arange(60)
    first, second = (tuple(part[np.ix_(some, some)] for part in vars(day).values()) for day in days[structure][:2])
    group = groups_of_neighbours(POINTS[some])
    comparisons = []
    for number in range(200):
        order = shuffled(group, np.random.default_rng([7, number]))
        moved = tuple(part[np.ix_(order, order)] for part in second)
        comparisons.append(compare_structures(first, moved, POINTS[order], np.random.default_rng(number), 60))
    z = [each.z for each in comparisons]
    assert abs(np.mean(z)) <= 0.2
    assert 0.8 <= np.std(z) <= 1.2
    assert not any(each.is_kept for each in comparisons)


def test_right_matches_keep_the_structure(days: dict):
    for structure in (0.3, 0.1):
        comparison = compare(*days[structure][:2])
        assert comparison.z > 5
        assert comparison.is_kept is True
    assert compare(*days[0.3][:2]).share == pytest.approx(1, abs=0.15)


def test_matches_that_are_shifted_by_one_neighbour_do_not(days: dict):
    group = groups_of_neighbours(POINTS, 4)
    order = np.arange(N)
    for number in range(group.max() + 1):
        members = np.flatnonzero(group == number)
        order[members] = np.roll(members, 1)
    comparison = compare(*days[0.3][:2], order)
    assert comparison.is_kept is False
    assert comparison.z < 4 < comparison.possible / comparison.spread


def with_neuropil(structure: float, length: float) -> tuple[list[Session], dict[int, Structure]]:
    """Two sessions with cells on a grid, and their activity if neuropil is alike over `length` pixels."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:N_GRID, :N_GRID].reshape(2, -1)
    places = np.stack([cols, rows], axis=1) * 24 + 12 + rng.integers(-4, 5, (N_GRID**2, 2))
    size = N_GRID * 24
    masks = scipy.sparse.csr_array(
        (np.ones(len(places)), (np.arange(len(places)), places[:, 1] * size + places[:, 0])), (len(places), size**2)
    )
    sessions = [Session(name, np.ones((size, size)), masks, np.arange(len(places))) for name in "ab"]
    structures = {}
    for day in (0, 1):
        traces = traces_of(np.arange(len(places)), structure, day)
        structures[day] = structure_of(traces + neuropil_of(places, length, day))
    return sessions, structures


@pytest.mark.parametrize("length", [30.0, 80.0])
@pytest.mark.parametrize("structure", [0.3, 0.0])
def test_neuropil_that_neighbours_share_does_not_make_a_shifted_match_look_right(structure: float, length: float):
    sessions, structures = with_neuropil(structure, length)
    right = np.repeat(np.arange(N_GRID**2, dtype=np.int32)[:, None], 2, axis=1)
    shifted = right.copy()
    shifted[:, 1] = np.where(right[:, 1] % N_GRID < N_GRID - 1, right[:, 1] + 1, -1)  # by one column of the grid
    planes = [benchmark.plane_of(sessions, cells) for cells in (right, shifted)]
    of_right, of_shifted = (check_activity(plane, structures) for plane in planes)
    assert of_right.pairs[0, 1].is_kept is (True if structure else None)
    assert not of_shifted.is_informative or of_shifted.pairs[0, 1].is_kept is False
    assert of_shifted.pairs[0, 1].z < 3
    assert len(of_right.doubts) <= 1


def test_less_than_a_quarter_is_not_kept_however_clear_it_is():
    clear = StructureComparison(100, correlation=0.06, chance=0.0, spread=0.01, possible=0.5)
    assert (clear.z, clear.is_kept) == (pytest.approx(6), False)
    assert StructureComparison(100, correlation=0.06, chance=0.0, spread=0.01, possible=0.2).is_kept is True
    assert StructureComparison(100, correlation=0.06, chance=0.0, spread=0.01, possible=0.05).is_kept is True
    assert StructureComparison(100, correlation=0.02, chance=0.0, spread=0.01, possible=0.05).is_kept is None


def test_without_structure_or_with_few_cells_nothing_can_be_told(days: dict):
    assert compare(*days[0.0][:2]).is_kept is None
    few = np.arange(FEWEST_CELLS - 1)
    parts = [(each.whole[np.ix_(few, few)],) * 3 for each in days[0.3][:2]]
    comparison = compare_structures(parts[0], parts[1], POINTS[few], np.random.default_rng(0))
    assert (comparison.n_cells, comparison.is_kept) == (len(few), None)
    assert np.isnan([comparison.correlation, comparison.chance, comparison.spread, comparison.possible]).all()


def test_structure_that_is_there_in_one_session_only_tells_nothing(days: dict):
    assert compare(days[0.3][0], days[0.0][1]).is_kept is None


def test_traces_that_are_missing_or_do_not_change_are_left_out():
    traces = traces_of(np.arange(6), 0.3, 0, n_times=400)
    trend = np.linspace(0, 100, 400)
    traces[0], traces[1], traces[2, :100], traces[3, 7:9] = np.nan, 3.0, np.nan, (np.nan, np.inf)
    traces[5] = trend
    structure = structure_of(traces)
    assert structure.known.tolist() == [False, False, False, True, True, False]
    with_trend = traces.copy()
    with_trend[4] += trend / 50
    assert structure_of(with_trend).whole[3, 4] == pytest.approx(structure.whole[3, 4], abs=0.02)
    assert not structure_of(traces[:, :2]).known.any()
    for factor in (1e-40, 1e300):  # the unit does not matter
        in_unit = structure_of(traces.astype(float) * factor)
        assert in_unit.known.tolist() == structure.known.tolist()
        assert in_unit.whole[3, 4] == pytest.approx(structure.whole[3, 4], abs=1e-5)


def test_cells_that_disagree_are_found_with_the_roi_that_fits_better(days: dict):
    cells = np.repeat(np.arange(N, dtype=np.int32)[:, None], 3, axis=1)
    correlations = {day: structure.whole for day, structure in enumerate(days[0.3])}
    partners = {0: [1, 2], 1: [0, 2], 2: [0, 1]}
    points = dict.fromkeys(range(3), POINTS)
    right = doubtful_cells(cells, correlations, points, partners)
    assert [doubt for doubt in right if doubt.cell >= 8] == []  # those below are false ROIs
    one = 60
    other = int(np.argsort(np.linalg.norm(POINTS - POINTS[one], axis=1))[1])
    cells[[one, other], 1] = cells[[other, one], 1]
    doubts = doubtful_cells(cells, correlations, points, partners)[:2]
    assert {(doubt.cell, doubt.session, doubt.roi_row, doubt.better_row) for doubt in doubts} == {
        (one, 1, other, one), (other, 1, one, other)
    }  # fmt: skip
    assert all(doubt.better_fit > doubt.fit for doubt in doubts)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two sessions with structured activity, and a match file of their true cells."""
    folder = tmp_path_factory.mktemp("active")
    parameters = SimulationParameters(2, (200, 200), n_cells=90, shift=4.0, non_rigid=1.0, cell_radius=5.0, merges=0.0)
    paths = write_simulation(simulate(parameters, 0), folder)
    sessions = read_sessions(paths)
    identity = true_identity(folder, sessions)
    cells = benchmark.right_matches(identity)
    write_match_file(sessions, benchmark.plane_of(sessions, cells).result, folder / "matches.nwb")
    (folder / "active").mkdir()
    for day, path in enumerate(paths):
        copy = folder / "active" / path.name
        copy.write_bytes(path.read_bytes())
        put_traces(copy, traces_of(identity[day], 0.3, day))
    return folder


def test_the_command_says_that_the_structure_is_kept(files: Path):
    outcome = run("check-activity", files / "matches.nwb", *sorted((files / "active").glob("*.nwb"))).succeeded()
    titles, row = outcome.out.splitlines()[:2]
    assert titles.split()[:3] == ["pair", "cells", "correlation"]
    assert row.endswith("  kept")
    assert "cannot tell" not in outcome.out


def test_the_command_says_that_it_cannot_tell(files: Path):
    outcome = run("check-activity", files / "matches.nwb", *sorted(files.glob("sub-*.nwb"))).succeeded()
    assert outcome.out.splitlines()[1].endswith("  cannot tell")
    assert outcome.out.splitlines()[-1] == "This activity does not show whether the matches are right."
    assert outcome.err == ""


@pytest.mark.slow
def test_the_command_warns_of_wrong_matches(files: Path, tmp_path: Path):
    inputs = sorted((files / "active").glob("*.nwb"))
    sessions = read_sessions(inputs)
    points = [benchmark.centroids(session.footprints, session.shape[1]) for session in sessions]
    cells = benchmark.shift(benchmark.right_matches(true_identity(files, sessions)), points)
    write_match_file(sessions, benchmark.plane_of(sessions, cells).result, tmp_path / "m.nwb")
    outcome = run("check-activity", tmp_path / "m.nwb", *inputs).succeeded()
    assert outcome.out.splitlines()[1].endswith("  NOT KEPT")
    assert "Warning: 1080000000 - 1080000001: matched cells do not keep the structure of their activity" in outcome.err


def test_series_without_numbers_are_refused(files: Path, tmp_path: Path):
    inputs = [tmp_path / path.name for path in sorted((files / "active").glob("*.nwb"))]
    for path in inputs:
        path.write_bytes((files / "active" / path.name).read_bytes())
        put_traces(path, np.full((len(read_session(path).roi_ids), 7), b"x"))
    run("check-activity", files / "matches.nwb", *inputs).refused(inputs[0].name, "does not hold real numbers")


@pytest.mark.slow
def test_mistakes_are_explained(files: Path):
    matches, (first, second) = files / "matches.nwb", sorted((files / "active").glob("*.nwb"))
    run("check-activity", matches, first).refused("only one session is in the files given")
    run("check-activity", matches, first, first).refused("is in two of the files")
    run("check-activity", matches, first, matches).refused("no session of")
    run("check-activity", matches, first, second, "--series", "F").refused("has no series of responses 'F'; there are")
