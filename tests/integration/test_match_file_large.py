"""Large sessions: memory, and that masks are streamed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest
from builders import START, field_of_view, make_nwbfile, write_nwb
from helpers import COMMAND

N_ROIS = 1000
SHAPE = (512, 512)
MAXIMUM_MEGABYTES = 600


def large_session(path: Path, number: int) -> Path:
    """A session with 1,000 uncompressed float32 masks of 512 x 512: 1 GB; written without holding them."""
    field = field_of_view((3 * number, 2 * number), shape=SHAPE)
    write_nwb(path, make_nwbfile(field, session_id=str(number + 1), start=START.replace(day=4 + number)))
    rng = np.random.default_rng(0)
    corners = rng.integers(12, np.array(SHAPE) - 24, (N_ROIS, 2)) - np.array([3, 2]) * number
    with h5py.File(path, "r+") as file:
        table = file["processing/ophys/image_segmentation/roi_table"]
        for name, shape, dtype in (("image_mask", (N_ROIS, *SHAPE), "f4"), ("id", (N_ROIS,), "i8")):
            attributes = dict(table[name].attrs)
            del table[name]
            table.create_dataset(name, shape, dtype).attrs.update(attributes)
        table["id"][:] = np.arange(N_ROIS)
        for roi_row, (row, col) in enumerate(corners):
            mask = np.zeros(SHAPE, np.float32)
            mask[row : row + 10, col : col + 12] = rng.uniform(0.1, 1, (10, 12))
            table["image_mask"][roi_row] = mask
    return path


@pytest.fixture
def inputs(tmp_path: Path) -> Iterator[list[Path]]:
    paths = [tmp_path / f"{k}.nwb" for k in range(2)]
    try:
        yield [large_session(path, k) for k, path in enumerate(paths)]
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


@pytest.mark.slow
def test_a_thousand_large_masks_a_session_fit_into_little_memory(tmp_path: Path, inputs: list[Path]):
    assert all(path.stat().st_size > 1e9 for path in inputs)
    output = tmp_path / "m.nwb"
    command = [*COMMAND, "write", *map(str, inputs), "-o", str(output), "--method", "nway"]
    started, peak = time.monotonic(), 0
    process = psutil.Popen(command)
    while process.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    seconds = time.monotonic() - started
    print(f"{seconds:.0f} s, peak {peak / 1e6:.0f} MB, {output.stat().st_size / 1e6:.1f} MB written")
    assert process.wait() == 0
    assert 50e6 < peak < MAXIMUM_MEGABYTES * 1e6
    with h5py.File(output) as written, h5py.File(inputs[1]) as source:
        masks = written["processing/ophys/roi_tables/2_roi_table/image_mask"]
        assert masks.compression == "gzip"
        assert masks.dtype == np.float32
        for roi_row in (0, 499, 999):
            expected = source["processing/ophys/image_segmentation/roi_table/image_mask"][roi_row]
            np.testing.assert_array_equal(masks[roi_row], expected)
    assert output.stat().st_size < 20e6
