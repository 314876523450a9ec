"""Match files that contradict themselves are refused in one sentence, which names the match file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from builders import field_of_view, make_nwbfile, write_nwb
from helpers import run

from ndx_match.errors import InputError
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import match
from ndx_match.sources import read_sessions

GROUP = "processing/ophys/CellMatching"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A match file of three sessions, named a, b and c."""
    folder = tmp_path_factory.mktemp("good")
    files = [
        write_nwb(folder / f"{name}.nwb", make_nwbfile(field_of_view((k, k)), session_id=name))
        for k, name in enumerate("abc")
    ]
    sessions = read_sessions(files)
    write_match_file(sessions, match(sessions), folder / "matches.nwb")
    return folder / "matches.nwb"


def put(place: str, entry: Any, value: Any) -> Callable[[Any], None]:
    """Change an entry of a dataset."""

    def change(file: Any) -> None:
        dataset = file[place]
        values = dataset[:]
        values[entry] = value
        dataset[:] = values

    return change


def again(place: str, values: Callable[[np.ndarray], Any]) -> Callable[[Any], None]:
    """Write a dataset anew, with its attributes."""

    def change(file: Any) -> None:
        old = file[place]
        content, attributes = old[:], dict(old.attrs)
        del file[place]
        file.create_dataset(place, data=values(content))
        file[place].attrs.update(attributes)

    return change


