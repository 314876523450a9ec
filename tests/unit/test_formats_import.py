"""Importers of other tools: each format is read as its tool means it, and wrong readings are found out."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
from builders import field_of_view, make_nwbfile, session_of, write_nwb, write_sessions
from helpers import run

from ndx_match.errors import InputError, MethodError
from ndx_match.formats import import_result
from ndx_match.formats.column import _labels
from ndx_match.matchfile import read_match_file
from ndx_match.model import MatchResult, Presence, RoiSelection, Session, SourceInfo

pytestmark = pytest.mark.usefixtures("registered_once")
N_CELLS, N_FALSE = 16, 4
DAYS = ("day1", "day2", "day3")
NO = np.nan


def make_sessions(seed: int = 0, blank: bool = False, n: int = N_CELLS + N_FALSE) -> tuple[list[Session], np.ndarray]:
    """Three sessions whose ROIs are in an order of their own, some of them not accepted, and the row of each cell."""
    rng = np.random.default_rng(seed)
    sessions, rows = [], []
    for name, shift in zip(DAYS, ((0, 0), (3, 2), (-4, 3)), strict=True):
        field = field_of_view(shift)
        order = rng.permutation(N_CELLS + N_FALSE)
        order = order[order < n]
        field = replace(field, masks=field.masks[order], image=field.image * (not blank))
        sessions.append(
            session_of(
                field,
                name,
                roi_ids=500 + rng.permutation(n),
                takes_part=order < N_CELLS,
                roi_selection=RoiSelection.ACCEPTED_BY_WRITER,
                source=SourceInfo(uri=f"{name}.nwb"),
            )
        )
        rows.append(np.argsort(order)[:N_CELLS])
    return sessions, np.stack(rows, axis=1)


SESSIONS, TRUE = make_sessions()
TABLE = np.where(np.arange(N_CELLS)[:, None] == [3, 4, 5], NO, TRUE)  #: three cells are each missed once


def in_place_of_rows(numbers: Callable[[Session], np.ndarray], table: np.ndarray = TABLE) -> np.ndarray:
    """A table of rows with the number of each ROI in place of its row."""
    columns = [
        np.where(np.isnan(column), NO, numbers(session)[np.nan_to_num(column).astype(int)])
        for column, session in zip(table.T, SESSIONS, strict=True)
    ]
    return np.stack(columns, axis=1)


ACCEPTED = in_place_of_rows(lambda session: np.cumsum(session.takes_part) - 1)


def imported(origin: str, path: Path, sessions: Sequence[Session] = SESSIONS, **parameters: Any) -> MatchResult:
    result = import_result(origin, path, sessions, parameters)
    assert result.method == f"import-{origin}"
    return result


def cells_of(table: np.ndarray) -> set[tuple[int, ...]]:
    """The cells of several sessions."""
    cells = np.where(np.isnan(table), -1, table).astype(int)
    return {tuple(cell) for cell in cells.tolist() if np.sum(np.array(cell) >= 0) > 1}


def assert_cells(result: MatchResult, table: np.ndarray = TABLE) -> None:
    """The cells are those of the table, and every accepted ROI is in one."""
    assert cells_of(np.where(result.cells < 0, NO, result.cells)) == cells_of(table)
    for rows, session in zip(result.cells.T, SESSIONS, strict=True):
        assert set(np.flatnonzero(session.takes_part)) <= set(rows.tolist())
    assert all(registration.registered for registration in result.registrations)
    assert (result.roi_pairs.iou > 0.5).all()
    assert (result.roi_pairs.centroid_distance < 1).all()
    assert len(result.roi_pairs) == np.triu(result.n_matches, 1).sum()


# ---- writers of small results


def write_roicat(path: Path, table: np.ndarray = TABLE, labels: Sequence[int] | None = None, **quality: Any) -> Path:
    labels = list(range(10, 10 + len(table))) if labels is None else labels
    by_session = []
    for column, session in zip(table.T, SESSIONS, strict=True):
        of_rows = np.full(session.n_rois, -1)
        present = ~np.isnan(column)
        of_rows[column[present].astype(int)] = np.array(labels)[present]
        by_session.append(of_rows.tolist())
    flat = [label for each in by_session for label in each]
    named = sorted({*flat})
    metrics = {
        "cluster_labels_unique": [float(label) for label in named],
        "cluster_silhouette": [-0.9 if label == -1 else label / 100 for label in named],
        "sample_probabilities": None,
        **quality,
    }
    path.write_text(json.dumps({"labels": flat, "labels_bySession": by_session, "quality_metrics": metrics}))
    return path


def write_table(path: Path, table: np.ndarray, titles: Sequence[str] = DAYS, delimiter: str = ",", none="") -> Path:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(titles)
    writer.writerows([[none if np.isnan(value) else f"{value:g}" for value in row] for row in table])
    path.write_text(text.getvalue())
    return path


def write_mat73(path: Path, name: str, fields: dict[str, np.ndarray]) -> Path:
    """A struct as MATLAB writes it in version 7.3: HDF5 behind a header, arrays the other way round."""
    with h5py.File(path, "w", userblock_size=512) as file:
        struct = file.create_group(name)
        struct.attrs["MATLAB_class"] = np.bytes_("struct")
        for key, values in fields.items():
            struct[key] = np.ascontiguousarray(np.atleast_2d(values).T)
            struct[key].attrs["MATLAB_class"] = np.bytes_("double")
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  5 10:00:00 2026 HDF5 schema 1.00 .")
    return path


def write_mat5(path: Path, name: str, fields: dict[str, np.ndarray]) -> Path:
    scipy.io.savemat(path, {name: fields}, do_compression=True)
    return path


# ---- each format


def test_roicat_counts_all_rows_and_keeps_labels_and_silhouettes(tmp_path: Path):
    result = imported("roicat", write_roicat(tmp_path / "x.tracking.results_clusters.json"))
    assert_cells(result)
    assert result.cell_ids[:N_CELLS].tolist() == list(range(10, 10 + N_CELLS))
    np.testing.assert_allclose(result.confidence[:N_CELLS], np.arange(10, 10 + N_CELLS) / 100)
    assert np.isnan(result.confidence[N_CELLS:]).all()
    assert "it is no probability" in result.warnings[0]
    assert (result.cells[:, 0] >= 0).sum() == SESSIONS[0].n_rois  # whether accepted or not
    assert set(result.presence[result.cells < 0]) == {Presence.NOT_DETECTED}


def test_roicat_with_probabilities_and_a_folder(tmp_path: Path):
    n_rois = sum(session.n_rois for session in SESSIONS)
    probabilities = np.full(n_rois, 0.9)
    probabilities[int(TRUE[7, 0])] = 0.25
    write_roicat(tmp_path / "x.tracking.results_clusters.json", sample_probabilities=probabilities.tolist())
    result = imported("roicat", tmp_path)
    np.testing.assert_allclose(result.confidence[:N_CELLS], np.where(np.arange(N_CELLS) == 7, 0.25, 0.9))
    assert result.warnings == ()


def name_sessions_of_roicat(folder: Path) -> None:
    """Write the archive beside `x.tracking.results_clusters.json` that names its sessions."""
    with zipfile.ZipFile(folder / "x.tracking.results_all.richfile.zip", "w") as archive:
        for k, day in enumerate(DAYS):
            name = f"input_data.dict_item/value.dict/paths_stat.dict_item/value.list/{k}.json"
            archive.writestr(name, json.dumps(f"C:\\data\\{day}\\suite2p\\plane0\\stat.npy"))


def test_roicat_tells_the_order_of_sessions_by_the_archive_beside(tmp_path: Path):
    write_roicat(tmp_path / "x.tracking.results_clusters.json")
    name_sessions_of_roicat(tmp_path)
    result = imported("roicat", tmp_path, SESSIONS[::-1])
    assert cells_of(np.where(result.cells < 0, NO, result.cells)) == cells_of(TABLE[:, ::-1])


def test_some_sessions_of_roicat_keep_the_probabilities_of_their_cells(tmp_path: Path):
    table = TABLE.copy()
    table[[0, -1], 1:] = NO  # the first and the last cell are only in the session that is not given
    probabilities = np.full(sum(session.n_rois for session in SESSIONS), 0.9)
    probabilities[[int(row) for row in TRUE[[0, -1], 0]]] = 0.1
    write_roicat(tmp_path / "x.tracking.results_clusters.json", table, sample_probabilities=probabilities.tolist())
    name_sessions_of_roicat(tmp_path)
    result = imported("roicat", tmp_path, SESSIONS[1:])
    several = (result.cells >= 0).all(axis=1)
    assert several.sum() == N_CELLS - 4  # two of the other cells are missed in one of the sessions
    np.testing.assert_allclose(result.confidence[several], 0.9)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"labels_bySession": 3}',
        '{"labels_bySession": [["a"]]}',
        '{"labels_bySession": [[1], 1]}',
        '{"labels_bySession": [[0.5]]}',
        '{"labels_bySession": [[1e400]]}',
        '{"labels_bySession": [[0], [0], [0]], "quality_metrics": {"cluster_silhouette": [1]}}',
        '{"labels_bySession": [[0], [0], [0]], "quality_metrics": {"sample_probabilities": [1]}}',
        '{"labels_bySession": [[0, 0], [0], [0]]}',
        '{"labels_bySession": [[0], [0]]}',
    ],
)
def test_what_is_no_result_of_roicat_is_refused(tmp_path: Path, text: str):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=r"x\.json: "):
        imported("roicat", tmp_path / "x.json")


CHAIN = np.where(np.cumsum(np.isnan(TABLE), axis=1) > 0, NO, TABLE)
CHAIN[np.isnan(CHAIN[:, 1])] = NO  #: as Track2p has it: nothing before the second session, and nothing behind a gap


@pytest.mark.parametrize("ending", [".csv", "_nan.npy", ".mat", "folder"])
def test_track2p_follows_cells_until_one_is_missed(tmp_path: Path, ending: str):
    stem = "plane0_suite2p_indices"
    write_table(tmp_path / f"{stem}.csv", CHAIN, delimiter=";", none="NaN")
    np.save(tmp_path / f"{stem}_nan.npy", CHAIN)
    scipy.io.savemat(tmp_path / f"{stem}.mat", {"data": CHAIN})
    result = imported("track2p", tmp_path if ending == "folder" else tmp_path / f"{stem}{ending}")
    assert_cells(result, CHAIN)
    missed = np.flatnonzero((result.cells[:, 1] >= 0) & (result.cells[:, 0] >= 0) & (result.cells[:, 2] < 0))
    assert (result.presence[missed, 2] == Presence.NOT_DETECTED).all()
    assert len(missed) == 1
    alone = (result.cells >= 0).sum(axis=1) == 1
    assert set(result.presence[alone][result.cells[alone] < 0]) == {Presence.NOT_LOOKED_FOR}
    assert (result.cells[:, 0] >= 0).sum() == N_CELLS  # those that are not accepted take no part


def test_track2p_behind_a_gap_did_not_look(tmp_path: Path):
    table = np.array(CHAIN)
    table[0, 1:] = NO
    np.save(tmp_path / "plane0_suite2p_indices_nan.npy", table)
    result = imported("track2p", tmp_path)
    cell = np.flatnonzero(result.cells[:, 0] == TRUE[0, 0])[0]
    assert result.presence[cell].tolist() == [Presence.PRESENT, Presence.NOT_DETECTED, Presence.NOT_LOOKED_FOR]


def test_objects_are_unpickled_only_if_it_is_asked_for(tmp_path: Path):
    path = tmp_path / "plane0_suite2p_indices.npy"
    np.save(path, np.where(np.isnan(CHAIN), None, CHAIN), allow_pickle=True)
    with pytest.raises(InputError, match="holds pickled objects, which can run programs"):
        imported("track2p", path)
    assert_cells(imported("track2p", path, allow_pickle=True), CHAIN)
    assert "allow_pickle" not in imported("track2p", path, allow_pickle=True).parameters
    np.save(tmp_path / "plane0_suite2p_indices_nan.npy", CHAIN)  # what is safe is taken in its place
    assert_cells(imported("track2p", path), CHAIN)
    path = tmp_path / "plane0_match_mat.npy"  # which counts otherwise
    np.save(path, np.where(np.isnan(ACCEPTED), None, ACCEPTED), allow_pickle=True)
    assert_cells(imported("track2p", path, allow_pickle=True))


def test_a_folder_of_several_planes_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="holds no planeN_suite2p_indices"):
        imported("track2p", tmp_path)
    for plane in range(2):
        np.save(tmp_path / f"plane{plane}_suite2p_indices_nan.npy", CHAIN)
    with pytest.raises(InputError, match=r"several planes \(plane0, plane1\); give the file of one"):
        imported("track2p", tmp_path)


@pytest.mark.parametrize("write", [write_mat5, write_mat73])
def test_cellreg_counts_from_one_in_both_kinds_of_files(tmp_path: Path, write: Callable[..., Path]):
    table = np.nan_to_num(TABLE + 1)
    fields = {"cell_to_index_map": table, "cell_scores": np.linspace(0.5, 1, len(table))[:, None]}
    path = write(tmp_path / "cellRegistered_20260105_100000.mat", "cell_registered_struct", fields)
    result = imported("cellreg", path)
    assert_cells(result)
    np.testing.assert_allclose(result.confidence[:N_CELLS], np.linspace(0.5, 1, len(table)))
    assert dict(result.parameters) == {"numbers": "rows", "count_from": 1}
    with pytest.raises(InputError, match=r"has no numeric array roiMatchData\.allSessionMapping"):
        imported("roimatch", path)


def test_matlab_files_that_are_none_are_refused(tmp_path: Path):
    (tmp_path / "x.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(range(256)))
    with pytest.raises(InputError, match="cannot be read as a MATLAB file"):
        imported("cellreg", tmp_path / "x.mat")
    with pytest.raises(InputError, match="there is no such file"):
        imported("cellreg", tmp_path / "y.mat")
    with h5py.File(tmp_path / "z.mat", "w") as file:
        file["cell_registered_struct/cell_to_index_map"] = h5py.ExternalLink("other.mat", "/x")
    with pytest.raises(InputError, match="has no numeric array"):
        imported("cellreg", tmp_path / "z.mat")


def test_roimatch_gui_counts_rows_and_the_program_accepted_rois(tmp_path: Path):
    titles = ["uuid", *(f"/data/{day}/suite2p" for day in DAYS[::-1])]
    numbered = np.column_stack([np.arange(N_CELLS), TABLE[:, ::-1]])
    result = imported("roimatch", write_table(tmp_path / "m.csv", numbered, titles, none="None"))
    assert_cells(result)
    path = write_mat5(tmp_path / "m.mat", "roiMatchData", {"allSessionMapping": np.nan_to_num(ACCEPTED + 1)})
    assert_cells(imported("roimatch", path))
    with pytest.raises(InputError, match="the first column is 'day1', not uuid"):
        imported("roimatch", write_table(tmp_path / "n.csv", TABLE))


def test_caiman_in_three_kinds_of_files(tmp_path: Path):
    np.save(tmp_path / "a.npy", TABLE)
    np.savez(tmp_path / "a.npz", assignments=TABLE, matchings=np.zeros(3))
    scipy.io.savemat(tmp_path / "a.mat", {"assignments": TABLE})
    for ending in ("npy", "npz", "mat"):
        assert_cells(imported("caiman", tmp_path / f"a.{ending}"))
    np.save(tmp_path / "b.npy", TABLE[0])
    with pytest.raises(InputError, match="holds no table of cells and sessions, but an array of 1 dimensions"):
        imported("caiman", tmp_path / "b.npy")
    np.save(tmp_path / "b.npy", TABLE + 0.5)
    with pytest.raises(InputError, match="is no ROI number"):
        imported("caiman", tmp_path / "b.npy")


def test_the_table_of_aind_has_a_row_per_roi(tmp_path: Path):
    rows = [
        (number, "fov", day, int(row), cell if cell >= 0 else -1, row, 0.5, 0.75, True)
        for day, column in zip(DAYS, TABLE.T, strict=True)
        for number, (cell, row) in enumerate(zip(range(N_CELLS), column, strict=True))
        if not np.isnan(row)
    ]
    titles = "roi_index,fov_name,session_name,roi_session_index,ucid,roi_id,silhouette,hdbscan_probability,matched"
    lines = [titles, *(",".join(map(str, row)) for row in np.random.default_rng(0).permutation(np.array(rows, object)))]
    (tmp_path / "ROICaT.tracking.results.csv").write_text("\n".join(lines))
    result = imported("aind-roicat", tmp_path, SESSIONS)
    assert_cells(result)
    assert result.cell_ids[:N_CELLS].tolist() == list(range(N_CELLS))
    np.testing.assert_allclose(result.confidence[:N_CELLS], 0.75)
    (tmp_path / "ROICaT.tracking.results.csv").write_text("session_name,ucid\na,1")
    with pytest.raises(InputError, match="has no column roi_session_index"):
        imported("aind-roicat", tmp_path)


def test_plain_tables_by_name_by_place_and_by_id(tmp_path: Path):
    by_name = write_table(tmp_path / "a.csv", TABLE[:, [2, 0, 1]], ["day3.nwb", "DAY1", "x/day2/y"], "\t", "-1")
    assert_cells(imported("csv", by_name))
    numbered = np.column_stack([np.arange(N_CELLS) + 100, TABLE])
    assert_cells(imported("csv", write_table(tmp_path / "b.csv", numbered, ["neuron", "A", "B", "C"], ";", "NaN")))
    one_based = write_table(tmp_path / "c.csv", ACCEPTED + 1)
    assert_cells(imported("csv", one_based, numbers="accepted", count_from=1))
    ids = in_place_of_rows(lambda session: session.roi_ids)
    assert_cells(imported("csv", write_table(tmp_path / "d.csv", ids), numbers="ids"))


def test_columns_with_equal_titles_are_different_sessions(tmp_path: Path):
    assert_cells(imported("csv", write_table(tmp_path / "a.csv", TABLE, ["roi", "roi", "roi"])))


@pytest.mark.parametrize("text", ["day1,day2,day3\n", "day1,day2,day3\n,,\n", "day1,day2,day3\n0,,\n  \n,0,\n"])
def test_sessions_may_have_no_match(tmp_path: Path, text: str):
    (tmp_path / "x.csv").write_text(text)
    result = imported("csv", tmp_path / "x.csv")
    assert len(result.roi_pairs) == 0
    assert all(registration.registered for registration in result.registrations)
    for rows, session in zip(result.cells.T, SESSIONS, strict=True):
        assert set(np.flatnonzero(session.takes_part)) <= set(rows.tolist())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("day1,day2,day3\n1,2\n", "row 1 has 2 values, but there are 3 titles"),
        ("day1,day2,day3\n1,2,x\n", "'x' is no number"),
        ("day1,day2,day3\n1,2,0_15\n", "'0_15' is no number"),
        ("day1,day2,day3\n1,2,2.5\n", "2.5 is no ROI number"),
        ("day1,day2\n1,2\n", r"holds 2 sessions \(day1, day2\), but 3 were given"),
        ("day1,day2,day3\n1,2,3\n1,4,5\n", "the ROI in row 1 of the session day1 is in several cells"),
        (
            "day1,day2,day3\n1,2,99\n",
            "holds the number 99 for the session day3, but none of its 20 ROIs has this number",
        ),
        ("plane,cell_id,n_sessions,day1,day2,day3\n", "holds several imaging planes"),
        ("1,2,3\n4,5,6\n", r"its first line \(1, 2, 3\) names no session, and may be a cell"),
        (",0,1,2\n0,1,2,3\n", r"its first line \(, 0, 1, 2\) names no session, and may be a cell"),
        ("day3,b,day1\n1,2,3\n", r"names \(day3, b, day1\) belong to some of the sessions .* not in this order"),
        ("day2,day1,day1\n1,2,3\n", "correct the names so that each session has one"),
        ("a,b,c,d\n1,2,3,4\n,5,6,7\n", r"holds 4 sessions \(a, b, c, d\), but 3 were given"),
        ("cell_id,n_sessions,day1,day2,day3\n0,1,500,,\n0,1,501,,\n", "several cells have the cell_id 0"),
        ("cell_id,n_sessions,day1,day2,day3\n-1,1,500,,\n", "a cell has the cell_id -1"),
        ("cell_id,n_sessions,day1,day2,day3\n,1,500,,\n", "a cell has the cell_id nan"),
        ("cell_id,n_sessions,confidence,day1,day2,day3\n0,1,1.5,500,,\n", r"confidence 1\.5 .* not between 0 and 1"),
    ],
)
def test_what_is_no_table_of_cells_is_refused(tmp_path: Path, text: str, message: str):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        imported("csv", tmp_path / "x.csv")


def test_a_column_of_numbers_or_words():
    numbers = np.array([4, -1, 2]), np.array([2.0, np.nan, 4.0])
    labels, words = _labels(numbers)
    assert [each.tolist() for each in labels] == [[4, -1, 2], [2, -1, 4]]
    assert words == []
    labels, words = _labels([np.array(["b", "none", "a"]), np.array(["", "b ", "c"])])
    assert [[words[k] if k >= 0 else None for k in each] for each in labels] == [["b", None, "a"], [None, "b", "c"]]
    labels, words = _labels([np.array([0.5, 1.5]), np.array([1.5, np.nan])])
    assert [[words[k] if k >= 0 else None for k in each] for each in labels] == [["0.5", "1.5"], ["1.5", None]]
    labels, words = _labels([np.array([7.0, np.inf, 2.0]), np.array(["2", "", "7"])])
    assert [[words[k] if k >= 0 else None for k in each] for each in labels] == [["7", None, "2"], ["2", None, "7"]]
    labels, words = _labels([np.array([1.0, np.inf]), np.array([np.inf, -np.inf])])
    assert [each.tolist() for each in labels] == [[1, -1], [-1, -1]]
    assert words == []


# ---- wrong readings


def shifted_down(table: np.ndarray) -> np.ndarray:
    """As if counted from 1, with the highest numbers left out, so that all are in range."""
    counts = np.array([session.n_rois for session in SESSIONS])
    return np.where(table + 1 >= counts, NO, table + 1)


#: Tables whose numbers are all in range, and yet stand for other ROIs than they are read as; and what would be right.
WRONG = {
    "accepted ROIs": (ACCEPTED, "read as accepted ROIs, counted from 0"),
    "counted from 1": (shifted_down(TABLE), "read as rows of the ROI table, counted from 1"),
    "sessions exchanged": (TABLE[:, [0, 2, 1]], "if the sessions are in the order day1, day3, day2"),
    "another file": (
        np.where(np.isnan(TABLE[:, 2:]), TABLE, np.column_stack([TABLE[:, :2], np.roll(TRUE[:, 2], 5)])),
        "no other reading fits",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_reading_of_a_known_format_is_refused(tmp_path: Path, name: str):
    table, right = WRONG[name]
    np.save(tmp_path / "a.npy", table)
    with pytest.raises(InputError) as refused:
        imported("caiman", tmp_path / "a.npy")
    assert re.search(
        r"a\.npy: if its numbers are read as rows of the ROI table, counted from 0, \d+ of \d+ matches of",
        str(refused.value),
    )
    assert right in str(refused.value)
    assert str(refused.value).count(". ") == 0


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_reading_of_a_plain_table_is_imported_with_a_warning(tmp_path: Path, name: str):
    table, right = WRONG[name]
    titles = ["A", "B", "C"]
    result = imported("csv", write_table(tmp_path / "a.csv", table, titles))
    assert cells_of(np.where(result.cells < 0, NO, result.cells)) == cells_of(table)
    warning_text = " ".join(result.warnings)
    assert re.search(r"In the imported cells, \d+ of \d+ matches of day\d and day3 do not overlap", warning_text)
    assert (right in warning_text) == (name != "another file")


def test_the_options_that_a_refusal_names_settle_it(tmp_path: Path):
    np.save(tmp_path / "a.npy", ACCEPTED)
    with pytest.raises(InputError, match="give numbers='accepted' count_from=0"):
        imported("caiman", tmp_path / "a.npy")
    result = imported("caiman", tmp_path / "a.npy", numbers="accepted", count_from=0)
    assert_cells(result)
    assert dict(result.parameters) == {"numbers": "accepted", "count_from": 0}
    with pytest.raises(MethodError, match="numbers is 'some'"):
        imported("caiman", tmp_path / "a.npy", numbers="some")


def test_labels_of_other_numbers_of_rois_are_refused_with_what_fits(tmp_path: Path):
    path = write_roicat(tmp_path / "x.json")
    content = json.loads(path.read_text())
    content["labels_bySession"] = [
        np.array(labels)[session.takes_part].tolist()
        for labels, session in zip(content["labels_bySession"], SESSIONS, strict=True)
    ]
    path.write_text(json.dumps(content))
    with pytest.raises(
        InputError, match="sessions with 16, 16, 16 ROIs, but the files hold 20, 20, 20; if the numbers"
    ):
        imported("roicat", path)


def test_a_few_matches_apart_are_told(tmp_path: Path):
    table = np.array(TABLE)
    table[[0, 1], 2] = table[[1, 0], 2]
    np.save(tmp_path / "a.npy", table)
    warnings = imported("caiman", tmp_path / "a.npy").warnings
    assert len(warnings) == 2
    assert "2 of 14 matches of day1 and day3 do not overlap after registration" in " ".join(warnings)


# ---- sessions that images do not align

BLANK, BLANK_TRUE = make_sessions(1, blank=True, n=N_CELLS)


def test_sessions_that_cannot_be_registered_are_aligned_by_the_matches(tmp_path: Path):
    np.save(tmp_path / "a.npy", BLANK_TRUE)
    result = imported("caiman", tmp_path / "a.npy", BLANK)
    assert cells_of(result.cells.astype(float)) == cells_of(BLANK_TRUE)
    assert {r.steps for r in result.registrations} == {("fitted to the imported matches",)}
    np.testing.assert_allclose(result.registration(0, 1).matrix, [[1, 0, -2], [0, 1, -3], [0, 0, 1]], atol=0.2)
    assert (result.roi_pairs.iou > 0.6).all()
    np.save(tmp_path / "b.npy", np.column_stack([BLANK_TRUE[:, :2], np.roll(BLANK_TRUE[:, 2], 3)]))
    with pytest.raises(InputError, match="matches agree on no alignment"):
        imported("caiman", tmp_path / "b.npy", BLANK)


def test_few_matches_of_such_sessions_are_not_checked(tmp_path: Path):
    np.save(tmp_path / "a.npy", BLANK_TRUE[:4])
    result = imported("caiman", tmp_path / "a.npy", BLANK)
    assert "day1 and day2 could not be registered, so that their 4 matches are not checked." in result.warnings
    assert not any(registration.registered for registration in result.registrations)
    assert Presence.NOT_REGISTERED not in result.presence


def test_accepted_flags_decide_where_overlaps_tell_nothing(tmp_path: Path):
    sessions = [replace(session, takes_part=np.arange(session.n_rois) >= 8) for session in BLANK]
    table = np.full((4, 3), NO)
    table[:, :2] = [[0, 1], [1, 2], [2, 3], [3, 4]]
    np.save(tmp_path / "plane0_suite2p_indices_nan.npy", table)
    with pytest.raises(InputError, match="8 of the matched ROIs are not accepted by the files"):
        imported("track2p", tmp_path, sessions)
    np.save(tmp_path / "plane0_suite2p_indices_nan.npy", table + 8)
    assert np.triu(imported("track2p", tmp_path, sessions).n_matches, 1).sum() == 4


# ---- damaged files


def write_each(folder: Path) -> dict[str, Path]:
    """A result of each format."""
    fields = {"cell_to_index_map": np.nan_to_num(TABLE + 1)}
    rows = [f"{day},{row:g},{k}" for day, column in zip(DAYS, TABLE.T, strict=True) for k, row in enumerate(column)]
    (folder / "aind.csv").write_text(
        "\n".join(["session_name,roi_session_index,ucid", *(r for r in rows if "nan" not in r)])
    )
    np.save(folder / "a.npy", TABLE)
    return {
        "roicat": write_roicat(folder / "x.json"),
        "track2p": write_table(folder / "plane0_suite2p_indices.csv", CHAIN, delimiter=";", none="NaN"),
        "cellreg": write_mat5(folder / "c.mat", "cell_registered_struct", fields),
        "caiman": folder / "a.npy",
        "aind-roicat": folder / "aind.csv",
        "csv": write_table(folder / "t.csv", TABLE),
    }


def damaged(content: bytes, rng: Random) -> bytes:
    """With bytes changed, removed and added."""
    spoilt = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 10])):
        at = rng.randrange(len(spoilt))
        spoilt[at : at + rng.randrange(3)] = bytes(
            rng.choice(b"0123456789,;-.eN[]\n\xff") for _ in range(rng.randrange(3))
        )
    return bytes(spoilt)


@pytest.mark.slow
@pytest.mark.parametrize("origin", ["roicat", "track2p", "cellreg", "caiman", "aind-roicat", "csv"])
def test_a_damaged_result_is_imported_or_refused_in_a_sentence(tmp_path: Path, origin: str):
    path = write_each(tmp_path)[origin]
    content = path.read_bytes()
    for seed in range(60):
        path.write_bytes(damaged(content, Random(seed)))
        with contextlib.suppress(InputError):
            imported(origin, path)
    path.write_bytes(content)
    assert_cells(imported(origin, path), CHAIN if origin == "track2p" else TABLE)


# ---- the command


def test_a_column_of_the_files_is_imported_without_a_result(tmp_path: Path):
    inputs, of_rois = [], [["b", "a", "", *"cdefghij"], ["a", "", "b", *"cdefghij"]]
    for k, words in enumerate(of_rois):
        file = make_nwbfile(replace(field := field_of_view(), masks=field.masks[: len(words)]), session_id=f"day{k}")
        table = file.processing["ophys"]["image_segmentation"]["roi_table"]
        table.add_column("cell", "Names the cell.", data=words)
        inputs.append(write_nwb(tmp_path / f"day{k}.nwb", file))
    outcome = run("import", "--from", "column:cell", *inputs, "-o", tmp_path / "m.nwb").succeeded()
    assert "In the imported cells, 2 of 10 matches of day0 and day1 do not overlap" in outcome.err
    result = read_match_file(tmp_path / "m.nwb").result
    assert {(1, 0), (0, 2), (2, -1), (-1, 1), (3, 3)} < {tuple(cell) for cell in result.cells.tolist()}
    assert set(result.presence[result.cells < 0]) == {Presence.NOT_LOOKED_FOR}
    run("import", "--from", "column:x", *inputs, "-o", tmp_path / "n.nwb").refused("there is no column 'x'")
    assert "'column' is not one of" in run("import", "--from", "column", *inputs, "-o", tmp_path / "n.nwb").err
    run("import", "--from", "csv", inputs[0], *inputs, "-o", tmp_path / "n.nwb").refused("is no text table")
    with pytest.raises(InputError, match="give column:NAME"):
        import_result("column", None, SESSIONS)
    assert not (tmp_path / "n.nwb").exists()


@pytest.mark.slow
def test_a_result_is_never_replaced_by_the_match_file(tmp_path: Path):
    paths = write_sessions(tmp_path)
    table = tmp_path / "track2p" / "plane0_suite2p_indices.csv"
    table.parent.mkdir()
    table.write_text("101;102\n0;0\n")
    for result in (table, table.parent):
        run("import", "--from", "track2p", result, *paths, "-o", table, "--overwrite").refused("one of the inputs")
    assert table.read_text() == "101;102\n0;0\n"


def test_what_is_exported_and_annotated_comes_back(tmp_path: Path):
    inputs = write_sessions(tmp_path)
    run("write", *inputs, "-o", tmp_path / "m.nwb").succeeded()
    run("export", tmp_path / "m.nwb", "-o", tmp_path / "cells.csv").succeeded()
    run("import", "--from", "csv", tmp_path / "cells.csv", *inputs, "-o", tmp_path / "n.nwb").succeeded()
    run("annotate", tmp_path / "m.nwb", *inputs, "-o", tmp_path / "annotated").succeeded()
    annotated = sorted((tmp_path / "annotated").glob("*.nwb"))
    run("import", "--from", "column:global_roi_id", *annotated, "-o", tmp_path / "c.nwb").succeeded()
    written = read_match_file(tmp_path / "m.nwb").result
    for name in ("n", "c"):
        again = read_match_file(tmp_path / f"{name}.nwb").result
        order = np.argsort(again.cell_ids)
        np.testing.assert_array_equal(again.cells[order], written.cells[np.argsort(written.cell_ids)])
        np.testing.assert_array_equal(np.sort(again.cell_ids), np.sort(written.cell_ids))
