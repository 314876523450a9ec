"""Simulate a segmentation: masks that differ between sessions, split cells, merged cells and false ROIs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_closing, distance_transform_edt, gaussian_filter
from scipy.sparse import csr_array
from scipy.spatial import cKDTree
from skimage.draw import polygon2mask

from ..arrays import Bools, Floats, Floats32, Ints64
from ..footprints import from_pixels
from .tiers import SimulationParameters
from .truth import Bodies, outline_radius
from .warp import Warp

_ANGLES = np.linspace(0, 2 * np.pi, 64, endpoint=False)
_DIRECTIONS = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])
_NOISE_HARMONICS = np.arange(1, 9)


@dataclass(frozen=True)
class Mask:
    """One ROI: the linear indices (row-major) of its pixels, and the cell it shows (-1: none)."""

    pixels: Ints64
    cell: int


def segment(
    rng: np.random.Generator,
    bodies: Bodies,
    detected: Bools,
    focal_depth: float,
    warp: Warp,
    parameters: SimulationParameters,
) -> list[Mask]:
    """The masks of one session, in the order of the cells, false ones last.

    A mask that the edge of the field or noise leaves too small is not segmented.
    """
    radius = bodies.visible_radius(focal_depth, parameters.pixel_size)
    near = _in_view(bodies, warp, parameters)
    smallest = 0.3 * np.pi * parameters.cell_radius**2
    masks = []
    for cell in np.flatnonzero(detected & near):
        outline = _noisy_outline(rng, bodies, int(cell), float(radius[cell]), parameters.mask_noise)
        pixels = _fill(warp(outline), parameters.shape)
        if len(pixels) >= smallest:
            masks.append(Mask(pixels, int(cell)))
    masks = _merge(rng, masks, parameters)
    masks = _split(rng, masks, parameters)
    n_false = rng.binomial(max(len(masks), 1), parameters.false_rois)
    return masks + [_false_mask(rng, parameters) for _ in range(n_false)]


def true_outlines(
    bodies: Bodies, focal_depth: float, warp: Warp, parameters: SimulationParameters
) -> tuple[Ints64, csr_array]:
    """The cells that a session has in view, and the pixels inside their outlines."""
    radius = bodies.visible_radius(focal_depth, parameters.pixel_size)
    cells, masks = [], []
    for cell in np.flatnonzero(_in_view(bodies, warp, parameters)).tolist():
        length = radius[cell] * bodies.relative_radius(cell, _ANGLES)
        pixels = _fill(warp(bodies.centre[cell] + length[:, None] * _DIRECTIONS), parameters.shape)
        if len(pixels):
            cells.append(cell)
            masks.append(pixels)
    return np.array(cells, np.int64), from_pixels(masks, parameters.shape[0] * parameters.shape[1])


def _in_view(bodies: Bodies, warp: Warp, parameters: SimulationParameters) -> Bools:
    """Which cells lie in the image or close to it."""
    n_rows, n_cols = parameters.shape
    position = warp(bodies.centre)
    reach = 3 * parameters.cell_radius
    return np.asarray(((position > -reach) & (position < np.array([n_cols, n_rows]) + reach)).all(axis=1))


def _noisy_outline(rng: np.random.Generator, bodies: Bodies, cell: int, radius: float, noise: float) -> Floats:
    """The outline of a cell, in reference (x, y), shifted, scaled and made ragged; less so for active cells."""
    noise = noise * np.exp(-0.3 * bodies.activity[cell] + 0.35 * rng.standard_normal())
    size = 1 + noise * rng.normal(0.0, 0.115)
    relative = bodies.relative_radius(cell, _ANGLES) * size + _raggedness(rng, noise * 0.145)
    centre = bodies.centre[cell] + noise * 0.095 * radius * rng.standard_normal(2)
    length = radius * np.maximum(relative, 0.25)
    return centre + length[:, None] * _DIRECTIONS


def _raggedness(rng: np.random.Generator, size: float) -> Floats:
    """What is added to the relative radius of an outline at `_ANGLES`."""
    roughness = size / np.sqrt(_NOISE_HARMONICS)
    coefficients = (rng.normal(0, roughness) + 1j * rng.normal(0, roughness)) / np.sqrt(2)
    return outline_radius(coefficients, _NOISE_HARMONICS, _ANGLES)


def _fill(outline: Floats, shape: tuple[int, int]) -> Ints64:
    """The pixels inside a polygon of (x, y), as far as they lie in the image."""
    low = np.clip(np.floor(outline.min(axis=0)), 0, np.array(shape[::-1])).astype(int)
    high = np.clip(np.ceil(outline.max(axis=0)) + 1, 0, np.array(shape[::-1])).astype(int)
    box = (int(high[1] - low[1]), int(high[0] - low[0]))
    if min(box) <= 0:
        return np.zeros(0, np.int64)
    rows, columns = np.nonzero(polygon2mask(box, (outline - low)[:, ::-1]))
    return ((rows + low[1]) * shape[1] + columns + low[0]).astype(np.int64)


def _centroids(masks: list[Mask], n_cols: int) -> Floats:
    return np.array([[(m.pixels % n_cols).mean(), (m.pixels // n_cols).mean()] for m in masks]).reshape(-1, 2)


def _merge(rng: np.random.Generator, masks: list[Mask], parameters: SimulationParameters) -> list[Mask]:
    """Replace some pairs of neighbours by one mask that covers both and carries the larger one's cell."""
    neighbours = cKDTree(_centroids(masks, parameters.shape[1])).query_pairs(
        2.4 * parameters.cell_radius, output_type="ndarray"
    )
    n_merges = round(parameters.merges * len(masks))
    absorbed: set[int] = set()
    merged = list(masks)
    for first, second in rng.permutation(neighbours):
        if len(absorbed) == n_merges:
            break
        if merged[first] is masks[first] and merged[second] is masks[second] and not absorbed & {first, second}:
            small, large = sorted((first, second), key=lambda k: len(masks[k].pixels))
            both = np.union1d(masks[first].pixels, masks[second].pixels)
            merged[large] = Mask(_closed(both, parameters), masks[large].cell)
            absorbed.add(small)
    return [mask for k, mask in enumerate(merged) if k not in absorbed]


