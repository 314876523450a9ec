"""The nway pipeline against recorded outputs of the published package on three real sessions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ndx_match.methods import nway
from ndx_match.model import MatchResult, Registration, Session
from ndx_match.sources import SourceOptions, read_sessions

RECORDINGS = {
    "two_sessions_default": {},
    "two_sessions_hungarian_popmax": {
        "assignment_solver": "Hungarian",
        "pruning_method": "popmax",
        "maximum_distance": 15,
    },
    "three_sessions_default": {},
    "three_sessions_affine": {"motion_type": "MOTION_AFFINE", "include_original": True},
}


@pytest.fixture(scope="module")
def sessions(allen_sessions: list[Path]) -> list[Session]:
    return read_sessions(allen_sessions, SourceOptions(checksum=False))


@pytest.fixture(params=RECORDINGS)
def recorded(request: pytest.FixtureRequest, allen_data: Path) -> tuple[dict[str, Any], nway.NwayParameters]:
    text = (allen_data / "nway_output" / f"{request.param}.json").read_text()
    return json.loads(text), nway.NwayParameters(**RECORDINGS[request.param])


def pairs_by_id(result: MatchResult, sessions: list[Session], fixed: int, moving: int, accepted: bool):
    pairs = result.roi_pairs.between(fixed, moving)
    pairs = pairs.take(pairs.accepted == accepted)
    ids = zip(
        sessions[fixed].roi_ids[pairs.fixed_roi_row].tolist(),
        sessions[moving].roi_ids[pairs.moving_roi_row].tolist(),
        strict=True,
    )
    return dict(zip(ids, zip(pairs.centroid_distance, pairs.iou, pairs.cost, strict=True), strict=True))


def assert_same_pairs(result: MatchResult, sessions: list[Session], entry: dict[str, Any], tolerance: float):
    fixed, moving = entry["fixed_experiment"], entry["moving_experiment"]
    for accepted, key in ((True, "matches"), (False, "rejected")):
        expected = {(p["fixed"], p["moving"]): (p["distance"], p["iou"], p["cost"]) for p in entry[key]}
        actual = pairs_by_id(result, sessions, fixed, moving, accepted)
        assert actual.keys() == expected.keys()
        if expected:
            np.testing.assert_allclose([actual[k] for k in expected], [*expected.values()], rtol=0, atol=tolerance)
    pairs = result.roi_pairs.between(fixed, moving)
    for side, position, rows in (("fixed", fixed, pairs.fixed_roi_row), ("moving", moving, pairs.moving_roi_row)):
        in_no_pair = np.setdiff1d(np.arange(sessions[position].n_rois), rows)
        assert set(sessions[position].roi_ids[in_no_pair].tolist()) == set(entry["unmatched"][side])


def groups_by_id(result: MatchResult, sessions: list[Session]) -> list[list[int]]:
    return sorted(
        sorted(int(sessions[k].roi_ids[row]) for k, row in enumerate(cell) if row >= 0) for cell in result.cells
    )


def test_from_the_recorded_transforms_everything_is_equal(sessions: list[Session], recorded):
    recording, parameters = recorded
    entries = recording["pairwise_results"]
    registrations = [
        Registration(e["fixed_experiment"], e["moving_experiment"], np.array(e["transform"]["matrix"])) for e in entries
    ]
    of_run = sessions[: 1 + max(r.moving_session for r in registrations)]
    result = nway.match_registered(of_run, registrations, parameters)
    for entry in entries:
        assert_same_pairs(result, of_run, entry, tolerance=1e-6)
    assert groups_by_id(result, of_run) == sorted(map(sorted, recording["nway_matches"]))


def test_end_to_end_the_well_aligned_pair_is_the_same(sessions: list[Session], recorded):
    """The pairs with the third session are aligned wrongly, and where to depends on OpenCV and the processor."""
    recording, parameters = recorded
    entry = recording["pairwise_results"][0]
    result = nway.match(sessions[:2], parameters)
    registration = result.registrations[0]
    assert list(registration.steps) == entry["transform"]["best_registration"]
    corners = np.array([[0, 0, 1], [446, 0, 1], [0, 511, 1], [446, 511, 1]])
    expected = np.array(entry["transform"]["matrix"])
    assert np.abs(corners @ (registration.matrix - expected).T).max() < 0.01  # pixels
    # Equal to 1e-6 with OpenCV 4.14. The transforms of 5.0 differ by up to 0.004 px, so that some masks' edges do.
    assert_same_pairs(result, sessions[:2], entry, tolerance=0.15)
    if len(recording["pairwise_results"]) == 1:
        assert groups_by_id(result, sessions) == sorted(map(sorted, recording["nway_matches"]))
