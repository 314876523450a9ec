"""Situations in which earlier versions gave wrong answers, made by scripts that are not part of the repository."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from helpers import run
from pynwb import read_nwb

from ndx_cell_matching import CellMatching
from ndx_match.matchfile import read_match_file

pytestmark = pytest.mark.slow


def make(cases: Path, script: str, folder: Path) -> dict[str, list[int]]:
    """Run a script; returns the cell of each ROI of each file that it makes."""
    subprocess.run([sys.executable, "-B", cases / f"{script}.py", folder], check=True, capture_output=True)
    return json.loads((folder / "truth.json").read_text())


def test_every_two_rois_of_a_cell_are_as_probable_as_was_asked(cases: Path, tmp_path: Path) -> None:
    truth = make(cases, "doubled_and_cut_rois", tmp_path)
    names = sorted(truth)
    n_matches = []
    for least in (0.5, 0.9, 0.99):
        inputs = [tmp_path / f"{name}.nwb" for name in names]
        shown = run("write", *inputs, "-o", tmp_path / "m.nwb", "--overwrite", "--least-probability", least).succeeded()
        result = read_match_file(tmp_path / "m.nwb", footprints=False).result
        probability = result.roi_pairs.by_rois(result.roi_pairs.probability)
        matches = dict.fromkeys(combinations(range(len(names)), 2), 0)
        for cell in result.cells.tolist():
            for i, j in combinations([k for k, row in enumerate(cell) if row >= 0], 2):
                assert probability[i, cell[i], j, cell[j]] >= least
                assert truth[names[i]][cell[i]] == truth[names[j]][cell[j]]
                matches[i, j] += 1
        for (i, j), count in matches.items():
            assert result.roi_pairs.between(i, j).accepted.sum() == count
            (line,) = [line for line in shown.out.splitlines() if line.startswith(f"{names[i]} - {names[j]}")]
            assert line.split()[-2] == str(count)
        n_matches.append(sum(matches.values()))
    assert n_matches[0] > 180  # of 184 that there are
    assert n_matches == sorted(n_matches, reverse=True)


def test_traces_are_those_of_the_rois(cases: Path, tmp_path: Path) -> None:
    truth = make(cases, "traces_roi_by_time", tmp_path)
    run("write", tmp_path / "day1.nwb", tmp_path / "day2.nwb", "-o", tmp_path / "m.nwb").succeeded()
    matching: CellMatching = read_nwb(tmp_path / "m.nwb").processing["ophys"]["CellMatching"]
    sources = {name: read_nwb(tmp_path / f"{name}.nwb") for name in truth}
    without = 0
    for cell_id in matching.cell_ids.tolist():
        for session, traces in matching.traces(cell_id, sources).items():
            without += not traces
            for trace in traces:
                cell = truth[session][matching.roi_row(cell_id, session)]
                np.testing.assert_array_equal(trace.values, np.full(500, cell))
    assert without == 5
