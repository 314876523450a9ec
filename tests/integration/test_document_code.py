"""The code in the README and the documentation runs, with small files in place of those that it names."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

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
        found = re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), flags=re.DOTALL | re.MULTILINE)
        for number, code in enumerate(found):
            yield f"{document.name}-{number}", code


PYTHON = dict(blocks("python"))
COMMANDS = sorted(
    {
        re.sub(r"\\\n\s*", "", command).strip()
        for _, code in [*blocks("bash"), *blocks("console")]
        for command in re.findall(r"^(?:\$ )?(ndx-match (?:[^\n]*\\\n)*[^\n]*)", code, flags=re.MULTILINE)
    }
)


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
        pytest.importorskip("zarr")
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
    exec(compile(code, name, "exec", dont_inherit=True), {"__name__": "a_block_of_code"})


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_the_options_that_they_are_given(command: str) -> None:
    _, name, *arguments = shlex.split(command, comments=True)
    if name.startswith("-"):
        return
    context = click.Context(cli, **cli.context_settings)
    found = cli.get_command(context, name)
    assert found is not None, name
    found.make_parser(click.Context(found, parent=context)).parse_args([a for a in arguments if a != "..."])
