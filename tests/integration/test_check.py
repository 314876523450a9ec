"""`ndx-match check` finds what is wrong with a match file, says what to do, and finds nothing in a good one."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from builders import write_sessions
from helpers import run

from ndx_match.matchfile.checkup import check_match_file
from ndx_match.storage.convert import convert_file

COMPLETE = (
    "--subject-description", "A mouse that learns.", "--experimenter", "Doe, Jane", "--institution", "An institute",
    "--experiment-description", "Visual learning.", "--keywords", "cortex,vision",
)  # fmt: skip
GROUP = "processing/ophys/CellMatching"
NAME = Path("sub-mouse-1", "sub-mouse-1_ses-101To102_desc-cellmatches_ophys.nwb")
Change = Callable[[Any], None]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A match file of which nobody can complain, in a dandiset's folder."""
    folder = tmp_path_factory.mktemp("good")
    run("write", *write_sessions(folder), "-o", folder, "--dandi-name", *COMPLETE).succeeded()
    return folder / NAME


def changed(good: Path, folder: Path, change: Change, name: Path = NAME) -> Path:
    """A copy of the file in which something is changed."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(good, path)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def put(place: str, entry: Any, value: Any) -> Change:
    def change(file: Any) -> None:
        values = file[place][:]
        values[entry] = value
        file[place][:] = values

    return change


def attribute(place: str, name: str, value: Any) -> Change:
    def change(file: Any) -> None:
        file[place].attrs[name] = value

    return change


def without(place: str, name: str = "") -> Change:
    def change(file: Any) -> None:
        if name:
            del file[place].attrs[name]
        else:
            del file[place]

    return change


def instead(place: str, value: Any) -> Change:
    """Another dataset of one value, with the attributes of the old."""

    def change(file: Any) -> None:
        attributes = dict(file[place].attrs)
        del file[place]
        file[place] = value
        file[place].attrs.update(attributes)

    return change


def edited_schema(file: Any) -> None:
    """The schema without an attribute of CellMatching."""
    for version in file["specifications/ndx-cell-matching"].values():
        for name, text in version.items():
            content = json.loads(text[()])
            for group in content.get("groups", []):
                group["attributes"] = [each for each in group.get("attributes", []) if each["name"] != "method"]
            version[name][()] = json.dumps(content)


def newer_schema(file: Any) -> None:
    """The schema as a version of the future."""
    versions = file["specifications/ndx-cell-matching"]
    (version,) = versions
    text = versions[version]["namespace"][()].decode()
    versions[version]["namespace"][()] = text.replace(f'"version":"{version}"', '"version":"99.0.0"').replace(
        f'"version": "{version}"', '"version": "99.0.0"'
    )
    versions.move(version, "99.0.0")


def nothing(file: Any) -> None:
    """Changes nothing."""


#: Name of a fault -> how it is planted, what part of the check finds it, words of the problem and of what to do.
FAULTS: dict[str, tuple[Change, str, str, str]] = {
    "an attribute of the schema": (without(GROUP, "method_version"), "schema", "method_version", "write it again"),
    "a column of another type": (
        instead(f"{GROUP}/cells/n_sessions", np.array([b"two"] * 20)), "schema", "n_sessions", "write it again"
    ),
    "a subject without sex": (without("general/subject/sex"), "inspector", "sex", "`--sex M`"),
    "a species in English": (instead("general/subject/species", "Mouse"), "inspector", "species", "`--species"),
    "no age": (without("general/subject/age"), "inspector", "age", "`--age P90D`"),
    "a slash in the session's id": (instead("general/session_id", "a/b"), "inspector", "slash", "`--session-id ID`"),
    "an ROI in two cells": (
        put(f"{GROUP}/cells/101", slice(0, 2), 3), "tables", "the ROI of row 3 in several cells", "write it again"
    ),
    "an ROI that does not exist": (put(f"{GROUP}/cells/101", 0, 99), "tables", "holds the row 99", "write it again"),
    "presence without an ROI": (put(f"{GROUP}/cells/presence", (0, 1), 0), "tables", "presence", "write it again"),
    "a code of the future": (put(f"{GROUP}/sessions/status", 0, 77), "tables", "77 (unknown", "update ndx-cell"),
    "a matrix that does not align": (
        put(f"{GROUP}/registrations/matrix", 0, 0.0), "tables", "is singular", "`ndx-match review`"
    ),
    "directions that do not agree": (
        put(f"{GROUP}/registrations/matrix", (0, 0, 2), 40.0), "tables", "not inverse", "`ndx-match review`"
    ),
    "a path that leads elsewhere": (
        put(f"{GROUP}/sessions/roi_table_path", 0, b"/processing/ophys/none"), "tables", "leads to", "write it again"
    ),
    "somebody's home": (
        put(f"{GROUP}/sessions/source_uri", 0, b"/home/jane/day1.nwb"), "tables", "absolute path", "relative to"
    ),
    "an image of NaN": (
        put("processing/ophys/projection_images/101", slice(0, 90), np.nan), "tables", "no data (NaN)", "`--image`"
    ),
    "a probability of 2": (put(f"{GROUP}/roi_pairs/probability", 0, 2), "tables", "between 0 and 1", "write it again"),
    "a displacement in one direction": (
        put(f"{GROUP}/registrations/displacement", 0, 7.0), "tables", "do not undo each other", "`ndx-match review`"
    ),
    "a start that is no date": (
        put(f"{GROUP}/sessions/session_start", 0, b"yesterday"), "tables", "no date in ISO 8601", "write it again"
    ),
    "a checksum that is none": (
        put(f"{GROUP}/sessions/source_sha256", 0, b"zz"), "tables", "no SHA-256", "write it again"
    ),
    "a cell with a negative id": (put(f"{GROUP}/cells/id", 0, -5), "tables", "cell is -5", "write it again"),
    "a negative distance": (
        put(f"{GROUP}/roi_pairs/centroid_distance", 0, -3), "tables", "-3, which is negative", "write it again"
    ),
    "a margin of 5": (put(f"{GROUP}/roi_pairs/margin", 0, 5), "tables", "between -1 and 1", "write it again"),
    "pixels without a size": (
        put(f"{GROUP}/sessions/pixel_size", (0, 0), 0.0), "tables", "is not a size: [0.0, 0.8]", "write it again"
    ),
    "an ROI that did not take part": (
        put("processing/ophys/roi_tables/101_roi_table/took_part", 0, False), "tables", "did not take part, but it is",
        "write it again",
    ),
    "no schema": (without("specifications/ndx-cell-matching"), "schema", "does not carry the schema", "write it again"),
    "an edited schema": (
        edited_schema, "schema", "the type CellMatching in the schema that it carries", "write it again"
    ),
    "cells with one id": (
        put(f"{GROUP}/cells/id", slice(None), 1), "inspector", "ids that are not unique", "write it again with `ndx"
    ),
    "an id that was given already": (
        attribute(GROUP, "last_cell_id", np.int64(3)), "tables", "last_cell_id is 3", "write it again"
    ),
}  # fmt: skip
QUICK = ("presence without an ROI",)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FAULTS]
)
def test_planted_faults_are_found(good: Path, tmp_path: Path, name: str) -> None:
    change, part, problem, remedy = FAULTS[name]
    outcome = run("check", changed(good, tmp_path, change))
    assert outcome.code == 1
    assert outcome.err == ""
    lines = [line for line in outcome.out.splitlines() if line.startswith(f"Wrong ({part}): ") and problem in line]
    assert lines
    assert all(remedy in line for line in lines)


def test_nothing_is_found_in_a_good_file(good: Path) -> None:
    outcome = run("check", good).succeeded()
    assert outcome.out == f"{good}: nothing is wrong.\n"
    assert outcome.err == ""


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (Path("matches.nwb"), "'matches.nwb' is not a name that DANDI accepts; rename it to sub-mouse-1/sub-mouse-1_"),
        (Path("sub-other", NAME.name.replace("sub-mouse-1", "sub-other")), "'other' in its name but 'mouse-1'"),
        (Path("elsewhere", NAME.name), "it does not lie in a folder sub-mouse-1, as DANDI requires"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_names_that_dandi_does_not_accept(good: Path, tmp_path: Path, name: Path, problem: str) -> None:
    outcome = run("check", changed(good, tmp_path, nothing, name))
    assert outcome.code == 1
    assert problem in outcome.out
    assert outcome.out.count("Wrong") == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 11), reason="dandi needs Python 3.11")
@pytest.mark.parametrize("name", [NAME, *map(Path, ("matches.nwb", f"elsewhere/{NAME.name}", "sub-mouse-1/a.nwb"))])
def test_names_are_judged_as_dandi_judges_them(good: Path, tmp_path: Path, name: Path) -> None:
    from dandi.organize import validate_organized_path

    path = changed(good, tmp_path, nothing, name)
    refused = bool(validate_organized_path(name.as_posix(), path, tmp_path))
    assert any(finding.part == "name" for finding in check_match_file(path)) == refused


def test_a_file_of_a_newer_version_is_not_called_wrong(good: Path, tmp_path: Path) -> None:
    (finding,) = check_match_file(changed(good, tmp_path, newer_schema))
    assert (finding.part, finding.is_wrong, finding.remedy) == ("schema", False, "update ndx-cell-matching")
    assert "version 99.0.0 of the schema" in finding.problem


def test_a_problem_with_masks_is_told_once(good: Path, tmp_path: Path) -> None:
    masks = "processing/ophys/roi_tables/101_roi_table/image_mask"

    def change(file: Any) -> None:
        instead(masks, np.where(file[masks][:] > 0, np.nan, 0.0))(file)

    path = changed(good, tmp_path, change)
    (finding,) = [each for each in check_match_file(path) if each.part == "tables"]
    assert finding.problem == "101_roi_table: the masks hold NaN or infinite weights"


@pytest.mark.slow
def test_what_is_only_recommended_is_not_wrong(tmp_path: Path) -> None:
    run("write", *write_sessions(tmp_path), "-o", tmp_path, "--dandi-name").succeeded()
    outcome = run("check", tmp_path / NAME).succeeded()
    assert "Recommended (inspector): NWBFile 'root': " in outcome.out
    assert "write it again with `--experimenter 'Last, First'`." in outcome.out
    assert "nothing is wrong, " in outcome.out


@pytest.mark.slow
def test_a_zarr_store_is_checked_alike(good: Path, tmp_path: Path) -> None:
    pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed; install the group test")
    folder = tmp_path / NAME.parent
    folder.mkdir()
    store = folder / f"{NAME.name}.zarr"
    convert_file(good, store)
    # Two checks of NWB Inspector 0.7 fail on stores of format 3.
    assert all("a check of the inspector failed (TypeError" in finding.problem for finding in check_match_file(store))
    run("check", store).succeeded()


@pytest.mark.slow
def test_every_file_of_this_version_is_good(tmp_path: Path) -> None:
    """With several planes and what persons decided too."""
    paths = write_sessions(tmp_path, planes=("one", "two"))
    run("write", *paths, "-o", tmp_path / "m.nwb", "--all-planes").succeeded()
    assert [finding.part for finding in check_match_file(tmp_path / "m.nwb") if finding.is_wrong] == ["name"]


@pytest.mark.slow
def test_what_is_no_match_file_is_refused(tmp_path: Path) -> None:
    path = write_sessions(tmp_path)[0]
    run("check", path).refused(f"{path}: this NWB file holds no matched cells")


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    run("check", tmp_path / "none.nwb").refused("none.nwb")


def test_without_the_inspector_a_sentence_says_what_to_install(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nwbinspector", None)
    run("check", good).refused("needs the NWB Inspector", 'pip install "ndx-cell-matching[check]"')
