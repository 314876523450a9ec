"""The registration of two sessions, and when it is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import scipy.sparse
from measures import inside

from ndx_match.footprints import transform_points
from ndx_match.methods.consensus.blocks import grid_points
from ndx_match.methods.consensus.coincidence import coincidences
from ndx_match.methods.consensus.pairs import PairAlignment, confirm, prepare, register
from ndx_match.methods.consensus.parameters import ConsensusParameters
from ndx_match.model import Session
from ndx_match.simulate import Simulation, SimulationParameters, simulate

SMALL = SimulationParameters(n_sessions=2, shape=(256, 256), n_cells=80, shift=15.0)
DEFAULTS = ConsensusParameters()
SMALL_FIELD = {"shape": (96, 96), "n_cells": 60, "cell_radius": 5.0, "shift": 6.0, "rotation": 1.0}


@cache
def simulation(seed: int = 1, **changes) -> Simulation:
    return simulate(replace(SMALL, **changes), seed)


def align(fixed: Session, moving: Session, parameters: ConsensusParameters = DEFAULTS) -> PairAlignment:
    (first, second), radius = prepare([fixed, moving])
    return register(first, second, radius, parameters)


def error(simulated: Simulation, matrix: np.ndarray) -> float:
    """Median distance in pixels from where points of session 0 truly lie in session 1."""
    points = grid_points(simulated.sessions[0].shape, 16)
    truth = simulated.map_points(0, 1, points)
    in_field = inside(truth, simulated.sessions[1].shape)
    return float(np.median(np.linalg.norm(transform_points(matrix, points[in_field]) - truth[in_field], axis=1)))


def without_contrast(session: Session, value: float = 37.7) -> Session:
    return replace(session, image=np.full(session.shape, value, np.float32))


def with_rois(session: Session, n: int) -> Session:
    return replace(session, footprints=session.footprints[:n], roi_ids=session.roi_ids[:n], takes_part=None)


def window(session: Session, rows: slice, cols: slice) -> Session:
    masks = session.footprints.toarray().reshape(-1, *session.shape)[:, rows, cols]
    footprints = scipy.sparse.csr_array(masks.reshape(len(masks), -1))
    return replace(session, image=session.image[rows, cols].copy(), footprints=footprints)


def mirrored(session: Session) -> Session:
    return window(session, slice(None), slice(None, None, -1))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"shift": 70.0, "rotation": 12.0},
        {"stretched_session": 1, "stretch": (0.75, 1.17), "rotation": 6.0},
        {"stretched_session": 1, "stretch": (1.25, 0.9)},
        {"stripes": 0.3},
        {"n_cells": 8, "cell_radius": 7.0},
    ],
    ids=["typical", "far", "stretched", "stretched the other way", "stripes", "few cells"],
)
def test_it_registers_what_belongs_together(changes):
    simulated = simulation(3, **changes)
    alignment = align(*simulated.sessions)
    assert alignment.registered, alignment.reason
    assert error(simulated, alignment.matrix) < 2.5  # pixels; the tissue bends by up to 4
    assert alignment.score > 2.5 * alignment.chance


def test_rigid_tissue_is_registered_to_a_fraction_of_a_pixel():
    simulated = simulation(4, non_rigid=0.0, shift=40.0, rotation=5.0)
    assert error(simulated, align(*simulated.sessions).matrix) < 0.25


def test_sessions_of_different_size():
    """The windows begin at other rows and columns, which the matrix must know."""
    simulated = simulation(1, non_rigid=0.0)
    fixed, moving = simulated.sessions
    alignment = align(window(fixed, slice(30, 250), slice(10, 256)), window(moving, slice(0, 200), slice(40, 256)))
    assert alignment.registered, alignment.reason
    from_window, to_window = np.eye(3), np.eye(3)
    from_window[:2, 2], to_window[:2, 2] = (10, 30), (-40, 0)
    whole = np.linalg.inv(to_window) @ alignment.matrix @ np.linalg.inv(from_window)
    assert error(simulated, whole) < 0.5


@pytest.mark.parametrize("n_cells", [80, 20])
@pytest.mark.parametrize("seed", range(2))
def test_unrelated_fields_are_refused(seed, n_cells):
    alignment = align(*simulation(seed, fields=(0, 1), n_cells=n_cells).sessions)
    assert not alignment.registered
    assert "not well above chance" in alignment.reason


@pytest.mark.parametrize("seed", [2, 6])
def test_few_rois_without_images_are_registered_where_many_fall_together(seed):
    """Of a small field, in which the density of the ROIs stands out too little."""
    simulated = simulation(seed, **SMALL_FIELD)
    alignment = align(*map(without_contrast, simulated.sessions))
    assert alignment.registered, alignment.reason
    assert alignment.score < DEFAULTS.significance
    assert error(simulated, alignment.matrix) < 2.5


@pytest.mark.parametrize("seed", range(2))
def test_few_rois_of_unrelated_fields_without_images_are_refused(seed):
    alignment = align(*map(without_contrast, simulation(seed, fields=(0, 1), **SMALL_FIELD).sessions))
    assert not alignment.registered
    assert "not well above chance" in alignment.reason


def test_centroids_that_fall_together_are_counted_at_an_alignment_and_at_shifts_that_must_be_wrong():
    places = np.random.default_rng(0).uniform(0, 100, (30, 2))
    at, chance = coincidences(places, places + np.array([0.9, -0.9]), 2.0, np.array([40.0, 40.0]))
    assert at >= 30
    assert chance < 6
    moved, elsewhere = coincidences(places, places + np.array([20.0, 0.0]), 2.0, np.array([40.0, 40.0]))
    assert moved < 6
    assert elsewhere >= 30
    assert coincidences(places[:0], places, 2.0, np.array([40.0, 40.0])) == (0, 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_mirrored_session_is_refused(seed):
    session = simulation(seed).sessions[0]
    assert not align(session, mirrored(session)).registered


def test_a_registration_shifted_by_100_pixels_is_refused():
    sessions = simulation(1).sessions
    (fixed, moving), radius = prepare(sessions)
    right = register(fixed, moving, radius, DEFAULTS)
    assert right.registered
    for shift in ((100, 0), (0, -100), (-71, 71)):
        wrong = np.eye(3)
        wrong[:2, 2] = shift
        alignment = confirm(fixed, moving, wrong @ right.matrix, DEFAULTS)
        assert not alignment.registered
        assert "not well above chance" in alignment.reason


def test_stripes_that_images_share_do_not_win_where_the_tissue_has_moved():
    """Stripes as strong as the tissue, in the very same rows of both sessions."""
    simulated = simulation(5, shift=40.0, non_rigid=0.0)
    rows = np.arange(256)[:, None]
    stripes = np.sign(np.sin(0.7 * rows) + 0.5 * np.sin(0.23 * rows))
    striped = [
        replace(session, image=(session.image + 2 * session.image.std() * stripes).astype(np.float32))
        for session in simulated.sessions
    ]
    alignment = align(*striped)
    assert alignment.registered, alignment.reason
    assert error(simulated, alignment.matrix) < 0.5


def test_images_that_agree_where_no_roi_does_are_refused():
    """Say a pattern in the images that is no tissue; the ROIs know better."""
    first, second = simulation(1).sessions[0], simulation(2).sessions[0]
    alignment = align(first, replace(second, image=first.image))
    assert not alignment.registered
    assert "the ROIs do not" in alignment.reason


@pytest.mark.parametrize("value", [0.0, 37.7])
def test_sessions_without_contrast_are_aligned_by_their_rois(value):
    simulated = simulation(1)
    for changed in ({0, 1}, {1}):
        alignment = align(
            *(without_contrast(s, value) if k in changed else s for k, s in enumerate(simulated.sessions))
        )
        assert alignment.registered, alignment.reason
        assert error(simulated, alignment.matrix) < 3
    other = simulation(2).sessions[1]
    assert not align(without_contrast(simulated.sessions[0]), without_contrast(other)).registered


@pytest.mark.parametrize("n_rois", [0, 1, 5])
def test_few_rois_are_no_evidence_for_or_against_an_alignment(n_rois):
    simulated = simulation(1)
    first, second = simulated.sessions
    for pair in ((first, with_rois(second, n_rois)), (with_rois(first, n_rois), with_rois(second, n_rois))):
        alignment = align(*pair)
        assert alignment.registered, alignment.reason
        assert error(simulated, alignment.matrix) < 2.5
    unrelated = simulation(2).sessions[0]
    assert not align(with_rois(first, n_rois), with_rois(unrelated, n_rois)).registered


def test_it_says_when_there_is_nothing_to_align_by():
    first, second = (without_contrast(with_rois(session, 5)) for session in simulation(1).sessions)
    alignment = align(first, second)
    assert not alignment.registered
    assert "neither contrast in the images nor 20 ROIs" in alignment.reason


@pytest.mark.parametrize("zoom", [0.6, 2.0])
@pytest.mark.slow
def test_known_sizes_of_pixels_lead_to_magnifications_beyond_the_search(zoom):
    simulated = simulation(4, stretched_session=1, stretch=(zoom, zoom))
    fixed, moving = simulated.sessions
    unknown = align(replace(fixed, pixel_size=None), replace(moving, pixel_size=None))
    assert not unknown.registered
    alignment = align(fixed, replace(moving, pixel_size=(0.78 / zoom, 0.78 / zoom)))
    assert alignment.registered, alignment.reason
    assert error(simulated, alignment.matrix) < 3


def test_sizes_of_rows_and_columns_are_not_mixed_up():
    simulated = simulation(4, stretched_session=1, stretch=(0.6, 1.1))
    fixed, moving = simulated.sessions
    limits = ConsensusParameters(smallest_scale=1.0, largest_scale=1.0)
    alignment = align(fixed, replace(moving, pixel_size=(0.78 / 1.1, 0.78 / 0.6)), limits)
    assert alignment.registered, alignment.reason
    assert not align(fixed, replace(moving, pixel_size=(0.78 / 0.6, 0.78 / 1.1)), limits).registered


def test_wrong_sizes_of_pixels_do_not_mislead():
    simulated = simulation(1)
    fixed, moving = simulated.sessions
    alignment = align(fixed, replace(moving, pixel_size=(0.4, 1.5)))
    assert alignment.registered, alignment.reason
    assert error(simulated, alignment.matrix) < 2.5


def test_narrower_limits_are_kept():
    sessions = simulation(3, shift=70.0, rotation=12.0).sessions
    assert not align(*sessions, ConsensusParameters(largest_shift=0.1)).registered
