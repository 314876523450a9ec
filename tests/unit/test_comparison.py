"""Cells of two results that agree, split and merge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import field_of_view, result_of, session_of, write_sessions
from helpers import run

from ndx_match.comparison import Comparison, Kind, compare, table_of_pieces
from ndx_match.errors import InputError
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.model import MatchedPlane, Session, SourceInfo

# Columns: two sessions; rows: cells.
X = [[0, 0], [1, 1], [2, -1], [-1, 2], [3, 3], [4, 4], [5, -1], [6, 6], [-1, 7]]
Y = [[0, 0], [1, -1], [-1, 1], [2, 2], [3, 4], [4, 3], [5, -1], [6, -1], [7, 7]]


@pytest.fixture(scope="module")
def sessions() -> tuple[Session, ...]:
    field = field_of_view()
    return tuple(session_of(field, name, source=SourceInfo(object_id=name, roi_table_object_id="t")) for name in "ab")


def plane(sessions: tuple[Session, ...], cells: list[list[int]]) -> MatchedPlane:
    return MatchedPlane(sessions, result_of(np.array(cells, np.int32)))


@pytest.fixture
def compared(sessions: tuple[Session, ...]) -> Comparison:
    comparisons, warnings = compare([plane(sessions, X)], [plane(sessions, Y)])
    assert warnings == ()
    return comparisons[0]


def test_cells_agree_split_merge_and_are_regrouped(compared: Comparison):
    kinds = dict(zip(compared.first_cell.tolist(), map(Kind, compared.kinds), strict=False))
    assert {cell: kinds[cell] for cell in (0, 1, 2, 3, 6)} == {
        0: Kind.SAME, 1: Kind.SPLIT, 2: Kind.MERGED, 3: Kind.MERGED, 6: Kind.SAME
    }  # fmt: skip
    assert kinds[4] == kinds[5] == Kind.REGROUPED
    assert compared.n_cells() == ([1, 1, 0, 2], [3, 0, 2, 0])
    assert compared.n_cells(second=True) == ([1, 0, 1, 2], [3, 2, 0, 0])


def test_only_rois_that_are_in_both_count(compared: Comparison):
    """ROI 6 of the second session is in a cell of x only, ROI 7 of the first in one of y only."""
    assert compared.n_only == (1, 1)
    assert compared.sizes.sum() == 13
    # The cell of ROIs 6 and 6 is in y that of ROI 6 alone, because y did not look at the other.
    assert Kind(compared.kinds[compared.first_cell == 7][0]) == Kind.SAME
    first, second, both = compared.links
    assert (first[0, 1], second[0, 1], both[0, 1]) == (4, 4, 1)


def test_a_result_agrees_with_itself(sessions: tuple[Session, ...]):
    (comparison,), _ = compare([plane(sessions, X)], [plane(sessions, X)])
    assert set(comparison.kinds) == {Kind.SAME}
    assert all(np.array_equal(links, comparison.links[0]) for links in comparison.links)
    assert comparison.n_only == (0, 0)


def test_sessions_in_another_order_and_rois_in_other_rows(sessions: tuple[Session, ...]):
    a, b = sessions
    turned = replace(a, footprints=a.footprints[::-1], roi_ids=a.roi_ids + 100, name="other")
    cells = [[row, -1 if other < 0 else a.n_rois - 1 - other] for other, row in X]
    (comparison,), warnings = compare([plane(sessions, X)], [plane((b, turned), cells)])
    assert set(comparison.kinds) == {Kind.SAME}
    assert warnings == ()


def test_what_is_in_one_only_is_told(sessions: tuple[Session, ...]):
    more = replace(sessions[0], name="c", source=SourceInfo(object_id="c", roi_table_object_id="t"))
    cells = [[*row, -1] for row in X]
    (comparison,), warnings = compare([plane(sessions, X)], [plane((*sessions, more), cells)], ("x.nwb", "y.nwb"))
    assert warnings == ("Only in y.nwb: c.",)
    assert len(comparison.places) == 2
    with pytest.raises(InputError, match=r"y.nwb: none of its sessions is in x.nwb; give two match files"):
        compare([plane(sessions, X)], [plane((more,), [[0]])], ("x.nwb", "y.nwb"))


def test_the_truth_says_which_links_are_right(compared: Comparison):
    truth = np.arange(20)
    x, y, both = compared.scores([truth, truth])
    assert (x.n_predicted, x.n_correct) == (4, 4)
    assert (y.n_predicted, y.n_correct) == (4, 2)
    assert (both.n_predicted, both.n_correct) == (1, 1)


def test_the_table_lists_the_pieces_that_disagree_first(compared: Comparison):
    titles, *rows = table_of_pieces([compared])
    assert titles == ["plane", "kind", "cell_id_x", "cell_id_y", "a", "b"]
    assert [row[1] for row in rows].index("the same") == sum(row[1] != "the same" for row in rows)
    assert ["", "split", 1, 1, 1, ""] in rows
    assert ["", "split", 1, 2, "", 1] in rows


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two match files of two sessions, the second with one cell split."""
    folder = tmp_path_factory.mktemp("compared")
    run("write", *write_sessions(folder), "-o", folder / "x.nwb").succeeded()
    matched_plane = read_match_file(folder / "x.nwb")
    cells = matched_plane.result.cells.copy()
    whole = np.flatnonzero((cells >= 0).all(axis=1))[0]
    cells = np.vstack([cells, [[-1, cells[whole, 1]]]]).astype(np.int32)
    cells[whole, 1] = -1
    write_match_file(matched_plane.sessions, result_of(cells), folder / "y.nwb")
    return folder / "x.nwb", folder / "y.nwb"


