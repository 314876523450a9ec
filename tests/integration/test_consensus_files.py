"""What the consensus method knows, written to a match file and read back; and the command that does it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import h5py
import numpy as np
import pynwb
import pytest
from helpers import run

from ndx_cell_matching import CellMatching
from ndx_cell_matching.registrations import displacement_at
from ndx_match.footprints import transform_points
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import consensus
from ndx_match.methods.consensus.blocks import grid_points
from ndx_match.model import MatchResult, Presence, Session
from ndx_match.simulate import TIERS, simulate
from ndx_match.simulate.files import write_simulation
from ndx_match.sources import SourceOptions, read_sessions

SHAPE = (208, 208)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three sessions of one field and one of another."""
    parameters = replace(TIERS["typical"], shape=SHAPE, n_cells=54, shift=12.0, n_sessions=4, fields=(0, 0, 1, 0))
    return list(write_simulation(simulate(parameters, 3), tmp_path_factory.mktemp("simulated"), n_samples=10))


@pytest.fixture(scope="module")
def sessions(files: list[Path]) -> list[Session]:
    return read_sessions(files, SourceOptions(checksum=False))


@pytest.fixture(scope="module")
def result(sessions: list[Session]) -> MatchResult:
    return consensus.match(sessions)


@pytest.fixture(scope="module")
def match_file(sessions: list[Session], result: MatchResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("matched") / "matches.nwb"
    write_match_file(sessions, result, path)
    return path


@pytest.mark.slow
def test_the_file_is_valid(match_file: Path):
    assert pynwb.validate(path=match_file) == []


def test_everything_comes_back(match_file: Path, result: MatchResult):
    read = read_match_file(match_file).result
    assert read.method == "consensus"
    assert read.parameters == result.parameters
    assert read.software == result.software
    assert read.session_status.tolist() == result.session_status.tolist()
    assert read.warnings == result.warnings
    np.testing.assert_array_equal(read.cells, result.cells)
    np.testing.assert_array_equal(read.presence, result.presence)
    np.testing.assert_allclose(read.confidence, result.confidence)
    for name, values in vars(result.roi_pairs).items():
        if values is None:
            assert getattr(read.roi_pairs, name) is None
        else:
            np.testing.assert_allclose(getattr(read.roi_pairs, name), values, err_msg=name)
    assert len(read.registrations) == len(result.registrations)
    for read_back, written in zip(
        sorted(read.registrations, key=lambda r: (r.fixed_session, r.moving_session)), result.registrations, strict=True
    ):
        assert (read_back.fixed_session, read_back.moving_session, read_back.registered) == (
            written.fixed_session,
            written.moving_session,
            written.registered,
        )
        # The steps are kept as one text, for people.
        assert (read_back.steps, read_back.reason, read_back.score, read_back.chance_score) == (
            (", ".join(written.steps),),
            written.reason,
            written.score,
            written.chance_score,
        )
        np.testing.assert_allclose(read_back.matrix, written.matrix)
        if written.displacement is None:
            assert read_back.displacement is None
        else:
            np.testing.assert_allclose(read_back.displacement, written.displacement)


def test_a_session_set_aside_is_in_the_file_with_its_rois(match_file: Path, sessions: list[Session]):
    read = read_match_file(match_file).result
    assert not read.is_matched[2]
    assert any(sessions[2].name in warning for warning in read.warnings)
    of_third = read.cells[:, 2] >= 0
    assert of_third.sum() == sessions[2].n_rois
    assert (read.n_sessions_of_cell[of_third] == 1).all()
    assert (read.presence[of_third][:, [0, 1, 3]] == Presence.NOT_REGISTERED).all()


def test_scores_tell_right_alignments_from_wrong_ones(match_file: Path):
    for registration in read_match_file(match_file).result.registrations:
        assert registration.score is not None
        assert registration.chance_score is not None
        right = 2 not in (registration.fixed_session, registration.moving_session)
        assert registration.registered == right
        assert (registration.score > max(9.0, 2.5 * registration.chance_score)) == right


def test_registrations_of_the_file_lead_there_and_back(match_file: Path):
    """The table holds both directions; through one and the other a point returns to its place."""
    with pynwb.NWBHDF5IO(match_file, "r") as io:
        matching = io.read().processing["ophys"]["CellMatching"]
        assert isinstance(matching, CellMatching)
        columns = {name: matching.registrations[name].data[:] for name in matching.registrations.colnames}
    pairs = zip(columns["fixed_session"].tolist(), columns["moving_session"].tolist(), strict=True)
    rows = {pair: row for row, pair in enumerate(pairs)}
    points = grid_points(SHAPE, 16)
    points = points[((points > 40) & (points < 168)).all(axis=1)]
    for i, j in combinations((0, 1, 3), 2):
        at = points
        for pair in ((i, j), (j, i)):
            row = rows[pair]
            at = transform_points(columns["matrix"][row], at) + displacement_at(columns["displacement"][row], SHAPE, at)
        assert np.median(np.linalg.norm(at - points, axis=1)) < 0.1


@pytest.mark.slow
def test_the_command_gives_the_same_cells(files: list[Path], result: MatchResult, tmp_path: Path):
    output = tmp_path / "by_command.nwb"
    command = [
        sys.executable,
        "-c",
        "from ndx_match.cli import main; main()",
        "write",
        "--method",
        "consensus",
        *map(str, files),
    ]
    subprocess.run([*command, "-o", str(output)], check=True, capture_output=True)
    read = read_match_file(output).result
    np.testing.assert_array_equal(read.cells, result.cells)
    np.testing.assert_array_equal(read.presence, result.presence)


@pytest.mark.slow
def test_the_number_of_jobs_changes_no_byte_of_the_tables(files: list[Path], tmp_path: Path):
    tables = []
    for jobs in (1, 2):
        path = tmp_path / f"{jobs}.nwb"
        run("write", *files, "-o", path, "-j", jobs, "--no-checksum", "--allow-different-subjects").succeeded()
        with h5py.File(path) as file:
            matching = file["processing/ophys/CellMatching"]
            tables.append(
                {
                    f"{name}/{column}": data[()].tobytes()
                    for name in ("cells", "roi_pairs", "registrations")
                    for column, data in matching[name].items()
                    if h5py.check_string_dtype(data.dtype) is None
                }
            )
            assert matching["registrations/displacement"].compression == "gzip"
            assert matching["registrations/displacement"].shuffle
    assert tables[0] == tables[1]
    assert len(tables[0]) > 20


@pytest.mark.parametrize("jobs", ["0", "-1", "many"])
def test_there_is_at_least_one_job(files: list[Path], tmp_path: Path, jobs: str):
    outcome = run("write", *files, "-o", tmp_path / "m.nwb", "-j", jobs)
    assert outcome.code == 2
    assert "--jobs" in outcome.err
