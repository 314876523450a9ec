"""Zarr stores of NWB files: the same content as HDF5, and what is missing in them is an error."""

from __future__ import annotations

import dataclasses
import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pynwb
import pytest
from builders import as_zarr, field_of_view, make_nwbfile, write_nwb, write_sessions
from hdmf.common import DynamicTable
from hdmf.data_utils import GenericDataChunkIterator
from helpers import listing
from pynwb import NWBFile, TimeSeries
from pynwb.image import GrayscaleImage

from ndx_cell_matching import CellMatching
from ndx_match.annotate import COLUMN, annotate_files
from ndx_match.errors import InputError, OutputError
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import consensus, nway
from ndx_match.model import MatchedPlane, MatchResult, Registration, Session
from ndx_match.sources import SourceOptions, open_nwb, read_session, read_sessions
from ndx_match.storage import datasets
from ndx_match.storage.outputs import check_output
from ndx_match.storage.publish import publish

zarr = pytest.importorskip("zarr", reason="Zarr is not installed; install the extra [zarr]")
hdmf_zarr = pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed; install the extra [zarr]")

from zarr_stores import (  # noqa: E402  (imports Zarr)
    ARRAY_FILES,
    ATTRIBUTES,
    CONSOLIDATED,
    FORMAT,
    ROOT,
    arrays_of,
    chunk,
    chunks_of,
    edit,
    edit_attributes,
    name_of,
    remove_attributes,
    replace_array,
    unconsolidate,
)

FILES = Path(__file__).resolve().parent.parent / "back_compat" / "files"
TABLE = "processing/ophys/image_segmentation/roi_table"
IMAGE = "processing/ophys/images/average_image"
SHIFTS = ((0, 0), (3, 2), (-4, 5))
KINDS = ("image_mask", "pixel_mask", "voxel_mask")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for path in write_sessions(folder, SHIFTS):
        as_zarr(path)
    return folder


@pytest.fixture
def hdf5(made: Path) -> list[Path]:
    """Three sessions in HDF5, which no test changes."""
    return sorted(made.glob("*.nwb"))


@pytest.fixture
def stores(made: Path) -> list[Path]:
    """The same three in Zarr, which no test changes."""
    return sorted(made.glob("*.nwb.zarr"))


@pytest.fixture
def store(stores: list[Path], tmp_path: Path) -> Path:
    """A Zarr store to be changed."""
    return shutil.copytree(stores[0], tmp_path / "a.nwb.zarr")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_same(one: Any, two: Any, but: tuple[str, ...] = (), place: str = "") -> None:
    """Two objects of the model are equal down to the types of their arrays."""
    if dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            if field.name not in but:
                assert_same(getattr(one, field.name), getattr(two, field.name), but, f"{place}.{field.name}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(two), place
        for k, pair in enumerate(zip(one, two, strict=True)):
            assert_same(*pair, but, f"{place}[{k}]")
    elif hasattr(one, "toarray"):
        assert_same(one.toarray(), two.toarray(), but, place)
    elif isinstance(one, np.ndarray):
        assert one.dtype == two.dtype, place
        np.testing.assert_array_equal(one, two, err_msg=place)
    else:
        assert one == two, place


def match(sessions: list[Session]) -> MatchResult:
    """The cells of sessions that are registered by a shift."""
    matrix = np.array([[1.0, 0, -2], [0, 1, -3], [0, 0, 1]])
    pairs = [(i, j) for i in range(len(sessions)) for j in range(i + 1, len(sessions))]
    return nway.match_registered(sessions, [Registration(i, j, matrix, ("a shift",), ssim=0.9) for i, j in pairs])


FILE_ONLY = ("uri", "sha256", "state", "match_file_source")  #: what of a session is not the same in another format


@contextmanager
def matching_of(path: Path) -> Iterator[tuple[NWBFile, CellMatching]]:
    with open_nwb(path) as nwbfile:
        yield nwbfile, nwbfile.processing["ophys"]["CellMatching"]


@pytest.mark.parametrize("mask_kind", KINDS)
def test_a_session_is_read_as_from_hdf5(tmp_path: Path, mask_kind: str):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile(mask_kind=mask_kind, session_id=None, keywords=["one", "two"]))
    from_store = read_session(as_zarr(path))
    assert_same(from_store, read_session(path), FILE_ONLY)
    assert from_store.name == "a"


