"""Outlines of absent cells and their fluorescence: where they should be, marked, and whole or absent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import propagate
import pytest
from builders import START, field_of_view, make_nwbfile, result_of, session_of, write_nwb
from helpers import listing, run
from movies import add_movie, movie_of
from pynwb import TimeSeries, read_nwb, validate
from pynwb.image import ImageSeries
from pynwb.ophys import CorrectedImageStack, TwoPhotonSeries
from scipy.sparse import csr_array

from ndx_match.errors import InputError
from ndx_match.footprints import pairwise_iou
from ndx_match.matchfile import write_match_file, write_planes
from ndx_match.model import MatchedPlane, MatchResult, Orientation, Presence, Registration, Session, SessionStatus
from ndx_match.propagate import fluorescence as fluorescence_module
from ndx_match.propagate import propagated_outlines
from ndx_match.propagate.fluorescence import GAP, mean_traces, movie_pieces, neuropil_rings
from ndx_match.simulate import TIERS, Simulation, SimulationParameters, body_masks, simulate
from ndx_match.simulate.files import write_simulation
from ndx_match.sources import SourceOptions, list_contents, read_sessions
from ndx_match.sources.movies import find_movie

PARAMETERS = SimulationParameters(
    shape=(110, 110), n_cells=22, n_sessions=3, shift=6, rotation=2, non_rigid=0.0, false_rois=0, splits=0, merges=0
)
N_FRAMES = 300


def true_result(simulation: Simulation, cells: np.ndarray | None = None) -> MatchResult:
    """What a perfect method finds in sessions that are not bent."""
    matrices = [transform.matrix for transform in simulation.transforms]
    registrations = [
        Registration(i, j, matrices[j] @ np.linalg.inv(matrices[i])) for i in range(3) for j in range(i + 1, 3)
    ]
    return result_of(true_cells(simulation) if cells is None else cells, registrations=registrations)


def true_cells(simulation: Simulation) -> np.ndarray:
    numbers = np.unique(np.concatenate(simulation.identity))
    place = [{cell: row for row, cell in enumerate(identity.tolist())} for identity in simulation.identity]
    return np.array([[rows.get(number, -1) for rows in place] for number in numbers.tolist()], np.int32)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(PARAMETERS, seed=5)


def disc(centre: tuple[float, float], shape: tuple[int, int], radius: float = 5) -> np.ndarray:
    row, col = np.mgrid[: shape[0], : shape[1]]
    return (np.hypot(row - centre[1], col - centre[0]) <= radius).astype(np.float32)


def discs(places: list[list[tuple[float, float] | None]], shape=(60, 80)) -> tuple[list[Session], np.ndarray]:
    """Sessions of discs at (x, y), a list for each session, an entry for each cell, None where it is absent."""
    sessions, cells = [], np.full((len(places[0]), len(places)), -1, np.int32)
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    for k, session in enumerate(places):
        present = [cell for cell, centre in enumerate(session) if centre is not None]
        cells[present, k] = range(len(present))
        masks = csr_array(np.array([disc(session[cell], shape).ravel() for cell in present]).reshape(-1, image.size))
        sessions.append(Session(f"day{k + 1}", image, masks, np.arange(len(present))))
    return sessions, cells


def shift(fixed: int, moving: int, x: float, y: float, **options) -> Registration:
    return Registration(fixed, moving, np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]]), **options)


class TestOutlines:
    def test_a_mask_is_carried_over(self):
        sessions, cells = discs([[(20, 30)], [None]])
        result = result_of(cells, registrations=[shift(0, 1, 7, -4)])
        outlines = propagated_outlines(sessions, result, 1)
        expected = csr_array(disc((27, 26), (60, 80)).reshape(1, -1))
        assert pairwise_iou(outlines.masks, expected).toarray().item() > 0.95
        assert (outlines.cell_rows.tolist(), outlines.n_sources.tolist()) == ([0], [1])
        assert len(propagated_outlines(sessions, result, 0)) == 0

    def test_an_edge_lies_between_those_of_two_masks(self):
        sessions, cells = discs([[(30, 30)], [(33, 30)], [None]])
        result = result_of(cells, registrations=[shift(0, 2, 0, 0), shift(1, 2, 0, 0)])
        outlines = propagated_outlines(sessions, result, 2)
        between = csr_array(disc((31.5, 30), (60, 80)).reshape(1, -1))
        assert pairwise_iou(outlines.masks, between).toarray().item() > 0.85
        assert outlines.n_sources.tolist() == [2]
        assert len(propagated_outlines(sessions, result, 2, min_sources=3)) == 0

    def test_a_deformation_moves_it_there_and_back(self):
        grid = np.tile(np.array([4.0, 2.0], np.float32), (17, 17, 1))
        registration = Registration(0, 1, np.eye(3), displacement=grid)
        for places, target, where in (([[(20, 30)], [None]], 1, (24, 32)), ([[None], [(24, 32)]], 0, (20, 30))):
            sessions, cells = discs(places)
            outlines = propagated_outlines(sessions, result_of(cells, registrations=[registration]), target)
            expected = csr_array(disc(where, (60, 80)).reshape(1, -1))
            assert pairwise_iou(outlines.masks, expected).toarray().item() > 0.95

    def test_none_outside_the_field(self):
        # The first cell lands 3 pixels beyond the edge, the second far from it, the third 2 pixels within.
        sessions, cells = discs([[(75, 30), (60, 30), (70, 30)], [None, None, None]])
        outlines = propagated_outlines(sessions, result_of(cells, registrations=[shift(0, 1, 7, 0)]), 1)
        assert outlines.cell_rows.tolist() == [1, 2]
        assert outlines.masks.indices.max() % 80 == 79
        has_data = np.ones((60, 80), bool)
        has_data[:, 60:] = False
        sessions[1] = replace(sessions[1], has_data=has_data)
        outlines = propagated_outlines(sessions, result_of(cells, registrations=[shift(0, 1, -5, 0)]), 1)
        assert outlines.cell_rows.tolist() == [1]
        assert (outlines.masks.indices % 80).max() < 60

    def test_a_session_that_does_not_see_the_whole_cell_does_not_cut_it(self):
        sessions, cells = discs([[(20, 30)], [(0, 30)], [None]])
        result = result_of(cells, registrations=[shift(0, 2, 20, 0), shift(1, 2, 40, 0)])
        expected = csr_array(disc((40, 30), (60, 80)).reshape(1, -1))
        outlines = propagated_outlines(sessions, result, 2)
        assert pairwise_iou(outlines.masks, expected).toarray().item() > 0.9

    def test_where_nothing_leads_there_is_no_outline(self):
        sessions, cells = discs([[(20, 30)], [None]])
        not_registered = shift(0, 1, 0, 0, outcome=0)
        assert len(propagated_outlines(sessions, result_of(cells, registrations=[not_registered]), 1)) == 0
        assert len(propagated_outlines(sessions, result_of(cells), 1)) == 0
        result = result_of(cells, registrations=[shift(0, 1, 0, 0)])
        result.session_status[0] = SessionStatus.NOT_REGISTERED
        assert len(propagated_outlines(sessions, result, 1)) == 0

    def test_which_absences(self):
        for code, n in ((Presence.NOT_DETECTED, 1), (Presence.AMBIGUOUS, 1), (Presence.NOT_LOOKED_FOR, 1),
                        (Presence.OUTSIDE_FIELD, 0), (Presence.NOT_REGISTERED, 0)):  # fmt: skip
            sessions, cells = discs([[(20, 30)], [None]])
            result = result_of(cells, registrations=[shift(0, 1, 0, 0)])
            result.presence[0, 1] = code
            assert len(propagated_outlines(sessions, result, 1)) == n

    def test_overlap_with_a_detected_roi(self):
        sessions, cells = discs([[(20, 30), (50, 20), None], [None, None, (50, 20)]])
        outlines = propagated_outlines(sessions, result_of(cells, registrations=[shift(0, 1, 0, 0)]), 1)
        assert outlines.overlap[0] == 0
        assert outlines.overlap[1] > 0.9

    def test_weights_and_empty_masks(self):
        sessions, cells = discs([[(20, 30), (50, 20)], [None, None]])
        weights = csr_array(sessions[0].footprints.toarray() * np.array([[0.01], [0.0]], np.float32))
        sessions[0] = replace(sessions[0], footprints=weights)
        outlines = propagated_outlines(sessions, result_of(cells, registrations=[shift(0, 1, 0, 0)]), 1)
        assert outlines.cell_rows.tolist() == [0]
        assert outlines.masks.nnz == pytest.approx(81, abs=6)

    def test_they_are_where_the_cells_are(self, simulation):
        result = true_result(simulation)
        iou = []
        for k in range(3):
            outlines = propagated_outlines(simulation.sessions, result, k, min_sources=2)
            cells, bodies = body_masks(simulation, k)
            numbers = np.unique(np.concatenate(simulation.identity))[outlines.cell_rows]
            overlap = pairwise_iou(outlines.masks, bodies).toarray()
            iou += [overlap[row, cells == number].max(initial=0) for row, number in enumerate(numbers)]
        assert len(iou) > 5
        assert np.median(iou) > 0.7


class TestFluorescence:
    def test_a_ring_is_near_and_holds_no_cell(self):
        masks = csr_array(
            np.stack([disc((40, 30), (60, 80)).ravel(), disc((52, 30), (60, 80)).ravel(), np.zeros(4800)])
        )
        of_cells = (masks.sum(axis=0) > 0).reshape(60, 80)
        rings = neuropil_rings(masks, of_cells)
        row, col = np.divmod(rings[[0]].indices, 80)
        distance = np.hypot(row - 30, col - 40)
        assert distance.min() > 5 + GAP - 1
        assert distance.max() < 16
        assert not of_cells[row, col].any()
        assert 4 * 81 <= len(row) < 4.5 * 81
        assert rings[[2]].nnz == 0
        assert neuropil_rings(masks, np.ones((60, 80), bool)).nnz == 0

    @pytest.mark.parametrize("chunks", [None, (1, 30, 20), (7, 30, 20), (40, 8, 6), (40, 30, 20)])
    def test_pieces_make_no_difference(self, chunks, monkeypatch, tmp_path):
        monkeypatch.setattr(fluorescence_module, "BLOCK_BYTES", 9000)
        frames = np.random.default_rng(1).integers(0, 4000, (40, 30, 20)).astype(np.uint16)
        masks = csr_array(np.random.default_rng(2).random((5, 600)) * (np.random.default_rng(3).random((5, 600)) < 0.1))
        masks = csr_array(np.vstack([masks.toarray(), np.zeros(600)]))
        places = np.random.default_rng(4).permutation(600)
        with h5py.File(tmp_path / "movie.h5", "w") as file:
            data = file.create_dataset("data", data=frames, chunks=chunks)
            pieces = list(movie_pieces(data))
            assert len(pieces) > (1 if chunks != (40, 30, 20) else 0)
            traces = mean_traces(data, masks, places)
        weights = masks.toarray()[:5]
        expected = frames.reshape(40, -1)[:, places] @ (weights / weights.sum(axis=1, keepdims=True)).T
        np.testing.assert_allclose(traces[:, :5], expected, rtol=1e-4)
        assert np.isnan(traces[:, 5]).all()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, simulation: Simulation) -> Path:
    """A match file without errors, and the files of its sessions, of which one holds its movie, stored [col, row]."""
    folder = tmp_path_factory.mktemp("made")
    for k, path in enumerate(write_simulation(simulation, folder, n_samples=5)):
        path.rename(folder / f"day{k}.nwb")
    add_movie(folder / "day1.nwb", movie_of(simulation, 1, N_FRAMES), transposed=True)
    files = [folder / f"day{k}.nwb" for k in range(3)]
    write_match_file(read_sessions(files), true_result(simulation), folder / "matches.nwb")
    return folder


@pytest.fixture(scope="module")
def written(made: Path) -> Path:
    outcome = run(
        "propagate", made / "matches.nwb", made / "day2.nwb", made / "day1.nwb", "-o", made / "out"
    ).succeeded()
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert lines[0].endswith("; no movie")
    assert f"in {N_FRAMES} frames of acquisition/TwoPhotonSeries" in lines[1]
    return made / "out"


class TestFiles:
    def test_outlines_are_apart_and_marked(self, written, simulation):
        numbers = np.unique(np.concatenate(simulation.identity))
        cells = true_cells(simulation)
        for k, path in enumerate(sorted(written.iterdir()), start=1):
            nwbfile = read_nwb(path)
            tables = nwbfile.processing["ophys"]["roi_tables"].plane_segmentations
            propagated = tables["propagated"]
            (detected,) = (table for name, table in tables.items() if name != "propagated")
            session = simulation.sessions[k]
            np.testing.assert_array_equal(detected.id[:], session.roi_ids)
            assert set(propagated["origin"][:]) == {"propagated"}
            assert propagated.imaging_plane is detected.imaging_plane
            expected = propagated_outlines(simulation.sessions, true_result(simulation), k)
            assert propagated["cell_id"][:].tolist() == expected.cell_rows.tolist()
            assert propagated["image_mask"].data.shape == (len(expected), *session.shape)
            np.testing.assert_array_equal(
                propagated["image_mask"].data[:].reshape(len(expected), -1), expected.masks.toarray() > 0
            )
            assert (cells[expected.cell_rows, k] == -1).all()
            assert set(propagated["presence"][:]) == {"not detected"}
            assert len(numbers) == len(cells)
            nwbfile.read_io.close()

    @pytest.mark.slow
    def test_they_are_valid(self, written):
        from nwbinspector import inspect_nwbfile

        for path in written.iterdir():
            assert list(validate(path=str(path))) == []
            assert [m for m in inspect_nwbfile(nwbfile_path=path) if m.importance.name in ("CRITICAL", "ERROR")] == []

    def test_traces_are_those_of_the_cells(self, written, simulation):
        k = 1
        movie = movie_of(simulation, k, N_FRAMES)
        of_cell = dict(zip(movie.cells.tolist(), movie.activity, strict=True))
        numbers = np.unique(np.concatenate(simulation.identity))
        nwbfile = read_nwb(min(written.iterdir()))
        series = nwbfile.processing["ophys"]["Fluorescence"].roi_response_series
        kinds = ("", "_neuropil", "_corrected")
        assert set(series) == {f"{name}{kind}" for name in ("detected", "propagated") for kind in kinds}
        tables = nwbfile.processing["ophys"]["roi_tables"].plane_segmentations
        assert series["propagated"].rois.table is tables["propagated"]
        cells = {
            "propagated": numbers[tables["propagated"]["cell_id"][:]],
            "detected": simulation.identity[k],
        }
        for name, of_rows in cells.items():
            assert series[name].data.shape == (N_FRAMES, len(of_rows))
            assert series[name].rate == 30
            traces = series[f"{name}_corrected"].data[:]
            subtracted = series[name].data[:] - 0.7 * series[f"{name}_neuropil"].data[:]
            np.testing.assert_allclose(traces, subtracted, rtol=1e-4)
            alike = [np.corrcoef(trace, of_cell[cell])[0, 1] for trace, cell in zip(traces.T, of_rows, strict=True)]
            if name == "propagated":
                of_several = tables["propagated"]["n_sources"][:] > 1
                assert np.median(np.array(alike)[of_several]) > 0.8
            else:
                assert np.median(alike) > 0.8
        nwbfile.read_io.close()

    @pytest.mark.slow
    def test_without_files_all_outlines_are_written(self, made, tmp_path):
        outcome = run("propagate", made / "matches.nwb", "-o", tmp_path / "out", "--min-sources", 2).succeeded()
        assert outcome.out.count("; no movie") == 3
        assert len(list((tmp_path / "out").iterdir())) == 3
        nwbfile = read_nwb(next((tmp_path / "out").iterdir()))
        assert "Fluorescence" not in nwbfile.processing["ophys"].data_interfaces
        tables = nwbfile.processing["ophys"]["roi_tables"].plane_segmentations
        assert all((table["n_sources"][:] >= 2).all() for name, table in tables.items() if name == "propagated")
        assert nwbfile.subject.species == "Mus musculus"
        nwbfile.read_io.close()

    def test_what_cannot_be_done_is_refused_and_leaves_nothing(self, made, written, tmp_path):
        matches, day = made / "matches.nwb", made / "day1.nwb"
        run("propagate", matches, day, "-o", written).refused("exists already", "--overwrite")
        run("propagate", matches, day, day, "-o", tmp_path / "x").refused("given 2 times")
        run("propagate", matches, day, "-o", tmp_path / "x", "--movie", "raw").refused(
            "there is no movie raw", "acquisition/TwoPhotonSeries"
        )
        assert listing(tmp_path) == set()

    @pytest.mark.slow
    def test_files_that_were_not_matched_are_refused(self, made, tmp_path):
        matches, day = made / "matches.nwb", made / "day0.nwb"
        run("propagate", matches, matches, "-o", tmp_path / "x").refused("no session of", "was read from this file")
        run("propagate", day, day, "-o", tmp_path / "x").refused("holds no matched cells")
        run("propagate", matches, day, "-o", day).refused("this is a file")
        assert listing(tmp_path) == set()

    def test_a_file_that_cannot_be_written_is_absent(self, made, tmp_path, monkeypatch):
        def fail(*_: object, **__: object) -> None:
            raise OSError("no space left")

        monkeypatch.setattr("ndx_match.propagate.pipeline.build_file", fail)
        outcome = run("propagate", made / "matches.nwb", "-o", tmp_path / "out")
        assert outcome.code == 2
        assert listing(tmp_path) == set()

    @pytest.mark.slow
    def test_every_plane_in_one_file_and_files_with_new_object_ids(self, tmp_path):
        planes = {name: field_of_view((0, 0), seed=seed) for name, seed in (("VISp_1", 0), ("VISp_2", 1))}
        paths = []
        for k in range(2):
            nwbfile = make_nwbfile(planes=planes, session_id=f"day{k}", start=START.replace(day=4 + k))
            paths.append(write_nwb(tmp_path / f"{k}.nwb", nwbfile))
        matched = []
        for name in planes:
            sessions = read_sessions(paths, SourceOptions(plane=name))
            cells = np.array([[0, 0], [1, -1], [2, -1]], np.int32)
            result = result_of(cells, registrations=[shift(0, 1, 0, 0)])
            matched.append(MatchedPlane(tuple(sessions), result, name))
        write_planes(matched, tmp_path / "matches.nwb")
        again = make_nwbfile(planes=planes, session_id="day1", start=START.replace(day=5))
        write_nwb(tmp_path / "again.nwb", again)
        outcome = run("propagate", tmp_path / "matches.nwb", tmp_path / "again.nwb", "-o", tmp_path / "out").succeeded()
        assert "recognised as session day1 by its identifier and ROI ids" in outcome.err
        nwbfile = read_nwb(tmp_path / "out" / "day1_propagated.nwb")
        tables = nwbfile.processing["ophys"]["roi_tables"].plane_segmentations
        ids = {name: table["cell_id"][:].tolist() for name, table in tables.items() if name.startswith("propagated")}
        assert ids == {"propagated_VISp_1": [1, 2], "propagated_VISp_2": [4, 5]}
        assert tables["propagated_VISp_2"].imaging_plane.name == "VISp_2"
        nwbfile.read_io.close()


@pytest.mark.slow
class TestAsMeasured:
    """What `benchmarks/propagate.py` measures on more animals."""

    @pytest.mark.parametrize("tier", ["typical", "hard"])
    def test_outlines_are_nearly_as_good_as_by_the_true_warp(self, tier):
        fit = propagate.Fit.together([propagate.fit_of(TIERS[tier], seed) for seed in range(3)])
        assert fit.ratio() >= propagate.OF_TRUE_WARP
        assert fit.median("stored", fit.n_sources > 1) >= propagate.LEAST_IOU

    def test_traces_of_cells_that_were_not_detected(self):
        correlations = propagate.correlations_of(propagate.OF_MOVIES, seed=0, n_frames=3000)
        several = correlations["hidden"] & (correlations["n_sources"] > 1)
        assert several.sum() >= 3
        assert np.median(correlations["propagated True"][several]) >= propagate.LEAST_CORRELATION
        detected = np.nanmedian(correlations["detected False"])
        assert np.median(correlations["propagated False"][several]) > detected - 0.1  # without correction


class InFile(np.ndarray):
    """An array that looks like a dataset in a file."""

    chunks = None


class TestMovies:
    @staticmethod
    def file(*movies: tuple[str, tuple[int, ...]], corrected: str = "") -> tuple[object, object, Session]:
        """A file in memory with movies of the given shapes, its ROI table, and its session."""
        field = field_of_view(shape=(60, 60))
        nwbfile = make_nwbfile(field)
        (plane,) = nwbfile.imaging_planes.values()
        for name, shape in movies:
            data = np.zeros(shape, np.uint16).view(InFile)
            series = TwoPhotonSeries(name=name, data=data, imaging_plane=plane, unit="n.a.", rate=30.0)
            nwbfile.add_acquisition(series)
            if corrected == name:
                moved = ImageSeries(name="corrected", data=data, unit="n.a.", rate=30.0)
                shifts = TimeSeries(name="xy_translation", data=np.zeros((2, 2)), unit="pixels", rate=30.0)
                stack = CorrectedImageStack(corrected=moved, original=series, xy_translation=shifts)
                nwbfile.processing["ophys"].add(stack)
        (table,) = list_contents(nwbfile).tables
        return nwbfile, table, session_of(field)

    def find(self, *movies, corrected: str = "", name: str | None = None):
        return find_movie(*self.file(*movies, corrected=corrected), "a.nwb", name)

    def test_which_one(self):
        assert self.find() is None
        assert self.find(("small", (5, 30, 60)), ("volume", (5, 60, 60, 3)), ("empty", (0, 60, 60))) is None
        assert self.find(("raw", (5, 60, 60)), ("small", (5, 30, 60))).path == "acquisition/raw"
        with pytest.raises(InputError, match=r"several movies .* `movie`: acquisition/one, acquisition/two"):
            self.find(("one", (5, 60, 60)), ("two", (5, 60, 60)))
        assert self.find(("one", (5, 60, 60)), ("two", (5, 60, 60)), name="two").path == "acquisition/two"
        movie = self.find(("one", (5, 60, 60)), ("two", (5, 60, 60)), corrected="one")
        assert movie.path == "processing/ophys/CorrectedImageStack/corrected"

    def test_videos_of_cameras_are_no_movies(self):
        """An image series of no imaging plane counts if it shows the tissue and is the only one, or if it is named."""
        for shows_tissue in (False, True):
            nwbfile, table, session = self.file()
            noise = np.random.default_rng(0).normal(size=(5, 60, 60))
            data = (session.image.T + 10 * noise if shows_tissue else noise).view(InFile)
            nwbfile.add_acquisition(ImageSeries(name="video", data=data, unit="n.a.", rate=30.0))
            movie = find_movie(nwbfile, table, session, "a.nwb")
            assert (movie is not None) == shows_tissue
            assert find_movie(nwbfile, table, session, "a.nwb", "video").path == "acquisition/video"
            (plane,) = nwbfile.imaging_planes.values()
            movie = TwoPhotonSeries(
                name="movie", data=np.zeros((5, 60, 60)).view(InFile), imaging_plane=plane, unit="n.a.", rate=30.0
            )
            nwbfile.add_acquisition(movie)
            assert find_movie(nwbfile, table, session, "a.nwb").path == "acquisition/movie"

    def test_timestamps_that_are_no_frames_are_refused(self):
        nwbfile, table, session = self.file(("movie", (5, 60, 60)))
        movie = nwbfile.acquisition["movie"]
        movie.fields["timestamps"] = np.arange(7.0)  # pynwb reads such files, but does not make them
        with pytest.raises(InputError, match=r"a\.nwb, acquisition/movie: the movie has 5 frames, but 7 timestamps"):
            find_movie(nwbfile, table, session, "a.nwb")

    @pytest.mark.parametrize("damaged", [None, np.nan, np.inf])
    @pytest.mark.parametrize("transposed", [False, True])
    @pytest.mark.parametrize("mirrored", [False, True])
    def test_orientation_of_square_frames(self, transposed, mirrored, damaged):
        nwbfile, table, session = self.file(("movie", (5, 60, 60)))
        image = session.image[:, ::-1] if mirrored else session.image
        frames = np.stack([image.T if transposed else image] * 5) * 10 + 500
        if damaged is None:
            nwbfile.acquisition["movie"].data[:] = frames
        else:
            movie = frames.copy().view(InFile)
            movie[1], movie[2, :50] = damaged, damaged
            nwbfile.acquisition["movie"].fields["data"] = movie
        session = replace(session, orientation=Orientation(mirrored=mirrored))
        movie = find_movie(nwbfile, table, session, "a.nwb")
        stored = frames[0].astype(np.uint16).ravel()
        np.testing.assert_allclose(
            stored[movie.stored_places(session.shape)].reshape(60, 60), session.image * 10 + 500, atol=1
        )
