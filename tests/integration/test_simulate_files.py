"""Simulated sessions as NWB files: what is written is what was simulated, and archives accept it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from nwbinspector import inspect_nwbfile, load_config
from pynwb import NWBHDF5IO, validate

from ndx_match.errors import InputError, OutputError
from ndx_match.simulate import TIERS, Simulation, SimulationParameters, simulate
from ndx_match.simulate.files import read_truth, write_simulation
from ndx_match.sources import read_session

PARAMETERS = SimulationParameters(shape=(110, 100), n_cells=18, shift=8, fields=(0, 0, 1))
ROI_TABLE = "processing/ophys/image_segmentation/cell_specimen_table"


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(PARAMETERS, seed=12)


@pytest.fixture(scope="module")
def paths(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return write_simulation(simulation, tmp_path_factory.mktemp("simulation"))


def test_sessions_read_back_as_simulated(simulation: Simulation, paths: tuple[Path, ...]) -> None:
    for session, path in zip(simulation.sessions, paths, strict=True):
        read_back = read_session(path)
        np.testing.assert_array_equal(read_back.image, session.image)
        np.testing.assert_array_equal(read_back.roi_ids, session.roi_ids)
        assert (read_back.footprints != session.footprints).nnz == 0
        assert read_back.pixel_size == pytest.approx((0.78, 0.78))
        assert read_back.imaging_depth == 175
        assert read_back.subject_id == "sim0012"


def test_layout_is_that_of_older_openscope_files(simulation: Simulation, paths: tuple[Path, ...]) -> None:
    with h5py.File(paths[0]) as file:
        table = file[ROI_TABLE]
        assert list(table.attrs["colnames"]) == [
            "cell_specimen_id", "x", "y", "width", "height", "valid_roi", "image_mask",
        ]  # fmt: skip
        assert table["image_mask"].dtype == bool
        assert table["image_mask"].compression == "gzip"
        assert (table["cell_specimen_id"][:] == -1).all()
        x, y, width, height = (table[name][3] for name in ("x", "y", "width", "height"))
        mask = table["image_mask"][3]
        assert mask[y : y + height, x : x + width].sum() == mask.sum()
        assert mask[y].any()
        assert mask[:, x + width - 1].any()
        assert file["processing/ophys/images/average_image"].dtype == np.uint8


def test_traces_belong_to_the_rois(simulation: Simulation, paths: tuple[Path, ...]) -> None:
    with NWBHDF5IO(paths[1], "r") as io:
        ophys = io.read().processing["ophys"]
        traces = ophys["dff"].roi_response_series["traces"]
        n_rois = simulation.sessions[1].n_rois
        assert traces.data.shape[1] == n_rois
        np.testing.assert_array_equal(traces.rois.data[:], np.arange(n_rois))
        assert traces.rois.table is ophys["image_segmentation"]["cell_specimen_table"]


@pytest.mark.slow
def test_files_are_valid_and_the_inspector_finds_nothing(paths: tuple[Path, ...]) -> None:
    for path in paths:
        assert validate(path=str(path)) == []
        assert list(inspect_nwbfile(nwbfile_path=str(path), config=load_config("dandi"))) == []


def test_truth_survives_the_file(simulation: Simulation, paths: tuple[Path, ...]) -> None:
    truth = read_truth(paths[0].parent)
    assert truth.parameters == simulation.parameters
    assert truth.seed == 12
    for k, (path, session) in enumerate(zip(paths, simulation.sessions, strict=True)):
        entry = truth.of_file(path.name)
        assert list(entry.cell_of_roi) == session.roi_ids.tolist()
        assert [*entry.cell_of_roi.values()] == simulation.identity[k].tolist()
        np.testing.assert_array_equal(entry.affine_matrix, simulation.transforms[k].matrix)
        assert entry.field == simulation.fields[k]
    again = simulate(truth.parameters, truth.seed)
    np.testing.assert_array_equal(again.sessions[2].image, simulation.sessions[2].image)


def test_dates_differ_and_the_same_simulation_gives_the_same_content(
    simulation: Simulation, paths: tuple[Path, ...], tmp_path: Path
) -> None:
    again = write_simulation(simulation, tmp_path / "again")
    starts = set()
    for one, two in zip(paths, again, strict=True):
        assert one.name == two.name
        with h5py.File(one) as first, h5py.File(two) as second:
            names: list[str] = []
            first.visit(names.append)
            for name in names:
                if isinstance(first[name], h5py.Dataset) and first[name].dtype != object:
                    np.testing.assert_array_equal(first[name][()], second[name][()])
            for name in ("identifier", "session_start_time", "file_create_date"):
                assert np.array_equal(first[name][()], second[name][()])
            starts.add(first["session_start_time"][()])
    assert len(starts) == len(paths)
    assert (again[0].parent / "truth.json").read_bytes() == (paths[0].parent / "truth.json").read_bytes()


def test_weighted_footprints_are_kept(tmp_path: Path) -> None:
    parameters = replace(TIERS["one_photon"], shape=(100, 100), n_cells=12, shift=5, n_sessions=1)
    simulation = simulate(parameters, seed=0)
    (path,) = write_simulation(simulation, tmp_path)
    read_back, session = read_session(path), simulation.sessions[0]
    np.testing.assert_allclose(read_back.footprints.toarray(), session.footprints.toarray())


def test_existing_files_are_kept_unless_overwriting_is_asked_for(
    simulation: Simulation, paths: tuple[Path, ...]
) -> None:
    before = paths[0].read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_simulation(simulation, paths[0].parent)
    assert paths[0].read_bytes() == before
    assert {path.name for path in paths[0].parent.iterdir()} == {*(path.name for path in paths), "truth.json"}
    write_simulation(simulation, paths[0].parent, overwrite=True)
    assert read_truth(paths[0].parent).seed == 12


def test_folder_that_cannot_be_made(simulation: Simulation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another"):
        write_simulation(simulation, tmp_path / "file" / "folder")


def test_missing_or_foreign_truth_is_refused(paths: tuple[Path, ...], tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"truth\.json: there is no such file; give the file truth\.json of a simulation"
    ):
        read_truth(tmp_path)
    (tmp_path / "truth.json").write_text('{"files": 3}')
    with pytest.raises(InputError, match="not a truth file"):
        read_truth(tmp_path)
    with pytest.raises(InputError, match="does not name"):
        read_truth(paths[0].parent).of_file("other.nwb")


def test_a_full_disk(simulation: Simulation, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever it gets full, nothing of the simulation stays."""
    with pytest.raises(OutputError, match=r"sub-sim.*no space left on the disk"):
        write_simulation(simulation, small_disk)
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_gets_full_after_a_session(
    simulation: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is whole goes too, but not a file that was there before."""
    (tmp_path / "truth.json").mkdir()
    (tmp_path / "mine").touch()
    monkeypatch.setattr("ndx_match.simulate.files.check_output", lambda *_: None)
    with pytest.raises(OutputError, match=r"truth\.json"):
        write_simulation(simulation, tmp_path, overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {"truth.json", "mine"}