@pytest.mark.slow
@pytest.mark.parametrize("writer", ["allensdk", "neuroconv_suite2p", "ndx_microscopy"])
def test_files_of_other_writers_are_read_as_from_hdf5(tmp_path: Path, writer: str):
    path = tmp_path / f"{writer}.nwb"
    path.write_bytes(gzip.decompress((FILES / f"{writer}.nwb.gz").read_bytes()))
    assert_same(read_session(as_zarr(path)), read_session(path), FILE_ONLY)


def test_metadata_need_not_be_consolidated(store: Path, hdf5: list[Path]):
    unconsolidate(store)
    assert_same(read_session(store), read_session(hdf5[0]), FILE_ONLY)


def test_a_store_is_known_by_its_content_not_by_its_name(store: Path, hdf5: list[Path]):
    renamed = store.rename(store.with_name("session"))
    assert_same(read_session(renamed), read_session(hdf5[0]), FILE_ONLY)


@pytest.mark.slow
@pytest.mark.parametrize("method", [nway, consensus])
def test_matches_are_those_of_hdf5(hdf5: list[Path], stores: list[Path], method: Any):
    expected = method.match(read_sessions(hdf5))
    assert_same(method.match(read_sessions(stores)), expected)
    assert_same(method.match(read_sessions([stores[0], hdf5[1], stores[2]])), expected)


@pytest.mark.parametrize("mask_kind", ["image_mask", pytest.param("pixel_mask", marks=pytest.mark.slow)])
def test_a_match_file_is_the_same_whatever_the_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask_kind: str):
    """Also where masks are streamed, as large ones are."""
    monkeypatch.setattr(datasets, "LARGE_BYTES", 1000)
    monkeypatch.setattr(datasets, "BUFFER_BYTES", 300_000)
    hdf5 = write_sessions(tmp_path, mask_kind=mask_kind, roi_ids=[*range(50, 30, -1)], images=("average_image",))
    stores = [as_zarr(path) for path in hdf5]
    planes: list[MatchedPlane] = []
    for sources in (hdf5, stores):
        sessions = read_sessions(sources)
        result = match(sessions)
        for name in ("m.nwb", "m.nwb.zarr"):
            write_match_file(sessions, result, tmp_path / name, overwrite=True)
            planes.append(read_match_file(tmp_path / name))
            assert_same(
                planes[-1].sessions, tuple(sessions), ("session_id", "uri", "state", "subject", "match_file_source")
            )
    for file in planes[1:]:
        assert_same(file, planes[0], FILE_ONLY)
    assert listing(tmp_path) >= {"m.nwb", "m.nwb.zarr"}
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


@pytest.fixture(scope="module")
def match_files(tmp_path_factory: pytest.TempPathFactory, made: Path) -> Path:
    """A folder with a match file in HDF5 and in Zarr, which no test changes."""
    folder = tmp_path_factory.mktemp("matches")
    sessions = read_sessions(sorted(made.glob("*.nwb.zarr")))
    for name in ("m.nwb", "m.nwb.zarr"):
        write_match_file(sessions, match(sessions), folder / name)
    return folder


@pytest.fixture
def written(match_files: Path, tmp_path: Path) -> Path:
    """A match file in Zarr to be changed."""
    return shutil.copytree(match_files / "m.nwb.zarr", tmp_path / "m.nwb.zarr")


@pytest.mark.slow
def test_it_is_valid(written: Path):
    with hdmf_zarr.NWBZarrIO(str(written), "r") as io:
        assert pynwb.validate(io=io) == []


