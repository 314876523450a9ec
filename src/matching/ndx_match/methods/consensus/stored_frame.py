"""The common frame as a match file holds it: the alignments of one session with the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ndx_cell_matching.registrations import SessionRegistration, displacement_at

from ...arrays import Floats, Floats32, Matrix, Points
from ...footprints import transform_points
from ...model import MatchResult, Session
from ...warping import affine_places, displacement_weights


@dataclass(frozen=True)
class StoredFrame:
    """Maps from a frame to sessions. The frame has the pixel grid of one session and holds the fields of all."""

    shape: tuple[int, int]  #: (n_rows, n_cols)
    origin: Floats  #: (x, y) of the frame's first pixel in the session whose grid it has, shape (2,)
    maps: tuple[SessionRegistration, ...]  #: from that session to each

    def matrix(self, session: int) -> Matrix:
        """The matrix of the map from the frame to a session, without the displacement."""
        offset = np.eye(3)
        offset[:2, 2] = self.origin
        return np.asarray(self.maps[session].matrix @ offset)

    def places(self, session: int) -> Floats32:
        """Where each pixel of the frame lies in a session, (x, y); shape (n_rows, n_cols, 2)."""
        map_ = self.maps[session]
        places = affine_places(self.matrix(session), self.shape)
        if map_.displacement is not None and map_.fixed_shape is not None:
            rows, cols = (
                displacement_weights(np.arange(n) + start, length, n_points)
                for n, start, length, n_points in zip(
                    self.shape, self.origin[::-1], map_.fixed_shape, map_.displacement.shape, strict=False
                )
            )
            for axis in range(2):
                places[..., axis] += rows @ map_.displacement[..., axis] @ cols.T
        return places

    def from_session(self, session: int, points: Points) -> Points:
        """Where points (x, y) of a session lie in the frame."""
        map_ = self.maps[session]
        inverse = np.linalg.inv(map_.matrix)
        placed = transform_points(inverse, points)
        if map_.displacement is not None and map_.fixed_shape is not None:
            for _ in range(8):  # this converges: deformations change far less than a pixel per pixel
                added = displacement_at(map_.displacement, map_.fixed_shape, placed)
                placed = transform_points(inverse, points - added)
        return placed - self.origin


def maps_from(
    result: MatchResult, sessions: Sequence[Session], first: int, others: Sequence[int]
) -> list[SessionRegistration]:
    """The alignments of a session with others, which may include itself, as a result holds them."""
    maps = []
    for other in others:
        if other == first:
            maps.append(SessionRegistration(np.eye(3)))
            continue
        stored = result.registration(*sorted((first, other)))
        assert stored is not None  # because the sessions are of one set that was aligned with each other
        map_ = SessionRegistration(stored.matrix, stored.displacement, sessions[stored.fixed_session].shape)
        maps.append(map_ if stored.fixed_session == first else map_.inverse(sessions[stored.moving_session].shape))
    return maps
