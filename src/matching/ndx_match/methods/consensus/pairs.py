"""Register two sessions, and test the registration against alignments that must be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np
from scipy.sparse import csr_array

from ...arrays import Channels, Matrix
from ...footprints import affine_matrix, affine_near, centroids, corners, transform_points
from ...model import Session
from .alignment import COARSE_ROUNDS, FINE_ROUNDS
from .alignment import refine as refine_by_blocks
from .channels import reduced, session_channels
from .coincidence import coincidences
from .parameters import ConsensusParameters
from .search import (
    Pose,
    RoughAlignment,
    Search,
    middle_of,
    neighbours,
    poses_with_scale,
    poses_without_scale,
    shifts_within,
    to_full_resolution,
)
from .supports import supports, typical_radius

SEARCH_RADIUS = 2.0  #: typical ROI radius in pixels of the reduced channels that are searched
COARSE_RADIUS = 4.0  #: the same of the channels for the first rounds of block matching
LEAST_MAGNIFICATION = 0.03  #: relative difference of pixel sizes from which the search also starts from their ratio
BEYOND_DOUBT = 15.0  #: z at which a search stops; unrelated fields reach 12
ABOVE_CHANCE = 2.5  #: least ratio of an alignment's score to the best at shifts that must be wrong
HAND_ERROR = 3.0  #: typical ROI radii by which an alignment given by hand may be wrong
FEWEST_ROIS = 20  #: of a session whose ROIs are used: fewer coincide by chance in too many places
LEAST_DENSITY_Z = 3.0  #: if the ROIs do not reach it, the images may be aligned by a pattern fixed to the detector
NOTHING: Channels = np.zeros((2, 0, 0), np.float32)  #: stands for channels that are no longer needed


@dataclass(frozen=True)
class PreparedSession:
    """What the registration uses of a session."""

    regions: csr_array  #: of ones, shape (n_rois, n_rows * n_cols)
    shape: tuple[int, int]
    pixel_size: tuple[float, float] | None  #: micrometres along (rows, columns)
    channels: Channels  #: at full resolution
    coarse: Channels  #: at the resolution of the first rounds of block matching
    small: Channels  #: at the resolution of the search

    def at_full_resolution_only(self) -> PreparedSession:
        """The session without the reduced channels, which take memory and are not needed once it is aligned."""
        return replace(self, coarse=NOTHING, small=NOTHING)

    def without_images(self) -> PreparedSession:
        """The session without any channels, which are not needed to compare regions."""
        return replace(self, channels=NOTHING, coarse=NOTHING, small=NOTHING)


@dataclass(frozen=True)
class PairAlignment:
    """A tested registration, fixed to moving."""

    matrix: Matrix
    score: float  #: z of the alignment against all other shifts
    chance: float  #: the best z among shifts that must be wrong
    registered: bool
    reason: str = ""  #: why not
    by_hand: bool = False  #: a person gave it: it is right, whatever the test says


def prepare(sessions: Sequence[Session]) -> tuple[list[PreparedSession], float]:
    """What the registration uses of each session, and the typical radius of their ROIs in pixels."""
    regions = [supports(session.footprints) for session in sessions]
    radii = np.array([typical_radius(region) for region in regions])
    radius = float(np.nanmedian(radii)) if np.isfinite(radii).any() else 8.0
    prepared = []
    for session, region in zip(sessions, regions, strict=True):
        channels = session_channels(session.image, region, radius)
        if session.has_data is not None:
            channels[0][~session.has_data] = 0  # the image
        if np.count_nonzero(np.diff(region.indptr)) < FEWEST_ROIS:
            channels[1] = 0  # the density
        coarse, small = (reduced(channels, radius / target) for target in (COARSE_RADIUS, SEARCH_RADIUS))
        prepared.append(PreparedSession(region, session.shape, session.pixel_size, channels, coarse, small))
    return prepared, radius


def register(
    fixed: PreparedSession, moving: PreparedSession, radius: float, parameters: ConsensusParameters
) -> PairAlignment:
    """Search for the alignment of two sessions, refine and test it.

    Rotations are searched first: from the magnification that the pixel sizes imply, if these are known and differ, and
    from no magnification. Unless an alignment is then beyond doubt, unequal scales of the axes are searched as well.
    Doubt is judged before and after refinement, because a small remaining rotation blurs a large field.
    """
    sufficient = max(BEYOND_DOUBT, parameters.significance)
    search = Search(fixed.small, moving.small, parameters.largest_shift)
    guess = _by_pixel_sizes(fixed, moving)
    searches = [search]
    if guess is not None:
        searches.insert(0, Search(fixed.small, moving.small, parameters.largest_shift, guess))
    rotated: list[RoughAlignment] = []
    for each in searches:
        rotated += each.best(poses_without_scale(parameters.largest_rotation), sufficient)[:1]
        if rotated[-1].z >= sufficient:
            break

    def tested(rough: RoughAlignment) -> PairAlignment:
        return confirm(fixed, moving, refine_rough(fixed, moving, rough, radius), parameters)

    best = max(rotated, key=attrgetter("z"))
    alignment = tested(best)
    beyond_doubt = best.z >= sufficient or (alignment.registered and alignment.score >= sufficient)
    if beyond_doubt or parameters.smallest_scale >= parameters.largest_scale:
        return alignment
    every = poses_with_scale(parameters.largest_rotation, parameters.smallest_scale, parameters.largest_scale)
    scaled = search.best(every, sufficient)[0]
    close = [pose for pose in neighbours(scaled.pose) if _within(pose, parameters)]
    scaled = max([scaled, *search.best(close)[:1]], key=attrgetter("z"))
    if scaled.z <= best.z:
        return alignment
    return max(alignment, tested(scaled), key=lambda each: (each.registered, each.score))


def _by_pixel_sizes(fixed: PreparedSession, moving: PreparedSession) -> Matrix | None:
    """The map, in reduced pixels, that joins the middles of the fields with the magnification of the pixel sizes.

    None if pixel sizes are not known or hardly differ.
    """
    if fixed.pixel_size is None or moving.pixel_size is None:
        return None
    y, x = (f / m for f, m in zip(fixed.pixel_size, moving.pixel_size, strict=True))
    if max(abs(x - 1), abs(y - 1)) < LEAST_MAGNIFICATION:
        return None
    return affine_matrix(np.diag([x, y]), middle_of(fixed.small), middle_of(moving.small))


def refine_rough(fixed: PreparedSession, moving: PreparedSession, rough: RoughAlignment, radius: float) -> Matrix:
    """Refine an alignment that a search found: fixed (x, y, 1) to moving, at full resolution."""
    sizes = (fixed.shape, fixed.small.shape[1:]), (moving.shape, moving.small.shape[1:])
    return refine(fixed, moving, to_full_resolution(rough.matrix, *sizes), radius)


def refine(fixed: PreparedSession, moving: PreparedSession, rough: Matrix, radius: float) -> Matrix:
    """Refine an alignment that is right to about two ROI radii: fixed (x, y, 1) to moving, at full resolution."""
    sizes = (fixed.shape, fixed.coarse.shape[1:]), (moving.shape, moving.coarse.shape[1:])
    coarse_radius = radius * fixed.coarse.shape[1] / fixed.shape[0]
    start = to_full_resolution(rough, *(size[::-1] for size in sizes))
    coarse = refine_by_blocks(fixed.coarse, moving.coarse, start, coarse_radius, COARSE_ROUNDS)
    return refine_near(fixed, moving, to_full_resolution(coarse, *sizes), radius)


def refine_near(fixed: PreparedSession, moving: PreparedSession, near: Matrix, radius: float) -> Matrix:
    """Refine an alignment that is right to less than an ROI radius: fixed (x, y, 1) to moving, at full resolution."""
    return refine_by_blocks(fixed.channels, moving.channels, near, radius, FINE_ROUNDS)


def align_by_hand(
    fixed: PreparedSession, moving: PreparedSession, matrix: Matrix, radius: float, parameters: ConsensusParameters
) -> PairAlignment:
    """The alignment that a person gave, refined if that makes the sessions agree better and moves it little."""
    matrix = affine_near(matrix, corners(fixed.shape))
    chosen = confirm(fixed, moving, matrix, parameters)
    refined = refine(fixed, moving, matrix, radius)
    moved = transform_points(refined, corners(fixed.shape)) - transform_points(matrix, corners(fixed.shape))
    if np.linalg.norm(moved, axis=1).max() <= HAND_ERROR * radius:
        chosen = max(chosen, confirm(fixed, moving, refined, parameters), key=attrgetter("score"))
    return replace(chosen, registered=True, by_hand=True)


def confirm(
    fixed: PreparedSession, moving: PreparedSession, matrix: Matrix, parameters: ConsensusParameters
) -> PairAlignment:
    """Test an alignment against all other shifts of the same rotation and scale.

    The null distribution is that of shifts by more than two cell diameters: the contents then do not belong together,
    but have the same cells, vessels and noise. The alignment is the best of many and refined, so it must be well above
    the best of these shifts. If there are only ROIs to align by, their blurred density may be too little evidence; the
    alignment is then also accepted if clearly more ROIs coincide than at any wrong shift.
    """
    search = Search(fixed.small, moving.small, parameters.largest_shift)
    sizes = (fixed.small.shape[1:], fixed.shape), (moving.small.shape[1:], moving.shape)
    z = search.z_of_shifts(to_full_resolution(matrix, *sizes))
    both = search.combined(z)
    at, density = (float(score[shifts_within(score.shape, (1, 1))].max()) for score in (both, z[-1]))
    far = round(4 * SEARCH_RADIUS)
    wrong_shifts = search.allowed & ~shifts_within(both.shape, (far, far))
    chance = float(both[wrong_shifts].max()) if wrong_shifts.any() else 0.0
    clear = at >= max(parameters.significance, ABOVE_CHANCE * chance)
    if not clear and search.informative.tolist() == [False, True]:
        clear = _rois_fall_together(fixed, moving, matrix, parameters.largest_shift)
    if not clear:
        reason = f"the best alignment found (z {at:.1f}) is not well above chance (z {chance:.1f} at wrong shifts)"
        if not search.informative.any():
            reason = f"there is neither contrast in the images nor {FEWEST_ROIS} ROIs in each session to align by"
        return PairAlignment(matrix, at, chance, False, reason)
    if search.informative[-1] and density < LEAST_DENSITY_Z:
        reason = f"the images agree (z {at:.1f}), but the ROIs do not (z {density:.1f})"
        return PairAlignment(matrix, at, chance, False, reason)
    return PairAlignment(matrix, at, chance, True)


def _rois_fall_together(fixed: PreparedSession, moving: PreparedSession, matrix: Matrix, largest_shift: float) -> bool:
    """Whether enough ROIs coincide, and many more than at any shift that must be wrong."""
    radius = float(np.mean([typical_radius(session.regions) for session in (fixed, moving)]))
    places = [centroids(session.regions, session.shape[1]) for session in (fixed, moving)]
    places[1] = transform_points(np.linalg.inv(matrix), places[1])
    limit = largest_shift * np.array(fixed.shape[::-1])
    first, second = (each[np.isfinite(each).all(axis=1)] for each in places)
    at, chance = coincidences(first, second, radius, limit)
    return at >= max(FEWEST_ROIS, ABOVE_CHANCE * chance)


def _within(pose: Pose, parameters: ConsensusParameters) -> bool:
    scales = (pose.scale_x, pose.scale_y)
    return (
        abs(pose.rotation) <= parameters.largest_rotation
        and min(scales) >= parameters.smallest_scale - 1e-9
        and max(scales) <= parameters.largest_scale + 1e-9
    )
