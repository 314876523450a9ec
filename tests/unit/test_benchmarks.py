"""The benchmark scripts: that they measure what they say and write what they measured. No test asserts a time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ndx_match.simulate import SimulationParameters, simulate

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MEGABYTE = 1_000_000


@pytest.fixture
def benchmark_module() -> Callable[[str], ModuleType]:
    """Imports a module of the benchmarks, whose folder pytest searches for modules."""
    return import_module


def test_peak_memory_counts_children(benchmark_module) -> None:
    child = "import time; held = bytearray(150_000_000); time.sleep(0.3)"
    parent = (
        "import subprocess, sys, time; held = bytearray(100_000_000); "
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True); print('done')"
    )
    usage = benchmark_module("processes").measure([sys.executable, "-c", parent])
    assert usage.exit_code == 0
    assert usage.output == "done\n"
    assert 250 * MEGABYTE < usage.peak < 350 * MEGABYTE


def test_memory_of_the_measuring_process_is_not_counted(benchmark_module) -> None:
    held = np.ones(40_000_000)
    usage = benchmark_module("processes").measure([sys.executable, "-c", "pass"])
    assert usage.peak < held.nbytes / 4


def test_a_failing_command_is_reported_and_not_repeated(benchmark_module, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f"open({str(log)!r}, 'a').write('run '); raise SystemExit('no such session')"
    measurements = benchmark_module("processes").measure_all({"failing": [sys.executable, "-c", script]}, runs=3)
    assert measurements["failing"].failure == "no such session"
    assert log.read_text() == "run "


def test_the_first_run_only_warms_up(benchmark_module, tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    script = (
        f"from pathlib import Path; p = Path({str(count)!r}); n = int(p.read_text()) + 1; p.write_text(str(n)); "
        "print('{\"value\": %d}' % n)"
    )
    measurements = benchmark_module("processes").measure_all({"counting": [sys.executable, "-c", script]}, runs=3)
    assert len(measurements["counting"].runs) == 3
    assert measurements["counting"].printed("value") == 3  # the median of 2, 3, 4


def test_table_is_markdown(benchmark_module) -> None:
    tables = benchmark_module("markdown_tables")
    lines = tables.table(("tier", "F1"), [("typical", 0.5), ("hard", "-")]).splitlines()
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[::2]] == [
        ["tier", "F1"],
        ["typical", "0.5"],
    ]
    assert set(lines[1]) == {"|", "-"}
    assert len({len(line) for line in lines}) == 1
    with pytest.raises(ValueError, match="2 cells"):
        tables.table(("tier", "F1"), [("typical",)])


def test_mean_and_standard_deviation(benchmark_module) -> None:
    tables = benchmark_module("markdown_tables")
    assert tables.mean_sd([0.9, 1.0, float("nan")]) == "0.950 ± 0.071"
    assert tables.mean_sd([0.01], sign=True) == "+0.010"
    assert tables.mean_sd([]) == "-"


@pytest.mark.slow
@pytest.mark.parametrize("script", ["nway_cost.py", "quality.py"])
def test_missing_sessions_are_said(script: str, tmp_path: Path) -> None:
    output = tmp_path / "out.md"
    options = ["--parts", "real"] if script == "quality.py" else []
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), "--output", str(output), *options],
        env={**os.environ, "NDX_MATCH_ALLEN_DATA": str(tmp_path / "nowhere")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "NDX_MATCH_ALLEN_DATA" in done.stderr
    assert "Traceback" not in done.stderr
    if script == "quality.py":
        assert done.returncode == 0
        assert "real sessions were missing" in output.read_text()
    else:
        assert done.returncode == 2
        assert not output.exists()


@pytest.mark.slow
def test_real_sessions_have_their_tables(benchmark_module, allen_data: Path) -> None:
    paragraphs = "\n\n".join(benchmark_module("quality_real").report())
    assert paragraphs.count("### ") == 3
    for pair, target in (("1-2", 165), ("1-3", 118), ("2-3", 158)):
        (row,) = [
            line.split("|") for line in paragraphs.splitlines() if line.startswith(f"| {pair} ") and "holds" in line
        ]
        assert int(row[3]) >= target
    assert "consensus, each pair matched by itself | 0." in paragraphs


@pytest.fixture
def simulated(benchmark_module, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The scores of simulated sessions, with tiers so small that they take no time."""
    module = benchmark_module("quality_simulated")
    small = {"shape": (160, 160), "n_cells": 45, "shift": 8.0, "rotation": 1.0, "non_rigid": 1.0}
    tiers = {
        "typical": SimulationParameters(n_sessions=2, **small),
        "unrelated": SimulationParameters(n_sessions=2, fields=(0, 1), **small),
    }
    monkeypatch.setattr(module, "TIERS", tiers)
    return module


@pytest.mark.slow
def test_scores_of_simulated_sessions(simulated: ModuleType) -> None:
    cases = [simulated.run_case(tier, 3) for tier in ("typical", "unrelated")]
    typical, unrelated = cases
    assert 0.5 < typical.f1("consensus") <= 1
    assert typical.related == ((0, 1),)
    assert unrelated.related == ()
    run = typical.runs["consensus"]
    assert len(run.accepted.truth) <= len(run.candidates.truth)
    # What is true of accepted pairs agrees with the links' precision, but for the halves of split cells.
    assert run.accepted.truth.mean() == pytest.approx(run.links.precision, abs=0.1)
    assert typical.runs["nway"].candidates is None
    text = "\n".join(simulated.report(cases, ["hard, seed 1: ValueError: x"], ["typical", "unrelated"]))
    assert "| typical " in text
    assert "hard, seed 1: ValueError" in text
    assert "links between two unrelated fields" in text


def test_truth_of_candidate_pairs_and_cells(simulated: ModuleType) -> None:
    predictions = simulated.Predictions
    parts = [predictions(np.array([0.2]), np.array([False])), predictions(np.array([0.9]), np.array([True]))]
    pooled = predictions.pool(parts)
    assert pooled.calibration.expected_calibration_error == pytest.approx(0.15)
    assert len(predictions.pool([]).truth) == 0


def test_false_shift_moves_points_by_100_pixels(benchmark_module) -> None:
    shifted = benchmark_module("quality_real").shifted
    matrix = np.array([[1.1, 0.1, 5.0], [0.0, 0.9, -3.0], [0.0, 0.0, 1.0]])
    point = np.array([20.0, 30.0, 1.0])
    displacements = [(shifted(matrix, k) @ point - matrix @ point)[:2] for k in range(8)]
    np.testing.assert_allclose(np.linalg.norm(displacements, axis=1), 100)
    assert len({tuple(np.round(a)) for a in displacements}) == 8


@pytest.mark.parametrize("method", ["nway", "consensus"])
def test_stages_match_as_the_method_does(benchmark_module, method: str) -> None:
    simulation = simulate(SimulationParameters(n_sessions=2, shape=(160, 160), n_cells=45, shift=8.0), seed=3)
    seconds: defaultdict[str, float] = defaultdict(float)
    stages = benchmark_module("stages")
    result = {"nway": stages.match_nway, "consensus": stages.match_consensus}[method](simulation.sessions, seconds)
    expected = import_module(f"ndx_match.methods.{method}").match(simulation.sessions)
    np.testing.assert_array_equal(result.cells, expected.cells)
    stages_of = {"nway": {"matching", "registration", "after registration", "grouping"}, "consensus": {"matching"}}
    assert set(seconds) == {f"{kind}{stage}" for stage in stages_of[method] for kind in ("", "processor ")}
