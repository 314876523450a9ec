"""Python and the command give the same cells, for each method, where the writers of the files reject some ROIs."""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers import run
from test_allen import make_interpreter, plan

from ndx_match.errors import MethodError
from ndx_match.formats.nway import write_nway_output
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import consensus, match, nway
from ndx_match.methods.allen import AllenParameters
from ndx_match.model import RoiSelection, Session
from ndx_match.planes import match_planes
from ndx_match.sources import Plane, SourceOptions, read_sessions
from ndx_match.warping import to_8_bit

FOLDER = Path(__file__).parent.parent / "back_compat"
OPTIONS = SourceOptions(allow_different_subjects=True)
_spec = importlib.util.spec_from_file_location("recording", FOLDER / "recording.py")
recording = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(recording)

#: Files whose writer rejects ROIs; that of neuroconv's Inscopix has no image.
REJECTING = (
    "neuroconv_suite2p", "neuroconv_caiman", "neuroconv_older", "suite2p", "caiman", "allensdk", "aind_multiplane",
)  # fmt: skip
WITHOUT_IMAGE = "neuroconv_inscopix"
SMALL_FIELD = {"edge_buffer": 4}


@pytest.fixture(scope="module")
def pair_with(tmp_path_factory: pytest.TempPathFactory):
    """Two files of one recording, the first of a writer and the second of another, both of which reject ROIs."""
    folder = tmp_path_factory.mktemp("files")

    def unpack(name: str) -> list[Path]:
        paths = [folder / f"{each}.nwb" for each in (name, "suite2p" if name != "suite2p" else "allensdk")]
        for path in paths:
            path.write_bytes(gzip.decompress((FOLDER / "files" / f"{path.stem}.nwb.gz").read_bytes()))
        return paths

    return unpack


def by_command(paths: Sequence[Path], output: Path, method: str, *options: object) -> np.ndarray:
    run("write", *paths, "-o", output, "--method", method, "--allow-different-subjects", *options).succeeded()
    return read_match_file(output).result.cells


def n_in_cells(cells: np.ndarray) -> list[int]:
    return (cells >= 0).sum(axis=0).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("file", REJECTING)
@pytest.mark.parametrize("method", ["consensus", "nway"])
def test_python_and_the_command_agree(pair_with, tmp_path: Path, file: str, method: str):
    paths = pair_with(file)
    parameters = SMALL_FIELD if method == "nway" else {}
    options = [part for name, value in parameters.items() for part in (f"--{name.replace('_', '-')}", value)]
    expected = by_command(paths, tmp_path / "m.nwb", method, *options)
    sessions = read_sessions(paths, OPTIONS)
    assert all(session.roi_selection == RoiSelection.ACCEPTED_BY_WRITER for session in sessions)
    result = match(sessions, method, parameters)
    directly = {"consensus": consensus.match, "nway": nway.match}[method](sessions, parameters)
    (plane,) = match_planes([Plane("", tuple(sessions))], method, parameters).planes
    for cells in (result.cells, directly.cells, plane.result.cells):
        np.testing.assert_array_equal(cells, expected)
    n_taking_part = [session.n_rois if method == "nway" else session.n_taking_part for session in sessions]
    assert n_in_cells(expected) == n_taking_part
    assert (expected >= 0).all(axis=1).sum() > 10
    # And the two match files say alike which ROIs took part.
    write_match_file(sessions, result, tmp_path / "python.nwb")
    for one, other in zip(
        *(read_match_file(tmp_path / name).sessions for name in ("m.nwb", "python.nwb")), strict=True
    ):
        np.testing.assert_array_equal(one.takes_part, other.takes_part)
        assert one.roi_selection == other.roi_selection


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in interpreter is a shell script")
@pytest.mark.parametrize("file", REJECTING)
def test_python_and_the_command_agree_on_the_allen_package(pair_with, tmp_path: Path, file: str):
    """The stand-in for the package refuses anything but all ROIs."""
    paths = pair_with(file)
    sessions = read_sessions(paths, OPTIONS)
    whole = [session.with_all_rois() for session in sessions]
    write_nway_output(match(sessions, "nway", SMALL_FIELD), whole, tmp_path / "output.json")
    output = {
        key: value
        for key, value in json.loads((tmp_path / "output.json").read_text()).items()
        if key in ("nway_matches", "pairwise_results")
    }
    arrays = {f"image_{k}": to_8_bit(session.image) for k, session in enumerate(whole)}
    arrays |= {f"masks_{k}": masks(session) for k, session in enumerate(whole)}
    np.savez(tmp_path / "expected.npz", **arrays)
    python = make_interpreter(tmp_path, "ophys_nway_matching", plan=plan(tmp_path, output))
    expected = by_command(paths, tmp_path / "m.nwb", "allen", "--nway-python", python)
    assert n_in_cells(expected) == [session.n_rois for session in sessions]
    result = match(sessions, "allen", AllenParameters(python=python))
    np.testing.assert_array_equal(result.cells, expected)


def masks(session: Session) -> np.ndarray:
    """[roi, row, col], in the order in which the ids ascend, without those that have no pixel."""
    pixels = session.footprints.toarray().reshape(-1, *session.shape) != 0
    return pixels[pixels.any(axis=(1, 2))]


def test_sessions_without_an_image_are_refused_by_methods_that_need_one(pair_with, tmp_path: Path):
    paths = pair_with(WITHOUT_IMAGE)
    sessions = read_sessions(paths, OPTIONS)
    for method in ("nway", "allen"):
        arguments = ("write", *paths, "-o", tmp_path / "m.nwb", "--method", method, "--allow-different-subjects")
        run(*arguments).refused(WITHOUT_IMAGE, "there is no projection image")
        with pytest.raises(MethodError, match=f"there is no projection image, which the method {method} needs"):
            match(sessions, method)
    expected = by_command(paths, tmp_path / "m.nwb", "consensus")
    np.testing.assert_array_equal(match(sessions).cells, expected)


def test_rois_chosen_by_a_condition_are_refused_by_methods_that_take_all(pair_with, tmp_path: Path):
    paths = pair_with("neuroconv_suite2p")
    where = ("iscell<0.5",)
    sessions = read_sessions(paths, SourceOptions(where=where, allow_different_subjects=True))
    for method in ("nway", "allen"):
        arguments = ("write", *paths, "-o", tmp_path / "m.nwb", "--method", method, "--where", *where)
        run(*arguments).refused(f"--where does not belong to --method {method}")
        with pytest.raises(MethodError, match=f"chosen by a condition .* the method {method} takes all"):
            match(sessions, method)
    with pytest.raises(MethodError, match="chosen by a condition"):
        nway.match(sessions)
