"""A session is added to a result: the cells that are there stay, and get the right ROIs of the new session."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from builders import result_of

from ndx_cell_matching.registrations import SessionRegistration
from ndx_match.errors import MethodError
from ndx_match.methods import add, consensus
from ndx_match.methods.consensus.stored_frame import StoredFrame, maps_from
from ndx_match.model import MatchResult, Presence, RegistrationOutcome, SessionStatus
from ndx_match.simulate import Simulation, SimulationParameters, simulate
from ndx_match.simulate.scores import LinkScore, score_links

FOUR = SimulationParameters(shape=(208, 208), n_cells=54, shift=12.0, n_sessions=4)


@cache
def simulation(**changes) -> Simulation:
    return simulate(replace(FOUR, **changes), 3)


@cache
def before() -> MatchResult:
    result = consensus.match(simulation().sessions[:3])
    return replace(result, cell_ids=500 - 2 * np.arange(len(result.cells)))


@cache
def after() -> MatchResult:
    return add(simulation().sessions[:3], before(), simulation().sessions[3])


def of_last(cells: np.ndarray, simulated: Simulation) -> float:
    """F1 of the links of the last session with the others."""
    pairs = score_links(cells, simulated.identity).pairs
    last = len(simulated.identity) - 1
    return LinkScore.of_pairs({pair: count for pair, count in pairs.items() if last in pair}).f1


@pytest.mark.slow
def test_cells_keep_rois_ids_and_rows():
    old, new = before(), after()
    n = len(old.cells)
    np.testing.assert_array_equal(new.cells[:n, :3], old.cells)
    np.testing.assert_array_equal(new.cell_ids[:n], old.cell_ids)
    assert new.cell_ids[n:].tolist() == list(range(501, 501 + len(new.cells) - n))
    np.testing.assert_array_equal(new.presence[:n, :3], old.presence)


def test_every_roi_of_the_new_session_is_in_one_cell():
    rows = after().cells[:, 3]
    assert np.sort(rows[rows >= 0]).tolist() == list(range(simulation().sessions[3].n_rois))


@pytest.mark.slow
def test_the_new_session_is_matched_as_well_as_among_all():
    every = consensus.match(simulation().sessions)
    assert of_last(after().cells, simulation()) > of_last(every.cells, simulation()) - 0.02


def test_the_evidence_is_there_and_that_of_the_others_stays():
    old, new = before(), after()
    among_old = new.roi_pairs.take(new.roi_pairs.moving_session < 3)
    for name, values in vars(old.roi_pairs).items():
        np.testing.assert_array_equal(getattr(among_old, name), values)
    added = new.roi_pairs.take(new.roi_pairs.moving_session == 3)
    assert added.accepted.sum() == sum(new.n_matches[k, 3] for k in range(3))
    assert (added.probability[added.accepted] >= 0.5).all()
    changed = np.flatnonzero((new.cells[:, 3] >= 0) & (new.n_sessions_of_cell > 1))
    assert np.isfinite(new.confidence[changed]).all()
    same = np.flatnonzero(new.cells[: len(old.cells), 3] < 0)
    np.testing.assert_array_equal(new.confidence[same], old.confidence[same])


def test_the_new_session_is_aligned_with_all_others():
    new = after()
    assert [(r.fixed_session, r.moving_session) for r in new.registrations] == [
        (i, j) for i in range(4) for j in range(i + 1, 4)
    ]
    sessions = simulation().sessions
    places = np.array([[60.0, 60.0], [150.0, 60.0], [100.0, 150.0]])
    for k in range(3):
        registration = new.registration(k, 3)
        stored = SessionRegistration(registration.matrix, registration.displacement, sessions[k].shape)
        expected = simulation().transforms[3](simulation().transforms[k].inverse(places))
        assert np.linalg.norm(stored.to_moving(places) - expected, axis=1).max() < 2.5


@pytest.mark.slow
def test_a_session_that_fits_no_other_is_set_aside():
    other = simulation(fields=(0, 0, 0, 1)).sessions[3]
    new = add(simulation().sessions[:3], before(), other)
    assert new.session_status.tolist() == [SessionStatus.MATCHED] * 3 + [SessionStatus.NOT_REGISTERED]
    assert new.n_matches[:3, 3].tolist() == [0, 0, 0]
    assert (new.presence[: len(before().cells), 3] == Presence.NOT_REGISTERED).all()
    assert new.warnings[-1].startswith(f"{other.name} was set aside: no alignment with any other session")
    assert not any(r.registered for r in new.registrations if r.moving_session == 3)


@pytest.mark.slow
def test_rois_that_take_no_part_are_in_no_cell():
    session = simulation().sessions[3]
    takes_part = np.arange(session.n_rois) % 3 > 0
    new = add(simulation().sessions[:3], before(), replace(session, takes_part=takes_part))
    rows = new.cells[:, 3]
    assert np.sort(rows[rows >= 0]).tolist() == np.flatnonzero(takes_part).tolist()


@pytest.mark.slow
def test_sessions_that_are_aligned_through_another_only_are_found_through_it():
    old = before()
    apart = [
        replace(r, outcome=RegistrationOutcome.NOT_REGISTERED) if (r.fixed_session, r.moving_session) == (0, 2) else r
        for r in old.registrations
    ]
    confidence = np.where(np.arange(len(old.cells)) == 1, np.nan, old.confidence)  # as of a cell that a person made
    old = replace(old, registrations=tuple(apart), confidence=confidence)
    new = add(simulation().sessions[:3], old, simulation().sessions[3])
    assert np.isnan(new.confidence[1])
    assert [(r.fixed_session, r.registered) for r in new.registrations if r.moving_session == 3] == [
        (0, True),
        (1, True),
        (2, True),
    ]
    assert of_last(new.cells, simulation()) > of_last(after().cells, simulation()) - 0.02


def test_a_method_that_cannot_add_is_refused():
    result = replace(result_of(np.zeros((1, 2), np.int32)), method="nway")
    with pytest.raises(MethodError, match="No session can be added to a result of the method nway"):
        add(simulation().sessions[:2], result, simulation().sessions[2])


def test_the_frame_is_that_of_the_stored_alignments():
    result, sessions = before(), simulation().sessions[:3]
    frame = StoredFrame((230, 230), np.array([-9.0, -5.0]), tuple(maps_from(result, sessions, 1, [1, 0, 2])))
    points = np.array([[70.0, 40.0], [100.0, 150.0], [199.0, 29.0]])
    for at in range(3):
        places = frame.places(at)[points[:, 1].astype(int), points[:, 0].astype(int)]
        expected = frame.maps[at].to_moving(points + frame.origin)
        np.testing.assert_allclose(places, expected, atol=1e-3)
        np.testing.assert_allclose(frame.from_session(at, expected), points, atol=1e-3)
