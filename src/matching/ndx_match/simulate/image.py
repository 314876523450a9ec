"""Mean images: one latent field of tissue, seen by every session at its own place, depth and brightness.

Brightness is relative to that of the neuropil's mean until :func:`record` turns it into grey values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

from .tiers import SimulationParameters
from .truth import Bodies, draw_bodies
from .warp import Canvas, Warp, pixel_points, smooth_noise

Image = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tissue:
    """What lies in a canvas, whichever session looks at it.

    Attributes
    ----------
    canvas : Canvas
        Where it lies.
    bodies : Bodies
        The cells that can be segmented.
    deep : Bodies
        Bodies out of focus: blurs in the image that no session segments.
    neuropil, illumination, fibres : ndarray, shape of the canvas
        Fine texture (mean 0, standard deviation 1), slow change of brightness (about 1), thin bright processes.
    vessel_distance : ndarray, shape of the canvas
        Distance to the nearest vessel's middle relative to the vessel's radius.
    """

    canvas: Canvas
    bodies: Bodies
    deep: Bodies
    neuropil: Image
    illumination: Image
    fibres: Image
    vessel_distance: Image


def grow_tissue(rng: np.random.Generator, parameters: SimulationParameters, canvas: Canvas) -> Tissue:
    """A random piece of tissue."""
    bodies = draw_bodies(rng, parameters, canvas)
    deep = draw_bodies(rng, parameters, canvas)
    sign = rng.choice([-1.0, 1.0], len(deep))
    deep = replace(deep, depth=sign * (1.2 + 1.3 * rng.random(len(deep))) * parameters.slab)
    scale = float(np.mean(parameters.shape))
    return Tissue(
        canvas=canvas,
        bodies=bodies,
        deep=deep,
        neuropil=_neuropil(rng, canvas.shape),
        illumination=np.exp(0.22 * smooth_noise(rng, canvas.shape, 0.22 * scale)),
        fibres=_fibres(rng, canvas.shape),
        vessel_distance=_vessels(rng, canvas.shape, scale),
    )


def _neuropil(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """Band-passed noise on several scales: its spectrum falls off as that of real mean images does."""
    parts = [(1.5, 0.45), (4.0, 0.6), (12.0, 0.65)]
    return sum(weight * smooth_noise(rng, shape, sigma) for sigma, weight in parts)  # type: ignore[return-value]


def _fibres(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """Short curved processes and bright points, about one pixel wide."""
    image = np.zeros(shape)
    n = shape[0] * shape[1] // 900
    start = rng.random((n, 2)) * shape
    angle = rng.uniform(0, 2 * np.pi, n)
    curvature = rng.normal(0, 0.04, n)
    length = rng.gamma(1.0, 12.0, n)
    strength = rng.lognormal(-1.2, 0.8, n)
    for step in range(60):
        position = np.round(start).astype(int)
        going = (step <= length) & (position >= 0).all(axis=1) & (position < np.array(shape)).all(axis=1)
        rows, columns = position[going].T
        np.maximum.at(image, (rows, columns), strength[going])
        start = start + np.column_stack([np.sin(angle), np.cos(angle)])
        angle = angle + curvature
    return gaussian_filter(image, 1.1)


def _vessels(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Image:
    """Distance to branching curves, relative to the local radius of the vessel."""
    relative = np.full(shape, np.inf)
    wanted = max(1, round(1.6 * shape[0] * shape[1] / scale**2))
    branches = [
        (rng.random(2) * shape, rng.uniform(0, 2 * np.pi), rng.uniform(0.012, 0.026) * scale, 0.9 * scale)
        for _ in range(wanted)
    ]
    while branches:
        position, angle, radius, length = branches.pop()
        path, turn = [], 0.0
        for step in range(int(length)):
            turn = 0.98 * turn + rng.normal(0, 0.002)
            angle += turn
            position = position + np.array([np.sin(angle), np.cos(angle)])
            path.append(position)
            if radius > 0.008 * scale and rng.random() < 1.2 / scale:
                side = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.0)
                branches.append((position, angle + side, 0.65 * radius, 0.6 * (length - step)))
        pixels = np.round(np.reshape(path, (-1, 2))).astype(int)
        pixels = pixels[((pixels >= 0) & (pixels < np.array(shape))).all(axis=1)]
        if len(pixels):
            away = np.ones(shape, bool)
            away[tuple(pixels.T)] = False
            relative = np.minimum(relative, distance_transform_edt(away) / radius)
    return relative


def paint_bodies(
    image: Image,
    canvas: Canvas,
    bodies: Bodies,
    brightness: npt.NDArray[np.float64],
    focal_depth: float,
    parameters: SimulationParameters,
) -> None:
    """Add bodies to an image of the canvas: a bright ring round a dark nucleus, a blur out of focus."""
    offset = np.abs(bodies.depth - focal_depth) / parameters.slab
    radii = bodies.visible_radius(focal_depth, parameters.pixel_size)
    one_photon = parameters.modality == "one_photon"
    softness = (0.35 if one_photon else 0.06) + 0.16 * offset**2
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
        shape = _step((1 - relative) / softness[cell])
        shape = shape - nucleus[cell] * _step((0.62 - relative) / (1.3 * softness[cell]))
        image[low[0] : high[0], low[1] : high[1]] += amplitude[cell] * shape


def _step(x: Image) -> Image:
    """A smooth step from 0 to 1."""
    return 0.5 * (1 + np.tanh(x))


def look(
    rng: np.random.Generator, tissue: Tissue, warp: Warp, focal_depth: float, parameters: SimulationParameters
) -> Image:
    """The light that one session gets from the tissue, in session pixels."""
    canvas = tissue.canvas
    change = parameters.texture_change
    texture = np.sqrt(1 - change) * tissue.neuropil + np.sqrt(change) * _neuropil(rng, canvas.shape)
    image = 1 + 0.07 * texture + 0.5 * tissue.fibres
    for bodies, share in ((tissue.deep, 0.8), (tissue.bodies, 1.0)):
        session_part = np.exp(parameters.brightness_spread * rng.standard_normal(len(bodies)))
        paint_bodies(image, canvas, bodies, share * bodies.brightness * session_part, focal_depth, parameters)
    width = rng.uniform(0.9, 1.1)
    image = image * tissue.illumination * (1 - 0.45 * _step(2.0 * (width - tissue.vessel_distance)))
    if parameters.modality == "one_photon":
        image = gaussian_filter(image, 2.0) + gaussian_filter(image, 25.0)
    seen = warp.inverse(pixel_points(parameters.shape)) - canvas.origin
    return map_coordinates(image, [seen[..., 1], seen[..., 0]], order=3, mode="nearest")


def record(rng: np.random.Generator, light: Image, parameters: SimulationParameters) -> npt.NDArray[np.float32]:
    """The mean image that the detector gives for some light: grey values 0 to 255, whole numbers."""
    n_rows, n_cols = parameters.shape
    y, x = np.linspace(-1, 1, n_rows)[:, None], np.linspace(-1, 1, n_cols)[None, :]
    tilt = rng.normal(0, 0.08, 2)
    vignette = np.exp(-rng.uniform(0.05, 0.2) * (x**2 + y**2) + tilt[0] * x + tilt[1] * y)
    light = light * vignette
    light = light + parameters.stripes * light.mean() * _stripes(n_rows)[:, None]
    light = np.maximum(rng.poisson(np.maximum(light, 0) * parameters.photons) / parameters.photons, 0)
    light = light * _frame(parameters)
    black, white = rng.uniform(0.0, 0.15), np.quantile(light, 0.998) * rng.uniform(0.9, 1.6)
    grey = 255 * (np.clip((light - black) / (white - black), 0, 1)) ** rng.uniform(0.85, 1.2)
    return np.round(grey).astype(np.float32)


def _stripes(n_rows: int) -> npt.NDArray[np.float64]:
    """A horizontal pattern of the scanner, the same in every session."""
    row = np.arange(n_rows)
    return np.sin(2 * np.pi * row / 16) + 0.5 * np.sin(2 * np.pi * row / 7.3 + 1)


def _frame(parameters: SimulationParameters) -> Image:
    """What motion correction leaves of the edge: dimmer the fewer frames reach a pixel."""
    if parameters.border == 0:
        return np.ones(parameters.shape)
    rows, columns = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in parameters.shape)
    depth = np.minimum(rows[:, None], columns[None, :]) / parameters.border
    return 0.35 + 0.65 * np.minimum(depth, 1.0)
