"""Mean images of one piece of tissue. Each session sees it at its own place, depth and brightness (neuropil: 1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

from ..arrays import Floats, Floats32
from ..footprints import pixel_points
from .tiers import SimulationParameters
from .truth import Bodies, draw_bodies
from .warp import Canvas, Warp, smooth_noise


@dataclass(frozen=True)
class Tissue:
    """What lies in a canvas, the same for every session."""

    canvas: Canvas
    bodies: Bodies  #: the cells that can be segmented
    deep: Bodies  #: blurs above and below the focal plane that no session segments
    unlabelled: Bodies  #: dark gaps in the neuropil
    neuropil: Floats  #: cloudy texture of the canvas, mean 0, standard deviation 1
    illumination: Floats  #: slow change of brightness over the field, about 1
    fibres: Floats  #: thin bright processes
    shadow: Floats  #: how much of the light vessels take, 0 to 1


def grow_tissue(rng: np.random.Generator, parameters: SimulationParameters, canvas: Canvas) -> Tissue:
    """A random piece of tissue."""
    bodies, deep, unlabelled = (draw_bodies(rng, parameters, canvas) for _ in range(3))
    side = rng.choice([-1.0, 1.0], len(deep))
    deep = replace(deep, depth=side * (1.2 + 1.3 * rng.random(len(deep))) * parameters.slab)
    darkness = -rng.uniform(0.0, 0.1, len(unlabelled))
    unlabelled = replace(unlabelled, brightness=darkness, nucleus=0 * unlabelled.nucleus)
    scale = float(np.mean(parameters.shape))
    return Tissue(
        canvas=canvas,
        bodies=bodies,
        deep=deep,
        unlabelled=unlabelled,
        neuropil=_neuropil(rng, canvas.shape),
        illumination=np.exp(0.28 * smooth_noise(rng, canvas.shape, 0.2 * scale)),
        fibres=_fibres(rng, canvas.shape, scale),
        shadow=_vessels(rng, canvas.shape, scale),
    )


def _neuropil(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Noise on several scales, whose spectrum falls off as that of real mean images does."""
    cloud = np.zeros(shape)
    for sigma, weight in ((2.0, 0.35), (5.0, 0.6), (13.0, 0.7)):
        cloud += weight * smooth_noise(rng, shape, sigma)
    return cloud


