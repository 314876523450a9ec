"""Score Track2p beside the methods on simulated sessions; writes other_tools.md.

python benchmarks/other_tools.py --track2p PYTHON [--seeds 300:302]   (PYTHON: interpreter that has Track2p)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import track2p
from compared import METHODS
from markdown_tables import machine, mean_sd, say, table, write
from other_build import seeds_of

from ndx_match.simulate import TIERS, simulate
from ndx_match.simulate.scores import LinkScore, complete_tracks_score, score_links

CHOSEN = ("small", "typical", "typical_stripes", "hard", "one_photon", "unrelated")


def main() -> None:
    """Match the simulated sessions with each tool and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--track2p", metavar="PYTHON", required=True, help="interpreter with Track2p")
    parser.add_argument("--seeds", type=seeds_of, default=range(300, 302), help="first:last+1  [300:302]")
    parser.add_argument("--tiers", nargs="+", choices=TIERS, default=list(CHOSEN), metavar="TIER", help="[most]")
    options = parser.parse_args()
    name = f"Track2p {track2p.version(options.track2p)}"
    rows = []
    for tier in options.tiers:
        links: dict[str, list[LinkScore]] = {}
        tracks: dict[str, list[float]] = {}
        for seed in options.seeds:
            simulation = simulate(TIERS[tier], seed)
            cells = {method: match(simulation.sessions).cells for method, match in METHODS.items()}
            _, cells[name] = track2p.run(options.track2p, simulation.sessions)
            for tool, tool_cells in cells.items():
                links.setdefault(tool, []).append(score_links(tool_cells, simulation.identity))
                tracks.setdefault(tool, []).append(complete_tracks_score(tool_cells, simulation.identity).score)
            say(f"  {tier}, seed {seed}")
        for tool, scores in links.items():
            figures = (mean_sd([getattr(score, key) for score in scores]) for key in ("precision", "recall", "f1"))
            n_links = f"{np.mean([score.n_predicted for score in scores]):.0f}"
            rows.append((tier, tool, n_links, *figures, mean_sd(tracks[tool])))
    header = ("tier", "tool", "links", "precision", "recall", "F1 of links", "CT")
    parts = [
        "# Beside other tools",
        "Written by `python benchmarks/other_tools.py --track2p PYTHON`.",
        machine(),
        f"Simulated sessions, seeds {options.seeds[0]} to {options.seeds[-1]}; each tool with the settings it starts "
        "with. Track2p reads the sessions as Suite2p folders in which all ROIs are accepted. It follows cells from the "
        "first session on and gives up a cell that one session lacks, so its recall is limited by design; CT counts "
        "only cells that are in every session. In `unrelated`, the fields have nothing in common, and every link is "
        "wrong. `consensus` was developed with such simulations, though with other seeds; Track2p was not.",
        table(header, rows),
    ]
    write(Path(__file__).with_suffix(".md"), parts)


if __name__ == "__main__":
    main()
