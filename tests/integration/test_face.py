"""What `import ndx_match` gives, its examples, and how it answers what a notebook gives it."""

from __future__ import annotations

import doctest
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_files import example_files

import ndx_match
from ndx_match.errors import InputError

NAMES = [name for name in ndx_match.__all__ if name != "__version__"]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FAST = {"", "FileMetadata", "export", "read_match_file", "read_session", "write_page"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(shutil.copytree(example_files(), tmp_path / "folder"))
    return tmp_path / "folder"


def test_nothing_heavy_is_imported_before_it_is_used():
    code = "import sys, ndx_match; dir(ndx_match); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pynwb", "numpy", "cv2", "h5py", "matplotlib"} & set(done.stdout.split())


def test_names_are_listed_and_a_misspelled_one_is_answered():
    assert set(NAMES) < set(dir(ndx_match))
    with pytest.raises(AttributeError, match=r"no attribute 'read_session_s' \(did you mean read_sessions\?\)"):
        _ = ndx_match.read_session_s


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n not in FAST)) for n in ("", *NAMES)])
def test_the_example_in_the_docstring_runs(name: str, folder: Path):
    thing: Any = getattr(ndx_match, name) if name else ndx_match
    (test,) = doctest.DocTestFinder(recurse=False).find(thing, name or "ndx_match", globs={})
    assert test.examples
    output: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=output.append)
    assert not output, "".join(output)


def test_paths_in_place_of_sessions_are_answered(folder: Path):
    with pytest.raises(TypeError, match=r"match takes a list of sessions, and was given str; read them first"):
        ndx_match.match(["day1.nwb", "day2.nwb"])
    with pytest.raises(TypeError, match=r"match takes a list of sessions, and was given Session;"):
        ndx_match.match(ndx_match.read_session("day1.nwb"))
    plane = ndx_match.read_match_file("matches.nwb")
    with pytest.raises(TypeError, match=r"write_match_file takes a list of sessions, and was given str"):
        ndx_match.write_match_file("day1.nwb", plane.result, "m.nwb")


def test_sessions_in_another_order_than_the_result_are_refused(folder: Path):
    plane = ndx_match.read_match_file("matches.nwb")
    sessions = list(plane.sessions)
    names = [session.name for session in sessions]
    swapped = [sessions[1], sessions[0], *sessions[2:]]
    matched = ndx_match.match(sessions[:2])
    for function in (
        lambda s, r: ndx_match.write_match_file(s, r, "m.nwb"),
        lambda s, r: ndx_match.write_figures(s, r, "pictures"),
        lambda s, r: ndx_match.registration_figure(s, r, 0, 1),
        ndx_match.cell_map_figure,
        ndx_match.fraction_matrix_figure,
        ndx_match.group_sizes_figure,
        ndx_match.overlay_matrix_figure,
    ):
        with pytest.raises(ValueError, match=rf"the result is of the sessions {names[0]}, {names[1]}.* in this order"):
            function(swapped, plane.result)
        with pytest.raises(ValueError, match=r"give those that were matched, in the same order"):
            function(swapped[:2], matched)
        with pytest.raises(ValueError, match=r"do not fit a result of"):
            function(sessions[:2], plane.result)
        with pytest.raises(TypeError, match=r"takes the sessions and then their MatchResult, and was given list"):
            function(sessions, sessions)
    assert not Path("m.nwb").exists()
    renamed = [replace(sessions[0], name="first"), *sessions[1:]]
    assert ndx_match.write_match_file(renamed, plane.result, "m.nwb").path.exists()
    assert ndx_match.read_match_file("m.nwb").sessions[0].name == "first"


def test_a_session_that_is_given_twice_is_not_written(folder: Path):
    session = ndx_match.read_session("day1.nwb")
    with pytest.raises(ValueError, match=rf"2 sessions are named '{session.name}'; give each session once"):
        ndx_match.write_match_file([session] * 2, ndx_match.match([session] * 2), "m.nwb")


def test_sessions_of_a_figure_are_given_by_name_or_position(folder: Path):
    plane = ndx_match.read_match_file("matches.nwb")
    names = [session.name for session in plane.sessions]
    by_name = ndx_match.registration_figure(plane.sessions, plane.result, names[0], names[-1])
    by_position = ndx_match.registration_figure(plane.sessions, plane.result, 0, -1)
    assert by_name.get_suptitle() == by_position.get_suptitle()
    assert names[-1] in by_name.get_suptitle()
    for wrong, error, words in (
        ((0, 9), IndexError, rf"there is no session 9; there are {len(names)}, counted from 0"),
        (("x", 0), KeyError, rf"there is no session 'x'; give one of: {names[0]}"),
        ((0, names[0]), ValueError, "are the same session"),
    ):
        with pytest.raises(error, match=words):
            ndx_match.registration_figure(plane.sessions, plane.result, *wrong)


