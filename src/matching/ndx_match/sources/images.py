"""Read projection images, and report those that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Floats32
from ..errors import InputError
from .candidates import FileContents, ImageCandidate
from .checks import check_numbers, check_pixels
from .choose import SourceOptions, other_image

MOST_WITHOUT_DATA = 0.5  #: largest part of an image's pixels that may have no data


@dataclass(frozen=True)
class Projection:
    """A session's projection image, and warnings about it."""

    stored: Floats32 | None  #: as stored, NaN where there are no data; zeros if it is blank, None if there is none
    path: str  #: in the file; empty if the session is to be registered by its ROIs alone
    warnings: tuple[str, ...] = ()


def read_projection(
    contents: FileContents, candidate: ImageCandidate | None, options: SourceOptions, where: str
) -> Projection:
    """Read the chosen image of a file, if there is one.

    Raises InputError, beginning with `where`, if the image does not consist of numbers, if more than half of them are
    missing, or if it is blank although an image is required.
    """
    alone = "so the session is registered by its ROIs alone."
    if candidate is None:
        return Projection(None, "", (f"{_lack(contents)}, {alone}",))
    remedy = other_image(contents, options)
    image = _read(candidate, where, remedy)
    present = image[np.isfinite(image)]
    if (present == present[:1]).all():
        if options.image_required:
            raise InputError(f"{where}: the projection image {candidate.path} is blank; {remedy}.")
        blank = f"The image {candidate.path} is blank (it has one value)"
        return Projection(np.zeros_like(image), "", (f"{blank}, {alone}",))
    if present.size == image.size:
        return Projection(image, candidate.path)
    gaps = f"has no data (NaN) in {image.size - present.size} of {image.size} pixels"
    return Projection(
        image, candidate.path, (f"The image {candidate.path} {gaps}, which count as outside the session's field.",)
    )


def _lack(contents: FileContents) -> str:
    """Why there is no image, as the beginning of a sentence."""
    if contents.images:
        return "No projection image is used"
    if contents.coloured:
        return f"The file holds no projection image but {', '.join(contents.coloured)} (RGB images are not used)"
    return "The file holds no projection image"


def _read(candidate: ImageCandidate, where: str, remedy: str) -> Floats32:
    what = f"{where}: the pixels of the projection image {candidate.path}"
    data = candidate.image.data
    check_numbers(data, what, remedy)
    check_pixels(candidate.shape, what, remedy)
    with np.errstate(over="ignore"):
        image = np.asarray(data[:]).astype(np.float32)
    if np.isinf(image).any():
        raise InputError(f"{where}: the projection image {candidate.path} holds infinite values; {remedy}.")
    n_without_data = int(np.isnan(image).sum())
    if n_without_data > MOST_WITHOUT_DATA * image.size:
        raise InputError(
            f"{where}: the projection image {candidate.path} holds no data (NaN) in {n_without_data} of its "
            f"{image.size} pixels; {remedy}."
        )
    return image