def _fibres(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Floats:
    """Curved processes and bright points of a pixel or two, denser in some places than in others."""
    image = np.zeros(shape)
    n_fibres, n_points = shape[0] * shape[1] // 45, shape[0] * shape[1] // 500
    position = rng.random((n_fibres, 2)) * shape
    angle = rng.uniform(0, 2 * np.pi, n_fibres)
    curvature = rng.normal(0, 0.03, n_fibres)
    length = rng.gamma(1.0, 10.0, n_fibres)
    strength = rng.lognormal(-1.8, 0.7, n_fibres)
    for step in range(80):
        pixel = np.floor(position).astype(int)
        drawn = (step <= length) & (pixel >= 0).all(axis=1) & (pixel < np.array(shape)).all(axis=1)
        np.add.at(image, tuple(pixel[drawn].T), strength[drawn])
        position = position + np.column_stack([np.sin(angle), np.cos(angle)])
        angle = angle + curvature + rng.normal(0, 0.12, n_fibres)
    points = np.zeros(shape)
    rows, columns = (rng.integers(0, n, n_points) for n in shape)
    np.add.at(points, (rows, columns), rng.lognormal(0.5, 1.2, n_points))
    patches = np.exp(0.45 * smooth_noise(rng, shape, 0.1 * scale))
    return (gaussian_filter(image, 0.9) + gaussian_filter(points, 1.5)) * patches


def _vessels(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Floats:
    """The shadow of branching vessels that dive in and out of the plane, 0 to 1."""
    radii, depths = np.zeros(shape), np.zeros(shape)
    n_branches = max(1, rng.poisson(1.3 * shape[0] * shape[1] / scale**2))
    branches = [
        (rng.random(2) * shape, rng.uniform(0, 2 * np.pi), rng.uniform(0.012, 0.026) * scale, 0.8 * scale)
        for _ in range(n_branches)
    ]
    while branches:
        position, angle, radius, length = branches.pop()
        turn = 0.0
        for step in range(int(length)):
            turn = 0.97 * turn + rng.normal(0, 0.0012)
            angle += turn
            position = position + np.array([np.sin(angle), np.cos(angle)])
            row, column = np.floor(position).astype(int)
            if 0 <= row < shape[0] and 0 <= column < shape[1]:
                radii[row, column] = radius * (1 - 0.5 * step / length)
                depths[row, column] = np.sin(np.pi * (step + 0.15 * length) / (1.15 * length))
            if radius > 0.008 * scale and rng.random() < 1.5 / scale:
                side = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.0)
                branches.append((position, angle + side, 0.65 * radius, 0.6 * (length - step)))
    if not radii.any():
        return np.zeros(shape)
    distance, nearest = distance_transform_edt(radii == 0, return_indices=True)
    shadow = depths[tuple(nearest)] * _step(1.5 * (1 - distance / radii[tuple(nearest)]))
    return gaussian_filter(shadow, 0.006 * scale)


def paint_bodies(
    image: Floats,
    canvas: Canvas,
    bodies: Bodies,
    brightness: Floats,
    focal_depth: float,
    parameters: SimulationParameters,
) -> None:
    """Add bodies to an image of the canvas: a bright ring round a dark nucleus, a blur out of focus."""
    offset = np.abs(bodies.depth - focal_depth) / parameters.slab
    radii = bodies.visible_radius(focal_depth, parameters.pixel_size)
    one_photon = parameters.modality == "one_photon"
    softness = (0.35 if one_photon else 0.13) + 0.16 * offset**2
    amplitude = brightness * np.exp(-(offset**2) / 2)
    nucleus = bodies.nucleus * np.exp(-2 * offset**2)
    rows_columns = bodies.centre[:, ::-1] - np.array(canvas.origin[::-1])
    for cell in range(len(bodies)):
        reach = int(np.ceil(radii[cell] * (1.5 + 5 * softness[cell])))
        middle = np.round(rows_columns[cell]).astype(int)
        low = np.maximum(middle - reach, 0)
        high = np.minimum(middle + reach + 1, canvas.shape)
        if (high <= low).any():
            continue
        row, column = np.ogrid[low[0] : high[0], low[1] : high[1]]
        dy, dx = row - rows_columns[cell, 0], column - rows_columns[cell, 1]
        edge = radii[cell] * bodies.relative_radius(cell, np.arctan2(dy, dx))
        relative = np.hypot(dy, dx) / np.maximum(edge, 1)
        side = bodies.side[cell]
        towards = (dx * side.real + dy * side.imag) / radii[cell]
        nuclear = np.hypot(dx + 0.25 * radii[cell] * side.real, dy + 0.25 * radii[cell] * side.imag)
        shape = _step((1 - relative) / softness[cell]) * np.maximum(1 + 0.6 * towards, 0)
        inner = _step((0.6 - nuclear / np.maximum(edge, 1)) / softness[cell])
        image[low[0] : high[0], low[1] : high[1]] += amplitude[cell] * shape * (1 - nucleus[cell] * inner)


def _step(x: Floats) -> Floats:
    """A smooth step from 0 to 1."""
    return 0.5 * (1 + np.tanh(x))


def look(
    rng: np.random.Generator, tissue: Tissue, warp: Warp, focal_depth: float, parameters: SimulationParameters
) -> Floats:
    """The light that one session gets from the tissue, in session pixels."""
    canvas = tissue.canvas
    change = parameters.texture_change
    texture = np.sqrt(1 - change) * tissue.neuropil + np.sqrt(change) * _neuropil(rng, canvas.shape)
    image = 1 + 0.05 * texture + 0.25 * tissue.fibres
    for bodies, share in ((tissue.unlabelled, 1.0), (tissue.deep, 0.7), (tissue.bodies, 1.0)):
        session_part = np.exp(parameters.brightness_spread * rng.standard_normal(len(bodies)))
        paint_bodies(image, canvas, bodies, share * bodies.brightness * session_part, focal_depth, parameters)
    image = image * tissue.illumination * (1 - rng.uniform(0.3, 0.45) * tissue.shadow)
    if parameters.modality == "one_photon":
        image = gaussian_filter(image, 2.0) + gaussian_filter(image, 25.0)
    else:
        image = gaussian_filter(image, rng.uniform(0.7, 1.2))
    points = warp.inverse(pixel_points(parameters.shape)) - canvas.origin
    return map_coordinates(image, [points[..., 1], points[..., 0]], order=3, mode="nearest")


def record(rng: np.random.Generator, light: Floats, parameters: SimulationParameters) -> Floats32:
    """The mean image that the detector gives for some light: grey values 0 to 255, whole numbers."""
    n_rows, n_cols = parameters.shape
    y, x = np.linspace(-1, 1, n_rows)[:, None], np.linspace(-1, 1, n_cols)[None, :]
    tilt = rng.normal(0, 0.08, 2)
    vignette = np.exp(-rng.uniform(0.05, 0.2) * (x**2 + y**2) + tilt[0] * x + tilt[1] * y)
    light = light * vignette
    light = light / np.median(light) + parameters.stripes * _stripes(n_rows)[:, None]
    light = rng.poisson(np.maximum(light, 0) * parameters.photons) / parameters.photons
    level, contrast = np.exp(rng.uniform(np.log(22), np.log(95))), rng.uniform(0.9, 1.2)
    grey = level * light**contrast * _frame(parameters)
    return np.round(np.clip(grey, 0, 255)).astype(np.float32)


def _stripes(n_rows: int) -> Floats:
    """A horizontal pattern of the scanner, the same in every session."""
    row = np.arange(n_rows)
    return np.sin(2 * np.pi * row / 16) + 0.5 * np.sin(2 * np.pi * row / 7.3 + 1)


def _frame(parameters: SimulationParameters) -> Floats:
    """The brightness of the edge after motion correction: the fewer frames reach a pixel, the dimmer it is."""
    if parameters.border == 0:
        return np.ones(parameters.shape)
    rows, columns = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in parameters.shape)
    depth = np.minimum(rows[:, None], columns[None, :]) / parameters.border
    return 0.35 + 0.65 * np.minimum(depth, 1.0)