def test_the_inspector_finds_nothing_amiss(tmp_path: Path):
    inspector = pytest.importorskip("nwbinspector", reason="nwbinspector is not installed; install the group test")
    general = {"experimenter": ["Last, First"], "institution": "Here", "experiment_description": "A test."}
    sessions = read_sessions(write_sessions(tmp_path, SHIFTS, keywords=["mouse"], **general))
    path = write_match_file(sessions, match(sessions), tmp_path / "m.nwb.zarr").path
    with open_nwb(path) as nwbfile:
        messages = inspector.inspect_nwbfile_object(nwbfile, config=inspector.load_config("dandi"))
        # The inspector's own check of compression fails on arrays of format 3.
        messages = [
            message for message in messages if FORMAT == 2 or "`compressor` is not available" not in message.message
        ]
        assert [(message.check_function_name, message.message) for message in messages] == []


def test_every_table_equals_that_of_hdf5(match_files: Path):
    stored, expected_file = match_files / "m.nwb.zarr", match_files / "m.nwb"
    with matching_of(stored) as (one, zarr_matching), matching_of(expected_file) as (two, hdf5_matching):
        tables = [
            {item.name: item for item in nwbfile.objects.values() if isinstance(item, DynamicTable)}
            for nwbfile in (one, two)
        ]
        assert tables[0].keys() == tables[1].keys()
        assert len(tables[0]) == 4 + 3
        for name in tables[0]:
            first, second = tables[0][name], tables[1][name]
            assert first.colnames == second.colnames
            for column, other in zip(first.columns, second.columns, strict=True):
                assert column.name == other.name
                if column.name in ("roi_table", "image"):
                    continue
                values, expected = np.asarray(column.data[:]), np.asarray(other.data[:])
                if expected.dtype.kind == "O":
                    expected = np.array([v.decode() if isinstance(v, bytes) else v for v in expected], object)
                assert values.dtype.kind == expected.dtype.kind, column.name
                np.testing.assert_array_equal(values, expected, err_msg=f"{name}/{column.name}")
        assert zarr_matching.to_dataframe().equals(hdf5_matching.to_dataframe())
        assert zarr_matching.presence_labels().equals(hdf5_matching.presence_labels())
        for name in ("method", "method_version", "parameters", "software"):
            assert getattr(zarr_matching, name) == getattr(hdf5_matching, name)


def test_references_lead_into_the_store_wherever_it_is(written: Path, tmp_path: Path):
    """They are written under a temporary name, whose traces would lead nowhere."""
    expected = read_match_file(written)
    (tmp_path / "elsewhere").mkdir()
    moved = written.rename(tmp_path / "elsewhere" / "renamed.zarr")
    assert_same(read_match_file(moved), expected, ("match_file_source",))
    with matching_of(moved) as (nwbfile, matching):
        copies = nwbfile.processing["ophys"]["roi_tables"].plane_segmentations
        images = nwbfile.processing["ophys"]["projection_images"]
        for k, name in enumerate(("101", "102", "103")):
            assert matching.sessions["roi_table"][k] is copies[f"{name}_roi_table"]
            assert matching.sessions["image"][k] is images[name]
            assert matching.cells[name].target.table is copies[f"{name}_roi_table"]
            assert copies[f"{name}_roi_table"].imaging_plane is nwbfile.imaging_planes["plane"]
    metadata = b"".join(
        text for name, text in contents(moved).items() if Path(name).name in (".zattrs", ".zmetadata", "zarr.json")
    )
    assert metadata.count(b'"source"') == metadata.count(b'"source": "."') > 0
    assert b".m-" not in metadata


def test_plain_pynwb_reads_it_without_unpickling(written: Path, monkeypatch: pytest.MonkeyPatch):
    """Newer versions of numcodecs refuse to unpickle, which can execute any code."""
    monkeypatch.setattr("numcodecs.pickles.Pickle.decode", None)
    matching = pynwb.read_nwb(str(written)).processing["ophys"]["CellMatching"]
    assert matching.sessions["roi_table"][0].name == "101_roi_table"
    assert len(matching.cells.to_dataframe(index=True)) == len(matching.cells)


