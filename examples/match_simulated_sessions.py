"""Simulate three sessions, match them from Python, and compare the result with the truth.

Run: python examples/match_simulated_sessions.py FOLDER
"""

import sys
from pathlib import Path

from ndx_match.matchfile import write_match_file
from ndx_match.methods import consensus
from ndx_match.simulate import TIERS, simulate
from ndx_match.simulate.files import write_simulation
from ndx_match.simulate.scores import score_links
from ndx_match.sources import read_sessions


def main(folder: Path) -> None:
    simulation = simulate(TIERS["small"], seed=1)
    paths = write_simulation(simulation, folder)

    sessions = read_sessions(paths)
    result = consensus.match(sessions)
    written = write_match_file(sessions, result, folder / "matches.nwb")

    score = score_links(result.cells, simulation.identity)
    print(f"{written.path}: {len(result.cells)} cells, F1 of links {score.f1:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
