"""Cells as a table of ROI ids."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from ndx_match.errors import InputError, OutputError
from ndx_match.formats import cells_dataframe, export
from ndx_match.model import MatchedPlane, MatchResult, Presence, RoiPairs, Session

BEYOND_FLOAT = 2**53 + 1


def make_session(name: str, roi_ids: list[int]) -> Session:
    footprints = scipy.sparse.csr_array((len(roi_ids), 4), dtype=np.float32)
    return Session(name, np.zeros((2, 2), np.float32), footprints, np.array(roi_ids, np.int64))


def make_result(cells: list[list[int]], confidence: list[float] | None = None) -> MatchResult:
    array = np.array(cells, np.int32)
    return MatchResult(
        method="any",
        method_version="1",
        parameters={},
        cells=array,
        presence=np.where(array >= 0, Presence.PRESENT, Presence.NOT_DETECTED).astype(np.uint8),
        roi_pairs=RoiPairs.concatenate([]),
        registrations=(),
        session_status=np.zeros(array.shape[1], np.uint8),
        confidence=None if confidence is None else np.array(confidence),
    )


SESSIONS = [make_session("monday", [0, BEYOND_FLOAT]), make_session("tuesday", [7, 5, 6])]
PLANE = [MatchedPlane(tuple(SESSIONS), make_result([[1, 2], [0, -1], [-1, 0], [-1, 1]], [0.9, 1.0, 1.0, 1.0]))]
IDS = [(BEYOND_FLOAT, 6), (0, None), (None, 7), (None, 5)]


def ids_in(table: pd.DataFrame) -> list[tuple[int | None, int | None]]:
    def plain(value):
        return None if pd.isna(value) else int(value)

    return [(plain(a), plain(b)) for a, b in zip(table["monday"], table["tuesday"], strict=True)]


def test_a_row_a_cell_and_a_column_of_roi_ids_a_session():
    table = cells_dataframe(PLANE)
    assert list(table.columns) == ["cell_id", "n_sessions", "confidence", "monday", "tuesday"]
    assert table["cell_id"].tolist() == [0, 1, 2, 3]
    assert table["n_sessions"].tolist() == [2, 1, 1, 1]
    assert table["confidence"].tolist() == [0.9, 1.0, 1.0, 1.0]
    assert table["monday"].dtype == table["tuesday"].dtype == pd.Int64Dtype()
    assert ids_in(table) == IDS


def test_no_confidence_no_column():
    table = cells_dataframe([MatchedPlane((SESSIONS[0],), make_result([[0], [1]]))])
    assert list(table.columns) == ["cell_id", "n_sessions", "monday"]


def test_session_named_as_another_column_is_refused():
    with pytest.raises(InputError, match="'cell_id'"):
        cells_dataframe([MatchedPlane((make_session("cell_id", [1]),), make_result([[0]]))])


def test_csv_keeps_every_id(tmp_path):
    export(PLANE, tmp_path / "cells.csv")
    lines = (tmp_path / "cells.csv").read_text().splitlines()
    assert lines == [
        "cell_id,n_sessions,confidence,monday,tuesday",
        f"0,2,0.9,{BEYOND_FLOAT},6",
        "1,1,1.0,0,",
        "2,1,1.0,,7",
        "3,1,1.0,,5",
    ]


def test_parquet_keeps_every_id(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed; install the group test")
    export(PLANE, tmp_path / "cells.parquet")
    table = pd.read_parquet(tmp_path / "cells.parquet")
    assert table["monday"].dtype == pd.Int64Dtype()
    assert ids_in(table) == IDS


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # makes the import fail
    with pytest.raises(OutputError, match=r'pip install "ndx-cell-matching\[parquet\]"'):
        export(PLANE, tmp_path / "cells.parquet")
    assert list(tmp_path.iterdir()) == []


def test_other_suffix_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"must end in \.csv, \.figpack\.tar\.gz, \.json or \.parquet"):
        export(PLANE, tmp_path / "cells.xlsx")


@pytest.mark.parametrize("name", ["cells.csv", "cells.parquet"])
def test_failed_writing_leaves_the_old_file(tmp_path, monkeypatch, name):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed; install the group test")
    path = tmp_path / name
    path.write_text("old")

    def break_off(self, target, *args, **kwargs):
        target.write_text("half a tab")
        raise OSError("the disk went away")

    for writer in ("to_csv", "to_parquet"):
        monkeypatch.setattr(pd.DataFrame, writer, break_off)
    with pytest.raises(OutputError, match="the disk went away"):
        export(PLANE, path, overwrite=True)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_an_existing_file_is_kept_unless_told(tmp_path):
    path = tmp_path / "cells.csv"
    path.write_text("old")
    with pytest.raises(OutputError, match="exists already"):
        export(PLANE, path)
    assert path.read_text() == "old"
    export(PLANE, path, overwrite=True)
    assert path.read_text().startswith("cell_id,")
