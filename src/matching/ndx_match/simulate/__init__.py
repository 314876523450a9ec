"""Sessions of an animal whose truth is known: images, masks, and which ROIs are the same cell."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ..arrays import Ints64
from ..model import Session, SourceInfo
from .image import grow_tissue, look, record
from .masks import footprints, segment, true_outlines
from .tiers import TIERS, SimulationParameters
from .truth import Simulation, detection_probability
from .warp import Canvas, Warp, enclosing_canvas, random_affine, random_displacement

__all__ = ["TIERS", "Simulation", "SimulationParameters", "body_masks", "simulate"]

#: The ids of OpenScope's ROIs were about this large in 2021.
_FIRST_ROI_ID = 1_080_000_000
#: Cells of the second piece of tissue are numbered from here, those of the third from twice as much, and so on.
CELLS_PER_FIELD = 1_000_000


def simulate(parameters: SimulationParameters, seed: int) -> Simulation:
    """Simulate the sessions of one animal, with their truth.

    The same parameters and seed (a number not below zero) give the same arrays. Each session and each piece of tissue
    draws from a random stream of its own, so that a parameter of one part leaves the others as they are.
    """
    fields = parameters.field_of_session
    geometry_seed, tissue_seed, session_seed, plan_seed = np.random.SeedSequence(seed).spawn(4)
    transforms, canvas = _transforms(geometry_seed, parameters)
    tissues = [
        grow_tissue(np.random.default_rng(stream), parameters, canvas) for stream in tissue_seed.spawn(max(fields) + 1)
    ]
    plan = np.random.default_rng(plan_seed)
    depths = plan.uniform(-parameters.depth_shift, parameters.depth_shift, parameters.n_sessions)
    depths[0] = 0
    chances = [detection_probability(tissue.bodies, depths, parameters) for tissue in tissues]

    sessions, identity = [], []
    next_id = _FIRST_ROI_ID + int(plan.integers(10_000_000))
    for number, stream in enumerate(session_seed.spawn(parameters.n_sessions)):
        scene, detector, segmentation = (np.random.default_rng(part) for part in stream.spawn(3))
        field, transform, depth = fields[number], transforms[number], float(depths[number])
        light = look(scene, tissues[field], transform, depth, parameters)
        detected = segmentation.random(len(tissues[field].bodies)) < chances[field][:, number]
        masks = segment(segmentation, tissues[field].bodies, detected, depth, transform, parameters)
        masks = [masks[k] for k in segmentation.permutation(len(masks))]
        if parameters.roi_id_style == "large":
            roi_ids = next_id + np.cumsum(plan.integers(1, 4, len(masks)))
            next_id += int(plan.integers(500_000, 5_000_000))
        else:
            roi_ids = np.arange(len(masks))
        cells = np.array([mask.cell for mask in masks], np.int64)
        identity.append(np.where(cells >= 0, cells + field * CELLS_PER_FIELD, -1))
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
    return Simulation(
        sessions=tuple(sessions),
        identity=tuple(identity),
        transforms=transforms,
        fields=fields,
        bodies=tuple(tissue.bodies for tissue in tissues),
        focal_depths=tuple(depths.tolist()),
        parameters=parameters,
        seed=seed,
    )


def body_masks(simulation: Simulation, session: int) -> tuple[Ints64, csr_array]:
    """The masks that a perfect segmentation of a session would give for every cell in view.

    Returns
    -------
    cells : ndarray of int64, shape (n,)
        The cells' numbers, as in `identity`.
    masks : csr_array of float32 ones, shape (n, n_pixels)
        The pixels inside their outlines.
    """
    field = simulation.fields[session]
    cells, masks = true_outlines(
        simulation.bodies[field],
        simulation.focal_depths[session],
        simulation.transforms[session],
        simulation.parameters,
    )
    return cells + field * CELLS_PER_FIELD, masks


def _transforms(seed: np.random.SeedSequence, parameters: SimulationParameters) -> tuple[tuple[Warp, ...], Canvas]:
    """The map from the tissue to each session, and the canvas that holds what all sessions see."""
    streams = [np.random.default_rng(stream) for stream in seed.spawn(parameters.n_sessions)]
    matrices = [np.eye(3)]
    for session, rng in enumerate(streams[1:], start=1):
        stretch = parameters.stretch if session == parameters.stretched_session else (1.0, 1.0)
        matrices.append(random_affine(rng, parameters, stretch))
    canvas = enclosing_canvas(matrices, parameters.shape, 2 * parameters.non_rigid + 5 * parameters.cell_radius)
    none = np.zeros((2, *canvas.nodes().shape[:2]))
    moved = [
        random_displacement(rng, parameters, canvas, matrix)
        for rng, matrix in zip(streams[1:], matrices[1:], strict=True)
    ]
    warps = [Warp(*parts, canvas.origin) for parts in zip(matrices, [none, *moved], strict=True)]
    return tuple(warps), canvas
