"""The extension in files: written, validated, read, copied, inspected."""

import gc
import shutil
import tempfile
import warnings
from datetime import datetime, timezone
from pathlib import Path

import h5py
import numpy as np
import pynwb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nwbinspector import inspect_nwbfile, load_config
from pynwb import NWBHDF5IO, NWBFile
from pynwb.file import Subject

from ndx_cell_matching import CellMatching, MatchedSessionsTable
from ndx_cell_matching.testing.mock import mock_CellMatching, mock_source_nwbfile

CELLS = np.array([[0, 2, 1], [1, -1, 0], [2, 0, -1], [-1, 1, -1]])


def write(matching: CellMatching, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with NWBHDF5IO(path, "w") as io:
            io.write(matching.get_ancestor("NWBFile"))


def result_of(nwbfile: NWBFile) -> CellMatching:
    return nwbfile.processing["ophys"]["CellMatching"]


def assert_same(read: CellMatching, written: CellMatching) -> None:
    assert isinstance(read, CellMatching)
    assert read.session_names == written.session_names
    np.testing.assert_array_equal(read.to_array(), written.to_array())
    assert read.to_dataframe().equals(written.to_dataframe())
    assert read.presence_labels().equals(written.presence_labels())
    assert read.pairs_dataframe().equals(written.pairs_dataframe())
    for fixed in range(read.n_sessions):
        for moving in range(fixed + 1, read.n_sessions):
            of_file, of_memory = read.registration(fixed, moving), written.registration(fixed, moving)
            np.testing.assert_array_equal(of_file.matrix, of_memory.matrix)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "matches.nwb"


def test_round_trip(path):
    written = mock_CellMatching()
    write(written, path)
    assert pynwb.validate(path=path) == []
    with NWBHDF5IO(path, "r") as io:
        read = result_of(io.read())
        assert_same(read, written)
        assert (read.method, read.method_version, read.parameters) == ("mock", "1.0", '{"seed": 0}')
        assert read.software == written.software
        assert list(read.warnings) == ["These cells are made up."]
        np.testing.assert_array_equal(read.cells["confidence"][:], written.cells["confidence"].data)
        np.testing.assert_array_equal(read.sessions["pixel_size"][:], np.full((3, 2), 0.8))
        cell, roi_row = 0, int(written.to_array()[0].max())
        session = int(written.to_array()[0].argmax())
        assert read.roi_row(cell, session) == roi_row
        assert read.roi_id(cell, session) == 100 + roi_row
        assert read.cell_of(session, roi_row=roi_row) == cell
        assert read.cell_of(session, roi_id=100 + roi_row) == cell


def test_references_lead_to_tables_images_and_masks(path):
    write(mock_CellMatching(cells=CELLS), path)
    with NWBHDF5IO(path, "r") as io:
        nwbfile = io.read()
        module, read = nwbfile.processing["ophys"], result_of(nwbfile)
        for position, name in enumerate(read.session_names):
            roi_table = module[f"{name}_ImageSegmentation"][f"{name}_PlaneSegmentation"]
            assert read.sessions["roi_table"][position] is roi_table
            assert read.sessions["image"][position] is module[f"{name}_Images"]["mean"]
            assert read.cells[name].target.table is roi_table
        (mask,) = read.cells["day2"][0]["image_mask"]
        np.testing.assert_array_equal(mask, module["day2_ImageSegmentation"]["day2_PlaneSegmentation"]["image_mask"][2])
        rows = read.cells.to_dataframe(index=True)
        assert [list(value) for value in rows["day2"]] == [[2], [], [0], [1]]


def test_no_accessor_reads_a_mask(path, monkeypatch):
    write(mock_CellMatching(), path)
    sources = {"day1": mock_source_nwbfile(n_rois=1, session_id="day1")}
    names_read = []
    original = h5py.Dataset.__getitem__

    def spy(dataset, *args, **kwargs):
        names_read.append(dataset.name)
        return original(dataset, *args, **kwargs)

    with NWBHDF5IO(path, "r") as io:
        read = result_of(io.read())
        monkeypatch.setattr(h5py.Dataset, "__getitem__", spy)
        read.to_array()
        read.to_dataframe()
        read.presence_labels()
        read.pairs_dataframe()
        read.registration(0, 1)
        read.roi_id(0, 0)
        read.cell_of(0, roi_id=100)
        with pytest.raises(ValueError, match="is not the source"):
            read.traces(0, sources)
    assert any(name.endswith("/cells/presence") for name in names_read)
    assert not [name for name in names_read if "mask" in name]


@pytest.mark.slow
def test_what_is_optional_may_be_absent(path):
    whole = mock_CellMatching(cells=CELLS)
    columns = {name: whole.sessions[name].data for name in whole.sessions.colnames}
    for name in ("subject_id", "imaging_depth", "pixel_size"):
        columns.pop(name)
    CellMatching.from_arrays(
        whole.get_ancestor("NWBFile").processing["ophys"],
        name="Small",
        method="nway",
        method_version="0.1.0",
        parameters={},
        sessions=MatchedSessionsTable.from_arrays(**columns),
        cells=CELLS,
        presence=CELLS >= 0,
    )
    write(whole, path)
    assert pynwb.validate(path=path) == []
    with NWBHDF5IO(path, "r") as io:
        read = io.read().processing["ophys"]["Small"]
        np.testing.assert_array_equal(read.to_array(), CELLS)
        assert read.roi_pairs is None
        assert read.software is None
        assert len(read.pairs_dataframe()) == 0


@pytest.mark.parametrize(
    "cells", [[[0, -1], [1, -1]], np.zeros((0, 2), dtype=int), [[-1, -1]], [[0]], [[3, 1], [-1, 0]]]
)
@pytest.mark.slow
def test_unusual_results(path, cells):
    written = mock_CellMatching(cells=cells)
    write(written, path)
    assert pynwb.validate(path=path) == []
    with NWBHDF5IO(path, "r") as io:
        assert_same(result_of(io.read()), written)


@st.composite
def arrays_of_cells(draw) -> np.ndarray:
    """Any array in which no ROI is in two cells."""
    n_cells, n_sessions = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    columns = []
    for _ in range(n_sessions):
        rows = draw(st.permutations(range(12)))[:n_cells]
        present = draw(st.lists(st.booleans(), min_size=n_cells, max_size=n_cells))
        columns.append(np.where(present, rows, -1))
    return np.stack(columns, axis=1)


@pytest.mark.slow
@settings(max_examples=15, derandomize=True)
@given(cells=arrays_of_cells())
def test_any_cells_survive_the_round_trip(cells):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matches.nwb"
        write(mock_CellMatching(cells=cells), path)
        with NWBHDF5IO(path, "r") as io:
            read = result_of(io.read())
            np.testing.assert_array_equal(read.to_array(), cells)
            np.testing.assert_array_equal(read.to_dataframe("roi_row").fillna(-1), cells)
            for cell, row in enumerate(cells):
                for session, roi_row in enumerate(row):
                    if roi_row >= 0:
                        assert read.cell_of(session, roi_row=roi_row) == cell


def test_more_cells_than_a_byte_counts(path):
    cells = np.stack([np.random.default_rng(0).permutation(300), np.full(300, -1)], axis=1)
    cells[:280, 1] = np.arange(280)
    write(mock_CellMatching(cells=cells), path)
    with NWBHDF5IO(path, "r") as io:
        np.testing.assert_array_equal(result_of(io.read()).to_array(), cells)


def test_traces_of_files_on_disk(path, tmp_path):
    sources = [mock_source_nwbfile(n_rois=3, seed=seed, session_id=f"day{seed + 1}") for seed in range(3)]
    write(mock_CellMatching(cells=CELLS, sources=sources), path)
    expected = sources[0].processing["ophys"]["DfOverF"]["RoiResponseSeries"].data[:, 2]
    with NWBHDF5IO(tmp_path / "day1.nwb", "w") as io:
        io.write(sources[0])
    with NWBHDF5IO(path, "r") as io, NWBHDF5IO(tmp_path / "day1.nwb", "r") as source_io:
        (trace,) = result_of(io.read()).traces(0, {"day1": source_io.read()}, name="DfOverF")["day1"]
        np.testing.assert_array_equal(trace.values, expected)


@pytest.mark.parametrize("as_text", [False, True])
def test_traces_of_paths(path, tmp_path, as_text):
    source = mock_source_nwbfile(n_rois=3, session_id="day1")
    write(mock_CellMatching(cells=CELLS, sources=[source] * 3), path)
    expected = source.processing["ophys"]["DfOverF"]["RoiResponseSeries"].data[:, 2]
    with NWBHDF5IO(tmp_path / "day1.nwb", "w") as io:
        io.write(source)
    where = str(tmp_path / "day1.nwb") if as_text else tmp_path / "day1.nwb"
    with NWBHDF5IO(path, "r") as io:
        (trace,) = result_of(io.read()).traces(0, {"day1": where}, name="DfOverF")["day1"]
    gc.collect()  # which would close a file of which nothing is in use
    np.testing.assert_array_equal(trace.values, expected)


def test_a_copy_of_the_file_is_valid(path, tmp_path):
    written = mock_CellMatching()
    write(written, path)
    copy = tmp_path / "copy.nwb"
    with NWBHDF5IO(path, "r") as io, NWBHDF5IO(copy, "w") as out:
        out.export(src_io=io, nwbfile=io.read())
    path.unlink()
    assert pynwb.validate(path=copy) == []
    with NWBHDF5IO(copy, "r") as io:
        assert_same(result_of(io.read()), written)


def test_a_second_result_can_be_added_to_a_file(path):
    write(mock_CellMatching(cells=CELLS), path)
    with NWBHDF5IO(path, "r+") as io:
        nwbfile = io.read()
        first = result_of(nwbfile)
        columns = {name: list(first.sessions[name][:]) for name in first.sessions.colnames}
        columns["roi_table"] = [first.sessions["roi_table"][position] for position in range(3)]
        columns["image"] = [first.sessions["image"][position] for position in range(3)]
        CellMatching.from_arrays(
            nwbfile.processing["ophys"],
            name="Second",
            method="nway",
            method_version="0.1.0",
            parameters={},
            sessions=MatchedSessionsTable.from_arrays(**columns),
            cells=CELLS[:2],
            presence=CELLS[:2] >= 0,
        )
        io.write(nwbfile)
    assert pynwb.validate(path=path) == []
    with NWBHDF5IO(path, "r") as io:
        nwbfile = io.read()
        np.testing.assert_array_equal(result_of(nwbfile).to_array(), CELLS)
        np.testing.assert_array_equal(nwbfile.processing["ophys"]["Second"].to_array(), CELLS[:2])


def test_zarr(tmp_path):
    hdmf_zarr = pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed; install the extra [zarr]")
    written = mock_CellMatching()
    path = str(tmp_path / "matches.nwb.zarr")
    with hdmf_zarr.NWBZarrIO(path, "w") as io:
        io.write(written.get_ancestor("NWBFile"))
    with hdmf_zarr.NWBZarrIO(path, "r") as io:
        nwbfile = io.read()
        assert pynwb.validate(io=io) == []
        assert_same(result_of(nwbfile), written)
    shutil.rmtree(path)


class TestInspector:
    @pytest.fixture
    def nwbfile(self) -> NWBFile:
        """A file with all the metadata that DANDI asks for."""
        return NWBFile(
            session_description="Cells matched across imaging sessions.",
            identifier="matches of mouse1",
            session_start_time=datetime(2024, 1, 1, tzinfo=timezone.utc),
            session_id="matches",
            experimenter=["Doe, Jane"],
            experiment_description="Imaging of one plane on several days.",
            institution="An institute",
            lab="A laboratory",
            keywords=["two-photon", "cell matching"],
            subject=Subject(
                subject_id="mouse1", species="Mus musculus", sex="F", age="P90D", description="A made-up mouse."
            ),
        )

    @staticmethod
    def findings(path: Path) -> list[tuple[str | None, str]]:
        messages = inspect_nwbfile(nwbfile_path=path, config=load_config("dandi"))
        return [(message.check_function_name, message.message) for message in messages]

    @pytest.mark.parametrize("absent", [False, True], ids=["every session has cells", "a session has none"])
    def test_finds_nothing(self, nwbfile, path, absent):
        cells = np.stack([np.arange(12), np.arange(12)[::-1], np.arange(12)], axis=1)
        cells[0 if absent else 3 :, 2] = -1
        sources = [mock_source_nwbfile(n_rois=12, seed=seed) for seed in range(3)]
        write(mock_CellMatching(nwbfile=nwbfile, cells=cells, sources=sources), path)
        assert self.findings(path) == []

    def test_remarks_that_two_sessions_have_one_registration(self, nwbfile, path):
        write(mock_CellMatching(nwbfile=nwbfile, n_sessions=2), path)
        assert [name for name, _ in self.findings(path)] == ["check_single_row"]
