"""Smooth deformations beyond affine maps: cubic B-splines on a coarse grid.

They are fitted to local shifts by robust ridge regression, and used if they predict shifts that were held out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import scipy.sparse
from scipy.linalg import solveh_banded
from scipy.sparse import csr_array

from ...arrays import Floats, Indices, Points
from .alignment import biweight, weighted_median

STIFFNESS = (0.03, 0.3, 3.0)  #: ridge penalties that are tried, relative to the mean weight
LEAST_GAIN = 0.05  #: share of the held-out error that bending must save to be used
HELD_OUT_SIDE = 2.0  #: side of the squares that are held out, in control steps
ROUNDS = 4  #: of reweighting
ROUNDS_TO_CHOOSE = 2  #: of reweighting while stiffnesses are compared


@dataclass(frozen=True)
class Deformation:
    """Displacements (x, y) in pixels at points of a frame."""

    step: float  #: pixels between control points; the first is a step before the frame's first pixel
    coefficients: Floats  #: of the splines, for x and y, shape (2, n_rows, n_cols)

    @staticmethod
    def none(shape: tuple[int, int], step: float) -> Deformation:
        """No displacement, with control points that cover a frame of (n_rows, n_cols) and a step around it."""
        n_rows, n_cols = (int(np.ceil(length / step)) + 3 for length in shape)
        return Deformation(step, np.zeros((2, n_rows, n_cols)))

    def at(self, points: Points) -> Points:
        """Displacement at points (x, y), shape (n, 2)."""
        if not self.coefficients.any():
            return np.zeros(points.shape)
        return np.asarray(self.design(points) @ self.coefficients.reshape(2, -1).T)

    def on_grid(self, shape: tuple[int, int]) -> Floats:
        """Displacement of every pixel of a frame, shape (n_rows, n_cols, 2)."""
        rows, cols = (self._along(np.arange(n, dtype=float), axis).toarray() for axis, n in enumerate(shape))
        return np.stack([rows @ c @ cols.T for c in self.coefficients], axis=-1)

    def turned(self, linear: Floats) -> Deformation:
        """The deformation whose displacements (x, y) are multiplied by a matrix, shape (2, 2)."""
        return replace(self, coefficients=np.tensordot(linear, self.coefficients, 1))

    def design(self, points: Points) -> csr_array:
        """Weight of every coefficient at points (x, y), shape (n, n_rows * n_cols): at most 16 are not 0."""
        (rows, at_rows), (cols, at_cols) = self._near(points[:, 1], 0), self._near(points[:, 0], 1)
        n_cols = self.coefficients.shape[2]
        places = (rows[:, :, None] * n_cols + cols[:, None, :]).ravel()
        weights = (at_rows[:, :, None] * at_cols[:, None, :]).ravel()
        ends = np.arange(len(points) + 1) * 16
        return csr_array((weights, places, ends), shape=(len(points), self.coefficients[0].size))

    def _near(self, positions: Floats, axis: int) -> tuple[Indices, Floats]:
        """The four control points nearest to positions along one axis (0 for rows), and their B-spline weights there.

        Both have the shape (n, 4); beyond the last control points the weights are 0.
        """
        n = self.coefficients.shape[1 + axis]
        place = (positions + self.step) / self.step
        nearest = np.floor(place).astype(np.intp)[:, None] + np.arange(-1, 3)
        distance = np.abs(place[:, None] - nearest)
        near = 2 / 3 - distance**2 + distance**3 / 2
        far = np.clip(2 - distance, 0, None) ** 3 / 6
        inside = (nearest >= 0) & (nearest < n)
        return np.clip(nearest, 0, n - 1), np.where(inside, np.where(distance < 1, near, far), 0.0)

    def _along(self, positions: Floats, axis: int) -> csr_array:
        """Weights of all control points of one axis at positions, shape (n, n_controls)."""
        nearest, weights = self._near(positions, axis)
        ends = np.arange(len(positions) + 1) * 4
        return csr_array(
            (weights.ravel(), nearest.ravel(), ends), shape=(len(positions), self.coefficients.shape[1 + axis])
        )


def choose_stiffness(frame: Deformation, points: Points, shifts: Points, weights: Floats) -> float:
    """The ridge penalty that predicts held-out shifts best; infinite if a deformation predicts them no better.

    First the points in every second square of a chequerboard are held out from the fit, then the points in the other
    squares. It would not do to hold out single points, because neighbouring blocks share most of their pixels and
    therefore their errors. Arguments are those of :func:`fit`.
    """
    if len(points) < 20:
        return float("inf")
    half = np.floor(points / (HELD_OUT_SIDE * frame.step)).sum(axis=1) % 2 == 1
    limit = 3 * weighted_median(np.linalg.norm(shifts, axis=1), weights) + 1
    errors = {}
    for stiffness in (*STIFFNESS, np.inf):
        error = 0.0
        for known in (half, ~half):
            fitted = fit(frame, points[known], shifts[known], weights[known], stiffness, ROUNDS_TO_CHOOSE)
            residual = np.linalg.norm(fitted.at(points[~known]) - shifts[~known], axis=1)
            error += float(np.sum(weights[~known] * np.minimum(residual, limit)))
        errors[stiffness] = error
    best = min(errors, key=lambda stiffness: errors[stiffness])
    return best if errors[best] < (1 - LEAST_GAIN) * errors[np.inf] else float("inf")


def fit(
    frame: Deformation, points: Points, shifts: Points, weights: Floats, stiffness: float, rounds: int = ROUNDS
) -> Deformation:
    """Fit a deformation to local shifts by ridge regression with Tukey's biweight against outliers.

    Parameters
    ----------
    frame : Deformation
        Gives the control points.
    points, shifts : Points
        Places (x, y), and the displacements measured there.
    weights : ndarray, shape (n,)
    stiffness : float
        Ridge penalty; infinite gives no deformation.
    rounds : int
        Number of rounds of reweighting.
    """
    none = replace(frame, coefficients=np.zeros_like(frame.coefficients))
    if not np.isfinite(stiffness) or len(points) == 0 or weights.sum() <= 0:
        return none
    design = frame.design(points)
    transposed = csr_array(design.T)
    penalty = _roughness(frame.coefficients.shape[1:])
    n = design.shape[1]
    # The normal equations are symmetric, positive definite and banded, because control points that share a point are
    # near in row-major order. For each point, `entries` says where the products of its 16 weights belong.
    high, low = np.tril_indices(16)
    place, weight = (values.reshape(-1, 16) for values in (design.indices, design.data))
    entries = (np.abs(place[:, high] - place[:, low]) * n + np.minimum(place[:, high], place[:, low])).ravel()
    products = weight[:, high] * weight[:, low]
    current = weights
    solution = np.zeros((n, 2))
    for _ in range(rounds):
        summed = np.bincount(entries, (products * current[:, None]).ravel(), penalty.size).reshape(penalty.shape)
        normal = summed + stiffness * current.mean() * penalty
        solution = solveh_banded(normal, transposed @ (shifts * current[:, None]), lower=True, check_finite=False)
        residual = np.linalg.norm(design @ solution - shifts, axis=1)
        updated = biweight(residual, weights)
        if updated.sum() <= 0:
            break
        current = updated
    return replace(frame, coefficients=np.ascontiguousarray(solution.T).reshape(frame.coefficients.shape))


@cache
def _roughness(shape: tuple[int, ...]) -> Floats:
    """Squared second differences of the coefficients (a thin plate's bending), and a little of their size.

    The result holds the lower diagonals of the matrix, the main one first, as many as four control points along rows
    and columns reach.
    """
    one, (first_rows, first_cols), (second_rows, second_cols) = (
        [csr_array(np.diff(np.eye(n), order, axis=0)) for n in shape] for order in range(3)
    )
    rows, cols = one
    penalty = scipy.sparse.kron(second_rows.T @ second_rows, cols) + scipy.sparse.kron(
        rows, second_cols.T @ second_cols
    )
    penalty += 2 * scipy.sparse.kron(first_rows.T @ first_rows, first_cols.T @ first_cols)
    penalty = scipy.sparse.tril(penalty + 0.01 * scipy.sparse.eye_array(penalty.shape[0]), format="coo")
    row, col = penalty.coords
    banded = np.zeros((3 * shape[1] + 4, penalty.shape[0]))
    banded[row - col, col] = penalty.data
    return banded
