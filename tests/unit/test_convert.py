"""Files converted to Zarr and back hold the same: tables, references, ragged columns, attributes."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from builders import as_zarr, make_nwbfile, write_nwb, write_sessions
from helpers import listing, run

from ndx_match.errors import InputError, OutputError
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import nway
from ndx_match.sources import open_nwb, read_sessions
from ndx_match.storage.convert import convert_file

pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed; install the extra [zarr]")

FILES = Path(__file__).resolve().parent.parent / "back_compat" / "files"


def contents(file: h5py.File) -> dict[str, Any]:
    """Everything in a file but its schema, by path: links, types, shapes, values, and attributes."""
    entries: dict[str, Any] = {}

    def add(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            entries[path] = plain(item[()], file), item.shape, kind(item)
        for name, value in item.attrs.items():
            if name != ".specloc":
                entries[f"{path}@{name}"] = plain(value, file)

    def visit(group: h5py.Group) -> Iterator[tuple[str, Any]]:
        for name in group:
            link = group.get(name, getlink=True)
            path = f"{group.name.rstrip('/')}/{name}"
            if path == "/specifications":
                continue
            if isinstance(link, h5py.SoftLink):
                entries[path] = "link", link.path
                continue
            yield path, group[name]
            if isinstance(group[name], h5py.Group):
                yield from visit(group[name])

    add("/", file)
    for path, item in visit(file):
        entries.setdefault(path, "group")
        add(path, item)
    return entries


def kind(dataset: h5py.Dataset) -> str:
    return "text" if h5py.check_string_dtype(dataset.dtype) else str(dataset.dtype)


def plain(value: Any, file: h5py.File) -> Any:
    """Something that is equal where the values are."""
    if isinstance(value, h5py.Reference):
        return "reference", file[value].name
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.dtype.names:
        return [plain(value[name], file) for name in value.dtype.names]
    if isinstance(value, np.ndarray) and value.dtype.hasobject | (value.dtype.kind == "S"):
        return [plain(element, file) for element in value.ravel()]
    if isinstance(value, np.void):
        return [plain(value[name], file) for name in value.dtype.names or ()]
    return value.item() if isinstance(value, np.generic) else value


def assert_same_contents(one: Path, two: Path) -> None:
    with h5py.File(one) as first, h5py.File(two) as second:
        expected, actual = contents(first), contents(second)
    assert actual.keys() == expected.keys()
    for path in expected:
        np.testing.assert_equal(actual[path], expected[path], err_msg=path)


def there_and_back(path: Path, folder: Path) -> Path:
    store = convert_file(path, folder / "there.nwb.zarr")
    return convert_file(store, folder / "back.nwb")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in FILES.glob("*.nwb.gz")))
def test_files_of_every_writer_come_back_as_they_were(tmp_path: Path, name: str):
    path = tmp_path / "a.nwb"
    path.write_bytes(gzip.decompress((FILES / name).read_bytes()))
    assert_same_contents(path, there_and_back(path, tmp_path))


@pytest.fixture(scope="module")
def matches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A match file, which no test changes."""
    folder = tmp_path_factory.mktemp("matches")
    sessions = read_sessions(write_sessions(folder, mask_kind="pixel_mask"))
    return write_match_file(sessions, nway.match(sessions), folder / "m.nwb").path


@pytest.mark.slow
def test_a_match_file_comes_back_as_it_was(matches: Path, tmp_path: Path):
    back = there_and_back(matches, tmp_path)
    assert_same_contents(matches, back)
    expected = read_match_file(matches)
    for path in (back, tmp_path / "there.nwb.zarr"):
        actual = read_match_file(path)
        np.testing.assert_array_equal(actual.result.cells, expected.result.cells)
        for one, two in zip(actual.sessions, expected.sessions, strict=True):
            assert (one.footprints != two.footprints).nnz == 0
        with open_nwb(path) as nwbfile:
            module = nwbfile.processing["ophys"]
            tables = module["roi_tables"].plane_segmentations
            assert module["CellMatching"].sessions["roi_table"][1] is tables["102_roi_table"]
            assert module["CellMatching"].cells["102"].target.table is tables["102_roi_table"]


