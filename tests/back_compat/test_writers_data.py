"""Match pairs of sessions as real writers left them, and compare the result with the known truth.

The files are not in the repository; see `writers_data` in `tests/conftest.py`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import run

from ndx_match.matchfile import read_planes_of_match_file
from ndx_match.model import MatchedPlane
from ndx_match.sources import read_session

Unpack = Callable[[str], list[Path]]


@pytest.fixture(scope="module")
def unpack(writers_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Unpack:
    folder = tmp_path_factory.mktemp("writers")

    def unpacked(name: str) -> list[Path]:
        paths = [folder / f"{name}_{session}.nwb" for session in (0, 1)]
        for path in paths:
            if not path.exists():
                path.write_bytes(gzip.decompress((writers_data / f"{path.name}.gz").read_bytes()))
        return paths

    return unpacked


@pytest.fixture(scope="module")
def truth(writers_data: Path) -> dict[str, dict[str, list]]:
    return json.loads((writers_data / "truth.json").read_text())


def written(paths: list[Path], folder: Path, *options: str) -> tuple[MatchedPlane, ...]:
    run("write", *paths, *options, "-o", folder / "m.nwb").succeeded()
    return read_planes_of_match_file(folder / "m.nwb")


def check(plane: MatchedPlane, identities: list[np.ndarray], wrong: int = 0) -> None:
    """Every cell with an accepted ROI in both sessions is found, and at most so many others."""
    took_part = [np.flatnonzero(session.takes_part) for session in plane.sessions]
    common = set(identities[0][took_part[0]]) & set(identities[1][took_part[1]]) - {-1}
    assert len(common) >= 30
    identity_pairs = [
        tuple(identities[k][rows] for k, rows in enumerate(cell)) for cell in plane.result.cells if min(cell) >= 0
    ]
    right = {first for first, second in identity_pairs if first == second and first >= 0}
    assert right == common
    assert len(identity_pairs) - len(right) <= wrong


def identities_of(truth: dict[str, dict[str, list]], paths: list[Path]) -> list[np.ndarray]:
    return [np.array(truth[path.name]["cell_of_roi_row"]) for path in paths]


def check_accepted(plane: MatchedPlane, truth: dict[str, dict[str, list]], paths: list[Path]) -> None:
    for session, path in zip(plane.sessions, paths, strict=True):
        accepted = truth[path.name]["accepted"]
        expected = np.full(session.n_rois, True) if accepted is None else np.array(accepted)
        np.testing.assert_array_equal(session.takes_part, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "wrong"),
    [
        ("neuroconv_two_channels", (), 0),
        ("neuroconv_2planes_2channels", ("--plane", "ImagingPlaneChan1Plane0"), 0),
        ("optinist", (), 1),  # of two cells that are each in one session only, where the other would be
        ("ndxmicro_vol", (), 0),
    ],
)
def test_a_plane_is_matched_by_its_truth(unpack, truth, tmp_path: Path, name: str, options: tuple, wrong: int):
    paths = unpack(name)
    (plane,) = written(paths, tmp_path, *options)
    check_accepted(plane, truth, paths)
    check(plane, identities_of(truth, paths), wrong)


@pytest.mark.slow
def test_every_plane_of_neuroconv_is_matched(unpack, truth, tmp_path: Path):
    """The tables of the second channel hold the same ROIs beside an image that is upside down; a warning tells."""
    paths = unpack("neuroconv_2planes_2channels")
    planes = {plane.name: plane for plane in written(paths, tmp_path, "--all-planes")}
    assert list(planes) == [f"ImagingPlaneChan{channel}Plane{plane}" for channel in (1, 2) for plane in (0, 1)]
    check(planes["ImagingPlaneChan1Plane0"], identities_of(truth, paths))
    for name, plane in planes.items():
        suffix = name.removeprefix("ImagingPlane")
        for session in plane.sessions:
            assert session.source.roi_table_path.endswith(f"/PlaneSegmentation{suffix}")
            assert session.source.image_path.endswith(f"/MeanImage{suffix}")
    warnings = planes["ImagingPlaneChan1Plane0"].result.warnings
    assert sum("have the same ROIs, like two channels of one plane" in warning for warning in warnings) == 2


@pytest.mark.slow
def test_planes_of_suite2p_in_one_table_are_matched(unpack, truth, tmp_path: Path):
    paths = unpack("suite2p_1.1.0_2planes_2channels")
    first, second = written(paths, tmp_path, "--all-planes")
    for z, plane in enumerate((first, second)):
        in_plane = [np.array(cells) // 1000 == z for cells in identities_of(truth, paths)]
        for session, path, here in zip(plane.sessions, paths, in_plane, strict=True):
            unknown = np.array(truth[path.name]["cell_of_roi_row"]) < 0
            expected = np.array(truth[path.name]["accepted"]) & here
            np.testing.assert_array_equal(session.takes_part[~unknown], expected[~unknown])
            assert session.source.image_path == f"processing/ophys/Backgrounds_{z}/meanImg"
        check(plane, identities_of(truth, paths))


def test_files_of_different_animals_in_tables_are_refused(unpack, truth, tmp_path: Path):
    """If the user says that it is one animal, they are matched, and the result agrees with the truth."""
    paths = unpack("msdiff")
    refused = run("write", *paths, "-o", tmp_path / "m.nwb").refused("different subjects")
    assert all(f"mouse{k} ({path})" in refused.err for k, path in enumerate(paths))
    assert not (tmp_path / "m.nwb").exists()
    (plane,) = written(paths, tmp_path, "--allow-different-subjects")
    check(plane, identities_of(truth, paths))


def test_every_file_is_tried_here(writers_data: Path):
    names = {path.name.rsplit("_", 1)[0] for path in writers_data.glob("*.nwb.gz")}
    assert names == {"msdiff", "ndxmicro_vol", "neuroconv_2planes_2channels", "neuroconv_two_channels", "optinist",
                     "suite2p_1.1.0_2planes_2channels"}  # fmt: skip


@pytest.mark.slow
def test_an_annotated_file_is_matched_again(unpack, tmp_path: Path):
    """A file that pynwb refuses is copied, checked and read as others are."""
    paths = unpack("optinist")
    written(paths, tmp_path)
    run("annotate", tmp_path / "m.nwb", *paths, "-o", tmp_path / "annotated").succeeded()
    session = read_session(tmp_path / "annotated" / paths[0].name)
    np.testing.assert_array_equal(session.footprints.toarray(), read_session(paths[0]).footprints.toarray())
