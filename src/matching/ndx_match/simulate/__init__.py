"""Sessions of an animal whose truth is known: images, masks, and which ROIs are the same cell.

:func:`simulate` makes them, :data:`TIERS` holds the difficulties that methods are measured on, and
:func:`ndx_match.simulate.files.write_simulation` writes them as NWB files.
"""

from __future__ import annotations

import numpy as np

from ..model import Session, SourceInfo
from .image import grow_tissue, look, record
from .masks import footprints, segment
from .tiers import TIERS, SimulationParameters
from .truth import Simulation, detection_probability
from .warp import enclosing_canvas, random_affine, random_warp, still_warp

__all__ = ["TIERS", "Simulation", "SimulationParameters", "simulate"]

#: Cells of the second piece of tissue are numbered from here, and so on: no number is used twice.
_CELLS_PER_FIELD = 1_000_000


def simulate(parameters: SimulationParameters, seed: int) -> Simulation:
    """Simulate the sessions of one animal.

    The same parameters and seed give the same arrays. Each session and each piece of tissue draws from a random
    stream of its own, so that a parameter of one part leaves the others as they are.

    Parameters
    ----------
    parameters : SimulationParameters
        What to simulate; :data:`TIERS` holds the standard ones.
    seed : int
        Any number not below zero.

    Returns
    -------
    Simulation
        Sessions and truth.
    """
    root = np.random.SeedSequence(seed)
    geometry, tissues_seed, sessions_seed, ids_seed = root.spawn(4)
    fields = parameters.field_of_session
    streams = [np.random.default_rng(s) for s in geometry.spawn(parameters.n_sessions)]
    matrices = []
    for session, rng in enumerate(streams):
        stretch = parameters.stretch if session == parameters.stretched_session else (1.0, 1.0)
        drawn = random_affine(rng, parameters, stretch)
        matrices.append(np.eye(3) if session == 0 else drawn)
    padding = 2 * parameters.non_rigid + 5 * parameters.cell_radius
    canvas = enclosing_canvas(matrices, parameters.shape, padding)
    warps = tuple(
        still_warp(canvas) if session == 0 else random_warp(rng, parameters, canvas, matrix)
        for session, (rng, matrix) in enumerate(zip(streams, matrices, strict=True))
    )
    n_fields = max(fields) + 1
    tissues = [grow_tissue(np.random.default_rng(s), parameters, canvas) for s in tissues_seed.spawn(n_fields)]
    ids = np.random.default_rng(ids_seed)
    depths = np.zeros(parameters.n_sessions)
    depths[1:] = ids.uniform(-parameters.depth_shift, parameters.depth_shift, parameters.n_sessions - 1)
    chances = [detection_probability(tissue.bodies, depths, parameters) for tissue in tissues]

    sessions, identity = [], []
    first_id = 1_080_000_000 + int(ids.integers(10_000_000))
    for number, stream in enumerate(sessions_seed.spawn(parameters.n_sessions)):
        scene, detector, segmentation = (np.random.default_rng(s) for s in stream.spawn(3))
        tissue, warp, depth = tissues[fields[number]], warps[number], float(depths[number])
        light = look(scene, tissue, warp, depth, parameters)
        detected = segmentation.random(len(tissue.bodies)) < chances[fields[number]][:, number]
        masks = segment(segmentation, tissue.bodies, detected, depth, warp, parameters)
        masks = [masks[k] for k in segmentation.permutation(len(masks))]
        cells = np.array([mask.cell for mask in masks], np.int64)
        identity.append(np.where(cells >= 0, cells + fields[number] * _CELLS_PER_FIELD, -1))
        if parameters.roi_id_style == "large":
            roi_ids = first_id + np.cumsum(ids.integers(1, 4, len(masks)))
            first_id += int(ids.integers(500_000, 5_000_000))
        else:
            roi_ids = np.arange(len(masks))
        sessions.append(
            Session(
                name=f"session_{number}",
                image=record(detector, light, parameters),
                footprints=footprints(masks, parameters),
                roi_ids=roi_ids.astype(np.int64),
                pixel_size=(parameters.pixel_size, parameters.pixel_size),
                source=SourceInfo(uri=f"simulated:{seed}/session_{number}", session_id=f"session_{number}"),
            )
        )
    return Simulation(tuple(sessions), tuple(identity), warps, fields, parameters, seed)