@pytest.mark.slow
def test_columns_of_every_kind_are_copied(tmp_path: Path):
    nwbfile = make_nwbfile()
    table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
    ends = np.arange(2, 42, 2)
    plain = {
        "is_soma": np.arange(20) % 3 == 0,
        "area": np.arange(20, dtype=np.uint16),
        "snr": np.linspace(0, 1, 20, dtype=np.float32),
        "label": [f"cell {k} µm" for k in range(20)],
        "iscell": np.linspace(0, 1, 40).reshape(20, 2),
    }
    for name, data in plain.items():
        table.add_column(name=name, description=f"The {name}.", data=data)
    table.add_column(name="tags", description="Ragged.", data=[f"tag {k}" for k in range(40)], index=ends)
    table.add_column(name="plane", description="Objects.", data=[nwbfile.imaging_planes["plane"]] * 20)
    first = write_nwb(tmp_path / "a.nwb", nwbfile)
    second = write_nwb(tmp_path / "b.nwb", make_nwbfile(session_id="b"))
    for sources, outputs in (
        ([first, second], ["m.nwb.zarr"]),
        ([as_zarr(first), second], ["m.nwb", "again.nwb.zarr"]),
    ):
        for name in outputs:
            sessions = read_sessions(sources)
            done = write_match_file(sessions, match(sessions), tmp_path / name)
            assert done.warnings == (
                "101: the copy of the ROI table does not have these columns, which cannot be copied: plane.",
            )
            with matching_of(done.path) as (nwbfile, _):
                copy = nwbfile.processing["ophys"]["roi_tables"]["101_roi_table"]
                assert copy.colnames == ("image_mask", *plain, "tags", "took_part")
                for name, data in plain.items():
                    expected = np.asarray(data)
                    values = np.asarray(copy[name].data[:])
                    if expected.dtype.kind == "U":
                        values = np.array([v.decode() if isinstance(v, bytes) else v for v in values])
                    assert values.dtype == expected.dtype, name
                    np.testing.assert_array_equal(values, expected, err_msg=name)
                assert [str(tag) for tag in copy["tags"][3]] == ["tag 6", "tag 7"]


@pytest.mark.skipif(FORMAT == 3, reason="with format 3, Zarr leaves out chunks of nothing but the fill value")
def test_hdmf_zarr_writes_every_chunk(tmp_path: Path):
    """Also those of nothing but the fill value, however data are handed to it: so a missing chunk is damage."""

    class Pieces(GenericDataChunkIterator):
        def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
            return np.zeros((40, 10))[selection]

        def _get_maxshape(self) -> tuple[int, ...]:
            return (40, 10)

        def _get_dtype(self) -> np.dtype:
            return np.dtype(float)

    nwbfile = make_nwbfile()
    for name, data in {
        "array": np.zeros((500, 300, 10)),
        "pieces": Pieces(chunk_shape=(4, 10), buffer_shape=(8, 10)),
        "wrapped": hdmf_zarr.ZarrDataIO(np.zeros((40, 10)), chunks=(4, 10)),
    }.items():
        nwbfile.add_acquisition(TimeSeries(name=name, data=data, unit="n.a.", rate=1.0))
    with hdmf_zarr.NWBZarrIO(str(tmp_path / "a.zarr"), "w") as io:
        io.write(nwbfile)
    with hdmf_zarr.NWBZarrIO(str(tmp_path / "a.zarr"), "r") as source:
        with hdmf_zarr.NWBZarrIO(str(tmp_path / "b.zarr"), "w") as io:
            io.export(source, write_args={"link_data": False})
    for name in ("a.zarr", "b.zarr"):
        arrays = [array for _, array in arrays_of(tmp_path / name)]
        assert [array.name for array in arrays if array.nchunks_initialized != array.nchunks] == []
        assert sum(array.nchunks > 5 for array in arrays) >= 3


@pytest.mark.parametrize("array", [f"{TABLE}/image_mask", f"{TABLE}/id", IMAGE, "session_start_time"])
def test_a_missing_chunk_is_not_read_as_nothing(store: Path, array: str):
    for file in chunks_of(store, array):
        whole = file.read_bytes()
        file.unlink()
        with pytest.raises(InputError, match=missing(name_of(file, store, array), array)):
            read_session(store)
        file.write_bytes(whole)
    read_session(store)


def test_every_chunk_of_a_match_file_is_written(match_files: Path):
    arrays = dict(arrays_of(match_files / "m.nwb.zarr"))
    assert [path for path, array in arrays.items() if array.nchunks_initialized != array.nchunks] == []
    assert not np.any(arrays["processing/ophys/CellMatching/registrations/fixed_session"][:1])


