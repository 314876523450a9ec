"""The place of a session's field of view in the tissue, and the movement of the tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from ..arrays import Array, Floats, Matrix, Points
from ..footprints import affine_matrix, corners
from .tiers import SimulationParameters

#: Pixels between the nodes on which a displacement is stored.
GRID_STEP = 4


@dataclass(frozen=True)
class Canvas:
    """The rectangle of reference pixels that holds the field of view of every session."""

    origin: tuple[int, int]  #: reference (x, y) of its first pixel; negative, as the reference image starts at (0, 0)
    shape: tuple[int, int]  #: (n_rows, n_cols)

    def nodes(self) -> Points:
        """Reference (x, y) of every `GRID_STEP`-th pixel, shape (n_rows, n_cols, 2)."""
        x, y = (np.arange(0, n + GRID_STEP - 1, GRID_STEP) for n in self.shape[::-1])
        return np.stack(np.meshgrid(x + self.origin[0], y + self.origin[1]), axis=-1).astype(np.float64)


@dataclass(frozen=True)
class Warp:
    """Maps reference (x, y) to session (x, y): a smooth displacement, then an affine map."""

    matrix: Matrix  #: of the affine map
    displacement: Floats  #: (dx, dy) in reference pixels, on nodes `GRID_STEP` apart, shape (2, n_rows, n_cols)
    origin: tuple[int, int]  #: reference (x, y) of the first node

    def __call__(self, points: Points) -> Points:
        """Session (x, y) of reference points, both of shape (..., 2)."""
        return apply_affine(self.matrix, points + self.displacement_at(points))

    def inverse(self, points: Points) -> Points:
        """Reference (x, y) of session points, both of shape (..., 2), by fixed-point iteration."""
        undone = apply_affine(np.linalg.inv(self.matrix), points)
        estimate = undone
        for _ in range(50):
            previous, estimate = estimate, undone - self.displacement_at(estimate)
            if np.abs(estimate - previous).max(initial=0.0) < 1e-7:
                break
        return estimate

    def displacement_at(self, points: Points) -> Points:
        """(dx, dy) at reference points; beyond the canvas, that of the canvas' edge."""
        nodes = (points - self.origin) / GRID_STEP
        rows_columns = [nodes[..., 1], nodes[..., 0]]
        return np.stack(
            [map_coordinates(part, rows_columns, order=1, mode="nearest") for part in self.displacement], axis=-1
        )


def apply_affine(matrix: Array, points: Points) -> Points:
    """Points (x, y), shape (..., 2), under a 3 x 3 affine matrix."""
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def random_affine(
    rng: np.random.Generator, parameters: SimulationParameters, stretch: tuple[float, float] = (1.0, 1.0)
) -> Floats:
    """A random affine map from the reference, about the image's middle.

    Shift and rotation are at least half as large as the parameters allow.
    """
    centre = (np.array(parameters.shape[::-1]) - 1) / 2
    direction = rng.uniform(0, 2 * np.pi)
    shift = parameters.shift * rng.uniform(0.6, 1.0) * np.array([np.cos(direction), np.sin(direction)])
    angle = np.deg2rad(parameters.rotation * rng.uniform(0.5, 1.0) * rng.choice([-1.0, 1.0]))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    scale = np.exp(rng.uniform(-parameters.scale, parameters.scale, size=2)) * stretch
    return affine_matrix(np.diag(scale) @ rotation, centre, centre + shift)


def enclosing_canvas(matrices: list[Floats], shape: tuple[int, int], padding: float) -> Canvas:
    """The canvas that holds the field of view of every session, with some padding."""
    reached = np.concatenate([apply_affine(np.linalg.inv(matrix), corners(shape)) for matrix in matrices])
    low = np.floor(reached.min(axis=0) - padding).astype(int)
    high = np.ceil(reached.max(axis=0) + padding).astype(int)
    return Canvas((int(low[0]), int(low[1])), (int(high[1] - low[1]) + 1, int(high[0] - low[0]) + 1))


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Floats:
    """White noise smoothed by a Gaussian, with mean 0 and standard deviation 1."""
    noise = gaussian_filter(rng.standard_normal(shape), sigma, mode="reflect")
    return (noise - noise.mean()) / max(float(noise.std()), 1e-12)


def random_displacement(
    rng: np.random.Generator, parameters: SimulationParameters, canvas: Canvas, matrix: Floats
) -> Floats:
    """A smooth displacement (dx, dy) on the canvas' nodes, shape (2, n_rows, n_cols), that no affine map explains.

    It is the sum of broad noise, noise of a third of that length, and the local push of a dilating vessel. No single
    spline spacing describes this mixture. Its largest value in the field is 0.8 to 1 times `non_rigid`.
    """
    points = canvas.nodes()
    nodes = (points.shape[0], points.shape[1])
    sigma = parameters.length_scale / 2 / GRID_STEP
    broad, narrow = (np.stack([smooth_noise(rng, nodes, s) for _ in range(2)], axis=-1) for s in (sigma, sigma / 3))
    displacement = broad + 0.35 * narrow + 1.2 * _vessel_push(rng, parameters, points)
    session = apply_affine(matrix, points)
    inside = ((session >= 0) & (session <= np.array(parameters.shape[::-1]) - 1)).all(axis=-1)
    design = np.column_stack([points[inside], np.ones(inside.sum())])
    explained, *_ = np.linalg.lstsq(design, displacement[inside], rcond=None)
    displacement = displacement - (points @ explained[:2] + explained[2])
    largest = np.linalg.norm(displacement[inside], axis=-1).max()
    amplitude = parameters.non_rigid * rng.uniform(0.8, 1.0)
    displacement = displacement * amplitude / max(largest, 1e-12)
    # Beyond the field the extrapolated affine part would grow without bound.
    norm = np.linalg.norm(displacement, axis=-1, keepdims=True)
    displacement = displacement * np.minimum(1.0, 2 * amplitude / np.maximum(norm, 1e-12))
    return np.moveaxis(displacement, -1, 0)


def _vessel_push(rng: np.random.Generator, parameters: SimulationParameters, points: Points) -> Points:
    """Tissue pushed aside along a stretch of a line, as by a vessel that has widened."""
    extent = np.array(parameters.shape[::-1])
    centre = extent * rng.uniform(0.25, 0.75, size=2)
    angle = rng.uniform(0, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    length, width = 0.2 * extent.mean(), 0.05 * extent.mean()
    s, t = (points - centre) @ along / length, (points - centre) @ across / width
    return (t * np.exp(0.5 - (s**2 + t**2) / 2))[..., None] * across
