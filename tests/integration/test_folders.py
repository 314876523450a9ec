"""Sessions that are no NWB files: folders and files as other programs leave them."""

from __future__ import annotations

import importlib.util
import json
import platform
import shutil
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pynwb
import pytest
from builders import Field, field_of_view
from helpers import Outcome, run, without_privileges
from result_folders import (
    START,
    write_caiman,
    write_ciatah,
    write_extract,
    write_inscopix,
    write_minian,
    write_suite2p,
)

from ndx_match.batch.inputs import find_inputs
from ndx_match.errors import InputError
from ndx_match.folders import SessionFacts, names_folder
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import match
from ndx_match.model import MatchResult, Session
from ndx_match.simulate import TIERS, simulate
from ndx_match.sources import SourceOptions, read_planes, read_session, read_sessions

BACK_COMPAT = Path(__file__).parent.parent / "back_compat"
DATES_OF_ONE = SourceOptions(session_starts=(("", "2026-05-01"),))
DATES = SourceOptions(session_starts=(("day1", "2026-05-01"), ("day2", "2026-05-02")))
STATED = ("--session-start", "day1=2026-05-01", "--session-start", "day2=2026-05-02T14:30+02:00")
FIELDS = (field_of_view(), field_of_view(shift=(3, -4)))
ACCEPTED = np.arange(len(FIELDS[0].masks)) % 6 != 4
UNITS = 3 * np.arange(len(ACCEPTED))[::-1] + 7  #: of minian, out of order and with gaps

Writer = Callable[[Path, Field, np.ndarray], Path]


def needs(module: str) -> None:
    if module == "isx" and (platform.machine() == "arm64" or sys.version_info >= (3, 14)):
        pytest.skip("isx is not made for this machine or Python")
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed; install the group test")


def _caiman(folder: Path, field: Field, accepted: np.ndarray = ACCEPTED) -> Path:
    needs("roiextractors")
    return write_caiman(folder / "results.hdf5", field, accepted)


def _extract(folder: Path, field: Field, accepted: np.ndarray = ACCEPTED) -> Path:
    needs("roiextractors")
    return write_extract(folder / "extract.mat", field)


def _ciatah(folder: Path, field: Field, accepted: np.ndarray = ACCEPTED) -> Path:
    return write_ciatah(folder / "extract.mat", field)


def _minian(folder: Path, field: Field, accepted: np.ndarray = ACCEPTED) -> Path:
    needs("zarr")
    return write_minian(folder, field, 3 * np.arange(len(accepted))[::-1] + 7)


def _inscopix(folder: Path, field: Field, accepted: np.ndarray = ACCEPTED) -> Path:
    needs("isx")
    return write_inscopix(folder / "cells.isxd", field, accepted)


#: By name: what writes a session, whether it says which ROIs are cells, and the image that is taken.
PROGRAMS: dict[str, tuple[Writer, bool, str]] = {
    "Suite2p": (write_suite2p, True, "meanImg"),
    "Suite2p without ops": (partial(write_suite2p, ops=False), True, "meanImg"),
    "CaImAn": (_caiman, True, "mean"),
    "EXTRACT": (_extract, False, "summary_image"),
    "CIAtah": (_ciatah, False, "summary_image"),
    "minian": (_minian, False, "max_proj"),
    "Inscopix": (_inscopix, True, ""),
}


def days(folder: Path, write: Writer) -> list[Path]:
    """Two sessions of the same cells, in the same order, in `day1` and `day2`."""
    paths = []
    for day, field in enumerate(FIELDS, start=1):
        (folder / f"day{day}").mkdir(exist_ok=True)
        paths.append(write(folder / f"day{day}", field, ACCEPTED))
    return paths