def test_zeros_that_a_writer_left_out_are_zeros(tmp_path: Path):
    """As of a series that begins at time 0, and of a column of no rejected ROI; with format 2 they are written."""
    nwbfile = make_nwbfile()
    nwbfile.add_acquisition(TimeSeries(name="series", data=np.arange(3.0), unit="n.a.", rate=1.0))
    table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
    table.add_column(name="rejected", description="No one.", data=np.zeros(20, bool))
    path = write_nwb(tmp_path / "a.nwb", nwbfile)
    store = as_zarr(path)
    left_out = [path for path, array in arrays_of(store) if array.nchunks_initialized < array.nchunks]
    assert (f"{TABLE}/rejected" in left_out) == (FORMAT == 3)
    assert_same(read_session(store), read_session(path), FILE_ONLY)
    with open_nwb(store) as nwbfile:
        assert nwbfile.acquisition["series"].starting_time == 0.0


def missing(name: str, array: str) -> str:
    """What is said of a missing chunk."""
    return f"damaged or incomplete .chunk {name} of {array} is missing"


def test_a_missing_chunk_of_zeros_is_damage_too(store: Path, hdf5: list[Path]):
    array = replace_array(store, f"{TABLE}/image_mask", (1, 80, 75))
    assert_same(read_session(store), read_session(hdf5[0]), FILE_ONLY)
    empty = next(index for index in np.ndindex(20, 2, 2) if not array.blocks[index].any())
    (store / TABLE / "image_mask" / chunk(*empty)).unlink()
    with pytest.raises(InputError, match="image_mask is missing"):
        read_session(store)
    array[...] = array[...]  # as the documentation advises where chunks were left out on purpose
    assert_same(read_session(store), read_session(hdf5[0]), FILE_ONLY)


def test_chunks_may_lie_in_folders(store: Path, hdf5: list[Path]):
    replace_array(store, f"{TABLE}/image_mask", (5, 80, 75), nested=True, blosc=True)
    assert_same(read_session(store), read_session(hdf5[0]), FILE_ONLY)
    name = "1/0/1" if FORMAT == 2 else "c/1/0/1"
    file = store / TABLE / "image_mask" / name
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match=f"chunk {name} of {TABLE}/image_mask is cut off or damaged"):
        read_session(store)
    file.unlink()
    with pytest.raises(InputError, match=missing(name, f"{TABLE}/image_mask")):
        read_session(store)


def test_what_is_not_read_may_be_missing(store: Path):
    for file in chunks_of(store, "processing/ophys/images/max_projection"):
        file.unlink()
    read_session(store)


@pytest.mark.slow
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("output", ["m.nwb", "m.nwb.zarr"])
@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), lambda file: file.write_bytes(damaged(file))])
def test_damage_that_is_found_while_writing_is_that_of_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], object], output: str, large: bool
):
    """Not of the last one that was opened, nor of the output."""
    if large:
        monkeypatch.setattr(datasets, "LARGE_BYTES", 1000)
    sources = []
    for session_id in ("a", "b", "c"):
        nwbfile = make_nwbfile(session_id=session_id)
        table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
        table.add_column(name="weights", description="Only copied.", data=np.ones((20, 100)))
        sources.append(as_zarr(write_nwb(tmp_path / f"{session_id}.nwb", nwbfile)))
    spoil(sources[1] / TABLE / "weights" / chunk(0, 0))
    sessions = read_sessions(sources)
    with pytest.raises(InputError, match=rf"b\.nwb\.zarr: the Zarr store is damaged or incomplete .*{TABLE}/weights"):
        write_match_file(sessions, match(sessions), tmp_path / output)
    assert not [name for name in os.listdir(tmp_path) if name[0] in ".m"]


def damaged(file: Path) -> bytes:
    """A chunk of the length that its header says, so that only the codec notices."""
    whole = bytearray(file.read_bytes())
    whole[16:] = b"\xff" * (len(whole) - 16)
    return bytes(whole)


