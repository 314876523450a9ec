"""The code in the README and the documentation runs, with small files in place of those that it names."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import click
import numpy as np
import pytest
from builders import add_responses, as_zarr, field_of_view, make_nwbfile, write_nwb
from helpers import run

from ndx_cell_matching.testing.mock import mock_CellMatching, mock_source_nwbfile
from ndx_match.cli.main import cli
from ndx_match.formats.nway import write_nway_output
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.model import MatchedPlane, Presence

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Each block of code, with the name of its document and its number there."""
    for document in DOCUMENTS:
        contents = re.findall(rf"^ *```{language}\n(.*?)^ *```", document.read_text(), flags=re.DOTALL | re.MULTILINE)
        for number, code in enumerate(contents):
            yield f"{document.name}-{number}", textwrap.dedent(code)


def lines(code: str) -> list[str]:
    """The commands of a block, one line each; in blocks that show output, what follows `$`."""
    joined = re.sub(r"\\\n\s*", "", code).splitlines()
    typed = [line.removeprefix("$ ") for line in joined if line.startswith("$ ")]
    return typed or [line for line in joined if line]


PYTHON = dict(blocks("python"))
BLOCKS_OF_COMMANDS = {
    name: lines(code)
    for language in ("bash", "console")
    for name, code in ((f"{language}-{n}", c) for n, c in blocks(language))
}
COMMANDS = sorted({line for block in BLOCKS_OF_COMMANDS.values() for line in block if line.startswith("ndx-match ")})
#: Why blocks in these languages are not run.
NOT_RUN_LANGUAGES = {
    "json": "an example of data",
    "matlab": "MATLAB is not free; the page says that nothing on it was run",
    "snakemake": "Snakemake is not among the dependencies of the tests",
    "toml": "a part of a file; test_plugins.py installs such entry points",
}
_IMPORTS = "needs results of the other tool: tests/unit/test_formats_*.py"
_NETWORK = "needs the network: tests/integration/test_remote_*.py, with servers that stand in for it"
_INSTALLS = "installs: .ci/run does"
_PACKAGE = "needs the Allen Institute's package: test_allen_package.py"
#: How commands begin that are not run here -> why, and what runs them or their like instead.
NOT_RUN = {
    "ndx-match batch data -o matches --scheduler": "needs a cluster: test_batch.py starts one",
    "ndx-match batch data -o matches --sessions": "needs folders of Suite2p: test_folders.py makes them",
    'ndx-match batch "$animal"': "part of a job of Slurm: test_batch.py",
    "ndx-match check-activity": "needs traces of three matched sessions: test_activity.py makes them",
    "ndx-match check sub-M1": "names a file of a dandiset: test_check.py",
    "ndx-match convert old.nwb.zarr": "needs Zarr of two formats: test_zarr_formats.py",
    "ndx-match import --from": _IMPORTS,
    "ndx-match review": "waits for a person: test_review.py",
    "ndx-match write --method allen": _PACKAGE,
    "ndx-match write dandi://": _NETWORK,
    "ndx-match write https://": _NETWORK,
    "ndx-match write s3://": _NETWORK,
    "ndx-match write day1/suite2p": "needs folders of Suite2p: test_folders.py makes them",
    "ndx-match write sub-722884882": "needs real sessions: test_readme.py compares what is printed",
    "pip install": _INSTALLS,
    "python3.9 -m venv": _PACKAGE,
    "~/envs/nway": _PACKAGE,
    "python -m nway": _PACKAGE,
    "python benchmarks/": "takes long: test_benchmarks.py tests the parts",
    "NDX_MATCH_SCREENSHOTS": "writes into the documentation: test_report_page.py makes the same pictures",
    "dask": "waits for work: test_batch.py starts a cluster",
    "eval": "changes the shell in which it is typed: test_cli_comfort.py asks for completions",
    "#": "the head of a job of Slurm",
    "animal=": "part of a job of Slurm",
    "dandi download": "needs DANDI",
    "dandi organize": "test_review.py runs it",
    "dandi validate": "test_match_file_dandi.py runs it",
    "cd 000000 && dandi upload": "needs DANDI",
}


