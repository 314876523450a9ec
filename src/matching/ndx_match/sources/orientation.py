"""Bring masks and image of a session into one [row, col] frame.

How they are stored is known from the convention of the program that wrote the file, which is checked on the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import scipy.sparse

from ..arrays import Array, Floats, Floats32
from ..errors import InputError
from ..model import Orientation
from .masks import StoredMasks

TRANSPOSE = ("masks", "image", "both", "none")  #: the values that a user can choose
CLEAR = 3.0  #: smallest z score of a sign test over the ROIs that decides the orientation
CHANCE = 2.0  #: largest z score that is taken for chance
#: By how much unscrambling must raise the part of neighbouring pixels that belong to the same mask, before the stored
#: masks are taken for scrambled.
COMPACT = 0.2
MOST_ROIS = 150  #: number of ROIs that are examined in a test
FEWEST_ROIS = 20  #: with fewer ROIs, no warning says that their contrast is at chance
GAP, LEAST_RING = 1.0, 2.0  #: pixels between a mask and its surround, and smallest width of the surround


AS_STORED = Orientation()  #: masks and image [row, col]


def in_words(orientation: Orientation) -> str:
    """How masks and image are stored, in words."""
    masks = "transposed" if orientation.masks_transposed else "as stored"
    parts = [f"masks {'unscrambled' if orientation.masks_scrambled else masks}"]
    parts += [f"image {'transposed' if orientation.image_transposed else 'as stored'}"]
    parts += ["both mirrored"] if orientation.mirrored else []
    parts += [f"z plane {orientation.z_plane}"] if orientation.z_plane is not None else []
    return ", ".join(parts)


@dataclass(frozen=True)
class Decision:
    """How masks and image are stored, the reason for this decision, and a warning for the user, which may be empty."""

    orientation: Orientation
    reason: str
    warning: str = ""
    #: The contrast of each of a sample of ROIs to its surround; None if it was not computed.
    contrast: Floats | None = None

    def mirrored(self) -> Decision:
        """The same decision for a file that shows the field mirrored, according to the user."""
        return replace(
            self, orientation=replace(self.orientation, mirrored=True), reason=f"{self.reason}; mirrored by --mirror"
        )


def decide(
    masks: StoredMasks,
    image: Array | None,
    convention: Orientation | None,
    writer: str,
    transpose: str | None = None,
) -> Decision:
    """Decide how masks and image, as stored, are oriented.

    The convention of the program that wrote the file is used unless the data contradict it: if the masks do not fit the
    image in that orientation, if the masks consist of stripes, or if clearly more ROIs are brighter than their surround
    when the masks are transposed. Without an image the convention is used.

    Parameters
    ----------
    masks : StoredMasks
    image : array of shape (n, m), optional
        As stored.
    convention : Orientation, optional
        None if the program is not known; then [row, col] is assumed.
    writer : str
        Name of the program.
    transpose : str, optional
        The user's choice, one of `TRANSPOSE`, which is used whatever the data show.
    """
    known = f"{writer}'s convention" if convention else "the assumption that an unknown program stores [row, col]"
    expected, warning = _unscrambled(masks, convention or AS_STORED, known)
    if transpose is not None:
        orientation = replace(
            expected, masks_transposed=transpose in ("masks", "both"), image_transposed=transpose in ("image", "both")
        )
        return Decision(orientation, "set by --transpose")
    other = replace(expected, masks_transposed=not expected.masks_transposed)
    if image is None:
        return Decision(expected, f"{known}; no image to test it on", warning)
    fits, fits_other = (_fit(masks, image, candidate) for candidate in (expected, other))
    if fits != fits_other:
        evidence = "the masks do not fit the size of the image in any other orientation"
        if fits:
            return Decision(expected, f"{known}; {evidence}", warning)
        there = _contrast(masks, image, other)
        # One stray pixel is no reason to transpose all masks: the transposed ROIs must also be bright in the image.
        if masks.whole or _sign_test(int((there > 0).sum()), int(np.isfinite(there).sum())) >= CLEAR:
            return _overridden(other, known, evidence, warning, there)
        return Decision(expected, known)
    if not fits:
        return Decision(expected, known)
    contrast, contrast_other = (_contrast(masks, image, candidate) for candidate in (expected, other))
    here, there = contrast, contrast_other
    known_values = np.isfinite(here) & np.isfinite(there) & (here != there)
    here, there = here[known_values], there[known_values]
    n, n_here = len(here), int((here > there).sum())
    evidence = f"{n_here} of {n} ROIs have a higher contrast to their surround in this orientation than transposed"
    if _sign_test(n_here, n) >= CLEAR:
        return Decision(expected, f"{known}; {evidence}", warning, contrast)
    if _sign_test(n - n_here, n) >= CLEAR and _sign_test(int((there > 0).sum()), n) >= CLEAR:
        evidence = f"{n - n_here} of {n} ROIs have a higher contrast to their surround in this orientation"
        return _overridden(other, known, evidence, warning, contrast_other)
    return Decision(expected, f"{known}; {evidence}, which does not decide between them", warning, contrast)


def about_fit(masks: StoredMasks, image: Array, decision: Decision) -> list[str]:
    """A warning if no more ROIs are brighter than their surround than by chance, as after a forgotten offset."""
    if not _fit(masks, image, decision.orientation):
        return []
    contrast = _contrast(masks, image, decision.orientation) if decision.contrast is None else decision.contrast
    n, n_bright = int(np.isfinite(contrast).sum()), int((contrast > 0).sum())
    if n < FEWEST_ROIS or abs(_sign_test(n_bright, n)) >= CHANCE:
        return []
    return [
        f"The ROIs and the image do not fit each other: {n_bright} of {n} ROIs are brighter than their surround, as "
        "expected by chance; check whether the masks are shifted against the image (choose another image with --image, "
        "or give --image none)."
    ]


def orient(
    masks: StoredMasks, image: Floats32 | None, convention: Orientation, where: str
) -> tuple[scipy.sparse.csr_array, Floats32]:
    """Footprints, shape (n_rois, n_rows * n_cols), and image, shape (n_rows, n_cols), in one [row, col] frame.

    Without a stored image, the image is zeros of the masks' size. Raises InputError, beginning with `where`, if masks
    and image differ in size.
    """
    masks = _oriented(masks, convention)
    if image is None:
        image = np.zeros(masks.shape, np.float32)
    elif convention.image_transposed:
        image = np.ascontiguousarray(image.T)
    n_rows, n_cols = image.shape
    if masks.whole and masks.shape != image.shape:
        raise InputError(
            f"{where}: image and masks differ in size: the masks have {masks.shape[0]} rows x {masks.shape[1]} "
            f"columns, the image {n_rows} rows x {n_cols} columns; choose another image with --image, or give --image "
            "none."
        )
    if masks.shape[0] > n_rows or masks.shape[1] > n_cols:
        raise InputError(
            f"{where}: image and masks differ in size: mask pixels reach x = {masks.shape[1] - 1}, "
            f"y = {masks.shape[0] - 1}, but the image has {n_rows} rows and {n_cols} columns; choose another image "
            "with --image, give --image none, or repair the masks."
        )
    masks = masks.within((n_rows, n_cols))
    if convention.mirrored:
        return masks.mirrored().footprints, np.ascontiguousarray(image[:, ::-1])
    return masks.footprints, image


def _oriented(masks: StoredMasks, convention: Orientation) -> StoredMasks:
    if convention.masks_scrambled:
        masks = masks.unscrambled()
    return masks.transposed() if convention.masks_transposed else masks


def _overridden(convention: Orientation, known: str, evidence: str, warning: str, contrast: Floats) -> Decision:
    transposed = "transposed" if convention.masks_transposed else "as stored"
    remedy = "to decide it yourself, give --transpose, for this file alone --transpose FILE=masks|image|both|none"
    against = f"The masks are read {transposed}, contrary to {known}: {evidence}; {remedy}."
    return Decision(convention, f"contrary to {known}; {evidence}", f"{warning} {against}".lstrip(), contrast)


def _unscrambled(masks: StoredMasks, convention: Orientation, known: str) -> tuple[Orientation, str]:
    """The convention, with scrambling decided from the shapes of the masks, and a warning if they contradict it."""
    if not masks.whole or masks.shape[0] == masks.shape[1]:
        if not convention.masks_scrambled:
            return convention, ""
        return replace(convention, masks_scrambled=False, masks_transposed=masks.whole), ""
    gain = _compactness(masks.unscrambled()) - _compactness(masks)
    scrambled = gain > COMPACT if not convention.masks_scrambled else gain > -COMPACT
    if scrambled == convention.masks_scrambled:
        return convention, ""
    state = "scrambled into stripes" if scrambled else "not scrambled"
    return replace(convention, masks_scrambled=scrambled), f"The stored masks are {state}, contrary to {known}."


def _compactness(masks: StoredMasks) -> float:
    """Which part of the right and lower neighbours of the masks' pixels belongs to the same mask."""
    sample = masks.sample(MOST_ROIS).footprints
    n_rows, n_cols = masks.shape
    roi = np.repeat(np.arange(sample.shape[0], dtype=np.int64), np.diff(sample.indptr))
    row, col = np.divmod(sample.indices.astype(np.int64), n_cols)
    places = (roi * (n_rows + 1) + row) * (n_cols + 1) + col
    if len(places) == 0:
        return 0.0
    return float(np.mean([np.isin(places + step, places, assume_unique=True).mean() for step in (1, n_cols + 1)]))