@pytest.mark.parametrize("spoil", [lambda whole: whole[:-5], lambda _: b"", lambda whole: b"?" * len(whole)])
@pytest.mark.parametrize("array", [f"{TABLE}/image_mask", f"{TABLE}/id", "identifier"])
def test_a_chunk_that_cannot_be_decoded_is_one_sentence(store: Path, array: str, spoil: Callable[[bytes], bytes]):
    file = chunks_of(store, array)[-1]
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(InputError, match="the Zarr store is damaged or incomplete"):
        read_session(store)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda store: (store / ROOT).unlink(), "has no .zgroup or zarr.json"),
        (lambda store: remove_attributes(store), "no attribute nwb_version"),
        (lambda store: (store / CONSOLIDATED).write_text("{"), "cannot read|damaged or incomplete"),
        (
            lambda store: [shutil.rmtree(store), zarr.save(str(store), np.zeros(3))],
            "has no .zgroup|no attribute nwb_version",
        ),
        (lambda store: [shutil.rmtree(store), store.mkdir()], "has no .zgroup or zarr.json"),
    ],
)
def test_what_is_no_nwb_file_in_zarr_is_one_sentence(store: Path, spoil: Callable[[Path], object], words: str):
    spoil(store)
    with pytest.raises(InputError, match=words):
        read_session(store)


def test_any_other_folder_is_one_sentence(tmp_path: Path):
    with pytest.raises(InputError, match="no NWB file lies in this folder; give an NWB file"):
        read_session(tmp_path)


def test_the_checksum_is_what_the_shell_computes(store: Path, tmp_path: Path):
    if not all(map(shutil.which, ("sha256sum", "find", "sort", "xargs"))):
        pytest.skip("sha256sum is not here")
    command = "find -L . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=store, capture_output=True, text=True, check=True).stdout
    before = read_session(store).source.sha256
    assert before == printed.split()[0]
    assert read_session(store, SourceOptions(checksum=False)).source.sha256 == ""
    os.utime(store / ROOT)
    moved = store.rename(tmp_path / "b.zarr")
    assert read_session(moved).source.sha256 == before
    (moved / ROOT).write_text((moved / ROOT).read_text() + " ")
    assert read_session(moved).source.sha256 != before


def test_inputs_stay_as_they_are(tmp_path: Path, stores: list[Path]):
    inputs = [shutil.copytree(store, tmp_path / store.name) for store in stores[:2]]
    before = [(path, path.stat().st_mtime_ns) for store in inputs for path in [store, *store.rglob("*")]]
    bytes_before = [contents(store) for store in inputs]
    sessions = read_sessions(inputs)
    write_match_file(sessions, match(sessions), tmp_path / "m.zarr")
    assert [(path, path.stat().st_mtime_ns) for store in inputs for path in [store, *store.rglob("*")]] == before
    assert [contents(store) for store in inputs] == bytes_before


def test_only_a_store_of_an_nwb_file_is_replaced(tmp_path: Path, hdf5: list[Path], store: Path):
    sessions = read_sessions(hdf5[:2])
    result = match(sessions)
    before = contents(store)
    with pytest.raises(OutputError, match="this folder exists already; give another name or overwrite=True"):
        write_match_file(sessions, result, store)
    assert contents(store) == before
    write_match_file(sessions, result, store, overwrite=True)
    assert len(read_match_file(store).sessions) == 2
    for other in ("photographs.zarr", "array.zarr", "file.zarr"):
        (tmp_path / other).touch() if other == "file.zarr" else (tmp_path / other).mkdir()
        if other == "array.zarr":
            zarr.open_group(str(tmp_path / other), mode="w").create_group("a")
        with pytest.raises(OutputError, match="is not the Zarr store of an NWB file and is not replaced"):
            write_match_file(sessions, result, tmp_path / other, overwrite=True)
    with pytest.raises(OutputError, match="this is a folder"):
        write_match_file(sessions, result, store.rename(tmp_path / "a.nwb"), overwrite=True)
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_an_output_and_an_input_never_lie_one_within_the_other(store: Path):
    for output in (store, store / "m.nwb", store / "m.zarr"):
        with pytest.raises(OutputError, match=r"one of the inputs|lies in the input"):
            check_output(output, overwrite=True, inputs=[store])
    with pytest.raises(OutputError, match="lies in the input"):
        check_output(store, overwrite=True, inputs=[store / ROOT])


