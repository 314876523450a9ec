"""Texts of a match file are for people: with every one replaced, commands and accessors give the same."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import Field, field_of_view, make_nwbfile, write_nwb
from helpers import run
from pynwb import read_nwb

from ndx_cell_matching import CellMatching
from ndx_match.matchfile import read_match_file

TEXT_COLUMNS = ("status_reason", "roi_selection_reason", "orientation_reason", "reason", "steps")
SHAPE = (150, 150)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three sessions with rejected ROIs: one with transposed masks, one of another field of view."""
    folder = tmp_path_factory.mktemp("sources")
    here, moved, other = (
        field_of_view((0, 0), SHAPE),
        field_of_view((3, 2), SHAPE),
        field_of_view((0, 0), SHAPE, seed=9),
    )
    fields = [here, Field(moved.image, np.ascontiguousarray(moved.masks.transpose(0, 2, 1))), other]
    paths = []
    for k, field in enumerate(fields):
        nwbfile = make_nwbfile(field, session_id=f"day{k + 1}")
        table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
        quality = np.where(np.arange(len(field.masks)) % 5 == k, 0.1, 0.9)
        table.add_column(name="quality", description="Of the cell.", data=quality)
        paths.append(write_nwb(folder / f"day{k + 1}.nwb", nwbfile))
    return paths


@pytest.fixture(scope="module", params=["consensus", "nway"])
def files(request, sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A match file, and a copy of it with every text for people replaced by 'x'."""
    folder = tmp_path_factory.mktemp(request.param)
    chosen = ["--where", "quality > 0.5"] if request.param == "consensus" else []
    run("write", *sources, "-o", folder / "matches.nwb", "--method", request.param, *chosen).succeeded()
    (folder / "x").mkdir()
    replaced = Path(shutil.copy(folder / "matches.nwb", folder / "x" / "matches.nwb"))
    with h5py.File(replaced, "r+") as file:
        file.visititems(_replace_texts)
    return folder / "matches.nwb", replaced


def _replace_texts(name: str, item: h5py.Group | h5py.Dataset) -> None:
    if "description" in item.attrs:
        item.attrs["description"] = "x"
    if "warnings" in item.attrs:
        item.attrs["warnings"] = ["x"] * len(item.attrs["warnings"])
    if name.rsplit("/", 1)[-1] in TEXT_COLUMNS:
        item[:] = "x"


@pytest.mark.slow
def test_what_is_read_is_the_same(files: tuple[Path, Path]):
    before, after = (read_match_file(path) for path in files)
    texts = {"warnings", "status_reasons", "registrations", "roi_pairs"}
    for name in vars(before.result).keys() - texts:
        np.testing.assert_equal(getattr(after.result, name), getattr(before.result, name), err_msg=name)
    np.testing.assert_equal(vars(after.result.roi_pairs), vars(before.result.roi_pairs))
    for one, other in zip(after.result.registrations, before.result.registrations, strict=True):
        np.testing.assert_equal({**vars(one), "steps": 0, "reason": 0}, {**vars(other), "steps": 0, "reason": 0})
    for one, other in zip(after.sessions, before.sessions, strict=True):
        assert (one.orientation, one.roi_selection, one.source) == (
            other.orientation,
            other.roi_selection,
            other.source,
        )
        np.testing.assert_array_equal(one.footprints.toarray(), other.footprints.toarray())
        np.testing.assert_array_equal(one.takes_part, other.takes_part)
        np.testing.assert_array_equal(one.image, other.image)


def test_accessors_give_the_same(files: tuple[Path, Path]):
    before, after = (read_nwb(path).processing["ophys"]["CellMatching"] for path in files)
    assert isinstance(before, CellMatching)
    for name in ("to_dataframe", "presence_labels", "pairs_dataframe"):
        assert getattr(after, name)().equals(getattr(before, name)()), name
    for pair in (("day1", "day2"), ("day1", "day3")):
        one, other = (matching.registration(*pair) for matching in (before, after))
        np.testing.assert_equal(other and vars(other), one and vars(one))


@pytest.mark.parametrize("name", ["cells.csv", "cells.parquet", "cells.json"])
def test_exports_are_the_same(files: tuple[Path, Path], tmp_path: Path, name: str):
    contents = []
    for k, path in enumerate(files):
        (tmp_path / str(k)).mkdir()
        run("export", path, "-o", tmp_path / str(k) / name).succeeded()
        path = tmp_path / str(k) / name
        contents.append(
            json.loads(path.read_bytes(), object_hook=_without_texts) if path.suffix == ".json" else path.read_bytes()
        )
    assert contents[0] == contents[1]


def _without_texts(entry: dict) -> dict:
    return {key: value for key, value in entry.items() if key not in ("reason", "status_reason", "best_registration")}


def test_show_differs_in_the_texts_alone(files: tuple[Path, Path]):
    outputs = []
    with h5py.File(files[0]) as file:
        group = file["processing/ophys/CellMatching"]
        texts = {text.decode() for table in group.values() for name in TEXT_COLUMNS for text in table.get(name, ())}
        texts |= set(group.attrs.get("warnings", ()))
    for path in files:
        shown = run("show", path).succeeded()
        lines = (shown.out + shown.err).replace(str(path), "").splitlines()
        for text in sorted(texts - {""}, key=len, reverse=True):
            lines = [line.replace(text, "x") for line in lines]
        outputs.append([re.sub(r"(: x)? +", " ", line).removesuffix(": x").strip() for line in lines])
    assert outputs[0] == outputs[1]


@pytest.mark.slow
def test_pictures_and_annotated_files_are_made_of_the_same(files: tuple[Path, Path], sources, tmp_path: Path):
    columns = []
    for k, path in enumerate(files):
        run("plot", path, "-o", tmp_path / f"plots{k}").succeeded()
        run("annotate", path, *sources, "-o", tmp_path / f"annotated{k}").succeeded()
        for source in sources:
            with h5py.File(tmp_path / f"annotated{k}" / source.name) as file:
                columns.append(file["processing/ophys/image_segmentation/roi_table/global_roi_id"][:].tolist())
    assert columns[:3] == columns[3:]
    assert sorted(p.name for p in (tmp_path / "plots0").iterdir()) == sorted(
        p.name for p in (tmp_path / "plots1").iterdir()
    )
