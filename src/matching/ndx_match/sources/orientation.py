"""Bring masks and image of a session to one [row, col] frame: by the writer's convention, checked by evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import scipy.sparse

from ..arrays import Array, Floats, Floats32
from ..errors import InputError
from ..model import Orientation
from .masks import StoredMasks

TRANSPOSE = ("masks", "image", "both", "none")  #: the choices that a user has
CLEAR = 3.0  #: z of a sign test over the ROIs from which it decides
CHANCE = 2.0  #: z up to which it says nothing
COMPACT = 0.2  #: of their neighbours that pixels of masks must gain before stored masks are called scrambled
MOST_ROIS = 150  #: looked at in a test
FEWEST_ROIS = 20  #: of whose contrast it is said that it is at chance
GAP, LEAST_RING = 1.0, 2.0  #: pixels between a mask and its surround, and the surround's least width


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
    #: How each of a sample of ROIs stands out of its surround; None if this was not looked at.
    contrast: Floats | None = None

    def mirrored(self) -> Decision:
        """The same of a file of which the user says that it shows the field mirrored."""
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

    The writer's convention, None if the writer is not known, holds unless the data speak against it: masks that do not
    fit the image in that orientation, masks that are torn to stripes, or ROIs that stand out of their surround clearly
    more often where the masks are transposed. Without an image the convention holds. `transpose`, one of `TRANSPOSE`,
    is the user's choice, which no evidence overrides.
    """
    known = f"{writer}'s convention" if convention else "the assumption that an unknown writer stores [row, col]"
    expected, warning = _unscrambled(masks, convention or AS_STORED, known)
    if transpose is not None:
        wanted = replace(
            expected, masks_transposed=transpose in ("masks", "both"), image_transposed=transpose in ("image", "both")
        )
        return Decision(wanted, "set by --transpose")
    other = replace(expected, masks_transposed=not expected.masks_transposed)
    if image is None:
        return Decision(expected, f"{known}; no image to test it on", warning)
    fits, fits_other = (_fit(masks, image, candidate) for candidate in (expected, other))
    if fits != fits_other:
        evidence = "the masks fit the image in no other orientation"
        if fits:
            return Decision(expected, f"{known}; {evidence}", warning)
        there = _contrast(masks, image, other)
        # One stray pixel is no reason to transpose all masks: the ROIs must stand out of the image once transposed.
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
    evidence = f"{n_here} of {n} ROIs stand out more of the image so than transposed"
    if _sign_test(n_here, n) >= CLEAR:
        return Decision(expected, f"{known}; {evidence}", warning, contrast)
    if _sign_test(n - n_here, n) >= CLEAR and _sign_test(int((there > 0).sum()), n) >= CLEAR:
        evidence = f"{n - n_here} of {n} ROIs stand out more of the image so than by it"
        return _overridden(other, known, evidence, warning, contrast_other)
    return Decision(expected, f"{known}; {evidence}, which decides nothing", warning, contrast)


def about_fit(masks: StoredMasks, image: Array, decision: Decision) -> list[str]:
    """A warning if the ROIs stand out of the image no more often than by chance, as after a forgotten offset."""
    if not _fit(masks, image, decision.orientation):
        return []
    contrast = _contrast(masks, image, decision.orientation) if decision.contrast is None else decision.contrast
    n, n_bright = int(np.isfinite(contrast).sum()), int((contrast > 0).sum())
    if n < FEWEST_ROIS or abs(_sign_test(n_bright, n)) >= CHANCE:
        return []
    return [
        f"The ROIs and the image do not fit each other: {n_bright} of {n} ROIs are brighter than their surround, as by "
        "chance; look whether the masks lie beside the image (give another with --image, or --image none)."
    ]


def orient(
    masks: StoredMasks, image: Floats32 | None, convention: Orientation, where: str
) -> tuple[scipy.sparse.csr_array, Floats32]:
    """Footprints, shape (n_rois, n_rows * n_cols), and image, shape (n_rows, n_cols), in one [row, col] frame.

    Without a stored image it is zeros of the masks' size. Raises InputError, beginning with `where`, if masks and image
    differ in size.
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
            f"columns, the image {n_rows} rows x {n_cols} columns; choose another image with --image, or --image none."
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
    remedy = "--transpose settles it, for this file alone --transpose FILE=masks|image|both|none"
    against = f"The masks are taken {transposed}, against {known}: {evidence} ({remedy})."
    return Decision(convention, f"against {known}; {evidence}", f"{warning} {against}".lstrip(), contrast)


def _unscrambled(masks: StoredMasks, convention: Orientation, known: str) -> tuple[Orientation, str]:
    """The convention with what the masks' own shapes say of scrambling, and a warning if they speak against it."""
    if not masks.whole or masks.shape[0] == masks.shape[1]:
        if not convention.masks_scrambled:
            return convention, ""
        return replace(convention, masks_scrambled=False, masks_transposed=masks.whole), ""
    gain = _compactness(masks.unscrambled()) - _compactness(masks)
    scrambled = gain > COMPACT if not convention.masks_scrambled else gain > -COMPACT
    if scrambled == convention.masks_scrambled:
        return convention, ""
    state = "torn to stripes as stored" if scrambled else "whole as stored"
    return replace(convention, masks_scrambled=scrambled), f"The masks are {state}, against {known}."


def _compactness(masks: StoredMasks) -> float:
    """Which part of the right and lower neighbours of the masks' pixels belong to the same mask."""
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
    """Mean of the image in each mask less that around it, where no other mask lies; NaN if either is empty."""
    image = np.asarray(image.T if convention.image_transposed else image, float)
    masks = _oriented(masks, convention).within((image.shape[0], image.shape[1]))
    covered = np.zeros(image.size, bool)
    covered[masks.footprints.indices] = True
    free = ~covered.reshape(image.shape)
    sample = masks.sample(MOST_ROIS).footprints
    found = np.full(sample.shape[0], np.nan)
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
            found[roi] = image[row, col].mean() - image[box][around].mean()
    return found


def _sign_test(count: int, n: int) -> float:
    """The z score of this many successes among n if half are expected."""
    return (2 * count - n) / np.sqrt(n) if n else 0.0