@pytest.mark.parametrize("error", [ValueError("broken"), OSError("full"), KeyboardInterrupt()])
def test_where_writing_fails_the_folder_that_was_there_stays(store: Path, error: BaseException):
    before = contents(store)

    def write_half() -> None:
        with publish(store, overwrite=True, folder=True) as temporary:
            (temporary / "half").touch()
            raise error

    with pytest.raises((type(error), OutputError)):
        write_half()
    assert contents(store) == before
    assert os.listdir(store.parent) == [store.name]


def test_where_a_folder_cannot_be_replaced_it_stays(store: Path, monkeypatch: pytest.MonkeyPatch):
    before = contents(store)
    rename = os.rename

    def fail(source: Path, target: Path) -> None:
        if (Path(source) / "new").exists():
            raise OSError("no")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OutputError), publish(store, overwrite=True, folder=True) as temporary:
        (temporary / "new").touch()
    assert contents(store) == before
    assert os.listdir(store.parent) == [store.name]


def test_others_may_read_a_new_folder_as_any_that_the_user_makes(tmp_path: Path):
    (tmp_path / "plain").mkdir()
    with publish(tmp_path / "new.zarr", folder=True):
        pass
    assert (tmp_path / "new.zarr").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_to_a_store_stays_one(store: Path, tmp_path: Path):
    (tmp_path / "link.zarr").symlink_to(store)
    with publish(tmp_path / "link.zarr", overwrite=True, folder=True) as temporary:
        (temporary / "new").touch()
    assert (tmp_path / "link.zarr").is_symlink()
    assert listing(store) == {"new"}


@pytest.mark.slow
def test_annotated_copies_hold_the_cells_and_differ_in_nothing_else(
    match_files: Path, tmp_path: Path, stores: list[Path]
):
    stores = stores[:2]
    before = [contents(store) for store in stores]
    copies = [file.path for file in annotate_files(match_files / "m.nwb.zarr", stores, tmp_path / "out")]
    cells = read_match_file(match_files / "m.nwb.zarr", footprints=False).result.cells
    for k, (copy, original) in enumerate(zip(copies, before, strict=True)):
        with hdmf_zarr.NWBZarrIO(str(copy), "r") as io:
            assert pynwb.validate(io=io) == []
            column = io.read().processing["ophys"]["image_segmentation"]["roi_table"][COLUMN]
            np.testing.assert_array_equal(cells[column.data[:], k], np.arange(20))
        changed = {name for name, text in contents(copy).items() if original.get(name) != text}
        assert changed == {
            CONSOLIDATED,
            f"{TABLE}/{ATTRIBUTES}",
            *(f"{TABLE}/{COLUMN}/{name}" for name in (*ARRAY_FILES, chunk(0))),
        }
        assert original.keys() <= contents(copy).keys()
    assert [contents(store) for store in stores] == before
    again = read_sessions(copies)
    assert_same(again, read_sessions(stores), FILE_ONLY)


def test_a_column_that_is_there_is_replaced_only_where_asked(
    match_files: Path, tmp_path: Path, stores: list[Path], unvalidated: None
):
    matches = match_files / "m.nwb.zarr"
    (copy,) = (file.path for file in annotate_files(matches, stores[:1], tmp_path / "out"))
    with pytest.raises(InputError, match="has a column global_roi_id already; replace it with overwrite=True"):
        annotate_files(matches, [copy], tmp_path / "again")
    (again,) = annotate_files(matches, [copy], tmp_path / "again", overwrite=True)
    assert again.path == tmp_path / "again" / copy.name
    assert "has changed since it was matched" in again.warnings[0]


