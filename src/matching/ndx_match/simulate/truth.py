"""The cells of a piece of tissue, their chances to be detected in a session, and the whole simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.spatial import cKDTree
from scipy.special import expit

from ..arrays import Floats, Ints64, Points
from ..model import Session
from .tiers import SimulationParameters
from .warp import Canvas, Warp

#: Harmonics of an outline; the lowest is that of an ellipse.
HARMONICS = np.arange(2, 6)


@dataclass(frozen=True)
class Bodies:
    """Cell bodies of one piece of tissue, one entry per cell."""

    centre: Points  #: reference (x, y)
    depth: Floats  #: micrometres below the reference session's focal plane
    radius: Floats  #: in pixels, at the body's widest
    outline: npt.NDArray[np.complex128]  #: harmonics of its radius relative to `radius`, shape (n, n_harmonics)
    brightness: Floats  #: above the neuropil, relative to it
    nucleus: Floats  #: how much darker it is than the cytoplasm, 0 to 1
    side: npt.NDArray[np.complex128]  #: direction (x + iy) of the brighter side, and how marked it is, 0 to 1
    activity: Floats  #: the cell's own part in the log-odds of its detection, mean 0 and standard deviation 1

    def __len__(self) -> int:
        return len(self.radius)

    def relative_radius(self, cell: int, angle: Floats) -> Floats:
        """The outline's radius relative to the cell's, at angles in radians."""
        return 1 + outline_radius(self.outline[cell], HARMONICS, angle)

    def visible_radius(self, focal_depth: float, pixel_size: float) -> Floats:
        """Radius in pixels of each body where a focal plane cuts it: the farther from its middle, the smaller."""
        offset = (self.depth - focal_depth) / pixel_size / self.radius
        return self.radius * np.sqrt(np.maximum(1 - (0.5 * offset) ** 2, 0.6))


def outline_radius(coefficients: npt.NDArray[np.complex128], harmonics: npt.NDArray[np.int_], angle: Floats) -> Floats:
    """The real sum of harmonics at the given angles."""
    return np.real(np.exp(1j * angle[..., None] * harmonics) @ coefficients)


def draw_bodies(rng: np.random.Generator, parameters: SimulationParameters, canvas: Canvas) -> Bodies:
    """The cells of a canvas, at the density that the parameters give a field of view."""
    n_rows, n_cols = parameters.shape
    n_target = round(parameters.n_cells * canvas.shape[0] * canvas.shape[1] / (n_rows * n_cols))
    depth = rng.uniform(-parameters.slab, parameters.slab, n_target)
    centre = _scatter(rng, canvas, depth / parameters.pixel_size, 1.3 * parameters.cell_radius)
    n = len(centre)
    elongation = rng.gamma(2.5, 0.065, n)
    spread = np.column_stack([elongation, *(rng.rayleigh(0.07 / k, n) for k in HARMONICS[1:] - 1)])
    activity = rng.standard_normal(n)
    log_brightness = -1.9 + 0.8 * (0.6 * activity + 0.8 * rng.standard_normal(n))
    return Bodies(
        centre=centre,
        depth=depth[:n],
        radius=parameters.cell_radius * np.exp(parameters.cell_radius_spread * rng.standard_normal(n)),
        outline=spread * np.exp(2j * np.pi * rng.random(spread.shape)),
        brightness=np.exp(log_brightness),
        nucleus=rng.uniform(0.1, 0.85, n) if parameters.modality == "two_photon" else np.zeros(n),
        side=np.sqrt(rng.random(n)) * np.exp(2j * np.pi * rng.random(n)),
        activity=activity,
    )


def _scatter(rng: np.random.Generator, canvas: Canvas, z: Floats, distance: float) -> Floats:
    """Random (x, y) for bodies of given depth (in pixels), so that none lies within another."""
    low = np.array(canvas.origin, float)
    extent = np.array(canvas.shape[::-1], float)
    points = low + extent * rng.random((len(z), 2))
    for _ in range(30):
        close = cKDTree(np.column_stack([points, z])).query_pairs(distance, output_type="ndarray")
        if not len(close):
            break
        again = np.unique(close[:, 1])
        points[again] = low + extent * rng.random((len(again), 2))
    return points


def detection_probability(bodies: Bodies, focal_depths: Floats, parameters: SimulationParameters) -> Floats:
    """The chance of each cell to be segmented in each session, shape (n_cells, n_sessions).

    Log-odds are the sum of the cell's own part and a penalty for its distance from the focal plane; a constant
    brings the mean over cells and sessions to `parameters.detection`.
    """
    offset = bodies.depth[:, None] - focal_depths
    odds = parameters.detection_spread * bodies.activity[:, None] - (offset / parameters.slab) ** 2
    constant = brentq(lambda c: float(expit(odds + c).mean()) - parameters.detection, -60, 60)
    return expit(odds + constant)


@dataclass(frozen=True)
class Simulation:
    """Sessions with known truth."""

    sessions: tuple[Session, ...]  #: as a reader of files would give them
    #: For each session the true cell number of each ROI by `roi_row`; -1 where the ROI is no cell. Both halves of a
    #: split body carry the cell's number; two cells merged into one ROI carry that of the larger part.
    identity: tuple[Ints64, ...]
    #: For each session the callable that maps reference (x, y) to session (x, y), in the tissue it looks at.
    transforms: tuple[Warp, ...]
    fields: tuple[int, ...]  #: which piece of tissue each session looks at; only sessions of one field share cells
    bodies: tuple[Bodies, ...]  #: the cells of each piece of tissue, detected or not
    focal_depths: tuple[float, ...]  #: where each session's focal plane lies, in micrometres
    parameters: SimulationParameters
    seed: int

    def related(self, fixed: int, moving: int) -> bool:
        """Whether two sessions look at the same tissue."""
        return self.fields[fixed] == self.fields[moving]

    def map_points(self, fixed: int, moving: int, points: Points) -> Points:
        """Where points (x, y) of one session, shape (..., 2), truly lie in another.

        Raises
        ------
        ValueError
            The two sessions look at different tissue.
        """
        if not self.related(fixed, moving):
            raise ValueError(f"sessions {fixed} and {moving} look at different tissue")
        return self.transforms[moving](self.transforms[fixed].inverse(points))
