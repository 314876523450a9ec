"""A common frame for sessions that belong together: each session's map from it, refined against all the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np

from ...arrays import Channels, Floats32, Matrix, Points
from ...footprints import corners, transform_points
from ...model import Step
from ...warping import affine_places
from .blocks import LocalShifts, grid_points, local_shifts
from .deformation import Deformation, choose_stiffness, fit

CONTROL_STEP = 5.0  #: between control points of deformations, in typical ROI radii
BLOCK_STEP = 3.0  #: between blocks
#: For each round: half side and largest shift of a block, in typical ROI radii, and the typical ROI radius, in pixels,
#: to which channels are reduced if theirs is larger.
ROUNDS = ((5.0, 1.5, 3.5), (4.0, 1.0, 5.0), (4.0, 0.8, 5.0))


@dataclass(frozen=True)
class CommonFrame:
    """The maps from a common frame to sessions: frame point p lies at `matrix (p + deformation(p))` in a session."""

    shape: tuple[int, int]  #: (n_rows, n_cols); the frame holds the fields of all sessions
    matrices: tuple[Matrix, ...]
    deformations: tuple[Deformation, ...]

    def places(self, session: int) -> Floats32:
        """Where each pixel of the frame lies in a session, (x, y); shape (n_rows, n_cols, 2)."""
        matrix, deformation = self.matrices[session], self.deformations[session]
        places = affine_places(matrix, self.shape)
        if deformation.coefficients.any():
            places += deformation.turned(matrix[:2, :2]).on_grid(self.shape)
        return places

    def to_session(self, session: int, points: Points) -> Points:
        """Where points (x, y) of the frame lie in a session."""
        return transform_points(self.matrices[session], points + self.deformations[session].at(points))

    def from_session(self, session: int, points: Points) -> Points:
        """Where points (x, y) of a session lie in the frame."""
        goal = transform_points(np.linalg.inv(self.matrices[session]), points)
        placed = goal
        if self.deformations[session].coefficients.any():
            for _ in range(8):  # this converges: deformations change far less than a pixel per pixel
                placed = goal - self.deformations[session].at(placed)
        return placed


def frame_around(matrices: Sequence[Matrix], shapes: Sequence[tuple[int, int]], radius: float) -> CommonFrame:
    """The smallest frame that holds fields of the given shapes; the matrices lead from the first session to each."""
    reached = np.concatenate(
        [transform_points(np.linalg.inv(m), corners(shape)) for m, shape in zip(matrices, shapes, strict=True)]
    )
    first, last = np.floor(reached.min(axis=0)), np.ceil(reached.max(axis=0))
    shape = (int(last[1] - first[1]) + 1, int(last[0] - first[0]) + 1)
    offset = np.eye(3)
    offset[:2, 2] = first
    flat = Deformation.none(shape, CONTROL_STEP * radius)
    return CommonFrame(shape, tuple(matrix @ offset for matrix in matrices), (flat,) * len(matrices))


def warp_to_frame(channels: Channels, places: Floats32) -> Channels:
    """Warp channels of a session to the frame: bilinear, 0 outside the session."""
    return np.stack([cv2.remap(channel, places[..., 0], places[..., 1], cv2.INTER_LINEAR) for channel in channels])


def bend(frame: CommonFrame, channels: Sequence[Channels], radius: float, step: Step = lambda n: None) -> CommonFrame:
    """Bend each session but the first towards the mean of the others, if the data support it.

    `step` is called with 1 for each session and each of the `ROUNDS`.
    """
    n = len(channels)
    warped = [warp_to_frame(channels[k], frame.places(k)) for k in range(n)]
    covered = [(w != 0).any(axis=0) for w in warped]
    total, count = reduce(np.add, warped), np.zeros(frame.shape, np.float32)  # np.sum would copy all of them first
    for each in covered:
        count += each
    points = grid_points(frame.shape, BLOCK_STEP * radius)
    deformations = list(frame.deformations)
    stiffness: dict[int, float] = {}
    for half, largest, target in ROUNDS:
        step(1)
        for k in range(1, n):
            step(1)
            if stiffness.get(k) == np.inf:
                continue  # held-out shifts showed that bending does not help this session
            others = (total - warped[k]) / np.maximum(count - covered[k], 1)
            local = _local_shifts(others, warped[k], points, half * radius, largest * radius, radius / target)
            # others(p) ~ warped(p + s): the frame point p must be mapped to where p + s was mapped before.
            target_shifts = local.shifts + deformations[k].at(local.points + local.shifts)
            weights = local.correlation**2
            if k not in stiffness:
                stiffness[k] = choose_stiffness(deformations[k], local.points, target_shifts, weights)
            deformations[k] = fit(deformations[k], local.points, target_shifts, weights, stiffness[k])
            frame = CommonFrame(frame.shape, frame.matrices, tuple(deformations))
            updated = warp_to_frame(channels[k], frame.places(k))
            total += updated - warped[k]
            warped[k] = updated
    return frame


def _local_shifts(
    fixed: Channels, moving: Channels, points: Points, half: float, largest: float, factor: float
) -> LocalShifts:
    """Local shifts, found at a coarser resolution, at which `factor` pixels become one, if `factor` is above 1."""
    if factor <= 1:
        return local_shifts(fixed, moving, points, round(half), max(2, round(largest)))
    n_rows, n_cols = fixed.shape[1:]
    size = (round(n_cols / factor), round(n_rows / factor))
    fixed, moving = (
        np.stack([cv2.resize(channel, size, interpolation=cv2.INTER_AREA) for channel in each])
        for each in (fixed, moving)
    )
    scale = np.array(size) / (n_cols, n_rows)
    places = (points + 0.5) * scale - 0.5
    coarse = local_shifts(fixed, moving, places, round(half / factor), max(2, round(largest / factor)))
    return LocalShifts((coarse.points + 0.5) / scale - 0.5, coarse.shifts / scale, coarse.correlation)
