"""The room for files: only it knows formats, and files may be paths or open files."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from uuid import uuid4

import h5py
import numpy as np
import pytest
from builders import as_zarr, make_nwbfile, write_nwb, write_sessions

import ndx_match
from ndx_match.errors import InputError
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import nway
from ndx_match.sources import open_nwb, read_planes, read_session, read_sessions
from ndx_match.storage.opening import format_of

SOURCE = Path(ndx_match.__file__).parent
FORMAT_LIBRARIES = re.compile(r"^\s*(import|from) (h5py|zarr|hdmf_zarr|numcodecs|fsspec)\b", re.M)
FORMAT_WORDS = re.compile(r"\.zgroup|\.zattrs|\.zarray|\.zmetadata|zarr\.json|\bNWBHDF5IO\b|\bNWBZarrIO\b")


def test_only_storage_knows_how_files_are_stored():
    lines = [
        f"{path.relative_to(SOURCE)}: {match.group(0).strip()}"
        for path in sorted(SOURCE.rglob("*.py"))
        if "storage" not in path.relative_to(SOURCE).parts
        for pattern in (FORMAT_LIBRARIES, FORMAT_WORDS)
        for match in pattern.finditer(path.read_text())
    ]
    # Simulated sessions are made with pynwb itself, as any other writer makes them.
    assert [line for line in lines if not line.startswith("simulate/")] == []


def test_storage_does_not_look_into_other_libraries():
    """At frames of their functions, or at names that Python or a leading underscore makes private."""
    names = r"\b(zarr|hdmf\w*|h5py|numcodecs|pynwb)(\.\w+)*\._[a-z]"
    private = re.compile(rf"tb_frame|f_locals|f_code|\b_[A-Z]\w*__\w+|{names}")
    lines = [
        f"{path.relative_to(SOURCE)}: {match.group(0)}"
        for path in sorted(SOURCE.rglob("*.py"))
        for match in private.finditer(path.read_text())
    ]
    assert lines == []


@pytest.mark.parametrize(
    ("name", "is_folder"),
    [("a.nwb", False), ("a.zarr", True), ("a.nwb.zarr", True), ("https://host/a.nwb.zarr?key=1", True), ("a", False)],
)
def test_the_format_of_a_file_that_is_not_there_is_that_of_its_name(name: str, is_folder: bool):
    pytest.importorskip("hdmf_zarr", reason="hdmf_zarr is not installed; install the group test")
    assert format_of(name).is_folder == is_folder


def test_the_format_of_a_file_is_what_it_is(tmp_path: Path):
    pytest.importorskip("hdmf_zarr", reason="hdmf_zarr is not installed; install the group test")
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile())
    assert format_of(as_zarr(path).rename(tmp_path / "store")).is_folder
    assert not format_of(path.rename(tmp_path / "file.zarr")).is_folder


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return write_sessions(tmp_path, mask_kind="pixel_mask")


def test_open_files_are_read_as_their_paths_are(paths: list[Path], tmp_path: Path):
    expected = read_sessions(paths)
    with open(paths[0], "rb") as first:
        second = io.BytesIO(paths[1].read_bytes())
        first.seek(100)
        sessions = read_sessions([first, second])
        assert first.tell() >= 0
        assert [session.source.uri for session in sessions] == [str(paths[0]), "<open file>"]
        for session, same in zip(sessions, expected, strict=True):
            assert session.name == same.name
            np.testing.assert_array_equal(session.image, same.image)
            assert (session.footprints != same.footprints).nnz == 0
            assert session.source.sha256 == same.source.sha256
        assert read_session(second).name == "102"
        planes = read_planes([first, second]).planes
        assert [[session.name for session in plane.sessions] for plane in planes] == [["101", "102"]]
        with open_nwb(second) as nwbfile:
            assert nwbfile.session_id == "102"
        path = write_match_file(sessions, nway.match(sessions), tmp_path / "m.nwb").path
    matches = read_match_file(io.BytesIO(path.read_bytes()))
    np.testing.assert_array_equal(matches.result.cells, read_match_file(path).result.cells)
    assert hashlib.sha256(second.getvalue()).hexdigest() == sessions[1].source.sha256


def test_open_files_without_a_name_are_told_apart(paths: list[Path], tmp_path: Path):
    files = [io.BytesIO(path.read_bytes()) for path in paths]
    sessions = read_sessions(files)
    assert len({session.source.uri for session in sessions}) == 2
    write_match_file(sessions, nway.match(sessions), tmp_path / "m.nwb")
    with pytest.raises(InputError, match=r"<open file>.*: this file is given 2 times"):
        read_sessions([files[0], files[0]])


def test_an_open_file_that_cannot_be_read_is_one_sentence(paths: list[Path]):
    for content in (b"", b"no HDF5", paths[0].read_bytes()[:-1000]):
        with pytest.raises(InputError, match=r"^<open file>[^:]*: .*(not an HDF5 file|damaged or incomplete)"):
            read_session(io.BytesIO(content))
    with open(paths[0]) as text, pytest.raises(InputError, match="open as text; open it in binary mode"):
        read_session(text)  # type: ignore[arg-type]


def with_extension(path: Path) -> Path:
    """The file, with the schema of an extension that includes the core, and an object of its type."""
    spec = {"neurodata_type_def": "Example", "neurodata_type_inc": "LabMetaData", "doc": "An example."}
    schema = [{"namespace": "core"}, {"source": "ndx-example.extensions"}]
    about = {"name": "ndx-example", "version": "0.1.0", "doc": "An example.", "author": ["A"], "contact": ["a@b.c"]}
    with h5py.File(path, "r+") as file:
        folder = file[file.attrs[".specloc"]].create_group("ndx-example/0.1.0")
        folder["namespace"] = json.dumps({"namespaces": [{**about, "schema": schema}]})
        folder["ndx-example.extensions"] = json.dumps({"groups": [spec]})
        item = file.require_group("general").create_group("example")
        item.attrs.update(namespace="ndx-example", neurodata_type="Example", object_id=str(uuid4()))
    return path


def test_of_an_extension_only_the_types_that_it_uses_are_loaded(tmp_path):
    path = with_extension(write_nwb(tmp_path / "a.nwb", make_nwbfile()))
    with open_nwb(path) as nwbfile:
        assert type(nwbfile.lab_meta_data["example"]).__name__ == "Example"
        assert "image_segmentation" in nwbfile.processing["ophys"].data_interfaces
        types = nwbfile.read_io.manager.namespace_catalog.get_namespace("ndx-example").get_registered_types()
    assert {"Example", "LabMetaData"} <= set(types)
    assert "PlaneSegmentation" not in types


def test_a_schema_of_which_too_little_was_loaded_is_loaded_whole(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ndx_match.storage.hdf5.reading._type_maps", {})
    monkeypatch.setattr("ndx_match.storage.hdf5.reading._named", lambda spec: ())
    path = with_extension(write_nwb(tmp_path / "a.nwb", make_nwbfile()))
    with open_nwb(path) as nwbfile:
        assert type(nwbfile.lab_meta_data["example"]).__name__ == "Example"


def test_a_type_of_the_core_may_be_named_by_an_extension_that_includes_it(tmp_path):
    path = with_extension(write_nwb(tmp_path / "a.nwb", make_nwbfile()))
    with h5py.File(path, "r+") as file:
        file["processing/ophys/image_segmentation"].attrs["namespace"] = "ndx-example"
    with open_nwb(path) as nwbfile:
        assert type(nwbfile.processing["ophys"]["image_segmentation"]).__name__ == "ImageSegmentation"
