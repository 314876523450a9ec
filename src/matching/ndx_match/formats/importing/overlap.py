"""Measure how far the ROIs that a tool matched overlap after registration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from scipy.sparse import csr_array

from ndx_cell_matching.registrations import SessionRegistration

from ...arrays import Floats, Ints64
from ...footprints import centroids, pairwise_iou
from ...methods import match
from ...methods.consensus.stored_frame import StoredFrame
from ...methods.consensus.supports import supports, typical_radius, warp_supports
from ...model import Progress, Registration, RegistrationOutcome, Session

LEAST_IOU = 0.1  #: least IoU of two ROIs that count as overlapping
FEWEST_TO_FIT = 8  #: fewest matches by which two sessions can be aligned
LEAST_FITTED = 0.5  #: least fraction of these matches that the alignment must bring together
MOST_FLATTENED = 4.0  #: greatest ratio of the alignment's magnifications along two axes
BY_MATCHES = "fitted to the imported matches"
CACHED_PAIRS = 64  #: number of pairs of sessions whose overlaps are kept in memory


@dataclass(frozen=True)
class MeasuredPairs:
    """ROIs of two sessions that a tool matched with each other."""

    registration: Registration
    iou: Floats  #: IoU of each pair after registration, shape (n,)
    distance: Floats  #: distance of the centroids of each pair, in pixels of the fixed session, shape (n,)
    chance: float  #: fraction of pairs that would overlap if the ROIs were paired at random

    @property
    def n_overlapping(self) -> int:
        """Number of pairs that overlap."""
        return int((self.iou >= LEAST_IOU).sum())


class Overlaps:
    """Measures how far pairs of ROIs overlap, after the consensus method has registered the sessions.

    If it cannot register two sessions, an affine map is fitted to the matches themselves. The matches agree on such a
    map if the tool's numbers are read correctly, but not otherwise.
    """

    def __init__(self, sessions: Sequence[Session], progress: Progress | None = None) -> None:
        self._sessions = sessions
        self.registrations = {
            (each.fixed_session, each.moving_session): each for each in match(sessions, progress=progress).registrations
        }
        self._regions = [supports(session.footprints) for session in sessions]
        self._centroids = [centroids(region, s.shape[1]) for region, s in zip(self._regions, sessions, strict=True)]
        self._radii = [typical_radius(region) for region in self._regions]
        self._iou_of_pair = lru_cache(CACHED_PAIRS)(lambda fixed, moving: self._iou(self.registrations[fixed, moving]))

    def measured(self, fixed: int, moving: int, rows: Ints64) -> MeasuredPairs | None:
        """Measure pairs (`roi_row` in both sessions, shape (n, 2)); None if the sessions cannot be aligned."""
        fixed_rows, moving_rows = rows.T
        registration = self.registrations.get((fixed, moving))
        if registration is not None and registration.registered:
            iou = self._iou_of_pair(fixed, moving)
        else:
            registration = self._by_matches(fixed, moving, fixed_rows, moving_rows)
            if registration is None:
                return None
            iou = self._iou(registration)
        apart = self._centroids[moving][moving_rows] - self._map(registration).to_moving(
            self._centroids[fixed][fixed_rows]
        )
        distance = np.linalg.norm(apart @ np.linalg.inv(registration.matrix[:2, :2]).T, axis=1)
        of_pairs = np.asarray(iou[fixed_rows, moving_rows]).ravel() if len(rows) else np.zeros(0)
        return MeasuredPairs(registration, of_pairs, distance, _by_chance(iou, fixed_rows, moving_rows))

    def _map(self, registration: Registration) -> SessionRegistration:
        shape = self._sessions[registration.fixed_session].shape
        return SessionRegistration(registration.matrix, registration.displacement, shape)

    def _iou(self, registration: Registration) -> csr_array:
        """The IoU of every ROI of the fixed session with every ROI of the moving session, after registration."""
        fixed, moving = registration.fixed_session, registration.moving_session
        places = StoredFrame(self._sessions[fixed].shape, np.zeros(2), (self._map(registration),)).places(0)
        warped = warp_supports(self._regions[moving], self._sessions[moving].shape, places)
        return pairwise_iou(self._regions[fixed], warped)

    def _by_matches(self, fixed: int, moving: int, fixed_rows: Ints64, moving_rows: Ints64) -> Registration | None:
        """An affine map that brings at least half of the matches together; None if there is none."""
        points, targets = self._centroids[fixed][fixed_rows], self._centroids[moving][moving_rows]
        known = np.isfinite(points).all(axis=1) & np.isfinite(targets).all(axis=1)
        if known.sum() < FEWEST_TO_FIT:
            return None
        matrix, fitted = cv2.estimateAffine2D(
            points[known], targets[known], ransacReprojThreshold=self._radii[moving], maxIters=5000
        )
        if matrix is None or fitted.mean() < LEAST_FITTED:
            return None
        if np.linalg.cond(matrix[:, :2]) > MOST_FLATTENED:
            return None
        whole = np.vstack([matrix, [0.0, 0.0, 1.0]])
        reason = "the images and ROIs alone could not be aligned"
        return Registration(fixed, moving, whole, (BY_MATCHES,), RegistrationOutcome.REGISTERED, reason)


def _by_chance(iou: csr_array, fixed_rows: Ints64, moving_rows: Ints64) -> float:
    if len(fixed_rows) == 0:
        return 0.0
    among = iou[fixed_rows][:, moving_rows]
    return float((among.data >= LEAST_IOU).sum()) / len(fixed_rows) / len(moving_rows)
