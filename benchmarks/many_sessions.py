"""Simulate many large sessions, or match them, in separate processes, so that the memory of each can be measured.

python benchmarks/many_sessions.py simulate FILE SESSIONS SEED
python benchmarks/many_sessions.py match FILE METHOD
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any


def simulate(path: Path, n_sessions: int, seed: int) -> None:
    """Write sessions of about 500 ROIs, at the density of the tier `typical`, and their truth."""
    from ndx_match.simulate import TIERS, simulate

    typical = TIERS["typical"]
    rows, cols = typical.shape
    twice = replace(
        typical, n_sessions=n_sessions, n_cells=2 * typical.n_cells, shape=(round(2**0.5 * rows), round(2**0.5 * cols))
    )
    simulation = simulate(twice, seed)
    path.write_bytes(pickle.dumps((simulation.sessions, simulation.identity)))


def load(path: Path) -> Any:
    """The sessions that :func:`simulate` wrote, and the true cell of each of their ROIs."""
    return pickle.loads(path.read_bytes())


def match(path: Path, method: str) -> None:
    """Match the sessions and print time and scores as a JSON object."""
    sessions, identity = load(path)
    function = import_module(f"ndx_match.methods.{method}").match
    started, processor_started = time.perf_counter(), time.process_time()
    result = function(sessions)
    seconds, processor_seconds = time.perf_counter() - started, time.process_time() - processor_started
    from ndx_match.simulate.scores import score_links

    print(
        json.dumps(
            {
                "seconds": seconds,
                "processor_seconds": processor_seconds,
                "sessions": len(sessions),
                "rois": sum(session.n_rois for session in sessions) / len(sessions),
                "f1": score_links(result.cells, identity).f1,
                "matched": int(result.is_matched.sum()),
            }
        )
    )


if __name__ == "__main__":
    if sys.argv[1] == "simulate":
        simulate(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        match(Path(sys.argv[2]), sys.argv[3])
