"""Bad input ends with one sentence and exit code 2, and leaves nothing behind."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import SHAPE, field_of_view, make_nwbfile, write_nwb, write_sessions
from example_files import example_files
from helpers import COMMAND, listing, run, run_process, without_privileges
from PIL import Image
from pynwb import NWBFile

METHOD = ("--method", "nway")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_nwb(tmp_path / "good.nwb", make_nwbfile(session_id="good"))


@pytest.fixture
def refuse(tmp_path: Path, good: Path) -> Callable[..., None]:
    """Matching a good and a bad file is refused, in both orders, and leaves nothing behind."""

    def check(bad: Path, *words: str, options: tuple[str, ...] = ()) -> None:
        before = listing(tmp_path)
        for inputs in ((good, bad), (bad, good)):
            run("write", *inputs, "-o", tmp_path / "m.nwb", *METHOD, *options).refused(str(bad), *words)
        assert listing(tmp_path) == before

    return check


def spoilt(path: Path, change: Callable[[h5py.File], None], **options) -> Path:
    write_nwb(path, make_nwbfile(**options))
    with h5py.File(path, "r+") as file:
        change(file)
    return path


TABLE = "processing/ophys/image_segmentation/roi_table"


def test_no_roi_table(tmp_path: Path, refuse):
    def remove(file: h5py.File) -> None:
        del file["processing/ophys/image_segmentation"]

    refuse(spoilt(tmp_path / "bad.nwb", remove), "there is no ROI table")


def test_a_condition_on_a_column_that_is_not_there(tmp_path: Path, good: Path):
    other = write_nwb(tmp_path / "other.nwb", make_nwbfile())
    arguments = ("write", good, other, "-o", tmp_path / "m.nwb", "--where", "iscell>0.5")
    run(*arguments).refused(str(good), "no column 'iscell'")
    run(*arguments, *METHOD).refused("--where does not belong to --method nway")
    run(*arguments, "--all-rois").refused("exclude each other")
    assert listing(tmp_path) == {"good.nwb", "other.nwb"}


def test_no_image(tmp_path: Path, good: Path, refuse):
    bad = write_nwb(tmp_path / "bad.nwb", make_nwbfile(images=()))
    refuse(bad, "there is no projection image", "--method consensus")
    run("write", bad, good, "--image", "mean", "-o", tmp_path / "m.nwb").refused("there is no image 'mean'")
    run("prepare", bad, good, "-o", tmp_path / "prepared").refused(str(bad), "there is no projection image")
    assert not (tmp_path / "m.nwb").exists()


def test_image_and_masks_of_different_size(tmp_path: Path, refuse):
    def shrink(file: h5py.File) -> None:
        for name in ("average_image", "max_projection"):
            image = file["processing/ophys/images"][name]
            attributes, data = dict(image.attrs), image[:100]
            del file["processing/ophys/images"][name]
            file["processing/ophys/images"].create_dataset(name, data=data).attrs.update(attributes)

    refuse(spoilt(tmp_path / "bad.nwb", shrink), "image and masks differ in size", "100 rows x 150 columns")


def change_pixels(**places: int) -> Callable[[h5py.File], None]:
    """Move some mask pixels."""

    def change(file: h5py.File) -> None:
        column = file[TABLE][next(kind for kind in ("pixel_mask", "voxel_mask") if kind in file[TABLE])]
        pixels = column[()]
        for name, place in places.items():
            pixels[name][5:9] = place
        column[...] = pixels

    return change


@pytest.mark.parametrize("kind", ["pixel_mask", "voxel_mask"])
@pytest.mark.parametrize(("places", "reach"), [({"x": 400}, "x = 400"), ({"y": 160}, "y = 160")])
def test_masks_beyond_the_image(tmp_path: Path, refuse, kind: str, places: dict[str, int], reach: str):
    bad = spoilt(tmp_path / "bad.nwb", change_pixels(**places), mask_kind=kind)
    refuse(bad, "image and masks differ in size: mask pixels reach", reach, "160 rows and 150 columns")
    inspected = run("inspect", bad).succeeded().out
    assert "not clear" in inspected
    assert reach in inspected
    assert " * " not in inspected


def test_masks_at_negative_places(tmp_path: Path, refuse):
    def change(file: h5py.File) -> None:
        column = file[TABLE]["pixel_mask"]
        attributes, pixels = dict(column.attrs), column[()].astype([("x", "i4"), ("y", "i4"), ("weight", "f4")])
        pixels["x"][2] = -3
        del file[TABLE]["pixel_mask"]
        file[TABLE].create_dataset("pixel_mask", data=pixels).attrs.update(attributes)
        file[TABLE]["pixel_mask_index"].attrs["target"] = file[TABLE]["pixel_mask"].ref

    refuse(spoilt(tmp_path / "bad.nwb", change, mask_kind="pixel_mask"), "negative positions (x = -3")


def test_image_masks_without_two_dimensions(tmp_path: Path, refuse):
    def flatten(file: h5py.File) -> None:
        column = file[TABLE]["image_mask"]
        attributes, masks = dict(column.attrs), column[()]
        del file[TABLE]["image_mask"]
        file[TABLE].create_dataset("image_mask", data=masks[..., None, None]).attrs.update(attributes)

    refuse(spoilt(tmp_path / "bad.nwb", flatten))


def test_voxel_masks_in_several_planes(tmp_path: Path, good: Path):
    bad = spoilt(tmp_path / "bad.nwb", change_pixels(z=2), mask_kind="voxel_mask")
    arguments = ("write", good, bad, "-o", tmp_path / "m.nwb", *METHOD)
    run(*arguments).refused(str(bad), "several planes (z)", "--z-plane: 0, 2")
    run(*arguments, "--z-plane", "7").refused(str(bad), "lies in z plane 7, only in: 0, 2")
    assert listing(tmp_path) == {"good.nwb", "bad.nwb"}


def test_an_empty_roi_table(tmp_path: Path, refuse):
    def empty(file: h5py.File) -> None:
        for name in ("id", "image_mask"):
            column = file[TABLE][name]
            attributes, data = dict(column.attrs), column[:0]
            del file[TABLE][name]
            file[TABLE].create_dataset(name, data=data).attrs.update(attributes)

    refuse(spoilt(tmp_path / "bad.nwb", empty), "is empty; leave this session out")


def test_nan_in_the_image_and_in_the_masks(tmp_path: Path, refuse):
    of_most, of_one = np.s_[..., :90, :], np.s_[..., 8, 9]
    for part, places, words in (("image", of_most, "holds no data (NaN)"), ("masks", of_one, "the masks hold NaN")):
        field = field_of_view()
        getattr(field, part)[places] = np.nan
        refuse(write_nwb(tmp_path / "bad.nwb", make_nwbfile(field)), words)


def test_duplicate_roi_ids(tmp_path: Path, refuse):
    refuse(write_nwb(tmp_path / "bad.nwb", make_nwbfile(roi_ids=[7] * 20)), "duplicate ROI ids (for example 7)")


@pytest.mark.parametrize("kept", [1, 8, 100, 5_000, 0.3, 0.7, -1000, -1])
def test_a_truncated_file(tmp_path: Path, good: Path, refuse, kept: float):
    data = good.read_bytes()
    bad = tmp_path / "bad.nwb"
    bad.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    refuse(bad)


def test_what_is_no_nwb_file(tmp_path: Path, refuse):
    text, png, hdf5, empty, folder = (tmp_path / f"{name}.nwb" for name in ("text", "png", "hdf5", "empty", "folder"))
    text.write_text("session_id,1\n")
    Image.new("L", SHAPE).save(png, format="PNG")
    with h5py.File(hdf5, "w") as file:
        file["data"] = 1
    empty.touch()
    folder.mkdir()
    refuse(text, "not an HDF5 file")
    refuse(png, "not an HDF5 file")
    refuse(hdf5, "not an NWB file")
    refuse(empty, "the file is empty")
    refuse(folder, "no NWB file lies in this folder")
    refuse(tmp_path / "missing.nwb", "there is no such file")


def test_a_damaged_mask(tmp_path: Path, refuse):
    def damage(file: h5py.File) -> None:
        masks = file[TABLE]["image_mask"]
        attributes, data = dict(masks.attrs), masks[()]
        del file[TABLE]["image_mask"]
        masks = file[TABLE].create_dataset("image_mask", data=data, chunks=(1, *SHAPE), compression="gzip")
        masks.attrs.update(attributes)
        file.flush()
        offsets.append(masks.id.get_chunk_info(7).byte_offset)

    offsets: list[int] = []
    bad = spoilt(tmp_path / "bad.nwb", damage)
    with open(bad, "r+b") as file:
        file.seek(offsets[0])
        file.write(b"\xff" * 40)
    refuse(bad, "the file is damaged or incomplete")


def test_a_damaged_copy_of_the_schema(tmp_path: Path, refuse):
    """It is read before the data are."""

    def damage(file: h5py.File) -> None:
        version = next(iter(file["specifications/core"].values()))
        version["namespace"][()] = '{"namespaces": ['

    refuse(spoilt(tmp_path / "bad.nwb", damage), "pynwb cannot read this NWB file")


def test_an_object_that_the_schema_wants_is_missing(tmp_path: Path, refuse):
    def remove(file: h5py.File) -> None:
        del file["general/optophysiology/plane"]

    refuse(spoilt(tmp_path / "bad.nwb", remove))


def test_a_file_that_may_not_be_read(open_path: Path):
    bad = write_nwb(open_path / "bad.nwb", make_nwbfile())
    run("inspect", bad).succeeded()  # imports all that it needs, which may lie where only its owner can read
    bad.chmod(0)
    with without_privileges():
        run("inspect", bad).refused(str(bad), "Permission denied")


def test_a_folder_that_may_not_be_written_into(open_path: Path):
    folder = open_path / "folder"
    folder.mkdir()
    paths = write_sessions(folder)
    run("write", *paths, "-o", open_path / "m.nwb", *METHOD).succeeded()
    folder.chmod(0o555)
    (open_path / "closed").mkdir(0o700)  # into which the user cannot even look
    with without_privileges():
        run("write", *paths, "-o", folder / "m.nwb", *METHOD).refused("cannot be written into")
        run("write", *paths, "-o", open_path / "closed" / "m.nwb", *METHOD).refused("cannot be written into")
    folder.chmod(0o755)
    assert listing(folder) == {path.name for path in paths}


def test_one_input_only(tmp_path: Path, good: Path):
    run("write", good, "-o", tmp_path / "m.nwb", *METHOD).refused("two or more NWB files")


def test_an_output_in_a_folder_that_does_not_exist(tmp_path: Path):
    output = tmp_path / "none" / "m.nwb"
    run("write", *write_sessions(tmp_path), "-o", output, *METHOD).refused(str(output), "does not exist; make it first")


def test_an_existing_output_is_kept(tmp_path: Path):
    paths, output = write_sessions(tmp_path), tmp_path / "m.nwb"
    output.write_text("mine")
    run("write", *paths, "-o", output, *METHOD).refused("--overwrite")
    assert output.read_text() == "mine"
    run("write", *paths, "-o", output, *METHOD, "--overwrite").succeeded()
    assert h5py.is_hdf5(output)


def test_an_input_as_output_is_kept(tmp_path: Path):
    paths = write_sessions(tmp_path)
    before = paths[1].read_bytes()
    for options in ((), ("--overwrite",)):
        run("write", *paths, "-o", paths[1], *METHOD, *options).refused("one of the inputs")
    assert paths[1].read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--method", "magic"), "--method"),
        (("--motion-type", "MOTION_ELASTIC"), "--motion-type"),
        (("--maximum-distance", "far"), "--maximum-distance"),
        (("--maximum-distance", "-1"), "maximum_distance"),
        (("--gauss-filt-size", "4"), "gauss_filt_size"),
        (("--sex", "male"), "--sex"),
        (("--speed", "high"), "--speed"),
    ],
)
def test_unknown_options_and_values(tmp_path: Path, options: tuple[str, str], words: str):
    paths = write_sessions(tmp_path)
    outcome = run("write", *paths, "-o", tmp_path / "m.nwb", *METHOD, *options)
    assert outcome.code == 2
    assert outcome.out == ""
    assert words in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "m.nwb").exists()


@pytest.mark.slow
def test_a_file_size_limit(tmp_path: Path):
    paths = write_sessions(tmp_path)
    before = listing(tmp_path)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    output = tmp_path / "m.nwb"
    outcome = run_process("write", *paths, "-o", output, *METHOD, preexec_fn=limit)
    outcome.refused(str(output), "no space left on the disk")
    assert listing(tmp_path) == before


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path, small_disk: Path):
    paths = write_sessions(tmp_path)
    outcome = run_process("write", *paths, "-o", small_disk / "m.nwb", *METHOD)
    outcome.refused(str(small_disk / "m.nwb"), "no space left on the disk")
    assert listing(small_disk) == set()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path, number: signal.Signals, code: int):
    """Interrupted while it writes, which takes a fraction of a second."""
    paths = write_sessions(tmp_path)
    before = listing(tmp_path)
    command = [*COMMAND, "write", *map(str, paths), "-o", str(tmp_path / "m.nwb"), *METHOD]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and listing(tmp_path) == before:
        time.sleep(0.001)
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == code, err
    assert out == ""
    assert "Traceback" not in err
    assert listing(tmp_path) == before


def test_what_is_no_match_file(tmp_path: Path, good: Path):
    folder = tmp_path / "plots"
    for command in (("show", good), ("plot", good, "-o", folder), ("export", good, "-o", tmp_path / "cells.csv")):
        run(*command).refused(str(good), "holds no matched cells")
    assert listing(tmp_path) == {"good.nwb"}


@pytest.mark.parametrize("command", ["annotate", "propagate", "check-activity", "add"])
def test_a_match_file_after_its_sessions(tmp_path: Path, command: str):
    files = example_files()
    order = (files / "day1.nwb", files / "day2.nwb", files / "matches.nwb")
    options = () if command == "check-activity" else ("-o", tmp_path / "out.nwb")
    run(command, *order, *options).refused(str(files / "matches.nwb"), "must come first, before the files of its sess")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        ("write", "day1.nwb", "day2.nwb"), ("plot", "matches.nwb"), ("report", "matches.nwb"),
        ("annotate", "matches.nwb", "day1.nwb"), ("simulate",), ("convert", "day1.nwb"), ("batch", "."),
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_the_standard_output_is_no_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]):
    monkeypatch.chdir(shutil.copytree(example_files(), tmp_path / "files"))
    before = sorted(Path().iterdir())
    output = ("-",) if command[0] == "convert" else ("-o", "-")
    run(*command, *output).refused("not to the standard output; give the name of a file")
    assert sorted(Path().iterdir()) == before


def test_a_named_value_of_another_method_is_named_as_it_was_typed(tmp_path: Path):
    arguments = ("write", *write_sessions(tmp_path), "-o", tmp_path / "m.nwb", *METHOD)
    run(*arguments, "--confident").refused("--confident does not belong to --method nway")
    run(*arguments, "--least-probability", 0.9).refused("--least-probability does not belong to --method nway")


def test_what_is_no_truth(tmp_path: Path):
    matches = example_files() / "matches.nwb"
    for command in (("score", matches), ("compare", matches, matches, "--truth")):
        run(*command, tmp_path / "gone.json").refused("there is no such file; give the file truth.json of a simulation")
        outcome = run(*command, matches).refused("this is not a truth file of a simulation")
        assert "codec" not in outcome.err


def test_a_subject_of_another_animal(tmp_path: Path):
    paths = write_sessions(tmp_path)
    other: NWBFile = make_nwbfile(session_id="x", subject={"subject_id": "mouse-2"})
    paths.append(write_nwb(tmp_path / "other.nwb", other))
    run("write", *paths, "-o", tmp_path / "m.nwb", *METHOD).refused("mouse-1", "mouse-2", "--allow-different-subjects")