def test_the_command_prints_and_draws(files: tuple[Path, Path], tmp_path: Path):
    outcome = run("compare", *files, "-o", tmp_path / "out").succeeded()
    lines = {" ".join(line.split()) for line in outcome.out.splitlines()}
    assert "split: one cell of x, several of y 1 0" in lines
    assert "101 - 102 20 19 19 0.95" in lines
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cells.csv", "comparison.png"]
    table = (tmp_path / "out" / "cells.csv").read_text().splitlines()
    assert table[0] == "plane,kind,cell_id_x,cell_id_y,101,102"
    assert sum(",split," in line for line in table) == 2


@pytest.mark.slow
def test_simulated_sessions_against_the_truth(tmp_path: Path):
    run("simulate", "-o", tmp_path / "sim", "--tier", "few_cells").succeeded()
    inputs = sorted((tmp_path / "sim").glob("*.nwb"))
    for name, method in (("x", "consensus"), ("y", "nway")):
        run("write", *inputs, "-o", tmp_path / f"{name}.nwb", "--method", method).succeeded()
    outcome = run("compare", tmp_path / "x.nwb", tmp_path / "y.nwb", "--truth", tmp_path / "sim").succeeded()
    printed = outcome.out[outcome.out.index("against the truth") :].splitlines()[1:]
    score = run("score", tmp_path / "x.nwb", tmp_path / "sim").succeeded().out
    assert f"F1 {printed[0].split()[-1]} " in score
    assert [line.split()[0] for line in printed] == ["x", "y", "both", "only", "only"]


@pytest.mark.slow
def test_real_sessions_by_two_methods_and_a_file_with_itself(allen_sessions: list[Path], tmp_path: Path):
    for name, method in (("x", "consensus"), ("y", "nway")):
        run("write", *allen_sessions, "-o", tmp_path / f"{name}.nwb", "--method", method).succeeded()
    x, y = tmp_path / "x.nwb", tmp_path / "y.nwb"
    itself = run("compare", x, x).succeeded().out
    for line in itself.splitlines():
        if line.startswith(("split", "merged", "regrouped")):
            assert line.split()[-2:] == ["0", "0"]
        if line.startswith("7") or line.startswith("in all   "):
            assert line.endswith("1.00") or "in x" not in line
    outcome = run("compare", x, y, "-o", tmp_path / "out").succeeded()
    assert "3 sessions and 758 ROIs are in both; 0 ROIs only in cells of x, 0 only in cells of y" in outcome.out
    links = {line.split()[0]: line.split()[-1] for line in outcome.out.splitlines() if " - " in line}
    assert float(links["775289198"]) < 0.9
    assert (tmp_path / "out" / "comparison.png").stat().st_size > 10_000
