"""Files with data of odd types, shapes, sizes and places: each is refused in one sentence, or read with a warning."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from builders import SHAPE, field_of_view, make_nwbfile, write_nwb
from helpers import listing, run

TABLE = "processing/ophys/image_segmentation/roi_table"
IMAGES = "processing/ophys/images"
PLANE = "general/optophysiology/plane"
N = 20  #: ROIs

PYNWB = "pynwb cannot read this NWB file"  #: what pynwb itself refuses, with its reason

Change = Callable[[h5py.File], None]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file for each kind of masks."""
    folder = tmp_path_factory.mktemp("good")
    return {
        kind: write_nwb(folder / f"{kind}.nwb", make_nwbfile(mask_kind=kind))
        for kind in ("image_mask", "pixel_mask", "voxel_mask")
    }


def put(path: str, data: Any = None, **options: Any) -> Change:
    """Replace a dataset, which keeps its attributes, and to which its index still leads."""

    def change(file: h5py.File) -> None:
        attributes = dict(file[path].attrs)
        del file[path]
        file.create_dataset(path, data=data, **options).attrs.update(attributes)
        if f"{path}_index" in file:
            file[f"{path}_index"].attrs["target"] = file[path].ref

    return change


def column(name: str, data: Any) -> Change:
    """Replace a column of the ROI table, or add one."""

    def change(file: h5py.File) -> None:
        if name in file[TABLE]:
            put(f"{TABLE}/{name}", data)(file)
            return
        attributes = {**file[f"{TABLE}/image_mask"].attrs, "object_id": str(uuid.uuid4())}
        file[TABLE].create_dataset(name, data=data).attrs.update(attributes)
        file[TABLE].attrs["colnames"] = [*file[TABLE].attrs["colnames"], name]

    return change


