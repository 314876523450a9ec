"""The activity of cells, their masks and images, and points and images carried from session to session."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from builders import field_of_view, make_nwbfile, result_of, write_nwb
from pynwb import read_nwb
from scipy.ndimage import map_coordinates

from ndx_cell_matching import CellMatching, SessionRegistrationsTable
from ndx_cell_matching.testing.mock import mock_CellMatching, mock_source_nwbfile
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.sources import SourceOptions, read_sessions

CELLS = np.array([[0, 2, 1], [1, -1, 0], [2, 0, -1], [-1, 1, -1]])
N_TIMES = 20


@pytest.fixture
def sources():
    return {
        name: mock_source_nwbfile(n_rois=3, seed=seed, session_id=name)
        for seed, name in enumerate(["day1", "day2", "day3"])
    }


@pytest.fixture
def matching(sources):
    return mock_CellMatching(cells=CELLS, sources=list(sources.values()))


def add_series(nwbfile, rois, by_time, name="more", **options):
    """A series whose trace of the ROI in row k is `100 * k + time`."""
    traces = 100 * np.asarray(rois)[:, None] + np.arange(N_TIMES)
    fluorescence = nwbfile.processing["ophys"]["Fluorescence"]
    region = fluorescence["RoiResponseSeries"].rois.table.create_roi_table_region(description="ROIs.", region=rois)
    options = {"data": traces.T if by_time else traces, "unit": "n.a.", "rate": 10.0, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pynwb warns of the order of the axes
        fluorescence.create_roi_response_series(name=name, rois=region, **options)


def test_other_things_in_place_of_files_are_answered(matching, sources):
    for function in (matching.activity, lambda files: matching.traces(0, files)):
        for given in (list(sources.values()), "day1.nwb", None):
            with pytest.raises(
                TypeError, match=r"nwbfiles must be a mapping of session names to files, for example \{"
            ):
                function(given)
        with pytest.raises(TypeError, match=r"the file of a session must be an NWBFile or a path, and was NoneType"):
            function({"day1": None})
    with pytest.raises(TypeError, match="'str' object cannot be interpreted as an integer"):
        matching.cell_of("day1", roi_id="0")


class TestActivity:
    @pytest.mark.parametrize("by_time", [True, False])
    @pytest.mark.parametrize("rois", [[0, 1, 2], [2, 0, 1], [2, 0], [1]])
    def test_each_trace_is_that_of_its_cell(self, matching, sources, by_time, rois):
        for nwbfile in sources.values():
            add_series(nwbfile, rois, by_time)
        frames = matching.activity(sources, "more")
        assert list(frames) == ["day1", "day2", "day3"]
        for column, frame in zip(CELLS.T, frames.values(), strict=True):
            assert frame.index.tolist() == matching.cell_ids.tolist()
            np.testing.assert_allclose(frame.columns, np.arange(N_TIMES) / 10)
            for roi_row, trace in zip(column, frame.to_numpy(), strict=True):
                if roi_row in rois:
                    np.testing.assert_array_equal(trace, 100 * roi_row + np.arange(N_TIMES))
                else:
                    assert np.isnan(trace).all()

    def test_it_agrees_with_the_traces_of_single_cells(self, matching, sources):
        for nwbfile in sources.values():
            add_series(nwbfile, [2, 0, 1], False, "converted", conversion=0.5, offset=3.0)
        for name in ("DfOverF", "converted", "Fluorescence/RoiResponseSeries", "Fluorescence/converted"):
            frames = matching.activity(sources, name)
            for cell_id in matching.cell_ids:
                for session, traces in matching.traces(cell_id, sources, name).items():
                    (trace,) = traces
                    np.testing.assert_array_equal(frames[session].loc[cell_id], trace.values)
        assert trace.values[:3].tolist() == (matching.roi_row(cell_id, session) * 50 + np.arange(3) * 0.5 + 3).tolist()

    @pytest.mark.parametrize("row", [3, -1])
    def test_rois_that_are_not_in_the_table_are_refused(self, matching, sources, row):
        add_series(sources["day1"], [0, 1, 2], True)
        more = sources["day1"].processing["ophys"]["Fluorescence"]["more"]
        more.rois.data[1] = row  # a file can hold this
        for read in (matching.activity, lambda *arguments: matching.traces(matching.cell_ids[0], *arguments)):
            with pytest.raises(ValueError, match=rf"Fluorescence/more refers to row {row} of its ROI table, which"):
                read({"day1": sources["day1"]}, "more")

    def test_a_rate_of_zero_is_refused(self, matching, sources):
        add_series(sources["day1"], [0, 1, 2], True)
        sources["day1"].processing["ophys"]["Fluorescence"]["more"].fields["rate"] = 0.0
        with pytest.raises(ValueError, match=r"Fluorescence/more has the rate 0\.0 Hz"):
            matching.activity({"day1": sources["day1"]}, "more")

    def test_one_trace_that_is_stored_alone(self, matching, sources):
        add_series(sources["day1"], [2], True, data=np.arange(20.0))
        frame = matching.activity({"day1": sources["day1"]}, "more")["day1"]
        np.testing.assert_array_equal(frame.loc[matching.cell_ids[2]], np.arange(20.0))
        assert frame.isna().all(axis=1).sum() == 3

    def test_pieces_make_no_difference(self, matching, sources, monkeypatch):
        add_series(sources["day1"], [2, 1, 0], False)
        whole = [matching.activity({"day1": sources["day1"]}, name)["day1"] for name in ("more", "DfOverF")]
        monkeypatch.setattr("ndx_cell_matching.activity.BLOCK_BYTES", 50)
        pieces = [matching.activity({"day1": sources["day1"]}, name)["day1"] for name in ("more", "DfOverF")]
        assert all(one.equals(other) for one, other in zip(whole, pieces, strict=True))

    def test_times_and_units(self, matching, sources):
        times = np.arange(N_TIMES) ** 2 / 7
        add_series(sources["day1"], [0, 1, 2], True, rate=None, timestamps=times, conversion=0.5, offset=3.0)
        frame = matching.activity({"day1": sources["day1"]}, "more")["day1"]
        np.testing.assert_allclose(frame.columns, times)
        np.testing.assert_allclose(frame.loc[matching.cell_ids[1]], (100 + np.arange(N_TIMES)) * 0.5 + 3)
        assert frame.attrs == {"session": "day1", "series": "Fluorescence/more", "units": "n.a."}
        add_series(sources["day1"], [0], True, "late", starting_time=5.0)
        assert matching.activity({"day1": sources["day1"]}, "late")["day1"].columns[0] == 5

    def test_which_series_must_be_clear(self, matching, sources):
        with pytest.raises(
            ValueError, match=r"'day1' has several series .*: DfOverF/RoiResponseSeries, Fluorescence/Roi"
        ):
            matching.activity(sources)
        with pytest.raises(KeyError, match="'day1' has no series of responses 'Spikes'; there are: DfOverF/Roi"):
            matching.activity(sources, "Spikes")
        with pytest.raises(ValueError, match="is not the source of the session 'day1'"):
            matching.activity({"day1": sources["day2"]}, "DfOverF")
        add_series(sources["day1"], [0, 1, 0], False)
        with pytest.raises(ValueError, match="holds the ROI in row 0 of its table more than once"):
            matching.activity(sources, "more")
        add_series(sources["day1"], [0, 1, 2], True, "odd", rate=None, timestamps=np.arange(20.0))
        # As in a file; pynwb refuses it only where it is made.
        sources["day1"].processing["ophys"]["Fluorescence"]["odd"].fields["timestamps"] = np.arange(2.0)
        with pytest.raises(ValueError, match="20 samples, but 2 timestamps"):
            matching.activity(sources, "odd")

    def test_files_given_by_path_are_closed_again(self, sources, tmp_path):
        matching = mock_CellMatching(cells=CELLS, sources=list(sources.values()))
        expected = matching.activity(sources, "DfOverF")
        paths = {name: write_nwb(tmp_path / f"{name}.nwb", nwbfile) for name, nwbfile in sources.items()}
        frames = matching.activity(paths, "DfOverF")
        assert all(frames[name].equals(expected[name]) for name in paths)
        with open(paths["day1"], "r+b") as file:
            file.truncate(0)

    def test_as_xarray(self, matching, sources, tmp_path):
        pytest.importorskip("xarray", reason="xarray is not installed; install the group test")
        frames, arrays = (matching.activity(sources, "DfOverF", xarray=each) for each in (False, True))
        for name, array in arrays.items():
            assert array.dims == ("cell_id", "time")
            np.testing.assert_array_equal(array.values, frames[name].to_numpy())
            np.testing.assert_array_equal(array.cell_id, matching.cell_ids)
            assert array.sel(time=0.5).shape == (4,)
            assert array.attrs["units"] == "n.a."

    def test_without_xarray(self, matching, sources, monkeypatch):
        monkeypatch.setitem(sys.modules, "xarray", None)
        with pytest.raises(ImportError, match=r'run pip install "ndx-cell-matching\[xarray\]"'):
            matching.activity(sources, "DfOverF", xarray=True)


class TestMasksAndImages:
    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            pytest.param("image_mask", {"transpose": "masks"}, marks=pytest.mark.slow),
            pytest.param("image_mask", {"transpose": "image", "mirror": ("a.nwb",)}, marks=pytest.mark.slow),
            ("pixel_mask", {"transpose": "both", "mirror": ("a.nwb",)}),
            pytest.param("voxel_mask", {"transpose": "image"}, marks=pytest.mark.slow),
        ],
    )
    def test_they_are_what_was_matched(self, kind, options, tmp_path):
        """A match file of any orientation, read with the extension and by the pipeline."""
        shape = (70, 70)
        paths = [
            write_nwb(
                tmp_path / f"{name}.nwb",
                make_nwbfile(field_of_view(shape=shape, seed=k), mask_kind=kind, session_id=name),
            )
            for k, name in enumerate("ab")
        ]
        sessions = read_sessions(paths, SourceOptions(**options))
        cells = np.array([[3, 4], [5, -1]], np.int32)
        write_match_file(sessions, result_of(cells), tmp_path / "matches.nwb")
        nwbfile = read_nwb(tmp_path / "matches.nwb")
        matching: CellMatching = nwbfile.processing["ophys"]["CellMatching"]
        for k, session in enumerate(read_match_file(tmp_path / "matches.nwb").sessions):
            np.testing.assert_array_equal(matching.image(k), session.image)
            expected = session.footprints[[cells[0, k]]].toarray().reshape(shape)
            mask = matching.mask(0, session.name)
            np.testing.assert_array_equal(mask, expected)
            x, y = matching.centroid(0, k)
            assert (x, y) == pytest.approx(np.argwhere(expected).mean(axis=0)[::-1])
        assert matching.mask(1, "b") is None
        assert matching.centroid(1, "b") is None
        with pytest.raises(KeyError, match="no cell of id 7"):
            matching.mask(7, "a")
        nwbfile.read_io.close()


class TestWarping:
    @pytest.fixture
    def bent(self, matching):
        """Only one direction is in the file: 5 pixels to the right, and a smooth push that is largest in the middle."""
        ramp = np.sin(np.pi * np.arange(17) / 16)
        grid = 3 * (ramp[:, None] * ramp)[..., None] * np.array([1.0, -0.5])
        table = SessionRegistrationsTable.from_arrays(
            fixed_session=[0], moving_session=[1], matrix=[np.array([[1, 0, 5], [0, 1, -2], [0, 0, 1.0]])],
            steps=[""], outcome=[1], reason=[""], displacement=[grid],
        )  # fmt: skip
        columns = {name: matching.sessions[name].data for name in matching.sessions.colnames}
        return CellMatching.from_arrays(
            matching.get_ancestor("NWBFile").processing["ophys"], name="Bent", method="m", method_version="1",
            parameters={}, sessions=type(matching.sessions).from_arrays(**columns), cells=CELLS,
            presence=(CELLS >= 0).astype(int), registrations=table,
        )  # fmt: skip

    def test_points_go_there_and_back(self, bent):
        points = np.array([[10.0, 12.0], [19.5, 15.5]])
        there = bent.map_points("day1", "day2", points)
        np.testing.assert_allclose(there[1], [19.5 + 8, 15.5 - 3.5])  # the middle
        np.testing.assert_allclose(bent.map_points("day2", "day1", there), points, atol=0.1)
        np.testing.assert_array_equal(bent.map_points(1, "day2", points), points)
        with pytest.raises(ValueError, match="'day1' and 'day3' are not aligned"):
            bent.map_points("day1", "day3", points)

    def test_points_that_are_unknown_stay_so(self, bent):
        """As the centroid of an empty mask, also where the sessions are bent."""
        points = bent.map_points("day1", "day2", [[np.nan, np.nan], [19.5, 15.5]])
        assert np.isnan(points[0]).all()
        np.testing.assert_allclose(points[1], [19.5 + 8, 15.5 - 3.5])

    @pytest.mark.parametrize("moving", ["day1", "day2"])
    def test_what_are_no_points_is_refused(self, bent, moving):
        for wrong in (np.zeros((2, 3)), np.zeros(4), np.zeros((2, 2, 2)), 5.0):
            with pytest.raises(ValueError, match=r"the points must have the shape \(n, 2\), .* not "):
                bent.map_points("day1", moving, wrong)
        assert bent.map_points("day1", moving, []).shape == (0, 2)
        assert bent.map_points("day1", moving, (1.0, 2.0)).shape == (1, 2)

    def test_an_image_is_sampled_where_the_points_lie(self, bent):
        warped = bent.warp_image("day1", "day2")
        rows, cols = np.mgrid[:32, :40]
        places = bent.map_points("day1", "day2", np.column_stack([cols.ravel(), rows.ravel()]))
        inside = ((places >= 0) & (places <= [39, 31])).all(axis=1)
        expected = map_coordinates(bent.image("day2"), places.T[::-1], order=1)
        np.testing.assert_allclose(warped.ravel()[inside], expected[inside], atol=1e-5)
        assert np.isnan(warped[:, -1]).all()
        assert 0 < np.isnan(warped).sum() < 400
        mask = bent.mask(0, "day2")
        assert np.nansum(bent.warp_image("day1", "day2", mask)) == pytest.approx(16, abs=6)
        with pytest.raises(ValueError, match=r"must have the shape \(32, 40\)"):
            bent.warp_image("day1", "day2", mask.T)
