"""The extension's tables and accessors, in memory."""

import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from pynwb.ophys import ImageSegmentation
from pynwb.testing.mock.file import mock_NWBFile

from ndx_cell_matching import (
    CellMatching,
    MatchedCellsTable,
    MatchedSessionsTable,
    Presence,
    Review,
    RoiPairsTable,
    SessionRegistrationsTable,
)
from ndx_cell_matching.testing.mock import mock_CellMatching, mock_source_nwbfile

# Ids of the mock ROI tables are 100 + row.
CELLS = np.array([[0, 2, 1], [1, -1, 0], [2, 0, -1], [-1, 1, -1]])


@pytest.fixture
def matching() -> CellMatching:
    return mock_CellMatching(cells=CELLS)


def parts(matching: CellMatching) -> dict:
    """Arguments with which a second result of the same sessions is built."""
    return {
        "module": matching.get_ancestor("NWBFile").processing["ophys"],
        "name": "Second",
        "method": "nway",
        "method_version": "0.1.0",
        "parameters": {"maximum_distance": 10},
        "sessions": MatchedSessionsTable.from_arrays(**session_columns(matching)),
        "cells": CELLS,
        "presence": (CELLS >= 0).astype(int),
    }


def session_columns(matching: CellMatching) -> dict:
    return {name: matching.sessions[name].data for name in matching.sessions.colnames}


