"""Compare adding a session to a match with matching all sessions again, in time and quality; writes add.md.

python benchmarks/add.py [--seeds FIRST:END] [--sessions N]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import many_sessions
import numpy as np
from markdown_tables import machine, say, seconds, table, verdict, write
from stages import Seconds, clock, clocked

from ndx_match.methods import add, consensus
from ndx_match.model import MatchResult, Session
from ndx_match.simulate.scores import LinkScore, score_links

MOST_TIME = 1 / 5  #: target: adding takes at most this part of the time of matching all
MOST_F1 = 0.003  #: target: by how much F1 may be lower than if all sessions are matched together
GROWN_FROM = 11  #: number of sessions that are matched together before all others are added one by one
#: For matching all and for adding: the functions whose times are reported, by their module of the method.
STAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "all": {"pipeline": ("align_sessions", "match_component")},
    "add": {"extend": ("prepare", "_align", "_fit", "pairs_with_first", "match_log_odds", "_cells_of_new")},
}
IN_WORDS = {
    "align_sessions": "all: align",
    "match_component": "all: bring to one frame, compare, group",
    "prepare": "add: prepare the images of the session and of those next to it",
    "_align": "add: align it",
    "_fit": "add: bring all ROIs to the frame, fit the session to them",
    "pairs_with_first": "add: compare its ROIs",
    "match_log_odds": "add: fit probabilities",
    "_cells_of_new": "add: assign its ROIs to cells",
}


@dataclass(frozen=True)
class Measured:
    """The results of one seed."""

    seed: int
    n_rois: float  #: mean number of ROIs per session
    seconds: Seconds
    f1: dict[str, float]  #: F1 of all links
    f1_of_last: dict[str, float]  #: F1 of the links of the last session
    n_cells: int  #: number of cells before the session was added
    n_kept: int  #: number of these cells that have the same id and the same ROIs in the first sessions afterwards


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="100:103", metavar="FIRST:END", help="of the simulations  [100:103]")
    parser.add_argument("--sessions", type=int, default=21, help="with the one that is added  [21]")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    first, end = map(int, options.seeds.split(":"))
    parts = ["# Adding a session", "Written by `python benchmarks/add.py`.", machine()]
    runs = []
    for seed in range(first, end):
        runs.append(run(seed, options.sessions))
        write(options.output, [*parts, *report(runs, options.sessions)])


def run(seed: int, n_sessions: int) -> Measured:
    """Match the sessions of a simulation together and one after the other."""
    say("seed", seed)
    sessions, identity = simulated(seed, n_sessions)
    times: Seconds = defaultdict(float)
    consensus.match(sessions[:2])  # to warm up
    before = consensus.match(sessions[:-1])
    with timed(times, "all"):
        every = consensus.match(sessions)
    with timed(times, "add"):
        added = add(sessions[:-1], before, sessions[-1])
    say("growing")
    grown = consensus.match(sessions[:GROWN_FROM])
    for n in range(GROWN_FROM, n_sessions):
        grown = add(sessions[:n], grown, sessions[n])
    results = {"all": every, "add": added, "grown": grown}
    return Measured(
        seed,
        statistics.mean(session.n_rois for session in sessions),
        times,
        {name: score_links(result.cells, identity).f1 for name, result in results.items()},
        {name: f1_of_last(result, identity) for name, result in results.items()},
        len(before.cells),
        n_kept(before, added),
    )


def simulated(seed: int, n_sessions: int) -> tuple[Sequence[Session], Sequence[Any]]:
    """Sessions of about 500 ROIs and their truth."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions"
        many_sessions.simulate(path, n_sessions, seed)
        return many_sessions.load(path)


@contextmanager
def timed(times: Seconds, what: str) -> Iterator[None]:
    """Add up elapsed time and processor time of matching and of its stages."""
    with ExitStack() as stack:
        for module, functions in STAGES[what].items():
            inside = import_module(f"ndx_match.methods.consensus.{module}")
            for function in functions:
                wrapped: Callable[..., Any] = clocked(getattr(inside, function), times, function)
                stack.enter_context(patch.object(inside, function, wrapped))
        with clock(times, what):
            yield


def f1_of_last(result: MatchResult, identity: Sequence[Any]) -> float:
    """F1 of the links between the last session and the others."""
    last = len(identity) - 1
    pairs = score_links(result.cells, identity).pairs
    return LinkScore.of_pairs({pair: count for pair, count in pairs.items() if last in pair}).f1


def n_kept(before: MatchResult, after: MatchResult) -> int:
    """How many cells still have their id and their ROIs."""
    row_of = {cell_id: row for row, cell_id in enumerate(after.cell_ids.tolist())}
    rows = [row_of.get(cell_id, -1) for cell_id in before.cell_ids.tolist()]
    n = before.cells.shape[1]
    return int(((after.cells[rows][:, :n] == before.cells).all(axis=1) & (np.array(rows) >= 0)).sum())


def report(runs: Sequence[Measured], n_sessions: int) -> Iterator[str]:
    """The tables."""
    yield (
        f"{n_sessions} simulated sessions of {statistics.mean(each.n_rois for each in runs):.0f} ROIs on average are "
        "matched by `consensus` with default parameters: all together (*all*), or without the last one, which is then "
        "added (*add*). Times are those of one process, without reading and writing."
    )
    yield "## Time"
    rows = []
    for each in runs:
        ratios = [each.seconds[f"{kind}add"] / each.seconds[f"{kind}all"] for kind in ("", "processor ")]
        shown = [seconds(each.seconds[name]) for name in ("all", "add", "processor all", "processor add")]
        rows.append((each.seed, *shown, *(f"1/{1 / ratio:.1f}" for ratio in ratios)))
    yield table(
        ("seed", "all", "add", "all, processor time", "add, processor time", "ratio", "ratio, processor time"),
        rows,
    )
    for kind, words in (("", "elapsed time"), ("processor ", "processor time")):
        worst = max(each.seconds[f"{kind}add"] / each.seconds[f"{kind}all"] for each in runs)
        yield (
            f"Adding takes at most {MOST_TIME:.2f} of the {words} of matching all: {verdict(worst <= MOST_TIME)} "
            f"({worst:.2f} at most)."
        )
    yield "Median time of each stage over the seeds, without short stages:"
    yield table(
        ("stage", "time", "processor time"),
        [
            (words, *(seconds(statistics.median(e.seconds[kind + name] for e in runs)) for kind in ("", "processor ")))
            for name, words in IN_WORDS.items()
        ],
    )
    yield "## Quality"
    yield (
        f"F1 of all links, and of the links of the last session. *Grown*: {GROWN_FROM} sessions were matched together, "
        "and all others were added one after the other."
    )
    names = ("all", "add", "grown")
    yield table(
        ("seed", *(f"{name}{what}" for what in ("", ", last session") for name in names), "ids kept"),
        [
            (
                each.seed,
                *(f"{values[name]:.4f}" for values in (each.f1, each.f1_of_last) for name in names),
                f"{each.n_kept} of {each.n_cells}",
            )
            for each in runs
        ],
    )
    loss = max(each.f1["all"] - each.f1["add"] for each in runs)
    yield (
        f"F1 is at most {MOST_F1} lower than if all sessions are matched together: {verdict(loss <= MOST_F1)} "
        f"({loss:.4f} at most)."
    )
    yield f"Every cell keeps its id and its ROIs: {verdict(all(each.n_kept == each.n_cells for each in runs))}."


if __name__ == "__main__":
    main()