def _fit(masks: StoredMasks, image: Array, convention: Orientation) -> bool:
    rows, cols = masks.shape[::-1] if convention.masks_transposed else masks.shape
    n_rows, n_cols = image.shape[::-1] if convention.image_transposed else image.shape
    return (rows, cols) == (n_rows, n_cols) if masks.whole else rows <= n_rows and cols <= n_cols


def _contrast(masks: StoredMasks, image: Array, convention: Orientation) -> Floats:
    """Mean of the image in each mask minus its mean around the mask, where no mask lies; NaN if either is empty."""
    image = np.asarray(image.T if convention.image_transposed else image, float)
    masks = _oriented(masks, convention).within((image.shape[0], image.shape[1]))
    covered = np.zeros(image.size, bool)
    covered[masks.footprints.indices] = True
    free = ~covered.reshape(image.shape)
    sample = masks.sample(MOST_ROIS).footprints
    contrast = np.full(sample.shape[0], np.nan)
    for roi in range(sample.shape[0]):
        pixels = sample.indices[sample.indptr[roi] : sample.indptr[roi + 1]]
        if len(pixels) == 0:
            continue
        row, col = np.divmod(pixels, image.shape[1])
        width = GAP + max(LEAST_RING, np.sqrt(len(pixels) / np.pi))
        margin = int(np.ceil(width)) + 1
        box = tuple(
            slice(max(0, int(low) - margin), int(high) + margin + 1)
            for low, high in ((row.min(), row.max()), (col.min(), col.max()))
        )
        outside = np.ones(image[box].shape, bool)
        outside[row - box[0].start, col - box[1].start] = False
        distance = cv2.distanceTransform(outside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        around = (distance > GAP) & (distance <= width) & free[box]
        if around.any():
            contrast[roi] = image[row, col].mean() - image[box][around].mean()
    return contrast


def _sign_test(count: int, n: int) -> float:
    """The z score of this many successes among n if half are expected."""
    return (2 * count - n) / np.sqrt(n) if n else 0.0
