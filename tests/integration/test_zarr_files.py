"""The command on Zarr stores: as on HDF5 files, and bad input leaves nothing behind."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from builders import as_zarr, write_sessions
from helpers import COMMAND, listing, run, without_privileges

from ndx_match.matchfile import read_match_file

pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed; install the extra [zarr]")

from zarr_stores import chunk

METHOD = ("--method", "nway")
TABLE = "processing/ophys/image_segmentation/roi_table"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for path in write_sessions(folder):
        as_zarr(path)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """`session_0` and `session_1`, each as `.nwb` and as `.nwb.zarr`."""
    return shutil.copytree(made, tmp_path / "data")


@pytest.mark.slow
def test_every_command_takes_stores_and_files_alike(folder: Path, tmp_path: Path):
    out = tmp_path / "out"
    out.mkdir()
    mixed = (folder / "session_0.nwb.zarr", folder / "session_1.nwb")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    run("write", *mixed, "-o", out / "m.nwb.zarr", *METHOD).succeeded()
    run("write", folder / "session_0.nwb", folder / "session_1.nwb", "-o", out / "m.nwb", *METHOD).succeeded()
    stored, expected = (read_match_file(out / name) for name in ("m.nwb.zarr", "m.nwb"))
    np.testing.assert_array_equal(stored.result.cells, expected.result.cells)
    shown = [run("show", out / name).succeeded().out.partition("\n")[2] for name in ("m.nwb.zarr", "m.nwb")]
    assert shown[0] == shown[1]
    inspected = [run("inspect", folder / f"session_0{suffix}").succeeded().out for suffix in (".nwb", ".nwb.zarr")]
    assert inspected[0].partition("\n")[2] == inspected[1].partition("\n")[2]
    for name in ("m.nwb.zarr", "m.nwb"):
        run("export", out / name, "-o", out / f"{name}.csv").succeeded()
    assert (out / "m.nwb.csv").read_bytes() == (out / "m.nwb.zarr.csv").read_bytes()
    run("plot", out / "m.nwb.zarr", "-o", out / "plots").succeeded()
    assert "cells.png" in listing(out / "plots")
    run("annotate", out / "m.nwb.zarr", *mixed, "-o", out / "annotated").succeeded()
    assert {path.name for path in (out / "annotated").iterdir()} == {path.name for path in mixed}
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("output", ["m.nwb", "m.nwb.zarr"])
@pytest.mark.parametrize(
    ("array", "missing"),
    [
        (f"{TABLE}/image_mask", chunk(0, 0, 0)),
        (f"{TABLE}/id", chunk(0)),
        ("processing/ophys/images/average_image", chunk(0, 0)),
    ],
)
def test_a_missing_chunk(folder: Path, array: str, missing: str, output: str):
    bad, good = folder / "session_0.nwb.zarr", folder / "session_1.nwb"
    (bad / array / missing).unlink()
    before = listing(folder)
    outcome = run("write", bad, good, "-o", folder / output, *METHOD)
    outcome.refused(str(bad), "damaged or incomplete", f"chunk {missing} of {array} is missing")
    assert listing(folder) == before


def test_a_chunk_that_is_missing_only_in_the_match_file(folder: Path):
    matches = folder / "m.nwb.zarr"
    run("write", folder / "session_0.nwb", folder / "session_1.nwb", "-o", matches, *METHOD).succeeded()
    (matches / "processing/ophys/CellMatching/cells/101" / chunk(0)).unlink()
    run("show", matches).refused(
        str(matches), f"chunk {chunk(0)} of processing/ophys/CellMatching/cells/101 is missing"
    )
    run("export", matches, "-o", folder / "cells.csv").refused(str(matches), "is missing")
    assert not (folder / "cells.csv").exists()


def test_a_store_that_may_not_be_read(made: Path, open_path: Path):
    bad = shutil.copytree(made / "session_0.nwb.zarr", open_path / "session_0.nwb.zarr")
    run("inspect", bad).succeeded()  # imports all that it needs, which may lie where only its owner can read
    for closed in (bad / TABLE / "id" / chunk(0), bad):
        closed.chmod(0)
        try:
            with without_privileges():
                run("inspect", bad).refused(str(bad), "ermission denied")
        finally:
            closed.chmod(0o755)


def test_outputs_that_are_refused(folder: Path):
    inputs = (folder / "session_0.nwb.zarr", folder / "session_1.nwb")
    (folder / "photographs.zarr").mkdir()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for output, words in (
        (inputs[0], "one of the inputs"),
        (inputs[0] / "m.nwb", "lies in the input"),
        (folder / "session_1.nwb.zarr", "exists already"),
        (folder / "photographs.zarr", "exists already"),
        (folder / "none" / "m.nwb.zarr", "does not exist"),
    ):
        run("write", *inputs, "-o", output, *METHOD).refused(str(output), words)
    run("write", *inputs, "-o", folder / "photographs.zarr", "--overwrite", *METHOD).refused("not the Zarr store")
    run("write", *inputs, "-o", folder / "m.nwb", "--plots", inputs[0], *METHOD).refused("choose another")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_file_size_limit(folder: Path):
    inputs = (folder / "session_0.nwb", folder / "session_1.nwb")
    before = listing(folder)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        outcome = run("write", *inputs, "-o", folder / "m.nwb.zarr", *METHOD)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    outcome.refused(str(folder / "m.nwb.zarr"), "no space left on the disk")
    assert listing(folder) == before


@pytest.mark.slow
def test_an_interrupted_run_leaves_nothing_behind(folder: Path):
    inputs = [str(folder / f"session_{k}.nwb") for k in range(2)]
    before = listing(folder)
    command = [*COMMAND, "write", *inputs, "-o", str(folder / "m.nwb.zarr"), *METHOD]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and listing(folder) == before:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert listing(folder) == before