def _closed(pixels: Ints64, parameters: SimulationParameters) -> Ints64:
    """The pixels, and those in the gap between them."""
    image = np.zeros(parameters.shape, bool)
    image.flat[pixels] = True
    return np.flatnonzero(image | binary_closing(image, iterations=3)).astype(np.int64)


def _split(rng: np.random.Generator, masks: list[Mask], parameters: SimulationParameters) -> list[Mask]:
    """Cut some masks in two along a line near their middle; both parts carry the cell."""
    n_cols = parameters.shape[1]
    chosen = set(rng.permutation(len(masks))[: round(parameters.splits * len(masks))].tolist())
    result = []
    for k, mask in enumerate(masks):
        if k not in chosen:
            result.append(mask)
            continue
        x, y = mask.pixels % n_cols, mask.pixels // n_cols
        angle = rng.uniform(0, 2 * np.pi)
        offset = rng.normal(0, 0.15 * parameters.cell_radius)
        side = (x - x.mean()) * np.cos(angle) + (y - y.mean()) * np.sin(angle) > offset
        result += [Mask(part, mask.cell) for part in (mask.pixels[side], mask.pixels[~side]) if len(part)]
    return result


def _false_mask(rng: np.random.Generator, parameters: SimulationParameters) -> Mask:
    """A blob of neuropil, or a streak like a dendrite, that belongs to no cell."""
    n_rows, n_cols = parameters.shape
    margin = 2 * parameters.cell_radius
    centre = rng.uniform([margin, margin], [n_cols - margin, n_rows - margin])
    length = np.maximum(1 + _raggedness(rng, 0.25), 0.3)
    ratio = rng.uniform(3, 5) if rng.random() < 0.4 else rng.uniform(1, 1.5)
    radius = parameters.cell_radius * rng.uniform(0.8, 1.2)
    angle = rng.uniform(0, np.pi)
    ellipse = radius * np.column_stack(
        [length * np.cos(_ANGLES) * np.sqrt(ratio), length * np.sin(_ANGLES) / np.sqrt(ratio)]
    )
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return Mask(_fill(centre + ellipse @ turn, parameters.shape), -1)


def footprints(masks: list[Mask], parameters: SimulationParameters) -> csr_array:
    """The masks as sparse weights, shape (n_rois, n_pixels).

    Two-photon masks weigh 1; one-photon footprints fall off towards their edge and reach beyond it, as light
    scatters.
    """
    n_pixels = parameters.shape[0] * parameters.shape[1]
    if parameters.modality == "two_photon":
        return from_pixels([mask.pixels for mask in masks], n_pixels)
    blurred = [_blurred(mask.pixels, parameters) for mask in masks]
    return from_pixels([pixels for pixels, _ in blurred], n_pixels, [weights for _, weights in blurred])


def _blurred(pixels: Ints64, parameters: SimulationParameters) -> tuple[Ints64, Floats32]:
    n_rows, n_cols = parameters.shape
    reach = int(2 * parameters.cell_radius)
    rows, columns = pixels // n_cols, pixels % n_cols
    low = np.maximum([rows.min() - reach, columns.min() - reach], 0)
    high = np.minimum([rows.max() + reach + 1, columns.max() + reach + 1], [n_rows, n_cols])
    patch = np.zeros(high - low)
    patch[rows - low[0], columns - low[1]] = 1
    weight = gaussian_filter(np.sqrt(distance_transform_edt(patch)), 0.4 * parameters.cell_radius)
    weight = np.where(weight > 0.1 * weight.max(), weight / weight.max(), 0).astype(np.float32)
    rows, columns = np.nonzero(weight)
    return ((rows + low[0]) * n_cols + columns + low[1]).astype(np.int64), weight[rows, columns]
