"""Register two projection images by several chains of steps; the chain with the highest SSIM wins."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from ...arrays import Bytes, Matrix
from ...warping import warp_image
from .parameters import NwayParameters

IDENTITY = ("Identity",)
CHAINS: tuple[tuple[str, ...], ...] = (
    IDENTITY,
    ("Crop", "ECC"),
    ("Crop", "CLAHE", "ECC"),
    ("Crop", "CLAHE", "PhaseCorrelate"),
    ("Crop", "CLAHE", "PhaseCorrelate", "ECC"),
)
ORIGINAL_CHAIN = ("CLAHE", "ECC")
SSIM_SIGMA = 20.0
SSIM_TRUNCATE = 3.5  #: standard deviations at which scikit-image ends the Gaussian window


@dataclass(frozen=True)
class Candidate:
    """The alignment of one chain: its steps, its matrix (fixed to moving, on (x, y, 1)) and its score."""

    steps: tuple[str, ...]
    matrix: Matrix
    ssim: float


class StepFailedError(Exception):
    """A step of a chain gives no result for these images; the chain is then left out."""


def equalise(image: Bytes, parameters: NwayParameters) -> Bytes:
    """Contrast-limited adaptive histogram equalisation (CLAHE), or the image itself if that is off."""
    if parameters.clahe_grid == -1:
        return image
    grid = (parameters.clahe_grid, parameters.clahe_grid)
    return np.asarray(cv2.createCLAHE(clipLimit=parameters.clahe_clip, tileGridSize=grid).apply(image))


def register(fixed: Bytes, moving: Bytes, parameters: NwayParameters) -> list[Candidate]:
    """The alignments of all chains that give a result, best SSIM first; identity is always among them.

    Parameters
    ----------
    fixed, moving : ndarray of uint8, shape (n_rows, n_cols)
        As made by :func:`ndx_match.warping.to_8_bit`; they may differ in size.
    parameters : NwayParameters

    References
    ----------
    Garrett et al. 2023, 10.1101/2023.02.14.528085; ECC: Evangelidis and Psarakis 2008, 10.1109/TPAMI.2008.113.
    """
    chains = (*CHAINS, ORIGINAL_CHAIN) if parameters.include_original else CHAINS
    fixed_equalised, moving_equalised = equalise(fixed, parameters), equalise(moving, parameters)
    estimated = []
    for steps in chains:
        try:
            estimated.append((steps, _run_chain(steps, fixed, moving, parameters)))
        except StepFailedError:
            continue
    candidates = [
        Candidate(steps, matrix, _score(fixed_equalised, moving_equalised, matrix, parameters.motion_type))
        for steps, matrix in estimated
    ]
    return sorted(candidates, key=lambda candidate: -candidate.ssim)  # stable: the earlier chain wins a tie


def _run_chain(steps: tuple[str, ...], fixed: Bytes, moving: Bytes, parameters: NwayParameters) -> Matrix:
    total = np.eye(3)
    for step in steps:
        if step == "Crop":
            # As in the published pipeline, the matrix does not undo the crop's offset.
            fixed, moving = (_crop(image, parameters.edge_buffer) for image in (fixed, moving))
        elif step == "CLAHE":
            fixed, moving = equalise(fixed, parameters), equalise(moving, parameters)
        elif step == "PhaseCorrelate":
            matrix = _phase_correlate(fixed, moving)
            moving = warp_image(moving, matrix, fixed.shape)
            total = matrix @ total
        elif step == "ECC":
            total = _ecc(fixed, moving, parameters) @ total
    return total


def _crop(image: Bytes, edge: int) -> Bytes:
    if 2 * edge >= min(image.shape):
        raise StepFailedError
    return image[edge : image.shape[0] - edge, edge : image.shape[1] - edge]


def _phase_correlate(fixed: Bytes, moving: Bytes) -> Matrix:
    shape = tuple(np.maximum(fixed.shape, moving.shape))
    padded = [
        np.pad(image, [(0, target - length) for target, length in zip(shape, image.shape, strict=True)])
        for image in (fixed, moving)
    ]
    (shift_x, shift_y), _ = cv2.phaseCorrelate(*(image.astype(np.float32) for image in padded))
    return np.array([[1.0, 0.0, shift_x], [0.0, 1.0, shift_y], [0.0, 0.0, 1.0]])


def _ecc(fixed: Bytes, moving: Bytes, parameters: NwayParameters) -> Matrix:
    n_rows = 3 if parameters.motion_type == "MOTION_HOMOGRAPHY" else 2
    criteria = (
        cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT,
        parameters.registration_iterations,
        parameters.registration_precision,
    )
    try:
        _, warp = cv2.findTransformECC(
            fixed,
            moving,
            np.eye(n_rows, 3, dtype=np.float32),
            getattr(cv2, parameters.motion_type),
            criteria,
            None,
            parameters.gauss_filt_size,
        )
    except cv2.error as error:
        raise StepFailedError from error
    matrix = np.eye(3)
    matrix[:n_rows] = warp
    if not np.isfinite(matrix).all() or np.linalg.det(matrix) == 0:
        raise StepFailedError
    return matrix


def _score(fixed: Bytes, moving: Bytes, matrix: Matrix, motion_type: str) -> float:
    registered = warp_image(moving, matrix, fixed.shape, perspective=motion_type == "MOTION_HOMOGRAPHY")
    # The published score is undefined if its window (141 pixels) is larger than the image; then the window is reduced.
    sigma = min(SSIM_SIGMA, (min(fixed.shape) - 1) // 2 / SSIM_TRUNCATE)
    return float(structural_similarity(fixed, registered, gaussian_weights=True, sigma=sigma))
