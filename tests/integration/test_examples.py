"""The examples run as their first lines say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.slow
def test_examples_match_simulated_sessions_and_read_the_result(tmp_path: Path) -> None:
    script = EXAMPLES / "match_simulated_sessions.py"
    folder = tmp_path / "sessions"
    matched = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=True).stdout
    assert float(matched.split("links ")[1]) > 0.9

    script = EXAMPLES / "read_matches.py"
    read = subprocess.run(
        [sys.executable, script, folder / "matches.nwb"], capture_output=True, text=True, check=True
    ).stdout
    assert "cells are in all 3 sessions" in read
    assert read.count("roi_id") == 3
