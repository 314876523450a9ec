"""Single masks and images as [row, col] arrays, however the source stored them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pynwb.ophys import PlaneSegmentation


@dataclass(frozen=True)
class StoredAs:
    """How the masks and the image of a session are stored; fields are columns of the table of sessions."""

    masks_transposed: bool
    image_transposed: bool
    masks_scrambled: bool
    mirrored: bool
    z_plane: int = -1  #: the plane (z) of voxel masks that was matched; -1: all

    def image(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn a stored image into [row, col]."""
        return self._unmirrored(stored.T if self.image_transposed else stored)

    def mask(self, table: PlaneSegmentation, roi_row: int, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
        """The mask of an ROI as [row, col]; `shape` is that of the image. Weights below 0 become 0."""
        if "image_mask" in table.colnames:
            mask = np.asarray(table["image_mask"].data[roi_row], np.float32)
            if self.masks_scrambled:
                mask = mask.ravel().reshape(mask.shape, order="F")
            mask = mask.T if self.masks_transposed else mask
        else:
            mask = np.zeros(shape, np.float32)
            x, y, weight = self._pixels(table, roi_row)
            np.add.at(mask, (x, y) if self.masks_transposed else (y, x), weight)
        return np.ascontiguousarray(self._unmirrored(np.maximum(mask, 0)))

    def _pixels(self, table: PlaneSegmentation, roi_row: int) -> tuple[Any, Any, Any]:
        """x, y and weight of the pixels of an ROI."""
        kind = "pixel_mask" if "pixel_mask" in table.colnames else "voxel_mask"
        column = table[kind]
        start = int(column.data[roi_row - 1]) if roi_row else 0
        data = getattr(column.target.data, "dataset", column.target.data)
        pixels = np.asarray(data[start : int(column.data[roi_row])])
        names = ("x", "y", "weight") if kind == "pixel_mask" else ("x", "y", "z", "weight")
        if pixels.dtype.names:
            fields = {name: pixels[name] for name in names}
        else:
            fields = dict(zip(names, pixels.reshape(-1, len(names)).T, strict=True))
        in_plane = fields.get("z", self.z_plane) == self.z_plane if self.z_plane >= 0 else slice(None)
        x, y = (np.atleast_1d(fields[name][in_plane]).astype(np.intp).ravel() for name in ("x", "y"))
        return x, y, np.atleast_1d(fields["weight"][in_plane]).ravel()

    def _unmirrored(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array[:, ::-1] if self.mirrored else array


def sampled(image: npt.NDArray[Any], points: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Values of an image [row, col] at points (x, y), shape (n, 2), interpolated bilinearly; NaN outside it."""
    last = np.array(image.shape[::-1]) - 1  # along x, y
    inside = ((points >= -0.5) & (points <= last + 0.5)).all(axis=1)
    position = np.clip(points[inside], 0, last)
    before = np.minimum(position.astype(np.intp), np.maximum(last - 1, 0))
    after = np.minimum(before + 1, last)
    x, y = (position - before).T
    (left, top), (right, bottom) = before.T, after.T
    values = np.full(len(points), np.nan, np.float32)
    upper = image[top, left] * (1 - x) + image[top, right] * x
    lower = image[bottom, left] * (1 - x) + image[bottom, right] * x
    values[inside] = upper * (1 - y) + lower * y
    return values