@pytest.fixture(scope="module")
def suite2p(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return days(tmp_path_factory.mktemp("suite2p"), PROGRAMS["Suite2p"][0])


def test_folders_hold_what_their_nwb_files_hold(other_tools: Path):
    names = ("day1", "day2", "day3")
    options = SourceOptions(session_table=tuple(SessionFacts(name, "2026-01-05") for name in names))
    folders = read_sessions([other_tools / "input" / "s2p" / name / "suite2p" for name in names], options)
    files = read_sessions([other_tools / "input" / "nwb" / f"{name}.nwb" for name in names])
    for folder, file in zip(folders, files, strict=True):
        assert folder.name == file.name
        np.testing.assert_array_equal(folder.image, file.image)
        np.testing.assert_array_equal(folder.takes_part, file.takes_part)
        assert (folder.footprints != file.footprints).nnz == 0


@pytest.mark.slow
def test_folders_give_the_cells_of_their_nwb_files_and_the_true_ones(other_tools: Path, tmp_path: Path):
    folders = [other_tools / "input" / "s2p" / f"day{day}" / "suite2p" for day in (1, 2, 3)]
    files = [other_tools / "input" / "nwb" / f"day{day}.nwb" for day in (1, 2, 3)]
    started = [f"--session-start=day{day}=2026-01-{4 + day:02}" for day in (1, 2, 3)]
    run("write", *folders, *started, "--subject-id", "sim", "-o", tmp_path / "folders.nwb").succeeded()
    run("write", *files, "-o", tmp_path / "files.nwb").succeeded()
    ours, theirs = (read_match_file(tmp_path / f"{name}.nwb").result for name in ("folders", "files"))
    np.testing.assert_array_equal(ours.cells, theirs.cells)
    np.testing.assert_array_equal(ours.presence, theirs.presence)
    np.testing.assert_array_equal(ours.confidence, theirs.confidence)
    truth = json.loads((other_tools / "input" / "truth.json").read_text())["cell_of_roi"]
    true_cells = [np.array(truth[f"day{day}"]) for day in (1, 2, 3)]
    assert n_right(ours, true_cells) == (46, 46)


def n_right(result: MatchResult, true_cells: Sequence[np.ndarray]) -> tuple[int, int]:
    """How many cells that are in all sessions are right, and how many there are."""
    cells_in_all = [
        [cells[row] for cells, row in zip(true_cells, rows, strict=True)] for rows in result.cells if min(rows) >= 0
    ]
    return sum(len(set(cell)) == 1 and cell[0] >= 0 for cell in cells_in_all), len(cells_in_all)


def test_real_folders_of_suite2p_1_are_matched_by_their_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of a movie of 32 cells; the folder of the second day is without `ops.npy`."""
    monkeypatch.syspath_prepend(str(BACK_COMPAT))
    from simulated_movie import SHAPE, cell_of_each

    with tarfile.open(BACK_COMPAT / "files" / "suite2p_1_folders.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    sessions = read_sessions([tmp_path / "day1" / "suite2p", tmp_path / "day2" / "suite2p"], DATES)
    result = match(sessions)
    true_cells = []
    for day, session in enumerate(sessions):
        assert session.shape == SHAPE
        assert session.source.image_path == "processing/ophys/plane0/meanImg"
        places = np.stack(np.divmod(np.arange(session.image.size), SHAPE[1]))
        centres = (session.footprints @ places.T) / session.footprints.sum(axis=1)[:, None]
        true_cells.append(np.array(cell_of_each(centres, day)))
        assert len(set(true_cells[-1])) == session.n_rois == session.n_taking_part == 32
        assert -1 not in true_cells[-1]
    assert n_right(result, true_cells) == (32, 32)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_results_of_every_program_are_read(program: str, tmp_path: Path):
    """Of a field that is not square: masks, ids, images and accepted ROIs as they were written."""
    write, accepts, image = PROGRAMS[program]
    (tmp_path / "day1").mkdir()
    path = write(tmp_path / "day1", FIELDS[0], ACCEPTED)
    stated = program == "Inscopix"
    session = read_session(path, None if stated else DATES_OF_ONE)
    assert session.session_start == (START if stated else "2026-05-01T00:00:00+00:00")
    assert session.name == ("cells" if stated else "day1")
    np.testing.assert_array_equal(session.footprints.toarray(), FIELDS[0].footprints.toarray())
    np.testing.assert_array_equal(session.roi_ids, UNITS if program == "minian" else np.arange(len(ACCEPTED)))
    np.testing.assert_array_equal(session.takes_part, ACCEPTED if accepts else np.ones(len(ACCEPTED), bool))
    assert session.shape == FIELDS[0].image.shape
    assert session.has_image == bool(image)
    if image:
        assert session.source.image_path.endswith(f"/{image}")
        np.testing.assert_array_equal(session.image, FIELDS[0].image)


def test_results_of_caiman_without_an_accepted_roi(tmp_path: Path):
    path = _caiman(tmp_path, FIELDS[0], np.zeros(len(ACCEPTED), bool))
    with pytest.raises(InputError, match=r"results\.hdf5, .* none of the 20 ROIs meets is_accepted"):
        read_session(path, DATES_OF_ONE)
    assert read_session(path, replace(DATES_OF_ONE, all_rois=True)).takes_part.all()


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_results_of_every_program_are_matched_by_their_truth(program: str, tmp_path: Path):
    """Two simulated sessions of about 60 cells, in another order each, with false ROIs, which some reject."""
    truth = simulate(replace(TIERS["small"], n_sessions=2, shape=(260, 240), n_cells=70), seed=3)
    write, accepts, _ = PROGRAMS[program]
    paths = []
    for day, (session, cells) in enumerate(zip(truth.sessions, truth.identity, strict=True), start=1):
        (tmp_path / f"day{day}").mkdir()
        masks = session.footprints.toarray().reshape(-1, *session.shape)
        paths.append(write(tmp_path / f"day{day}", Field(session.image, masks), cells >= 0))
    dates = () if program == "Inscopix" else STATED
    run("write", *paths, "-o", tmp_path / "m.nwb", *dates, "--subject-id", "M1").succeeded()
    plane = read_match_file(tmp_path / "m.nwb")
    for session, cells in zip(plane.sessions, truth.identity, strict=True):
        np.testing.assert_array_equal(session.takes_part, (cells >= 0) | (not accepts))
    right, n_cells = n_right(plane.result, truth.identity)
    common = len(set(truth.identity[0]) & set(truth.identity[1]) - {-1})
    assert right >= 0.95 * n_cells
    assert right >= 0.9 * common > 30
    assert pynwb.validate(path=str(tmp_path / "m.nwb")) == []


@pytest.mark.slow
def test_a_match_file_of_folders_says_what_it_was_made_of(suite2p: list[Path], tmp_path: Path):
    """The names of folders, which are alike, are told from each other; no path of this machine is in it."""
    run("write", *suite2p, *STATED, "-o", tmp_path / "m.nwb", "--subject-id", "M1").succeeded()
    plane = read_match_file(tmp_path / "m.nwb")
    assert n_right(plane.result, [np.arange(len(ACCEPTED))] * 2) == (ACCEPTED.sum(), ACCEPTED.sum())
    assert [session.name for session in plane.sessions] == ["day1", "day2"]
    assert [session.source.uri for session in plane.sessions] == ["day1/suite2p", "day2/suite2p"]
    assert [session.session_start for session in plane.sessions] == [
        "2026-05-01T00:00:00+00:00",
        "2026-05-02T14:30:00+02:00",
    ]
    assert all(len(session.source.sha256) == 64 for session in plane.sessions)
    for session, field in zip(plane.sessions, FIELDS, strict=True):
        np.testing.assert_array_equal(session.footprints.toarray(), field.footprints.toarray())
        np.testing.assert_array_equal(session.image, field.image)
        np.testing.assert_array_equal(session.takes_part, ACCEPTED)
    assert pynwb.validate(path=str(tmp_path / "m.nwb")) == []
    nwbfile = pynwb.read_nwb(tmp_path / "m.nwb")
    assert nwbfile.subject.subject_id == "M1"
    assert nwbfile.session_start_time.isoformat() == "2026-05-01T00:00:00+00:00"
    assert str(suite2p[0].parent.parent).encode() not in (tmp_path / "m.nwb").read_bytes()


def test_what_is_missing_is_asked_for_in_one_sentence(suite2p: list[Path], tmp_path: Path):
    refused = run("write", *suite2p, "-o", tmp_path / "m.nwb").refused("--session-start day1=", "--session-start day2=")
    assert all(str(path) in refused.err for path in suite2p)
    refused = run("write", *suite2p, *STATED[:2], "-o", tmp_path / "m.nwb").refused("--session-start day2=")
    assert "--session-start day1" not in refused.err
    assert not (tmp_path / "m.nwb").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--session-start", "day1=yesterday"), ("day1", "'yesterday'", "2026-05-01")),
        (("--session-start", "day9=2026-05-01"), ("--session-start day9=2026-05-01: no folder",)),
        (("--session-start", "2026-05-01"), ("--session-start 2026-05-01: 2",)),
        ((*STATED, "--session-start", "day1/suite2p=2026-05-03"), ("2 times of --session-start",)),
        (("--sessions", "twice.csv"), ("2 rows of the table of sessions",)),
        (("--sessions", "column.csv"), ("unknown column 'date'", "session_start")),
        (("--sessions", "none.csv"), ("no column 'folder'",)),
        (("--sessions", "nameless.csv"), ("row 3 names no folder",)),
        (("--sessions", "size.csv"), ("row 2", "0.75 x 1.25")),
        (("--sessions", "endless.csv"), ("row 2", "0.75 x 1.25")),
        (("--sessions", "depth.csv"), ("row 2", "'deep'")),
        (("--sessions", "infinite.csv"), ("row 2: the imaging depth 'inf' is not valid",)),
        (("--sessions", "nan.csv"), ("row 2: the pixel size 'nan' is not valid",)),
        (("--sessions", "comma.csv"), ("'day1, 2026-05-01, 0, 8'", "has 4 values for 3 columns", "with a point")),
        (("--sessions", "double.csv"), ("column 'session_start' 2 times",)),
        (("--sessions", "absent.csv"), ("cannot be read",)),
    ],
)
def test_what_is_stated_wrongly_is_refused(
    suite2p: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple, words: tuple
):
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "twice": "folder,session_start\nday1,2026-05-01\nsuite2p,2026-05-02\n",
        "column": "folder,date\nday1,2026-05-01\n",
        "none": "session_start\n2026-05-01\n",
        "nameless": "folder,session_start\nday1,2026-05-01\n,2026-05-02\n",
        "size": "folder,pixel_size\nday1,-1\n",
        "endless": "folder,pixel_size\nday1,inf\n",
        "depth": "folder,imaging_depth\nday1,deep\n",
        "infinite": "folder,imaging_depth\nday1,inf\n",
        "nan": "folder,pixel_size\nday1,nan\n",
        "comma": "folder,session_start,pixel_size\nday1,2026-05-01,0,8\n",
        "double": "folder,session_start,session_start\nday1,2026-05-01,2026-05-02\n",
    }.items():
        Path(f"{name}.csv").write_text(text)
    run("write", *suite2p, *options, "-o", "m.nwb").refused(*words)


def test_a_table_says_more_of_sessions(suite2p: list[Path], tmp_path: Path):
    """Rows of other folders are no matter; a start that is given by itself counts more."""
    table = tmp_path / "sessions.csv"
    table.write_text(
        "Folder, session_start, session_id, subject_id, imaging_depth, pixel_size\n"
        "day1, 2026-05-01, first, M1, 120, 0.8\n"
        "day2/suite2p, 2026-05-02,, M1, 125.5, 0.75 x 1.25\n"
        "day3, 2026-05-03,,,,\n"
    )
    outcome = run("inspect", *suite2p, "--sessions", table, "--session-start", "day2=2026-05-04").succeeded()
    assert "session      first, 2026-05-01T00:00:00+00:00" in outcome.out
    assert "session      day2, 2026-05-04T00:00:00+00:00" in outcome.out
    assert "subject      M1" in outcome.out
    assert "depth 125.5 um, pixel 0.75 x 1.25 um" in outcome.out
    assert "depth 120 um, pixel 0.8 x 0.8 um" in outcome.out


def test_tables_of_spreadsheet_programs_are_read(suite2p: list[Path], tmp_path: Path):
    """With semicolons or tabs, the mark of UTF-8, Windows line ends, and empty values in excess."""
    for delimiter in ";\t":
        text = "\ufefffolder;session_start;;\r\nday1;2026-05-01;;\r\n;;;\r\nday2;2026-05-02\r\n"
        (tmp_path / "sessions.csv").write_bytes(text.replace(";", delimiter).encode())
        outcome = run("inspect", *suite2p, "--sessions", tmp_path / "sessions.csv").succeeded()
        assert "session      day1, 2026-05-01T00:00:00+00:00" in outcome.out
        assert "session      day2, 2026-05-02T00:00:00+00:00" in outcome.out


def test_the_table_of_sessions_is_never_replaced(suite2p: list[Path], tmp_path: Path):
    table = tmp_path / "sessions.csv"
    table.write_text(text := "folder,session_start\nday1,2026-05-01\nday2,2026-05-02\n")
    run("write", *suite2p, "--sessions", table, "-o", table, "--overwrite").refused("one of the inputs")
    assert table.read_text() == text


def test_accented_names_of_folders_may_be_written_in_both_ways(tmp_path: Path):
    one, two = "m\N{LATIN SMALL LETTER U WITH DIAERESIS}nchen", "mu\N{COMBINING DIAERESIS}nchen"
    assert names_folder(tmp_path / one / "suite2p", two)
    assert names_folder(tmp_path / two / "suite2p", f"{one}/suite2p")


def test_inspect_needs_no_dates(suite2p: list[Path]):
    outcome = run("inspect", suite2p[0]).succeeded()
    assert "day1, (start not known)" in outcome.out
    assert "Suite2p" not in outcome.err
    assert " * image        processing/ophys/plane0/meanImg: 160 x 150" in outcome.out
    assert "iscell > 0.5 (17 of 20 ROIs)" in outcome.out


def test_images_that_motion_correction_cut_lie_where_they_were(suite2p: list[Path]):
    session = read_session(suite2p[0], SourceOptions(image="max_proj", session_starts=(("", "2026-05-01"),)))
    inside = np.zeros(session.shape, bool)
    inside[4:-2, :-5] = True
    np.testing.assert_array_equal(session.image[inside], FIELDS[0].image[inside])
    np.testing.assert_array_equal(session.has_data, inside)


def test_a_folder_is_added_to_a_match_file(suite2p: list[Path], tmp_path: Path):
    """Beside a session of another kind: all that can be read can be matched together."""
    sessions = read_sessions(suite2p, DATES)
    write_match_file(sessions, match(sessions), tmp_path / "m.nwb")
    third = write_suite2p(tmp_path / "day3", field_of_view(shift=(-2, 5)), ACCEPTED, ops=False)
    more = ("--session-start", "2026-05-03", "-o", tmp_path / "more.nwb")
    run("add", tmp_path / "m.nwb", third, *more).succeeded()
    plane = read_match_file(tmp_path / "more.nwb")
    assert n_right(plane.result, [np.arange(len(ACCEPTED))] * 3) == (ACCEPTED.sum(), ACCEPTED.sum())
    run("add", tmp_path / "m.nwb", suite2p[1], *more, "--overwrite").refused("the same session")


def test_several_planes_of_a_folder(tmp_path: Path):
    for day, field in enumerate(FIELDS, start=1):
        for plane, plane_field in enumerate((field, field_of_view(seed=5))):
            folder = write_suite2p(tmp_path / f"day{day}", plane_field, ACCEPTED, plane)
        (folder / "combined").mkdir()
        shutil.copy(folder / "plane0" / "stat.npy", folder / "combined")
    folders = [tmp_path / f"day{day}" / "suite2p" for day in (1, 2)]
    planes_of_sessions = read_planes(folders, DATES)
    assert [plane.name for plane in planes_of_sessions.planes] == ["plane0", "plane1"]
    for plane, fields in zip(planes_of_sessions.planes, (FIELDS, (field_of_view(seed=5),) * 2), strict=True):
        for session, field in zip(plane.sessions, fields, strict=True):
            np.testing.assert_array_equal(session.image, field.image)
            np.testing.assert_array_equal(session.footprints.toarray(), field.footprints.toarray())
    run("write", *folders, *STATED, "-o", tmp_path / "m.nwb").refused("2 ROI tables", "--plane: plane0, plane1")
    one = read_session(folders[0] / "plane1", DATES)
    np.testing.assert_array_equal(one.image, field_of_view(seed=5).image)
    run("inspect", folders[0] / "combined").refused("all planes side by side")


def test_batch_finds_folders(suite2p: list[Path], tmp_path: Path):
    """Those of a table are matched, and not again when the same is run again; what it lacks is said."""
    table = tmp_path / "sessions.csv"
    table.write_text("folder,session_start,subject_id\nday1,2026-05-01,M1\nday2,2026-05-02,M1\n")
    arguments = ("batch", suite2p[0].parent.parent, "-o", tmp_path / "out", "--sessions", table, "-j", "1")
    first = run(*arguments).succeeded()
    assert "sub-M1_plane-plane0.nwb  2" in first.out
    assert "(done before)" in run(*arguments).succeeded().out
    assert [s.name for s in read_match_file(tmp_path / "out" / "sub-M1_plane-plane0.nwb").sessions] == ["day1", "day2"]
    assert [each.location for each in find_inputs([str(suite2p[0].parent.parent)])] == list(map(str, suite2p))
    lacking = run("batch", suite2p[0].parent.parent, "-o", tmp_path / "none", "--subject-id", "M1", "-j", "1")
    assert lacking.code == 2
    assert "--session-start day1=" in lacking.err


def test_where_there_are_nwb_files_they_count(suite2p: list[Path], tmp_path: Path):
    """Not the folders of which they were made."""
    for folder in suite2p:
        shutil.copytree(folder, tmp_path / folder.parent.name / folder.name)
    (tmp_path / "day1" / "a.nwb").touch()
    (tmp_path / "day2" / ".b.nwb").touch()
    assert [each.location for each in find_inputs([str(tmp_path)])] == [str(tmp_path / "day1" / "a.nwb")]
    assert [each.location for each in find_inputs([str(tmp_path / "day2")])] == [str(tmp_path / "day2" / "suite2p")]


def test_a_folder_that_changed_is_refused(tmp_path: Path):
    folders = days(tmp_path, PROGRAMS["Suite2p"][0])
    sessions = read_sessions(folders, DATES)
    result = match(sessions)
    stat = folders[1] / "plane0" / "stat.npy"
    (folders[1] / "plane0" / "F.npy").write_bytes(b"of no matter")
    np.save(stat, np.load(stat, allow_pickle=True)[::-1])
    with pytest.raises(InputError, match="was changed since it was read"):
        write_match_file(sessions, result, tmp_path / "m.nwb")


class _Calls:
    """Pickled, a call of `Path.touch`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_nothing_in_a_folder_is_run(tmp_path: Path):
    """Objects of other types, as paths, stand for nothing; the numbers beside them are read."""
    folder = write_suite2p(tmp_path / "day1", FIELDS[0], ACCEPTED)
    for name in ("stat", "ops"):
        path = folder / "plane0" / f"{name}.npy"
        held = np.load(path, allow_pickle=True)
        (held[0] if name == "stat" else held.item())["note"] = [_Calls(tmp_path / "called"), {"at": tmp_path}]
        np.save(path, held)
    session = read_session(folder, DATES_OF_ONE)
    np.testing.assert_array_equal(session.footprints.toarray(), FIELDS[0].footprints.toarray())
    assert not (tmp_path / "called").exists()


def inspected(path: Path) -> Outcome:
    return run("inspect", path)


def test_damaged_results_of_suite2p_are_refused(tmp_path: Path):
    folder = write_suite2p(tmp_path / "day1", FIELDS[0], ACCEPTED)
    plane = folder / "plane0"
    stat, iscell, ops = (np.load(plane / f"{name}.npy", allow_pickle=True) for name in ("stat", "iscell", "ops"))

    def refused(name: str, *words: str) -> None:
        inspected(folder).refused(str(plane / name), *words)

    np.save(plane / "iscell.npy", iscell[:5])
    refused("iscell.npy", "5 rows for 20 ROIs")
    for no_rows in (np.array(1.0), iscell.astype(object)):
        np.save(plane / "iscell.npy", no_rows)
        refused("iscell.npy", "no rows of numbers for 20 ROIs")
    np.save(plane / "iscell.npy", iscell)
    for size in (-5, 10**7):
        np.save(plane / "ops.npy", {**ops.item(), "Ly": size})
        inspected(folder).refused(str(plane), f"a field of {size} rows and 150 columns (Ly, Lx)")
    np.save(plane / "ops.npy", iscell)
    refused("ops.npy", "no settings")
    np.save(plane / "ops.npy", ops)
    np.save(plane / "stat.npy", iscell)
    refused("stat.npy", "ypix, xpix and lam")
    stat[3]["ypix"] = stat[3]["ypix"] - 1000
    np.save(plane / "stat.npy", stat)
    refused("stat.npy", "impossible places")
    stat[3]["ypix"] = stat[3]["ypix"][1:]
    np.save(plane / "stat.npy", stat)
    refused("stat.npy", "differ in number")
    np.save(plane / "stat.npy", stat[:0])
    np.save(plane / "iscell.npy", iscell[:0])
    inspected(folder).refused("no ROIs")
    (plane / "stat.npy").write_bytes((plane / "ops.npy").read_bytes()[:500])
    refused("stat.npy", "no complete .npy file")


def test_a_folder_that_may_not_be_read_is_refused(open_path: Path):
    folder = write_suite2p(open_path / "day1", FIELDS[0], ACCEPTED)
    inspected(folder).succeeded()  # after which nothing has to be imported any more
    for locked, problem in (
        (folder / "plane0" / "stat.npy", "Permission denied"),
        (folder / "plane0", "no NWB file lies in this folder"),
    ):
        locked.chmod(0)
        with without_privileges():
            outcome = inspected(folder)
        locked.chmod(0o755)
        outcome.refused(str(folder), problem)


def test_a_store_of_minian_without_all_its_pieces_is_refused(tmp_path: Path):
    folder = _minian(tmp_path / "day1", FIELDS[0])
    (folder / "A.zarr" / "A" / "0.0.0").unlink()
    inspected(folder).refused(str(folder / "A.zarr"), "1 of 1 pieces of A are missing")
    (folder / "A.zarr" / "A" / ".zarray").write_text("{")
    inspected(folder).refused(str(folder / "A.zarr"), "A cannot be read")


def test_files_that_only_seem_to_be_results_are_refused(tmp_path: Path):
    needs("roiextractors")
    path = write_caiman(tmp_path / "results.hdf5", FIELDS[0], ACCEPTED)
    with h5py.File(path, "r+") as file:
        del file["params"]
    inspected(path).refused(str(path), "roiextractors cannot read this as results of CaImAn")
    needs("isx")
    (tmp_path / "movie.isxd").write_bytes(b"no cell set")
    inspected(tmp_path / "movie.isxd").refused("movie.isxd", "isx cannot read this as a cell set of Inscopix")


def test_a_file_of_ciatah_without_masks_is_refused(tmp_path: Path):
    path = tmp_path / "extract.mat"
    with h5py.File(path, "w") as file:
        file["extractAnalysisOutput/filters"] = np.ones((3, 4))
    inspected(path).refused(str(path), "extractAnalysisOutput/filters does not hold masks of ROIs")


@pytest.mark.parametrize(("program", "module"), [("CaImAn", "roiextractors"), ("minian", "zarr"), ("Inscopix", "isx")])
def test_the_extra_is_named_where_it_is_missing(
    program: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "day1").mkdir()
    path = PROGRAMS[program][0](tmp_path / "day1", FIELDS[0], ACCEPTED)
    monkeypatch.setitem(sys.modules, module, None)
    inspected(path).refused(f"needs {module}", 'pip install "ndx-cell-matching[folders]"')


def test_the_same_folder_is_always_the_same_session(suite2p: list[Path]):
    first, again = (read_session(suite2p[0], DATES_OF_ONE) for _ in range(2))
    assert _ids(first) == _ids(again) != _ids(read_session(suite2p[1], DATES_OF_ONE))


def _ids(session: Session) -> tuple[str, ...]:
    source = session.source
    return source.identifier, source.object_id, source.roi_table_object_id


def test_a_program_is_added_by_one_file(tmp_path: Path, add_file: Callable[..., None]):
    """That of the documents."""
    text = (BACK_COMPAT.parent.parent / "docs" / "folders.md").read_text()
    add_file("ndx_match.folders.formats", "mine", text.split("```python\n")[1].split("```")[0])
    (tmp_path / "day1").mkdir()
    np.savez(tmp_path / "day1" / "rois.npz", masks=FIELDS[0].masks, image=FIELDS[0].image)
    session = read_session(tmp_path / "day1", DATES_OF_ONE)
    np.testing.assert_array_equal(session.footprints.toarray(), FIELDS[0].footprints.toarray())
    np.testing.assert_array_equal(session.image, FIELDS[0].image)