class TestConstruction:
    def test_what_was_given_comes_back(self, matching):
        result = CellMatching.from_arrays(
            **parts(matching), software={"numpy": "2.0"}, warnings=["One session is far off."]
        )
        assert result.get_ancestor("NWBFile").processing["ophys"]["Second"] is result
        assert (result.method, result.method_version) == ("nway", "0.1.0")
        assert json.loads(result.parameters) == {"maximum_distance": 10}
        assert json.loads(result.software) == {"numpy": "2.0"}
        assert list(result.warnings) == ["One session is far off."]
        np.testing.assert_array_equal(result.to_array(), CELLS)
        np.testing.assert_array_equal(result.cells["n_sessions"].data, [3, 2, 2, 1])
        np.testing.assert_array_equal(result.cells["presence"].data, CELLS >= 0)

    def test_gives_no_warning(self, matching):
        arguments = parts(matching)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            CellMatching.from_arrays(**arguments)

    def test_what_is_optional_may_be_absent(self, matching):
        result = CellMatching.from_arrays(**parts(matching))
        assert result.software is None
        assert result.warnings is None
        assert result.roi_pairs is None
        assert result.registrations is None
        assert "confidence" not in result.cells.colnames
        assert result.registration(0, 1) is None
        pairs = result.pairs_dataframe()
        assert len(pairs) == 0
        assert {"fixed_session", "fixed_roi_id", "iou"} <= set(pairs.columns)

    def test_tables_without_rows_are_left_out(self, matching):
        nothing = np.zeros(0)
        result = CellMatching.from_arrays(
            **parts(matching),
            roi_pairs=RoiPairsTable.from_arrays(
                fixed_session=nothing,
                moving_session=nothing,
                fixed_roi_row=nothing,
                moving_roi_row=nothing,
                centroid_distance=nothing,
                iou=nothing,
                accepted=nothing,
            ),
            registrations=SessionRegistrationsTable.from_arrays(
                fixed_session=nothing,
                moving_session=nothing,
                matrix=np.zeros((0, 3, 3)),
                steps=[],
                outcome=nothing,
                reason=[],
            ),
        )
        assert result.roi_pairs is None
        assert result.registrations is None

    def test_references_are_int32_and_a_session_without_members_has_no_column(self):
        result = mock_CellMatching(cells=[[0, -1], [1, -1], [2, -1]])
        assert "day2" not in result.cells.colnames
        assert result.cells["day1"].target.data.dtype == np.int32
        np.testing.assert_array_equal(result.to_array(), [[0, -1], [1, -1], [2, -1]])
        assert result.to_dataframe()["day2"].isna().all()
        assert result.roi_id(0, "day2") is None
        assert result.cell_of("day2", roi_row=0) is None

    def test_codes_of_presence_are_spelled_out_in_the_file(self, matching):
        description = matching.cells["presence"].description
        for code in Presence:
            assert f"{code.value}: {code.label}" in description

    @pytest.mark.parametrize(
        "name", ["id", "n_sessions", "confidence", "presence", "day1_index", "name", "colnames", "", "a/b", "a:b"]
    )
    def test_reserved_names_of_sessions(self, matching, name):
        arguments = parts(matching)
        columns = session_columns(matching) | {"session_name": ["day1", name, "day3"]}
        arguments["sessions"] = MatchedSessionsTable.from_arrays(**columns)
        with pytest.raises(ValueError, match=re.escape(f"cannot be named {name!r}")):
            CellMatching.from_arrays(**arguments)
        assert "Second" not in arguments["module"].data_interfaces

    def test_names_of_sessions_are_unique(self, matching):
        columns = session_columns(matching) | {"session_name": ["day1", "day2", "day1"]}
        with pytest.raises(ValueError, match="two sessions have the name 'day1'"):
            MatchedSessionsTable.from_arrays(**columns)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"cells": CELLS.astype(float)}, "integers"),
            ({"cells": CELLS - 1}, "nothing below -1"),
            ({"cells": CELLS[:, 0]}, "shape"),
            ({"presence": np.ones_like(CELLS)}, "exactly where a cell has an ROI"),
            ({"presence": (CELLS >= 0) * 9}, "only the codes"),
            ({"presence": CELLS[:2] >= 0}, "shape"),
            ({"cells": CELLS[:, :2], "presence": CELLS[:, :2] >= 0}, "do not fit"),
            ({"cells": np.where(CELLS == 2, 40, CELLS)}, "no row 40"),
            ({"cells": np.where(CELLS == 2, 1, CELLS)}, "row 1 of the session 'day1' is in more than one cell"),
            ({"confidence": [0.5, 0.5]}, "confidence"),
            ({"confidence": [0.5, 0.5, 0.5, 2]}, "confidence must lie between 0 and 1"),
            ({"parameters": "not JSON"}, "parameters must be one JSON object: Expecting value"),
            ({"parameters": "[1]"}, "parameters must be one JSON object"),
            ({"parameters": {"x": float("nan")}}, "parameters must be one JSON object: .*JSON"),
            ({"parameters": {"x": object()}}, "parameters must be one JSON object: <object"),
            ({"software": "numpy 2.0"}, "software must be one JSON object"),
        ],
    )
    def test_contradictions_are_refused(self, matching, changes, message):
        arguments = parts(matching) | changes
        with pytest.raises(ValueError, match=message):
            CellMatching.from_arrays(**arguments)
        assert "Second" not in arguments["module"].data_interfaces

    def test_columns_differ_in_length(self, matching):
        with pytest.raises(ValueError, match="must have the same length, but status has 1 and the others 3"):
            MatchedSessionsTable.from_arrays(**session_columns(matching) | {"status": [0]})

    @pytest.mark.parametrize(
        ("column", "values", "message"),
        [
            ("status", [0, 0, -1], "must hold values of the type uint8, which -1 is not"),
            ("status", [0, 0, 300], "must hold values of the type uint8, which 300 is not"),
            ("status", [0, 0.5, 0], "must hold values of the type uint8, which 0.5 is not"),
            ("status", [0, "matched", 0], "must hold numbers of the type uint8"),
            ("status", [[0], [0], [0]], "must have the shape (rows,), not (3, 1)"),
            ("mirrored", [0, 1, 2], "must hold values of the type bool, which 2 is not"),
            ("mirrored", False, "must hold one entry per row, not the single value False"),
            ("session_name", "day1", "must hold one entry per row, not the single value 'day1'"),
            ("imaging_depth", np.array(175.0), "must hold one entry per row"),
            ("roi_table", ["a", "b", "c"], "must hold objects of the type PlaneSegmentation, not str"),
            ("image", [0, 1, 2], "must hold objects of the type Image, not int"),
        ],
    )
    def test_values_that_the_schema_forbids_are_refused(self, matching, column, values, message):
        with pytest.raises(ValueError, match=re.escape(f"the column {column!r} of the table 'sessions' {message}")):
            MatchedSessionsTable.from_arrays(**session_columns(matching) | {column: values})

    def test_numbers_of_another_type_with_the_same_value_are_taken(self, matching):
        columns = session_columns(matching) | {"status": np.array([0.0, 1.0, 2.0]), "mirrored": [0, 1, 0]}
        table = MatchedSessionsTable.from_arrays(**columns)
        assert table["status"].data.tolist() == [0, 1, 2]
        assert table["mirrored"].data.tolist() == [False, True, False]

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"moving_session": [3]}, "'moving_session' of .* holds 3 in row 0, but there are 3 sessions"),
            ({"fixed_session": [-1]}, "'fixed_session' of .* holds -1 in row 0"),
            ({"moving_roi_row": [3]}, "'moving_roi_row' of .* holds 3 in row 0, but there are 3 ROIs in that session"),
        ],
    )
    def test_pairs_name_sessions_and_rois_that_exist(self, matching, columns, message):
        pair = {"fixed_session": [0], "moving_session": [1], "fixed_roi_row": [0], "moving_roi_row": [0]}
        pairs = RoiPairsTable.from_arrays(**pair | columns, centroid_distance=[1.0], iou=[0.5], accepted=[True])
        arguments = parts(matching)
        with pytest.raises(ValueError, match=message):
            CellMatching.from_arrays(**arguments, roi_pairs=pairs)
        assert "Second" not in arguments["module"].data_interfaces

    def test_registrations_name_sessions_that_exist(self, matching):
        registrations = SessionRegistrationsTable.from_arrays(
            fixed_session=[1], moving_session=[7], matrix=[np.eye(3)], steps=[""], outcome=[1], reason=[""]
        )
        with pytest.raises(ValueError, match="'moving_session' of the table 'registrations' holds 7"):
            CellMatching.from_arrays(**parts(matching), registrations=registrations)

    def test_parameters_may_hold_numbers_and_arrays_of_numpy(self, matching):
        parameters = {"threshold": np.float32(0.5), "scales": np.arange(2)}
        result = CellMatching.from_arrays(**parts(matching) | {"parameters": parameters})
        assert json.loads(result.parameters) == {"threshold": 0.5, "scales": [0, 1]}

    def test_displacements_have_two_coordinates(self):
        with pytest.raises(ValueError, match=r"'displacement' .* \(session_pairs, fixed_rows, fixed_cols, 2\)"):
            SessionRegistrationsTable.from_arrays(
                fixed_session=[0],
                moving_session=[1],
                matrix=[np.eye(3)],
                steps=[""],
                outcome=[1],
                reason=[""],
                displacement=np.zeros((1, 17, 17)),
            )

    def test_matrices_are_3_by_3(self):
        with pytest.raises(ValueError, match=r"\(session_pairs, 3, 3\)"):
            SessionRegistrationsTable.from_arrays(
                fixed_session=[0],
                moving_session=[1],
                matrix=np.zeros((1, 2, 3)),
                steps=[""],
                outcome=[1],
                reason=[""],
            )

    def test_optional_columns_that_say_nothing_are_left_out(self, matching):
        columns = session_columns(matching) | {
            "source_sha256": ["", "", ""],
            "subject_id": ["", "mouse1", ""],
            "imaging_depth": [np.nan, np.nan, np.nan],
            "pixel_size": [[np.nan, np.nan], [0.8, 0.8], [np.nan, np.nan]],
        }
        table = MatchedSessionsTable.from_arrays(**columns)
        assert "source_sha256" not in table.colnames
        assert "imaging_depth" not in table.colnames
        assert list(table["subject_id"].data) == ["", "mouse1", ""]
        np.testing.assert_array_equal(table["pixel_size"].data[1], [0.8, 0.8])

    def test_pixel_size_has_two_numbers_a_session(self, matching):
        with pytest.raises(ValueError, match=r"\(sessions, 2\)"):
            MatchedSessionsTable.from_arrays(**session_columns(matching) | {"pixel_size": np.ones((3, 3))})

    def test_two_steps_without_the_convenience(self, matching):
        nwbfile = matching.get_ancestor("NWBFile")
        cells = MatchedCellsTable.from_array(CELLS, CELLS >= 0, confidence=[0.9, 0.8, 0.7, np.nan])
        nwbfile.processing["ophys"].add(
            CellMatching(
                name="Second",
                method="nway",
                method_version="0.1.0",
                parameters="{}",
                sessions=MatchedSessionsTable.from_arrays(**session_columns(matching)),
                cells=cells,
            )
        )
        roi_tables = list(matching.sessions["roi_table"].data)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            cells.add_session_columns(CELLS, ["day1", "day2", "day3"], roi_tables)
        np.testing.assert_array_equal(nwbfile.processing["ophys"]["Second"].to_array(), CELLS)