@pytest.fixture
def unvalidated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation takes most of the time."""
    monkeypatch.setattr("ndx_match.storage.zarr.zarr_format.validate", lambda io: [])


def test_a_store_is_not_annotated_in_place_or_into_itself(match_files: Path, store: Path):
    before = contents(store)
    with pytest.raises(OutputError, match="not annotated in place; annotate a copy of it with -o DIR"):
        annotate_files(match_files / "m.nwb", [store], in_place=True)
    with pytest.raises(OutputError, match="is the Zarr store of an NWB file; choose another"):
        annotate_files(match_files / "m.nwb", [store], store)
    assert contents(store) == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda copy: (copy / IMAGE / chunk(0, 0)).write_bytes(b"x" * 100),
        lambda copy: (copy / "new").touch(),
        lambda copy: (copy / "general" / ROOT).unlink(),
        lambda copy: edit_attributes(copy / TABLE, description="Other."),
        lambda copy: edit_attributes(copy / TABLE, colnames=["global_roi_id", "image_mask"]),
        lambda copy: edit(copy / CONSOLIDATED, **{"metadata" if FORMAT == 2 else "consolidated_metadata": {}}),
    ],
)
def test_a_copy_that_differs_is_not_kept(
    match_files: Path, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], object]
):
    from ndx_match.storage.zarr.zarr_format import ZarrFormat

    add_columns = ZarrFormat.add_columns

    def add_and_spoil(self: ZarrFormat, path: Path, *arguments: Any) -> None:
        add_columns(path, *arguments)
        spoil(path)

    monkeypatch.setattr(ZarrFormat, "add_columns", add_and_spoil)
    with pytest.raises(OutputError, match="the annotated copy failed its check and was not kept"):
        annotate_files(match_files / "m.nwb", [store], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def linked(tmp_path: Path, made: Path) -> Path:
    """A store whose image is a link to that of another beside it."""
    folder = tmp_path / "linked"
    folder.mkdir()
    other = shutil.copytree(made / "session_0.nwb.zarr", folder / "other.nwb.zarr")
    nwbfile = make_nwbfile(images=("max_projection",))
    with hdmf_zarr.NWBZarrIO(str(other), "r") as source, hdmf_zarr.NWBZarrIO(str(folder / "a.zarr"), "w") as io:
        data = source.read().processing["ophys"]["images"]["average_image"].data
        image = GrayscaleImage(name="average_image", data=data, description="A link.")
        nwbfile.processing["ophys"]["images"].add_image(image)
        io.write(nwbfile)
    return folder / "a.zarr"


def test_links_to_other_stores_are_followed_and_nothing_may_be_missing_there(linked: Path):
    np.testing.assert_array_equal(read_session(linked).image, field_of_view().image)
    file = linked.parent / "other.nwb.zarr" / IMAGE / chunk(0, 0)
    file.write_bytes(damaged(file))
    with pytest.raises(InputError, match=rf"other\.nwb\.zarr: .*a chunk of {IMAGE} cannot be decoded"):
        read_session(linked)
    file.unlink()
    with pytest.raises(InputError, match=rf"other\.nwb\.zarr: .*chunk {chunk(0, 0)} of {IMAGE} is missing"):
        read_session(linked)


def test_copies_that_would_not_find_a_linked_store_are_refused(tmp_path: Path, linked: Path, hdf5: list[Path]):
    sessions = read_sessions([linked, hdf5[1]])
    write_match_file(sessions, match(sessions), tmp_path / "m.nwb")
    with pytest.raises(InputError, match=r"takes data from .*other\.nwb\.zarr beside it"):
        annotate_files(tmp_path / "m.nwb", [linked], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_the_extra_a_sentence_says_what_to_install(
    tmp_path: Path, hdf5: list[Path], store: Path, monkeypatch: pytest.MonkeyPatch
):
    for module in ("ndx_match.storage.zarr.zarr_format", "ndx_match.storage.zarr.reading"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    for module in ("zarr", "zarr.storage", "hdmf_zarr", "hdmf_zarr.backend"):
        monkeypatch.setitem(sys.modules, module, None)
    install = r'run pip install "ndx-cell-matching\[zarr\]"'
    with pytest.raises(InputError, match=install):
        read_session(store)
    sessions = read_sessions(hdf5[:2])
    result = match(sessions)
    with pytest.raises(OutputError, match=install):
        write_match_file(sessions, result, tmp_path / "m.nwb.zarr")
    write_match_file(sessions, result, tmp_path / "m.nwb")
    assert sorted(os.listdir(tmp_path)) == ["a.nwb.zarr", "m.nwb"]