@pytest.mark.slow
def test_real_sessions_and_their_match_file_come_back(tmp_path: Path, allen_sessions: list[Path]):
    sessions = read_sessions(allen_sessions[:2])
    matches = write_match_file(sessions, nway.match(sessions), tmp_path / "m.nwb").path
    for number, path in enumerate((matches, allen_sessions[0])):
        folder = tmp_path / str(number)
        folder.mkdir()
        back = there_and_back(path, folder)
        assert_same_contents(path, back)
        assert back.stat().st_size < 1.3 * path.stat().st_size + 100_000


def test_large_data_are_compressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ndx_match.storage.datasets.BUFFER_BYTES", 300_000)
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile())
    back = there_and_back(path, tmp_path)
    assert_same_contents(path, back)
    with h5py.File(back) as file:
        masks = file["processing/ophys/image_segmentation/roi_table/image_mask"]
        assert masks.compression == "gzip"
        assert masks.id.get_storage_size() < masks.nbytes / 20
    assert sum(file.stat().st_size for file in (tmp_path / "there.nwb.zarr").rglob("image_mask/**/*")) < 100_000


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.int64, np.float32, np.float64])
def test_large_data_keep_their_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: type):
    monkeypatch.setattr("ndx_match.storage.datasets.LARGE_BYTES", 1000)
    nwbfile = make_nwbfile()
    table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
    rng = np.random.default_rng(0)
    table.add_column(name="values", description="Some.", data=rng.integers(0, 2, (20, 1000)).astype(dtype))
    if dtype == np.float64:
        table["values"].data[:] += rng.uniform(size=(20, 1000))
    path = write_nwb(tmp_path / "a.nwb", nwbfile)
    assert_same_contents(path, there_and_back(path, tmp_path))


def test_a_store_that_hdmf_zarr_wrote_is_converted(tmp_path: Path):
    """Also one of format 2 into format 3, where that is written."""
    shutil.unpack_archive(FILES / "hdmf_zarr_2.tar.xz", tmp_path, filter="data")
    first = convert_file(tmp_path / "session.nwb.zarr", tmp_path / "first.nwb")
    convert_file(tmp_path / "session.nwb.zarr", tmp_path / "new.nwb.zarr")
    second = convert_file(tmp_path / "new.nwb.zarr", tmp_path / "second.nwb")
    assert_same_contents(first, second)


def test_the_command(tmp_path: Path):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile())
    assert run("convert", path, tmp_path / "a.nwb.zarr").succeeded().out == f"Wrote {tmp_path / 'a.nwb.zarr'}\n"
    run("convert", tmp_path / "a.nwb.zarr", path).refused("this file exists already; give another name or --overwrite")
    run("convert", tmp_path / "a.nwb.zarr", path, "--overwrite").succeeded()
    assert read_sessions([path, write_nwb(tmp_path / "b.nwb", make_nwbfile(session_id="b"))])[0].n_rois == 20


def test_what_cannot_be_converted_leaves_nothing_behind(tmp_path: Path):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile())
    (tmp_path / "text.nwb").write_text("no")
    before = listing(tmp_path)
    with pytest.raises(InputError, match="not an HDF5 file"):
        convert_file(tmp_path / "text.nwb", tmp_path / "out.nwb.zarr")
    with pytest.raises(OutputError, match="one of the inputs"):
        convert_file(path, path, overwrite=True)
    assert listing(tmp_path) == before
    store = as_zarr(path)
    next((store / "processing/ophys/images/average_image").rglob("0*")).unlink() if not (
        store / "zarr.json"
    ).exists() else (store / "processing/ophys/images/average_image/c/0/0").unlink()
    before = listing(tmp_path)
    with pytest.raises(InputError, match=r"a\.nwb\.zarr: .*average_image is missing"):
        convert_file(store, tmp_path / "out.nwb")
    assert listing(tmp_path) == before
    with h5py.File(path, "r+") as file:
        file["analysis/other"] = h5py.ExternalLink("other.nwb", "/processing")
    with pytest.raises(InputError, match=r"takes data from other\.nwb; give one that holds all its data itself"):
        convert_file(path, tmp_path / "out.nwb.zarr")