class TestAccessors:
    def test_size(self, matching):
        assert matching.session_names == ["day1", "day2", "day3"]
        assert (matching.n_cells, matching.n_sessions) == (4, 3)

    def test_to_array(self, matching):
        assert matching.to_array().dtype == np.int32
        np.testing.assert_array_equal(matching.to_array(), CELLS)

    def test_to_dataframe(self, matching):
        rows = matching.to_dataframe("roi_row")
        ids = matching.to_dataframe()
        assert list(rows.columns) == ["day1", "day2", "day3"]
        assert rows.index.name == "cell_id"
        assert (rows.dtypes == pd.Int64Dtype()).all()
        np.testing.assert_array_equal(rows.fillna(-1), CELLS)
        np.testing.assert_array_equal(ids.fillna(-1), np.where(CELLS >= 0, CELLS + 100, -1))
        with pytest.raises(ValueError, match="roi_id"):
            matching.to_dataframe("ids")

    def test_roi_of_a_cell(self, matching):
        assert matching.roi_row(0, "day2") == 2
        assert matching.roi_id(0, 1) == 102
        assert matching.roi_row(1, "day2") is None
        assert matching.roi_id(1, 1) is None
        for cell_id in (4, -1):
            with pytest.raises(KeyError, match=f"no cell of id {cell_id}"):
                matching.roi_row(cell_id, "day1")
        with pytest.raises(IndexError, match="3 sessions"):
            matching.roi_row(0, 3)
        with pytest.raises(KeyError, match="no session 'day4'"):
            matching.roi_row(0, "day4")

    def test_cells_are_named_by_their_ids_not_their_rows(self, matching):
        arguments = parts(matching) | {"cell_ids": [30, 10, 40, 20]}
        result = CellMatching.from_arrays(**arguments)
        assert result.cell_ids.tolist() == result.to_dataframe().index.tolist() == [30, 10, 40, 20]
        assert result.cell_row(40) == 2
        assert result.roi_row(30, "day2") == CELLS[0, 1]
        assert result.cell_of("day2", roi_row=int(CELLS[0, 1])) == 30
        assert result.presence_labels().index.tolist() == [30, 10, 40, 20]

    @pytest.mark.parametrize("cell_ids", [[1, 2, 3], [1, 2, 2, 3], [0.5, 1, 2, 3]])
    def test_cell_ids_are_distinct_numbers(self, matching, cell_ids):
        with pytest.raises(ValueError, match="cell_ids must be one whole number for each cell"):
            CellMatching.from_arrays(**parts(matching) | {"cell_ids": cell_ids})

    @pytest.mark.parametrize("change", [{"masks_scrambled": None}, {"colour": ["red"] * 3}])
    def test_missing_and_unknown_columns_are_refused(self, matching, change):
        with pytest.raises(TypeError, match=next(iter(change))):
            MatchedSessionsTable.from_arrays(**session_columns(matching) | change)

    def test_a_code_of_a_newer_version_is_shown_as_what_it_is(self, matching):
        matching.cells["presence"].data[0, 0] = 9
        assert matching.presence_labels().iloc[0, 0] == "code 9 (unknown: written by a newer version?)"

    def test_reviews_are_stored(self):
        table = MatchedCellsTable.from_array(
            CELLS,
            CELLS >= 0,
            review=[Review.ACCEPTED, 0, Review.UNCERTAIN, 0],
            reviewer=["A. B.", "", "A. B.", ""],
            reviewed_on=["2026-05-04", "", "2026-05-04", ""],
        )
        assert table["review"].data.tolist() == [1, 0, 3, 0]
        assert "review_comment" not in table.colnames

    def test_cell_of_an_roi(self):
        # ROI 1 of the first session is in no cell.
        matching = mock_CellMatching(cells=[[0, 1], [2, 0]])
        assert matching.cell_of("day1", roi_row=2) == 1
        assert matching.cell_of("day1", roi_id=102) == 1
        assert matching.cell_of(1, roi_row=1) == 0
        assert matching.cell_of("day1", roi_row=1) is None
        with pytest.raises(IndexError, match="no row 3"):
            matching.cell_of("day1", roi_row=3)
        with pytest.raises(IndexError):
            matching.cell_of("day1", roi_row=-1)
        with pytest.raises(KeyError, match="id 3"):
            matching.cell_of("day1", roi_id=3)
        with pytest.raises(TypeError):
            matching.cell_of("day1")
        with pytest.raises(TypeError):
            matching.cell_of("day1", roi_row=2, roi_id=102)

    def test_presence_in_words(self, matching):
        arguments = parts(matching)
        arguments["presence"] = np.where(CELLS >= 0, 1, [[0, 2, 3], [0, 2, 3], [0, 2, 3], [0, 2, 4]])
        labels = CellMatching.from_arrays(**arguments).presence_labels()
        assert labels.loc[0].tolist() == ["present", "present", "present"]
        assert labels.loc[1].tolist() == ["present", "outside the field", "present"]
        assert labels.loc[2].tolist() == ["present", "present", "ambiguous"]
        assert labels.loc[3].tolist() == ["not detected", "present", "session not registered"]

    def test_pairs(self, matching):
        arguments = parts(matching)
        arguments["roi_pairs"] = RoiPairsTable.from_arrays(
            fixed_session=[0, 1],
            moving_session=[1, 2],
            fixed_roi_row=[0, 2],
            moving_roi_row=[2, 1],
            centroid_distance=[1.5, 2.5],
            iou=[0.7, 0.1],
            accepted=[True, False],
            probability=[0.9, 0.2],
        )
        pairs = CellMatching.from_arrays(**arguments).pairs_dataframe()
        assert pairs.to_dict("records") == [
            {
                "fixed_session": "day1",
                "moving_session": "day2",
                "fixed_roi_row": 0,
                "fixed_roi_id": 100,
                "moving_roi_row": 2,
                "moving_roi_id": 102,
                "centroid_distance": 1.5,
                "iou": 0.7,
                "accepted": True,
                "probability": 0.9,
            },
            {
                "fixed_session": "day2",
                "moving_session": "day3",
                "fixed_roi_row": 2,
                "fixed_roi_id": 102,
                "moving_roi_row": 1,
                "moving_roi_id": 101,
                "centroid_distance": 2.5,
                "iou": 0.1,
                "accepted": False,
                "probability": 0.2,
            },
        ]

    def test_registration(self, matching):
        # Column 10 of the first session is column 15 of the second, one and a half times as wide.
        matrix = np.array([[1.5, 0, 0], [0, 1, 4], [0, 0, 1]])
        arguments = parts(matching)
        arguments["registrations"] = SessionRegistrationsTable.from_arrays(
            fixed_session=[0, 0],
            moving_session=[1, 2],
            matrix=[matrix, np.eye(3)],
            steps=["ECC", ""],
            outcome=[1, 0],
            reason=["", "nothing in common"],
        )
        result = CellMatching.from_arrays(**arguments)
        np.testing.assert_allclose(result.registration("day1", "day2").to_moving([[10, 20]]), [[15, 24]])
        np.testing.assert_allclose(result.registration(1, 0).matrix @ [15, 24, 1], [10, 20, 1])
        assert result.registration("day1", "day2").displacement is None
        assert result.registration(0, 2) is None
        assert result.registration(1, 2) is None
        with pytest.raises(KeyError):
            result.registration("day1", "day9")

    @pytest.mark.parametrize("transposed", [False, True])
    def test_a_registration_comes_with_its_deformation(self, matching, transposed):
        # The images are stored with 32 rows and 40 columns; the displacement grows along x, to 6 pixels at the end.
        x_end, y_end = (31, 39) if transposed else (39, 31)
        grid = np.zeros((5, 5, 2), np.float32)
        grid[..., 0] = np.linspace(0, 6, 5)
        grid[..., 1] = np.linspace(0, 2, 5)[:, None]
        arguments = parts(matching)
        columns = {**session_columns(matching), "image_transposed": [transposed] * 3}
        arguments["sessions"] = MatchedSessionsTable.from_arrays(**columns)
        arguments["registrations"] = SessionRegistrationsTable.from_arrays(
            fixed_session=[0, 0],
            moving_session=[1, 2],
            matrix=[np.array([[1, 0, 3], [0, 1, -1], [0, 0, 1.0]]), np.eye(3)],
            steps=["", ""],
            outcome=[1, 1],
            reason=["", ""],
            displacement=[grid, np.zeros_like(grid)],
        )
        result = CellMatching.from_arrays(**arguments)
        there = result.registration("day1", "day2")
        corners = np.array([[0, 0], [x_end, 0], [x_end / 2, y_end / 2], [x_end, y_end]])
        moved = [[3, -1], [x_end + 9, -1], [x_end / 2 + 6, y_end / 2], [x_end + 9, y_end + 1]]
        np.testing.assert_allclose(there.to_moving(corners), moved, atol=1e-6)
        # Only one direction is in the file: the other is its inverse, also of the deformation.
        inside = np.array([[10.0, 12.0], [15.0, 20.0]])
        np.testing.assert_allclose(result.registration(1, 0).to_moving(there.to_moving(inside)), inside, atol=0.2)
        assert repr(there).endswith("displacement=up to 6.3 pixels)")
        assert result.registration(0, 2).displacement is None
        assert len(repr(result)) < 2000

    def test_a_cell_with_two_rois_in_a_session_is_reported(self, matching):
        arguments = parts(matching)
        cells = MatchedCellsTable.from_array(CELLS, CELLS >= 0)
        broken = CellMatching(
            **{key: arguments[key] for key in ("name", "method", "method_version", "sessions")},
            parameters="{}",
            cells=cells,
        )
        arguments["module"].add(broken)
        cells.add_column(
            name="day1",
            description="",
            data=np.array([0, 1, 2], dtype=np.int32),
            index=np.array([1, 3, 3, 3]),
            table=matching.sessions["roi_table"].data[0],
        )
        with pytest.raises(ValueError, match="cell 1 has several ROIs"):
            broken.to_array()


