"""What all methods share: how they are found, their parameters, the rules of matching, options and documents."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
from builders import write_sessions
from helpers import Outcome
from method_tables import methods_table, parameters_table, with_tables

import ndx_match.methods
from ndx_match import plugins
from ndx_match.cli.methods import parameter_options
from ndx_match.errors import MethodError, NdxMatchError
from ndx_match.matchfile import read_match_file
from ndx_match.methods import Method, Parameters, all_methods, consensus, find_method, match, nway, parameter
from ndx_match.methods.allen import AllenParameters
from ndx_match.model import RoiSelection, Session
from ndx_match.sources import read_sessions

DOCUMENTS = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is searched for methods too and holds the example of the documents, which is the toy."""
    (code,) = [
        block for block in re.findall(r"```python\n(.*?)```", (DOCUMENTS / "methods.md").read_text(), re.DOTALL)
        if "METHOD =" in block
    ]  # fmt: skip
    folder = tmp_path / "more_methods"
    folder.mkdir()
    (folder / "same_row.py").write_text(code)
    monkeypatch.setattr(ndx_match.methods, "__path__", [*ndx_match.methods.__path__, str(folder)])
    yield folder
    sys.modules.pop("ndx_match.methods.same_row", None)


def run_with(folder: Path, *arguments: object) -> Outcome:
    """Run the command in a process of its own that searches a folder for methods too."""
    start = f"import ndx_match.methods as m; m.__path__.append({str(folder)!r}); import ndx_match.cli as c; c.main()"
    command = [sys.executable, "-c", start, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


# ---- a method that is added by one file


@pytest.mark.slow
def test_an_added_method_has_its_option_and_help(toy: Path):
    text = " ".join(run_with(toy, "write", "--help").succeeded().out.split())
    assert re.search(r"--method \[consensus\|\S*\bsame-row\b\S*\]", text)
    assert "same-row: matches the ROIs in the same row" in text
    assert "Parameters of same-row: --first-row INTEGER First row that is matched. [default: 0; at least 0]" in text


@pytest.mark.slow
def test_an_added_method_matches_and_its_parameters_are_stored(toy: Path, tmp_path: Path):
    inputs, output = write_sessions(tmp_path), tmp_path / "m.nwb"
    run_with(toy, "write", *inputs, "-o", output, "--method", "same-row", "--first-row", 3).succeeded()
    result = read_match_file(output).result
    assert (result.method, dict(result.parameters)) == ("same-row", {"first_row": 3})
    n_rois = result.cells.max() + 1
    assert (result.cells >= 0).all(axis=1).sum() == n_rois - 3
    from_python = match(read_sessions(inputs), "same-row", {"first_row": 3})
    assert from_python.method == "same-row"
    np.testing.assert_array_equal(from_python.cells, result.cells)


@pytest.mark.slow
def test_an_added_methods_parameters_are_checked(toy: Path, tmp_path: Path):
    inputs = write_sessions(tmp_path)
    arguments = ("write", *inputs, "-o", tmp_path / "m.nwb", "--first-row")
    run_with(toy, *arguments, -1, "--method", "same-row").refused("first_row is -1; it must be a whole number")
    run_with(toy, *arguments, 1, "--method", "nway").refused("--first-row does not belong to --method nway")


def test_an_added_method_is_documented(toy: Path):
    assert "| `same-row` | those that take part | no | matches the ROIs in the same row |" in methods_table()
    assert "| `--first-row` | 0 | a whole number, at least 0 | First row that is matched. |" in parameters_table(
        "same-row"
    )
    parameters = find_method("same-row").parameters
    assert "first_row : int\n        First row that is matched." in (parameters.__doc__ or "")


# ---- methods of other packages


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes an installed package with one method, by the text of its module."""

    def install(code: str, value: str = "another_package:METHOD") -> None:
        (tmp_path / "another_package.py").write_text(code)
        about = tmp_path / "another_package-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: another-package\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[ndx_match.methods]\nanother = {value}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        plugins._of_other_packages.cache_clear()

    yield install
    plugins._of_other_packages.cache_clear()
    sys.modules.pop("another_package", None)


METHOD_OF_PACKAGE = """
from ndx_match.methods import Method, Parameters
METHOD = Method({name!r}, "does nothing", Parameters, lambda *_: None)
"""


def test_a_method_of_another_package_is_found(package):
    package(METHOD_OF_PACKAGE.format(name="another"))
    assert list(all_methods()) == ["consensus", "allen", "another", "nway"]


def test_a_package_that_is_broken_leaves_the_others_and_is_named_when_it_is_used(package):
    package("import no_such_module")
    assert find_method("nway") is nway.METHOD
    assert all_methods()["another"].summary == "cannot be loaded"
    with pytest.raises(NdxMatchError, match=r"another_package:METHOD: .* cannot be loaded \(.*no_such_module"):
        find_method("another").match([], Parameters(), None)


def test_two_methods_of_one_name_are_refused(package):
    package(METHOD_OF_PACKAGE.format(name="nway"))
    with pytest.raises(NdxMatchError, match=r"two plug-ins .* 'nway'"):
        all_methods()


def test_listing_methods_imports_nothing_heavy():
    code = "import sys; from ndx_match.methods import all_methods; all_methods(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "scipy", "cv2", "skimage", "networkx", "pynwb"} & {*loaded}


# ---- parameters


@pytest.mark.parametrize(
    ("method", "parameters", "message"),
    [
        ("nway", {"maximum_distance": 0}, "maximum_distance is 0; it must be a number, greater than 0 (pixels)."),
        ("nway", {"edge_buffer": 1.5}, "edge_buffer is 1.5; it must be a whole number, at least 0 (pixels)."),
        ("nway", {"strict": 1}, "strict is 1; it must be yes or no."),
        ("nway", {"clahe_grid": True}, "clahe_grid is True; it must be a whole number, at least -1."),
        ("nway", {"pruning_method": "none"}, "pruning_method is 'none'; it must be one of keepmin, popmax."),
        ("nway", {"maximum_distance": "ten"}, "maximum_distance is 'ten'; it must be a number, greater than 0"),
        ("allen", {"timeout_minutes": 0}, "timeout_minutes is 0; it must be a number, greater than 0 (minutes)."),
        ("consensus", {"least_probability": 1},
         "least_probability is 1; it must be a number, greater than 0 and less than 1."),
        ("consensus", {"edge_buffer": 3}, "edge_buffer does not belong to the method consensus; its parameters are"),
        ("consensus", nway.NwayParameters(),
         "NwayParameters does not belong to the method consensus; give ConsensusParameters."),
        ("magic", None, f"There is no method 'magic'; choose one of {', '.join(all_methods())}."),
    ],
)  # fmt: skip
def test_what_is_no_parameter_is_refused_in_one_sentence(method: str, parameters: object, message: str):
    with pytest.raises(MethodError) as caught:
        match([], method, parameters)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(".")


def test_parameters_are_stored_as_plain_values():
    stored = nway.NwayParameters(maximum_distance=np.float32(12.5), edge_buffer=np.int64(3)).stored()
    assert stored["maximum_distance"] == 12.5
    assert json.loads(json.dumps(stored)) == stored


def test_how_a_package_is_run_is_not_stored():
    stored = AllenParameters(python=Path("/some/where"), timeout_minutes=3).stored()
    assert {*stored} == {field.name for field in fields(nway.PipelineParameters)}


def test_methods_share_the_option_of_a_parameter_only_where_it_is_the_same():
    @dataclass(frozen=True)
    class Other(Parameters):
        reach: float = parameter(2.0, "something else")

    parameter_classes = {
        "consensus": consensus.ConsensusParameters,
        "nway": nway.NwayParameters,
        "allen": AllenParameters,
    }
    options = {option.flags: option for option in parameter_options({**parameter_classes, "other": Other})}
    assert options["--edge-buffer"].methods == ("nway", "allen")
    assert options["--reach"].methods == ("consensus",)
    assert options["--other-reach"].methods == ("other",)
    assert options["--other-reach"].parameter.name == "reach"


# ---- the rules of matching


@pytest.fixture
def sessions(tmp_path: Path):
    return read_sessions(write_sessions(tmp_path))


def pixel_counts(sessions: list[Session], **what: bool) -> list[list[int]]:
    """How many pixels each ROI has in the sessions that a method is given."""
    counts: list[list[int]] = []

    def run_nway(method_sessions, parameters, progress):
        counts.extend(np.diff(session.footprints.indptr).tolist() for session in method_sessions)
        return nway.METHOD.match(method_sessions, nway.NwayParameters(), progress)

    match(sessions, Method("test", "", Parameters, run_nway, **what))
    return counts


def test_a_method_is_given_the_rois_that_it_takes(sessions):
    whole = [np.diff(session.footprints.indptr) for session in sessions]
    third = np.arange(sessions[0].n_rois) != 3
    chosen = [replace(sessions[0], takes_part=third, roi_selection=RoiSelection.ACCEPTED_BY_WRITER), *sessions[1:]]
    assert pixel_counts(chosen) == [(whole[0] * third).tolist(), *(pixels.tolist() for pixels in whole[1:])]
    assert pixel_counts(chosen, takes_all_rois=True) == [pixels.tolist() for pixels in whole]


def test_rois_that_take_no_part_are_in_no_cell(sessions):
    takes_part = np.arange(sessions[0].n_rois) % 4 != 0
    chosen = [replace(session, takes_part=takes_part) for session in sessions]
    method = replace(nway.METHOD, takes_all_rois=False)
    for result in (match(chosen, method), match(chosen)):
        for column in result.cells.T:
            assert sorted(column[column >= 0]) == np.flatnonzero(takes_part).tolist()
        assert len(result.presence) == len(result.cells) == len(result.cell_ids)
    assert len(match(chosen).confidence) == len(match(chosen).cells)


def test_what_a_method_cannot_take_is_refused_by_name(sessions):
    chosen = [sessions[0], replace(sessions[1], roi_selection=RoiSelection.CHOSEN_BY_USER)]
    blind = [sessions[0], replace(sessions[1], has_image=False)]
    name = sessions[1].name
    for method in ("nway", "allen"):
        with pytest.raises(MethodError, match=f"{name}: its ROIs are chosen by a condition .* {method} takes all ROIs"):
            match(chosen, method)
        with pytest.raises(MethodError, match=f"{name}: there is no projection image, which the method {method} needs"):
            match(blind, method)
    for accepted in (chosen, blind):
        match(accepted)


def test_fewer_than_two_sessions_are_refused(sessions):
    for method in all_methods():
        with pytest.raises(MethodError, match="at least two sessions"):
            match(sessions[:1], method)


def test_result_names_the_method_and_parameters_that_were_asked_for(sessions):
    result = match(sessions, replace(nway.METHOD, name="mine"), {"maximum_distance": 7})
    assert result.method == "mine"
    assert result.parameters == nway.NwayParameters(maximum_distance=7).stored()


# ---- documents


@pytest.mark.parametrize("path", sorted(DOCUMENTS.glob("*.md")), ids=lambda path: path.name)
def test_the_tables_of_the_documents_are_those_of_the_methods(path: Path):
    """`python tests/unit/method_tables.py docs/*.md` writes them anew."""
    text = path.read_text(encoding="utf-8")
    assert text == with_tables(text)


def test_every_method_is_documented():
    texts = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS.glob("*.md"))
    for method in all_methods():
        assert parameters_table(method) in texts
