"""Local shifts that bring the images of two aligned sessions closer together than their registration does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np

from ndx_cell_matching.registrations import displacement_at, pixel_points

from ..arrays import Floats, Floats32, Points
from ..model import Session
from .carriers import Carriers

STEP = 32  #: pixels between the points at which a shift is looked for, about
HALF = 28  #: pixels to each side that are compared
REACH = 4  #: pixels; the largest shift
PENALTY = 0.004  #: of a shift, per square pixel: by how much more alike the images must be
#: How alike the images must be at a point: as alike as this part of pairs of places that are not the same are at most.
CHANCE = 0.9
LEAST_AGREEING = 0.5  #: of the points, at which they must be
LEAST_SEEN = 0.4  #: of the pixels compared that both sessions must have seen
BORDER = 8  #: pixels at the edge of an image that are not compared: motion correction leaves a frame there
SLOW, FAST = 25.0, 12.0  #: pixels over which contrast and brightness are made even


def refined(session: Session, source: Session, carriers: Carriers) -> Carriers:
    """The carriers between a session and another, with the local shifts that their images show.

    Around each point of a grid the images are compared at shifts up to :data:`REACH` pixels. The carriers are
    unchanged if a session has no image, or if the images are not more alike than places that are not the same.
    """
    if not (session.has_image and source.has_image):
        return carriers
    shape = session.shape
    places = carriers.to_source(pixel_points(shape)).astype(np.float32).reshape(*shape, 2)
    carried, seen = (
        cv2.remap(image, places[..., 0], places[..., 1], cv2.INTER_LINEAR) for image in (_even(source), _inner(source))
    )
    shifts = local_shifts(_even(session), carried, np.floor(seen) * _inner(session))
    if not shifts.any():
        return carriers

    def from_source(points: Points) -> Points:
        straight = carriers.from_source(points)
        return straight + displacement_at(shifts, shape, straight)

    def to_source(points: Points) -> Points:
        return carriers.to_source(points - displacement_at(shifts, shape, points))

    return Carriers(to_source, from_source)


def local_shifts(fixed: Floats32, carried: Floats32, seen: Floats32) -> Floats32:
    """By how much an image must be shifted to lie on another, at points spaced evenly over it.

    Parameters
    ----------
    fixed, carried : ndarray of float32, shape (n_rows, n_cols)
    seen : ndarray of float32, shape (n_rows, n_cols)
        1 where both show something, else 0.

    Returns
    -------
    ndarray of float32, shape (n, m, 2)
        (x, y), from the first to the last pixel along rows and columns; 0 if the two do not agree.
    """
    half = min(HALF, min(fixed.shape) // 4)
    padded = [np.pad(each, half + REACH) for each in (fixed, carried, seen)]
    rows, cols = (
        np.round(np.linspace(0, length - 1, max(2, round(length / STEP) + 1))).astype(int) for length in fixed.shape
    )
    points = [(i, j) for i in range(len(rows)) for j in range(len(cols))]
    shifts = np.zeros((len(rows), len(cols), 2), np.float32)
    alike = np.full((len(rows), len(cols)), -1.0, np.float32)
    chance = []
    for i, j in points:
        likeness = _likeness(padded, (rows[i], cols[j]), (rows[i], cols[j]), half)
        if likeness is not None:
            shifts[i, j], alike[i, j] = _best_shift(likeness)
        if (i + j) % 3 == 0:  # with a place that is not the same
            other = _likeness(padded, (rows[i], cols[j]), (rows[-1 - i], cols[(j + len(cols) // 2) % len(cols)]), half)
            chance += [] if other is None else [other.max()]
    compared = alike > -1
    found = (alike > np.quantile(chance or [1.0], CHANCE)).astype(np.float32)
    if found.sum() < LEAST_AGREEING * max(1, compared.sum()):
        return np.zeros_like(shifts)
    # Where nothing was found, what was found around.
    weights, sums = (cv2.GaussianBlur(each, (3, 3), 0, borderType=cv2.BORDER_CONSTANT) for each in (found, shifts))
    around = np.divide(sums, weights[..., None], out=np.zeros_like(sums), where=weights[..., None] > 0)
    return np.where(found[..., None] > 0, shifts, around)


def _likeness(padded: Sequence[Floats32], place: tuple[int, int], other: tuple[int, int], half: int) -> Floats32 | None:
    """Correlation of the carried image around a place with the fixed one around another, at all shifts within reach.

    None where too little of it was seen. The images and what was seen are padded by what is compared around a place.
    """
    fixed, carried, seen = padded
    near = tuple(slice(k + REACH, k + REACH + 2 * half + 1) for k in place)
    compared = seen[near]
    if compared.mean() < LEAST_SEEN:
        return None
    far = tuple(slice(k, k + 2 * (half + REACH) + 1) for k in other)
    likeness = cv2.matchTemplate(fixed[far], carried[near], cv2.TM_CCOEFF_NORMED, mask=compared * _window(half))
    return np.where(np.isfinite(likeness), likeness, -1).astype(np.float32)


def _best_shift(likeness: Floats32) -> tuple[tuple[float, float], float]:
    """(x, y) of the best shift, to a part of a pixel, and the likeness there: -1 if the best is beyond reach."""
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    score = likeness - PENALTY * (x**2 + y**2)
    row, col = (int(k) for k in np.unravel_index(np.argmax(score), score.shape))
    if min(row, col) == 0 or max(row, col) == 2 * REACH:
        return (0.0, 0.0), -1.0
    right, down = _vertex(score[row, col - 1 : col + 2]), _vertex(score[row - 1 : row + 2, col])
    return (col - REACH + right, row - REACH + down), float(likeness[row, col])


def _vertex(three: Floats) -> float:
    """Where the parabola through three values, of which the middle one is the largest, has its maximum."""
    before, here, after = three.tolist()
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


@cache
def _window(half: int) -> Floats32:
    """Weights that fall off from the middle."""
    profile = cv2.getGaussianKernel(2 * half + 1, half / 2)
    return np.asarray(profile @ profile.T / profile.max() ** 2, np.float32)


def _even(session: Session) -> Floats32:
    """The image with even brightness and contrast."""
    image = session.image - session.image.min()
    image = np.log1p(image / max(float(np.median(image)), 1e-6)).astype(np.float32)
    image = image - cv2.GaussianBlur(image, (0, 0), FAST)
    spread = np.sqrt(cv2.GaussianBlur(image * image, (0, 0), SLOW))
    return np.clip(image / np.maximum(spread, 1e-6), -3, 3)


def _inner(session: Session) -> Floats32:
    """1 on pixels with data that are not at the edge, else 0."""
    inner = np.ones(session.shape, np.uint8) if session.has_data is None else session.has_data.astype(np.uint8)
    return cv2.erode(inner, np.ones((3, 3), np.uint8), iterations=BORDER, borderValue=0).astype(np.float32)