def reason_not_to_run(line: str) -> str:
    """Why a command is not run here; empty if it is."""
    return next((reason for beginning, reason in NOT_RUN.items() if line.startswith(beginning)), "")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions of two planes, `A.nwb` and `B.nwb`, under other names too, and what is made of them."""
    folder = tmp_path_factory.mktemp("inputs")
    for name, session_id, shift, first_id in (("A", "775289198", 0, 775615751), ("B", "778015591", 2, 200)):
        field = field_of_view((shift, shift))
        ids = range(first_id, first_id + len(field.masks))
        nwbfile = make_nwbfile(field, session_id=session_id, roi_ids=ids)
        add_responses(nwbfile, np.zeros((9, len(ids))))
        write_nwb(folder / f"{name}.nwb", nwbfile)
        planes = dict.fromkeys(("VISp_1", "VISp_2"), field)
        write_nwb(folder / f"{name}_planes.nwb", make_nwbfile(session_id=session_id, planes=planes, roi_ids=ids))
        shutil.copy(folder / f"{name}.nwb", folder / f"{name.lower()}.nwb")
    shutil.copy(folder / "A.nwb", folder / "day1.nwb")
    write_nwb(folder / "C.nwb", make_nwbfile(field_of_view((1, 3)), session_id="792354406"))
    run("write", folder / "A.nwb", folder / "B.nwb", "-o", folder / "matches.nwb").succeeded()
    shutil.copy(folder / "matches.nwb", folder / "old.nwb")
    run("annotate", folder / "matches.nwb", folder / "A.nwb", "-o", folder / "DIR").succeeded()
    matched = read_match_file(folder / "matches.nwb")
    propagate_to_first(matched, folder)
    write_nway_output(matched.result, matched.sessions, folder / "output.json")
    return folder


def propagate_to_first(matched: MatchedPlane, folder: Path) -> None:
    """Write `DIR/775289198_propagated.nwb`, as if a cell had not been detected in that session."""
    cells, presence = matched.result.cells.copy(), matched.result.presence.copy()
    cells[0, 0], presence[0, 0] = -1, Presence.NOT_DETECTED
    result = replace(matched.result, cells=cells, presence=presence)
    write_match_file(matched.sessions, result, folder / "fewer.nwb")
    run("propagate", folder / "fewer.nwb", folder / "A.nwb", "-o", folder / "DIR").succeeded()
    (folder / "fewer.nwb").unlink()


def provide(code: str, inputs: Path, folder: Path) -> None:
    """Put what a block reads into the folder, and nothing that it writes."""
    for file in inputs.glob("*.*"):
        if not file.stem.endswith("_planes"):
            shutil.copy(file, folder)
    if "read_planes(" in code:
        for name in "AB":
            shutil.copy(inputs / f"{name}_planes.nwb", folder / f"{name}.nwb")
    if "match_batch(" in code:
        (folder / "data").mkdir()
        for name in "AB":
            (folder / f"{name}.nwb").rename(folder / "data" / f"{name}.nwb")
    if "DIR/" in code:
        shutil.copytree(inputs / "DIR", folder / "DIR")
    if "write_match_file(" in code or "write_planes(" in code:
        (folder / "matches.nwb").unlink()
    if "import zarr" in code:
        pytest.importorskip("zarr", reason="Zarr is not installed; install the group test")
        as_zarr(folder / "a.nwb")
    if '"day2"' in code:
        days = [mock_source_nwbfile(n_rois=3, seed=seed, session_id=f"day{seed + 1}") for seed in range(2)]
        cells = [[0, 2], [1, -1], [2, 0]]
        matching = mock_CellMatching(cells=cells, sources=days)
        write_nwb(folder / "matches.nwb", matching.get_ancestor("NWBFile"))
        for day in days:
            write_nwb(folder / f"{day.session_id}.nwb", day)


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTHON)
def test_python_runs(name: str, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = PYTHON[name]
    monkeypatch.chdir(tmp_path)
    provide(code, inputs, tmp_path)
    # What would be fetched, or take minutes.
    code = code.replace("https://example.org/", "").replace('TIERS["typical"]', 'TIERS["few_cells"]')
    module = ModuleType("a_block_of_code")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where dataclasses look up what annotations name
    exec(compile(code, name, "exec", dont_inherit=True), vars(module))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_the_options_that_they_are_given(command: str) -> None:
    _, name, *arguments = shlex.split(command, comments=True)
    if name.startswith("-"):
        return
    context = click.Context(cli, **cli.context_settings)
    subcommand = cli.get_command(context, name)
    assert subcommand is not None, name
    subcommand.make_parser(click.Context(subcommand, parent=context)).parse_args([a for a in arguments if a != "..."])


def test_every_block_is_run_or_listed_with_the_reason() -> None:
    languages = {
        language for document in DOCUMENTS for language in re.findall(r"^ *```(\w+)$", document.read_text(), re.M)
    }
    assert languages - {"python", "bash", "console"} == set(NOT_RUN_LANGUAGES)
    written = [line for block in BLOCKS_OF_COMMANDS.values() for line in block]
    assert [line for line in written if not line.startswith("ndx-match ") and not reason_not_to_run(line)] == []
    assert [beginning for beginning in NOT_RUN if not any(line.startswith(beginning) for line in written)] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, block in BLOCKS_OF_COMMANDS.items() if not all(map(reason_not_to_run, block))]
)
def test_commands_run(name: str, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = [line for line in BLOCKS_OF_COMMANDS[name] if not reason_not_to_run(line)]
    monkeypatch.chdir(tmp_path)
    provide_files(" ".join(commands), inputs, tmp_path)
    for command in commands:
        _, *arguments = shlex.split(command, comments=True)
        if "-o" in arguments and (output := tmp_path / arguments[arguments.index("-o") + 1]).is_file():
            output.unlink()
        run(*arguments).succeeded()


def provide_files(commands: str, inputs: Path, folder: Path) -> None:
    """Put what commands read into the folder."""
    provide("", inputs, folder)
    for number, file in enumerate(("B.nwb", "C.nwb", "D.nwb"), start=2):
        if not (folder / file).exists():
            write_nwb(folder / file, make_nwbfile(field_of_view((3, 1)), session_id="799999999"))
        shutil.copy(folder / file, folder / f"day{number}.nwb")
    shutil.copy(folder / "C.nwb", folder / "c.nwb")
    if "--all-planes" in commands:
        for name in "AB":
            shutil.copy(inputs / f"{name}_planes.nwb", folder / f"{name}.nwb")
    for name in ("consensus", "nway"):
        shutil.copy(folder / "matches.nwb", folder / f"{name}.nwb")
    for name in ("data", "path/to/dandiset", "000000"):
        (folder / name).mkdir(parents=True)
    for name in "AB":
        shutil.copy(folder / f"{name}.nwb", folder / "data")
    cell = read_match_file(folder / "matches.nwb").result.cell_ids[0]
    (folder / "decisions.csv").write_text(f"decision,kind,cell_id\n0,accept,{cell}\n")
