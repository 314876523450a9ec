"""Every command once, as its users run it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pandas as pd
import pytest
from builders import make_nwbfile, write_nwb, write_sessions
from helpers import listing, run, run_process
from pynwb.ophys import OpticalChannel

from ndx_match import __version__
from ndx_match.cli.main import COMMANDS
from ndx_match.formats import find_exporters
from ndx_match.matchfile import read_match_file

METHOD = ("--method", "nway")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sessions")


@pytest.fixture(scope="module")
def inputs(folder: Path) -> list[Path]:
    return write_sessions(folder, ((0, 0), (3, 2), (-4, 5)), roi_ids=[*range(20)])


@pytest.fixture(scope="module")
def matches(folder: Path, inputs: list[Path]) -> Path:
    path = folder / "matches.nwb"
    run("write", *inputs, "-o", path, *METHOD).succeeded()
    return path


def test_the_installed_script_says_its_version():
    script = Path(sysconfig.get_path("scripts")) / "ndx-match"
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ndx-match,", "version", __version__]


def test_help_comes_at_once():
    """Before pynwb and its kind, which take seconds, are imported."""
    started = time.monotonic()
    outcome = run_process("--help").succeeded()
    assert time.monotonic() - started < 4  # 0.1 s on an idle machine
    for command in COMMANDS:
        assert re.search(rf"^  {command}  +\w", outcome.out, re.MULTILINE)
    loaded = "import sys; from ndx_match.cli import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert not {"pynwb", "numpy", "cv2", "h5py", "matplotlib"} & set(done.stdout.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_begins_with_what_it_does(command: str):
    outcome = run(command, "--help").succeeded()
    assert outcome.out.startswith(f"Usage: ndx-match {command} ")
    assert run(command, "-h").out == outcome.out


@pytest.mark.parametrize("arguments", [("wirte",), ("write",), ("write", "a.nwb"), ("show", "a.nwb", "b.nwb")])
def test_mistakes_in_the_arguments_end_with_2(arguments: tuple[str, ...]):
    outcome = run(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert "Usage: ndx-match" in outcome.err


@pytest.mark.slow
def test_write_prints_its_result_and_warns_apart(tmp_path: Path, inputs: list[Path]):
    output = tmp_path / "m.nwb"
    outcome = run_process("write", *reversed(inputs), "-o", output, *METHOD).succeeded()
    assert f"Wrote {output}" in outcome.out
    assert re.search(r"^103 - 102  .* 20 .* 1.00$", outcome.out, re.MULTILINE)
    assert re.search(r"^20 +3$", outcome.out, re.MULTILINE)
    assert "Warning: The files are not in the order of their dates" in outcome.err
    assert "Warning" not in outcome.out
    assert read_match_file(output, footprints=False).result.cells.shape == (20, 3)


@pytest.mark.slow
def test_write_with_pictures(tmp_path: Path, inputs: list[Path]):
    outcome = run("write", *inputs, "-o", tmp_path / "m.nwb", "--plots", tmp_path / "plots", *METHOD).succeeded()
    assert "cells.png" in listing(tmp_path / "plots")
    assert f"pictures in {tmp_path / 'plots'}" in outcome.out


def test_the_match_file_stands_where_pictures_cannot_be_drawn(
    tmp_path: Path, inputs: list[Path], monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise RuntimeError("no display")

    monkeypatch.setattr("ndx_match.report.figures.write_figures", fail)
    output, plots = tmp_path / "m.nwb", tmp_path / "plots"
    outcome = run("write", *inputs, "-o", output, "--plots", plots, *METHOD)
    assert outcome.code == 2
    assert f"Wrote {output}" in outcome.out
    assert f"Error: {plots}: the pictures cannot be drawn (no display)" in outcome.err
    assert f"the match file {output} is complete" in outcome.err
    assert len(read_match_file(output, footprints=False).result.cells) == 20


@pytest.mark.parametrize("command", ["write", "plot"])
def test_a_file_in_place_of_the_folder_for_pictures_is_refused_at_once(
    tmp_path: Path, inputs: list[Path], matches: Path, command: str
):
    plots = tmp_path / "plots"
    plots.touch()
    if command == "write":
        outcome = run("write", *inputs, "-o", tmp_path / "m.nwb", "--plots", plots, *METHOD)
    else:
        outcome = run("plot", matches, "-o", plots)
    outcome.refused(str(plots), "this is a file")
    assert listing(tmp_path) == {"plots"}


@pytest.mark.parametrize(
    ("method", "option"),
    [("nway", ("--nway-python", "python3.9")), ("nway", ("--least-probability", "0.5")), ("allen", ("--strict",))],
)
def test_options_of_another_method_are_refused(
    tmp_path: Path, inputs: list[Path], method: str, option: tuple[str, ...]
):
    run("write", *inputs, "-o", tmp_path / "m.nwb", "--method", method, *option).refused(option[0], method)


def test_strict_refuses_images_that_are_aligned_already(tmp_path: Path):
    inputs = write_sessions(tmp_path, ((0, 0), (0, 0)))
    outcome = run("write", *inputs, "-o", tmp_path / "m.nwb", *METHOD, "--strict")
    outcome.refused("Not all pairwise registrations succeeded", "--strict")
    run("write", *inputs, "-o", tmp_path / "m.nwb", *METHOD).succeeded()


def test_inspect_prints_what_would_be_used(tmp_path: Path):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile(planes=("VISp_0", "VISp_1")))
    unclear = run_process("inspect", path).succeeded()
    for words in (
        "session      101",
        "subject      mouse-1",
        "VISp_0: location VISp, depth 300 um, pixel 0.8 x 0.8 um",
        "processing/VISp_1/image_segmentation/roi_table: 20 ROIs, image_mask 160 x 150",
        "processing/VISp_1/images/max_projection: 160 x 150",
        "not clear",
        "--plane: VISp_0, VISp_1",
    ):
        assert words in unclear.out
    assert " * " not in unclear.out
    clear = run("inspect", path, "--plane", "VISp_1").succeeded()
    marked = [line.split()[1:] for line in clear.out.splitlines() if line.startswith(" *")]
    assert [words[0] for words in marked] == ["plane", "ROI", "image"]
    assert all("VISp_1" in " ".join(words) for words in marked)
    assert clear.out.splitlines()[-1].strip() == "* is what would be used"


def test_inspect_names_the_channels_where_there_are_several(tmp_path: Path):
    channels = [OpticalChannel(name=name, description="A dye.", emission_lambda=520.0) for name in ("green", "red")]
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile(plane_options={"optical_channel": channels}))
    assert "channels green, red" in run("inspect", path).succeeded().out


@pytest.mark.slow
def test_show_prints_what_write_printed(inputs: list[Path], matches: Path, tmp_path: Path):
    written = run("write", *inputs, "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    shown = run_process("show", tmp_path / "m.nwb").succeeded()
    summary = written.out[: written.out.index("\nWrote ")]
    assert summary.strip() in shown.out
    assert "matched with nway" in shown.out
    assert "maximum_distance=10.0" in shown.out


@pytest.mark.slow
def test_plot_draws_from_the_match_file_alone(matches: Path, tmp_path: Path):
    outcome = run_process("plot", matches, "-o", tmp_path / "plots").succeeded()
    assert {Path(line).name for line in outcome.out.splitlines()} == listing(tmp_path / "plots")
    assert "cells.png" in listing(tmp_path / "plots")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_export(matches: Path, tmp_path: Path, suffix: str):
    output = tmp_path / f"cells.{suffix}"
    outcome = run_process("export", matches, "-o", output).succeeded()
    assert "20 cells of 3 sessions" in outcome.out
    if suffix == "json":
        assert len(json.loads(output.read_text())["nway_matches"]) == 20
    else:
        table = pd.read_csv(output) if suffix == "csv" else pd.read_parquet(output)
        assert len(table) == 20
        assert {"101", "102", "103"} <= set(table.columns)
    run("export", matches, "-o", output).refused("--overwrite")
    run("export", matches, "-o", output, "--overwrite").succeeded()


def test_export_refuses_other_formats_and_its_own_input(matches: Path, tmp_path: Path):
    *others, last = find_exporters()
    refused = f"must end in {', '.join(others)} or {last}"
    run("export", matches, "-o", tmp_path / "cells.xlsx").refused(refused)
    before = matches.read_bytes()
    link = tmp_path / "cells.csv"
    link.symlink_to(matches)
    run("export", matches, "-o", link, "--overwrite").refused("one of the inputs")
    assert matches.read_bytes() == before


def test_the_command_that_prepare_prints_can_be_run_if_the_folder_has_spaces(inputs: list[Path], tmp_path: Path):
    outcome = run("prepare", *inputs, "-o", tmp_path / "to match").succeeded()
    typed = shlex.split(outcome.out.partition("; run: ")[2])
    assert typed[:3] == ["python", "-m", "nway.nway_matching"]
    assert typed[-2:] == ["--output_directory", str(tmp_path / "to match")]


@pytest.mark.slow
def test_prepare_and_import(inputs: list[Path], matches: Path, tmp_path: Path):
    prepared = tmp_path / "prepared"
    outcome = run_process("prepare", *inputs, "-o", prepared).succeeded()
    assert "python -m nway.nway_matching --input_json" in outcome.out
    assert {"input.json", "ids.json"} <= listing(prepared)
    run("export", matches, "-o", tmp_path / "result.json").succeeded()
    imported = tmp_path / "imported.nwb"
    run_process("import", "--from", "nway", tmp_path / "result.json", *inputs, "-o", imported).succeeded()
    first, second = (read_match_file(path, footprints=False).result for path in (matches, imported))
    assert sorted(first.cells.tolist()) == sorted(second.cells.tolist())
    assert second.method == "import-nway"
    run("import", "--from", "nway", tmp_path / "no.json", *inputs, "-o", tmp_path / "x.nwb").refused("no.json")
    run("import", "--from", "nway", matches, *inputs, "-o", inputs[0], "--overwrite").refused("one of the inputs")


@pytest.mark.slow
def test_simulate_and_score(tmp_path: Path):
    folder = tmp_path / "simulated"
    outcome = run_process("simulate", "-o", folder, "--tier", "few_cells", "--sessions", "2", "--seed", "3").succeeded()
    paths = [Path(line) for line in outcome.out.splitlines()]
    assert [path.suffix for path in paths] == [".nwb", ".nwb", ".json"]
    assert all(path.is_file() for path in paths)
    run("write", *paths[:2], "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    for truth in (folder, folder / "truth.json"):
        scored = run("score", tmp_path / "m.nwb", truth).succeeded()
        assert re.search(r"links F1 [01]\.\d+ \(precision", scored.out)


@pytest.mark.slow
def test_demo(tmp_path: Path):
    outcome = run_process("demo", "-o", tmp_path / "demo").succeeded()
    assert {"matches.nwb", "truth.json", "plots/cells.png"} <= listing(tmp_path / "demo")
    f1_match = re.search(r"links F1 ([01]\.\d+)", outcome.out)
    assert f1_match is not None
    assert float(f1_match.group(1)) > 0.8
    run("demo", "-o", tmp_path / "demo").refused("--overwrite")


def test_the_package_can_be_run_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "ndx_match", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ndx-match, version ")