def pixels(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Change the pixels of masks."""

    def apply(file: h5py.File) -> None:
        name = next(kind for kind in ("pixel_mask", "voxel_mask") if kind in file[TABLE])
        put(f"{TABLE}/{name}", change(file[f"{TABLE}/{name}"][()]))(file)

    return apply


def field(name: str, value: float, dtype: str | None = None) -> Change:
    """Give one pixel another value."""

    def change(values: np.ndarray) -> np.ndarray:
        types = [(n, dtype if n == name and dtype else values.dtype[n]) for n in values.dtype.names]
        changed = values.astype(types)
        changed[name][3] = value
        return changed

    return pixels(change)


def without(*names: str) -> Change:
    """Leave out fields of mask pixels."""
    return pixels(
        lambda values: np.array(
            [tuple(v[n] for n in values.dtype.names if n not in names) for v in values],
            [(n, values.dtype[n]) for n in values.dtype.names if n not in names],
        )
    )


def remove_index(file: h5py.File) -> None:
    """And leave as many pixels as there are ROIs."""
    pixels(lambda values: values[:N])(file)
    del file[f"{TABLE}/pixel_mask_index"]


def masks(values: Any) -> Change:
    return put(f"{TABLE}/image_mask", values)


def images(data: Any = None, **options: Any) -> Change:
    def change(file: h5py.File) -> None:
        del file[f"{IMAGES}/max_projection"]
        put(f"{IMAGES}/average_image", data, **options)(file)

    return change


MASKS = field_of_view().masks
HUGE = {"shape": (N, 40_000, 40_000), "dtype": "f4", "chunks": (1, 1000, 1000)}
GAPS = np.where(np.arange(SHAPE[0])[:, None] < 100, np.nan, field_of_view().image)

REFUSED = {
    "masks of text": ("image_mask", masks(np.full((N, *SHAPE), b"x")), "hold text"),
    "complex masks": ("image_mask", masks(MASKS.astype(complex)), "hold complex numbers"),
    "masks all negative": ("image_mask", masks(-MASKS), "masks are negative"),
    "pixel masks all negative": (
        "pixel_mask",
        pixels(lambda p: _scaled(p, -1)),
        "masks are negative",
    ),
    "fewer masks than ROIs": ("image_mask", masks(MASKS[:-1]), PYNWB),
    "masks of one dimension": ("image_mask", masks(np.ones(N)), "not two-dimensional"),
    "masks of four dimensions": ("image_mask", masks(MASKS[..., None]), "not two-dimensional"),
    "huge masks": ("image_mask", put(f"{TABLE}/image_mask", **HUGE), "40000 rows"),
    "no weight": ("pixel_mask", without("weight"), "no field weight"),
    "no x": ("pixel_mask", without("x"), "no field x"),
    "no y": ("voxel_mask", without("y"), "no field y"),
    "no z": ("voxel_mask", without("z"), "no field z"),
    "no index": ("pixel_mask", remove_index, "needs one index (pixel_mask_index)"),
    "no index for many pixels": ("pixel_mask", lambda file: file.pop(f"{TABLE}/pixel_mask_index"), PYNWB),
    "an index of two dimensions": (
        "pixel_mask",
        put(f"{TABLE}/pixel_mask_index", np.arange(2 * N, dtype="u4").reshape(N, 2)),
        "does not fit",
    ),
    "a longer index": ("pixel_mask", put(f"{TABLE}/pixel_mask_index", np.arange(N + 3)), PYNWB),
    "an index of text": ("pixel_mask", put(f"{TABLE}/pixel_mask_index", np.full(N, b"1")), "does not fit"),
    "NaN for a place": ("pixel_mask", field("x", np.nan, "f8"), "NaN or infinite places"),
    "infinity for a place": ("voxel_mask", field("z", np.inf, "f8"), "NaN or infinite places"),
    "places of text": ("pixel_mask", pixels(lambda p: p.astype([("x", "S4"), ("y", "u4"), ("weight", "f4")])), "text"),
    "a place far away": ("pixel_mask", field("x", 2**32 - 1), "reach x = 4294967295"),
    "a place far away, down": ("voxel_mask", field("y", 2**32 - 1), "y = 4294967295"),
    "pixels in rows of five": ("pixel_mask", pixels(lambda p: np.ones((len(p), 5))), "no field x"),
    "infinite weights": ("pixel_mask", field("weight", np.inf), "NaN or infinite weights"),
    "weights beyond float32": ("pixel_mask", field("weight", 1e300, "f8"), "NaN or infinite weights"),
    "ids of text": (
        "image_mask",
        put(f"{TABLE}/id", [f"a{k}".encode() for k in range(N)]),
        "ids are not whole numbers",
    ),
    "ids that are fractions": ("image_mask", put(f"{TABLE}/id", np.arange(N) + 0.5), PYNWB),
    "ids beyond 64 bits": ("image_mask", put(f"{TABLE}/id", np.arange(N, dtype="u8") + 2**63), "beyond what 64 bits"),
    "complex images": ("image_mask", images(np.ones(SHAPE, complex)), "hold complex numbers"),
    "images of text": ("image_mask", images(np.full(SHAPE, b"x")), "hold text"),
    "an image without data": ("image_mask", images(GAPS), "no data (NaN)"),
    "an infinite image": ("image_mask", images(np.full(SHAPE, np.inf)), "infinite values"),
    "a huge image": ("pixel_mask", images(shape=(40_000, 40_000), dtype="f4", chunks=(1000, 1000)), "40000 rows"),
    "an image of another size": ("image_mask", images(np.ones((140, 130))), "140 rows x 130 columns"),
}


def _scaled(values: np.ndarray, factor: float) -> np.ndarray:
    values["weight"] *= factor
    return values


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_in_a_sentence(tmp_path: Path, good: dict[str, Path], case: str):
    kind, change, words = REFUSED[case]
    bad = Path(shutil.copy(good[kind], tmp_path / "bad.nwb"))
    with h5py.File(bad, "r+") as file:
        change(file)
    outcome = run("write", good["image_mask"], bad, "-o", tmp_path / "m.nwb").refused(str(bad), words)
    if "image" in case.split():
        assert "--image none" in outcome.err
    if words != PYNWB:
        assert "not clear" in run("inspect", bad).succeeded().out
    assert listing(tmp_path) == {"bad.nwb"}
