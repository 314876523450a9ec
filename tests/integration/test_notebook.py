"""The notebook in `examples` runs on simulated files and shows what it says."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from ndx_match.simulate import TIERS, simulate
from ndx_match.simulate.files import write_simulation

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "cell_matching.ipynb"
CELLS = ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_is_short():
    statements = [statement for cell in CELLS for statement in ast.parse(cell).body]
    code = [statement for statement in statements if not isinstance(statement, ast.Import | ast.ImportFrom)]
    assert sum(len(ast.unparse(statement).splitlines()) for statement in code) <= 15


def shown(cell: str, names: dict) -> object:
    """Run a cell, and give the value of its last line, as a notebook shows it."""
    *statements, last = ast.parse(cell).body
    ends_in_value = isinstance(last, ast.Expr)
    exec(compile(ast.Module(statements if ends_in_value else [*statements, last], []), NOTEBOOK.name, "exec"), names)
    return eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names) if ends_in_value else None


@pytest.mark.slow
def test_the_notebook_does_what_the_databooks_page_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    paths = write_simulation(simulate(TIERS["small"], seed=1), tmp_path)
    for number, path in enumerate(paths[:2], start=1):
        path.rename(tmp_path / f"day{number}.nwb")
    names: dict = {}
    values = [shown(cell, names) for cell in CELLS]
    depths = next(value for value in values if isinstance(value, dict))
    assert len({depth for depth, _ in depths.values()}) == 1
    registration, cells = (value for value in values if isinstance(value, Figure))
    assert len(registration.axes) >= 3
    assert len(cells.axes) == 2
    table, in_both = values[-2:]
    assert len(table.columns) == 2
    assert 0 < len(in_both) < len(table)
    assert in_both["probability"].between(0.5, 1).all()