def attribute(name: str, value: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        file[GROUP].attrs[name] = value

    return change


def first_table_again(file: Any) -> None:
    references = file[f"{GROUP}/sessions/roi_table"]
    references[1] = references[0]


def no_target(column: str) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        file[f"{GROUP}/sessions/{column}"][0] = h5py.Reference()

    return change


def pair_twice(file: Any) -> None:
    for dataset in file[f"{GROUP}/roi_pairs"].values():
        dataset[1] = dataset[0]


CELLS, PAIRS, REGISTRATIONS = f"{GROUP}/cells", f"{GROUP}/roi_pairs", f"{GROUP}/registrations"
IMAGE = "processing/ophys/projection_images/a"
ROI_IDS = "processing/ophys/roi_tables/a_roi_table/id"
CONTRADICTIONS: dict[str, tuple[Callable[[Any], None], str]] = {
    "a row beyond the table": (put(f"{CELLS}/b", 0, 1000), "holds the row 1000, but the ROI table has 20 rows"),
    "a row below 0": (put(f"{CELLS}/b", 0, -1), "holds the row -1"),
    "a row twice": (put(f"{CELLS}/b", slice(0, 2), 3), "has the ROI of row 3 in several cells"),
    "an index that descends": (put(f"{CELLS}/b_index", 1, 0), "the index of the column 'b'"),
    "an index beyond the column": (put(f"{CELLS}/b_index", -1, 200), "the index of the column 'b'"),
    "two ROIs in a cell": (put(f"{CELLS}/b_index", 0, 2), "several ROIs for one cell"),
    "presence without an ROI": (put(f"{CELLS}/presence", (0, 1), 0), "has an ROI in the session 'b', but its presence"),
    "the number of sessions": (put(f"{CELLS}/n_sessions", 0, 7), "n_sessions of the cell 0 is not"),
    "cell ids twice": (put(f"{CELLS}/id", 1, 0), "the ids of the cells are not whole numbers that all differ"),
    "confidence above 1": (put(f"{CELLS}/confidence", 0, 1.5), "confidence of cells holds 1.5, which is not between"),
    "confidence below 0": (put(f"{CELLS}/confidence", 0, -0.5), "confidence of cells holds -0.5"),
    "presence of another shape": (again(f"{CELLS}/presence", lambda old: old[:, :2]), "presence of cells must hold"),
    "names twice": (put(f"{GROUP}/sessions/session_name", 1, b"a"), "two sessions have the name 'a'"),
    "one table for two": (first_table_again, "the sessions 'a' and 'b' have the same ROI table 'a_roi_table'"),
    "a table that is not there": (no_target("roi_table"), "the roi_table of the session 'a' refers to an object"),
    "an image that is not there": (no_target("image"), "the image of the session 'a' refers to an object"),
    "ROI ids twice": (put(ROI_IDS, 1, 0), "the ids of the ROIs of the session 'a'"),
    "NaN in an image": (put(IMAGE, slice(0, 90), np.nan), "no data (NaN) in 13500 of its 24000 pixels"),
    "status in words": (again(f"{GROUP}/sessions/status", lambda old: ["x"] * 3), "status of sessions must hold"),
    "a pair of no session": (put(f"{PAIRS}/moving_session", 0, 9), "moving_session of roi_pairs holds 9, but"),
    "a pair the wrong way round": (put(f"{PAIRS}/fixed_session", 0, 2), "does not come before the moving one"),
    "a pair of no ROI": (put(f"{PAIRS}/fixed_roi_row", 0, 99), "session 'a', holds the row 99"),
    "a negative row in a pair": (put(f"{PAIRS}/moving_roi_row", 0, -1), "session 'b', holds the row -1"),
    "a pair twice": (pair_twice, "roi_pairs holds a pair of ROIs twice"),
    "a probability of 2": (put(f"{PAIRS}/probability", 0, 2), "probability of roi_pairs holds 2"),
    "a registration of no session": (put(f"{REGISTRATIONS}/fixed_session", 0, 5), "of registrations holds 5"),
    "a registration with itself": (put(f"{REGISTRATIONS}/fixed_session", 0, 1), "'b' and 'b' is that of a session"),
    "a registration twice": (put(f"{REGISTRATIONS}/moving_session", 0, 2), "is listed twice"),
    "a singular matrix": (put(f"{REGISTRATIONS}/matrix", 0, np.ones((3, 3))), "'a' and 'b' is singular or holds"),
    "NaN in a matrix": (put(f"{REGISTRATIONS}/matrix", (0, 0, 0), np.nan), "'a' and 'b' is singular or holds"),
    "parameters that are a list": (attribute("parameters", "[1]"), "the attribute parameters is not a JSON object"),
    "parameters that are no JSON": (attribute("parameters", "{a: 1}"), "the attribute parameters is not a JSON object"),
    "software that is no JSON": (attribute("software", "no"), "the attribute software is not a JSON object"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions_are_refused(good: Path, tmp_path: Path, name: str) -> None:
    change, words = CONTRADICTIONS[name]
    path = Path(shutil.copy(good, tmp_path / "m.nwb"))
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(InputError) as error:
        read_match_file(path, footprints=False)
    assert str(error.value).startswith(f"{path}: this match file is not valid: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("plot", "-o", "pictures"), ("export", "-o", "cells.csv"), ("annotate", "a.nwb", "-o", "annotated")],
)
def test_every_command_that_reads_match_files_refuses_them(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(good, "m.nwb")
    shutil.copy(good.with_name("a.nwb"), "a.nwb")
    with h5py.File("m.nwb", "r+") as file:
        put(f"{CELLS}/b", 0, 1000)(file)
    run(arguments[0], "m.nwb", *arguments[1:]).refused("m.nwb: this match file is not valid", "row 1000")
    assert not Path(arguments[-1]).exists() or arguments == ("show",)


def test_contradictions_in_zarr(good: Path, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", reason="zarr is not installed; install the group test")
    path = tmp_path / "m.nwb.zarr"
    run("convert", good, path).succeeded()
    read_match_file(path)
    root = zarr.open_group(str(path), mode="r+")
    for dataset, entry, value, words in (
        (f"{CELLS}/b", 0, 1000, "holds the row 1000"),
        (f"{PAIRS}/moving_session", 0, 9, "moving_session of roi_pairs holds 9"),
        (IMAGE, (0, 0), np.inf, "the image of the session 'a' holds infinite values"),
    ):
        before = root[dataset][:]
        put(dataset, entry, value)(root)
        with pytest.raises(InputError, match=words):
            read_match_file(path, footprints=False)
        root[dataset][:] = before


def test_a_matrix_without_a_meaning_may_be_anything(good: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(good, tmp_path / "m.nwb"))
    with h5py.File(path, "r+") as file:
        put(f"{REGISTRATIONS}/matrix", 0, np.nan)(file)
        put(f"{REGISTRATIONS}/outcome", 0, 0)(file)
    assert not read_match_file(path).result.registrations[0].registered


def test_a_match_file_is_no_input(good: Path, tmp_path: Path) -> None:
    a = good.with_name("a.nwb")
    for command in ("write", "prepare"):
        run(command, a, good, "-o", tmp_path / "out").refused(
            f"{good}: this is a match file", "give the NWB files of its sessions"
        )
    run("write", a, good, "-o", tmp_path / "out.nwb", "--all-planes").refused(f"{good}: this is a match file")