def test_other_things_in_place_of_planes_are_answered(folder: Path):
    sessions = ndx_match.read_sessions(["day1.nwb", "day2.nwb"])
    for given, name in (("matches.nwb", "str"), (sessions, "Session"), (3, "int")):
        for function in (ndx_match.export, ndx_match.write_page, ndx_match.write_planes):
            with pytest.raises(TypeError, match=rf"takes a MatchedPlane or a list of them, and was given {name}; read"):
                function(given, "out.csv")
        with pytest.raises(TypeError, match=rf"match_planes takes a list of planes, and was given {name}; read them"):
            ndx_match.match_planes([given] if isinstance(given, str) else given)
    with pytest.raises(ValueError, match="needs at least one MatchedPlane"):
        ndx_match.write_planes([], "again.nwb")
    ndx_match.write_planes(ndx_match.read_match_file("matches.nwb"), "again.nwb")
    assert ndx_match.read_match_file("again.nwb").result.cells.any()


@pytest.mark.parametrize(
    "given", [None, 3, b"day1.nwb", ["day1.nwb"], object()], ids=lambda given: type(given).__name__
)
def test_other_things_in_place_of_files_are_answered(folder: Path, given: Any):
    words = r"an input must be a path, an address or a file that is open in binary mode, and was "
    for function in (ndx_match.read_sessions, ndx_match.read_planes):
        with pytest.raises(TypeError, match=words):
            function([given, "day2.nwb"])
    with pytest.raises(TypeError, match=words):
        ndx_match.read_session(given)
    with pytest.raises(TypeError, match=words):
        ndx_match.read_match_file(given)
    with pytest.raises(TypeError, match=words):
        ndx_match.annotate_files(given, "day1.nwb", "annotated")


def test_options_of_another_type_are_answered(folder: Path):
    files = ["day1.nwb", "day2.nwb"]
    for function in (ndx_match.read_sessions, ndx_match.read_planes):
        with pytest.raises(TypeError, match=r"options must be ndx_match\.SourceOptions\(\.\.\.\), and was dict"):
            function(files, {"plane": "plane"})
    plane = ndx_match.read_match_file("matches.nwb")
    with pytest.raises(TypeError, match=r"metadata must be ndx_match\.FileMetadata\(\.\.\.\), and was dict"):
        ndx_match.write_match_file(plane.sessions, plane.result, "m.nwb", {"sex": "M"})
    options = ndx_match.SourceOptions(transpose_file={Path("day1.nwb"): "both"})
    assert options.transposition_of("day1.nwb") == "both"
    with pytest.raises(TypeError, match=r"session_starts must hold pairs, for example session_starts=\{"):
        ndx_match.SourceOptions(session_starts="2026-05-01")
    with pytest.raises(InputError, match=r"^`sessions` day1 selects files of a folder on DANDI"):
        ndx_match.read_sessions(files, ndx_match.SourceOptions(sessions="day1"))


def test_a_single_path_is_a_list_of_one(folder: Path):
    with pytest.raises(InputError, match="at least two sessions"):
        ndx_match.read_sessions("day1.nwb")
    assert len(ndx_match.read_sessions("day*.nwb")) == 4
    assert len(ndx_match.read_sessions(folder / "sessions")) == 3


@pytest.mark.slow
def test_a_single_file_is_annotated(folder: Path):
    assert len(ndx_match.annotate_files("matches.nwb", "day2.nwb", "out")) == 1


def test_a_single_text_is_not_taken_apart():
    assert ndx_match.SourceOptions(where="iscell>0.5").where == ("iscell>0.5",)
    assert ndx_match.SourceOptions(sessions="day1").sessions == ("day1",)
    assert ndx_match.FileMetadata(experimenter="Doe, Jane").experimenter == ("Doe, Jane",)


def test_a_folder_stands_for_its_match_file(folder: Path):
    (folder / "matched").mkdir()
    shutil.move("matches.nwb", "matched")
    assert len(ndx_match.read_match_file("matched").sessions) == 3


def test_sessions_and_results_are_shown_as_tables_and_on_one_screen(folder: Path):
    sessions = ndx_match.read_sessions("sessions")
    assert len(repr(sessions).splitlines()) == 3
    assert max(map(len, repr(sessions).splitlines())) < 100
    plane = ndx_match.read_match_file("matches.nwb")
    for shown in (sessions[0], sessions, plane.result, plane):
        assert len(repr(shown)) < 3000
        html = shown._repr_html_()
        assert html.count("<table>") == html.count("</table>") >= 1
    for session in sessions:
        assert f"<td>{session.name}</td>" in sessions._repr_html_()
        assert f"<td>{session.name}</td>" in plane._repr_html_()
    many = type(sessions)([sessions[0]] * 200)
    assert len(repr(many).splitlines()) < 40
    assert many._repr_html_().count("<tr>") < 70


def test_names_from_files_are_escaped_in_tables(folder: Path):
    from dataclasses import replace

    session = replace(ndx_match.read_session("day1.nwb"), name="<script>")
    assert "<script>" not in session._repr_html_()