class TestTraces:
    @pytest.fixture
    def sources(self):
        return {
            name: mock_source_nwbfile(n_rois=3, seed=seed, session_id=name)
            for seed, name in enumerate(["day1", "day2", "day3"])
        }

    @pytest.fixture
    def matching(self, sources):
        return mock_CellMatching(cells=CELLS, sources=list(sources.values()))

    def test_every_series_and_the_column_in_it(self, matching, sources):
        traces = matching.traces(0, sources)
        assert list(traces) == ["day1", "day2", "day3"]
        for session, roi_row in zip(traces, CELLS[0], strict=True):
            series_traces = {trace.roi_response_series.parent.name: trace for trace in traces[session]}
            assert set(series_traces) == {"Fluorescence", "DfOverF"}
            assert series_traces["Fluorescence"].column == roi_row
            assert series_traces["DfOverF"].column == 2 - roi_row  # that series holds the ROIs in reverse order
            series = sources[session].processing["ophys"]["DfOverF"]["RoiResponseSeries"]
            np.testing.assert_array_equal(series_traces["DfOverF"].values, series.data[:, 2 - roi_row])

    def test_by_name_of_container_or_series(self, matching, sources):
        (trace,) = matching.traces(0, sources, name="DfOverF")["day1"]
        assert trace.roi_response_series.parent.name == "DfOverF"
        assert len(matching.traces(0, sources, name="RoiResponseSeries")["day1"]) == 2
        with pytest.raises(KeyError, match="'Deconvolved' of these ROIs; there are: DfOverF, Fluorescence, RoiResp"):
            matching.traces(0, sources, name="Deconvolved")

    def test_sessions_in_which_the_cell_is_absent_or_that_are_not_given(self, matching, sources):
        assert list(matching.traces(1, sources)) == ["day1", "day3"]
        assert list(matching.traces(0, {"day2": sources["day2"]})) == ["day2"]
        with pytest.raises(KeyError, match="no session 'day4'"):
            matching.traces(0, {"day4": sources["day1"]})

    def test_a_series_of_some_rois(self, matching, sources):
        module = sources["day1"].processing["ophys"]
        whole = module["Fluorescence"]["RoiResponseSeries"]
        module["Fluorescence"].create_roi_response_series(
            name="some",
            data=np.arange(20.0),
            unit="n.a.",
            rate=10.0,
            rois=whole.rois.table.create_roi_table_region(description="One ROI.", region=[2]),
        )
        assert matching.traces(0, sources, name="some")["day1"] == []
        (trace,) = matching.traces(2, sources, name="some")["day1"]
        assert trace.column == 0
        np.testing.assert_array_equal(trace.values, np.arange(20.0))

    @pytest.mark.parametrize("as_list", [False, True])
    def test_a_series_with_the_rois_along_its_first_axis(self, matching, sources, as_list):
        data = np.arange(60.0).reshape(3, 20)
        self.add_series(sources["day1"], data.tolist() if as_list else data, [2, 0, 1])
        (trace,) = matching.traces(0, sources, name="odd")["day1"]  # the ROI in row 0
        assert trace.column == 1
        np.testing.assert_array_equal(trace.values, data[1])

    @pytest.mark.parametrize("shape", [(3, 3), (20, 4), (20,)])
    def test_a_series_that_does_not_tell_its_axes(self, matching, sources, shape):
        self.add_series(sources["day1"], np.zeros(shape), [0, 1, 2])
        with pytest.raises(ValueError, match=r"/ophys/Fluorescence/odd holds 3 ROIs in data of shape \("):
            matching.traces(0, sources, name="odd")
        assert len(matching.traces(0, sources, name="DfOverF")["day1"]) == 1  # another one can be had

    def test_a_name_that_one_file_has(self, matching, sources):
        self.add_series(sources["day1"], np.zeros((20, 3)), [0, 1, 2])
        assert [len(traces) for traces in matching.traces(0, sources, name="odd").values()] == [1, 0, 0]

    @staticmethod
    def add_series(nwbfile, data, region):
        fluorescence = nwbfile.processing["ophys"]["Fluorescence"]
        roi_table = fluorescence["RoiResponseSeries"].rois.table
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pynwb warns of the order of the axes
            fluorescence.create_roi_response_series(
                name="odd",
                data=data,
                unit="n.a.",
                rate=10.0,
                rois=roi_table.create_roi_table_region(description="ROIs.", region=region),
            )

    def test_the_file_of_another_session(self, matching, sources):
        swapped = {"day1": sources["day2"]}
        with pytest.raises(ValueError, match="is not the source of the session 'day1'"):
            matching.traces(0, swapped)

    def test_a_file_with_new_object_ids(self, matching, sources):
        sources["day1"].generate_new_id()
        assert len(matching.traces(0, sources)["day1"]) == 2

    def test_a_file_that_was_converted_again(self, matching):
        # A new identifier and new object ids, but the same start, path and ids.
        again = mock_source_nwbfile(n_rois=3, seed=0)
        assert len(matching.traces(0, {"day1": again})["day1"]) == 2

    def test_a_table_that_was_changed(self, matching, sources):
        roi_table = sources["day1"].processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]
        roi_table.add_roi(image_mask=np.zeros((32, 40), dtype=np.float32), id=999)
        with pytest.raises(ValueError, match="was changed since"):
            matching.traces(0, sources)

    def test_a_file_without_rois(self, matching):
        nwbfile = mock_NWBFile()
        nwbfile.create_processing_module("ophys", "Nothing.").add(ImageSegmentation())
        with pytest.raises(ValueError, match="is not the source"):
            matching.traces(0, {"day1": nwbfile})


def test_mock_is_the_same_each_time():
    first, second, other = mock_CellMatching(seed=1), mock_CellMatching(seed=1), mock_CellMatching(seed=2)
    assert first.to_dataframe().equals(second.to_dataframe())
    assert not first.to_dataframe().equals(other.to_dataframe())
    assert first.to_array().shape == (12, 3)
    assert ((first.to_array() >= 0).sum(axis=1) >= 1).all()
