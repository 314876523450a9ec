"""Test the check by activity on right, shuffled, shifted and partly wrong matches; writes check_activity.md.

python benchmarks/check_activity.py [--seeds FIRST:END] [--shuffled N]
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from markdown_tables import machine, mean_sd, say, table, verdict, write
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from structured_traces import neuropil_of, traces_of

from ndx_match.activity.check import ActivityCheck, check_activity
from ndx_match.activity.structure import Structure, groups_of_neighbours, shuffled, structure_of
from ndx_match.arrays import Indices, Ints32, Ints64, Points
from ndx_match.footprints import centroids
from ndx_match.model import MatchedPlane, MatchResult, Presence, RoiPairs, Session
from ndx_match.simulate import TIERS, simulate

STRUCTURES = (0.3, 0.1, 0.0)
NEUROPIL = (30, 100)  #: distances in pixels over which neuropil is alike
SHIFT = 60.0  #: pixels by which a registration is wrong in the experiment with neuropil
SWAPPED = 0.05  #: part of the cells that are matched wrongly in the last experiment
WORDS = {True: "kept", False: "not kept", None: "cannot tell"}


@dataclass
class Results:
    """The results of the check at one strength of structure."""

    right: list[float] = field(default_factory=list)  #: z of right matches
    verdicts_of_right: Counter[str] = field(default_factory=Counter)
    shuffled: list[float] = field(default_factory=list)
    swapped: list[float] = field(default_factory=list)  #: of matches in which each cell swapped ROIs with a neighbour
    verdicts_of_shuffled: Counter[str] = field(default_factory=Counter)
    shifted: list[float] = field(default_factory=list)
    verdicts_of_shifted: Counter[str] = field(default_factory=Counter)
    n_wrong: int = 0  #: cells matched wrongly on purpose
    n_doubted_wrong: int = 0  #: how many of these are doubted
    n_doubted: int = 0  #: how many cells are doubted
    n_doubted_right: int = 0  #: how many cells are doubted if all matches are right
    n_right: int = 0
    #: With neuropil that is alike over some distance: what the check says of right matches, and of matches after a
    #: registration that is shifted.
    neuropil: dict[int, tuple[Counter[str], Counter[str]]] = field(
        default_factory=lambda: {length: (Counter(), Counter()) for length in NEUROPIL}
    )


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0:4", metavar="FIRST:END", help="of the simulations  [0:4]")
    parser.add_argument("--shuffled", type=int, default=200, help="results in all at each structure  [200]")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    seeds = range(*map(int, options.seeds.split(":")))
    head = machine()
    results = {structure: Results() for structure in STRUCTURES}
    for seed in seeds:
        for structure, so_far in results.items():
            say("seed", seed, "structure", structure)
            run(so_far, seed, structure, -(-options.shuffled // len(seeds)))
    write(options.output, [*report(results, head)])


def run(results: Results, seed: int, structure: float, n_shuffled: int) -> None:
    """Simulate three sessions and their activity, and check matches of them."""
    sessions, cells, structures = simulated(seed, structure)
    right = check_activity(plane_of(sessions, cells), structures)
    results.right += [pair.z for pair in right.pairs.values()]
    results.verdicts_of_right.update(verdicts(right))
    results.n_doubted_right += len(right.doubts)
    results.n_right += int(((cells >= 0).sum(axis=1) > 1).sum())
    two = {k: structures[k] for k in (0, 1)}
    points = [centroids(session.footprints, session.shape[1]) for session in sessions]
    for number in range(n_shuffled):
        rng = np.random.default_rng([seed, number])
        check = check_activity(plane_of(sessions, shuffle(cells, points, rng)), two)
        results.shuffled.append(check.pairs[0, 1].z)
        results.verdicts_of_shuffled.update(verdicts(check))
        check = check_activity(plane_of(sessions, swap(cells, points, rng, 1.0, (1,))), two)
        results.swapped.append(check.pairs[0, 1].z)
    check = check_activity(plane_of(sessions, shift(cells, points)), structures)
    results.shifted += [pair.z for pair in check.pairs.values()]
    results.verdicts_of_shifted.update(verdicts(check))
    wrong = swap(cells, points, np.random.default_rng(seed), SWAPPED, (2,))
    changed = np.flatnonzero((wrong != cells).any(axis=1))
    doubted = {doubt.cell for doubt in check_activity(plane_of(sessions, wrong), structures).doubts}
    results.n_wrong += len(changed)
    results.n_doubted_wrong += len(doubted & set(changed.tolist()))
    results.n_doubted += len(doubted)
    cells_after_shift = match_after_shift(cells, points)
    for length, (of_right, of_shifted) in results.neuropil.items():
        _, _, structures = simulated(seed, structure, neuropil=length)
        of_right.update(verdicts(check_activity(plane_of(sessions, cells), structures)))
        of_shifted.update(verdicts(check_activity(plane_of(sessions, cells_after_shift), structures)))


def simulated(
    seed: int, structure: float, tier: str = "typical", neuropil: float = 0
) -> tuple[list[Session], Ints32, dict[int, Structure]]:
    """Sessions, their right matches, shape (n_cells, n_sessions), and the structure of their activity.

    With `neuropil`, traces also hold the activity of neuropil that is alike over this distance, in pixels.
    """
    simulation = simulate(TIERS[tier], seed)
    structures = {}
    for day, (session, identity) in enumerate(zip(simulation.sessions, simulation.identity, strict=True)):
        traces = traces_of(identity, structure, day, seed=seed)
        if neuropil:
            traces = traces + neuropil_of(centroids(session.footprints, session.shape[1]), neuropil, day, seed)
        structures[day] = structure_of(traces)
    return list(simulation.sessions), right_matches(simulation.identity), structures


def right_matches(identity: Sequence[Ints64]) -> Ints32:
    """The first ROI of each true cell in each session, shape (n_cells, n_sessions); each false ROI has its own row."""
    numbers = np.unique(np.concatenate([each[each >= 0] for each in identity]))
    cells = np.full((len(numbers), len(identity)), -1, np.int32)
    alone = []
    for session, each in enumerate(identity):
        _, first = np.unique(each, return_index=True)
        first = first[each[first] >= 0]
        cells[np.searchsorted(numbers, each[first]), session] = first
        for row in np.setdiff1d(np.arange(len(each)), first):
            alone.append(np.where(np.arange(len(identity)) == session, row, -1))
    return np.vstack([cells, *alone]).astype(np.int32)


def plane_of(sessions: Sequence[Session], cells: Ints32) -> MatchedPlane:
    """A result that holds the cells and nothing else."""
    presence = np.where(cells >= 0, Presence.PRESENT, Presence.NOT_DETECTED).astype(np.uint8)
    result = MatchResult(
        method="by-hand",
        method_version="1",
        parameters={},
        cells=cells,
        presence=presence,
        roi_pairs=RoiPairs.concatenate([]),
        registrations=(),
        session_status=np.zeros(cells.shape[1], np.uint8),
    )
    return MatchedPlane(
        tuple(replace(session, takes_part=np.ones(session.n_rois, bool)) for session in sessions), result
    )


def shuffle(cells: Ints32, points: Sequence[Points], rng: np.random.Generator) -> Ints32:
    """Put the ROIs of each session except the first in a random order among near neighbours."""
    return _moved(cells, points, lambda places, _: shuffled(groups_of_neighbours(places), rng))


def shift(cells: Ints32, points: Sequence[Points]) -> Ints32:
    """Give each cell the ROI of its next neighbour in the second session, of its last in the third, and so on."""

    def order(places: Points, session: int) -> Indices:
        group = groups_of_neighbours(places, 6)
        indices = np.empty(len(group), np.intp)
        for number in range(group.max() + 1):
            members = np.flatnonzero(group == number)
            indices[members] = np.roll(members, 1 if session % 2 else -1)
        return indices

    return _moved(cells, points, order)


def _moved(cells: Ints32, points: Sequence[Points], order: Callable[[Points, int], Indices]) -> Ints32:
    moved = cells.copy()
    shared = (cells >= 0).sum(axis=1) > 1
    for session in range(1, cells.shape[1]):
        there = np.flatnonzero((cells[:, session] >= 0) & shared)
        rows = cells[there, session]
        moved[there, session] = rows[order(points[session][rows], session)]
    return moved


def match_after_shift(cells: Ints32, points: Sequence[Points]) -> Ints32:
    """Give each cell the ROI of another session that is nearest if its registration is wrong by `SHIFT` pixels.

    ROIs that are then more than 15 pixels from every cell are in no match.
    """
    moved = cells.copy()
    shared = (cells >= 0).sum(axis=1) > 1
    for session in range(1, cells.shape[1]):
        there = np.flatnonzero((cells[:, session] >= 0) & shared)
        rows = cells[there, session]
        places = points[session][rows]
        distances = cdist(places + np.array([SHIFT if session % 2 else -SHIFT, 0.0]), places)
        one, other = linear_sum_assignment(np.minimum(distances, SHIFT))
        moved[there[one], session] = np.where(distances[one, other] < 15, rows[other], -1)
    return moved


def swap(
    cells: Ints32, points: Sequence[Points], rng: np.random.Generator, part: float, sessions: Sequence[int]
) -> Ints32:
    """Let part of the cells exchange ROIs with one of the four nearest cells in some sessions."""
    moved = cells.copy()
    shared = (cells >= 0).sum(axis=1) > 1
    for session in sessions:
        there = np.flatnonzero((cells[:, session] >= 0) & shared)
        places = points[session][cells[there, session]]
        free = np.ones(len(there), bool)
        for one in rng.permutation(len(there)):
            if (~free).mean() >= part:
                break
            nearest = np.argsort(np.linalg.norm(places - places[one], axis=1))[1:5]
            nearest = nearest[free[nearest]]
            if free[one] and len(nearest):
                other = rng.choice(nearest)
                moved[there[[one, other]], session] = cells[there[[other, one]], session]
                free[[one, other]] = False
    return moved


def verdicts(check: ActivityCheck) -> Counter[str]:
    """How often the check gave each answer about a pair of sessions."""
    return Counter(WORDS[pair.is_kept] for pair in check.pairs.values())


def report(results: dict[float, Results], head: str) -> Iterator[str]:
    """Paragraphs and tables."""
    yield "# The check by activity"
    yield (
        "Written by `python benchmarks/check_activity.py`. Sessions of the tier `typical` have traces of 3,000 frames. "
        "*Structure* is the part of the variance of the traces that comes from sources that belong to the cells."
    )
    yield head
    yield (
        "## z scores\n\n*Right*: the true cells, all pairs of three sessions. *Shuffled*: ROIs in a random order among "
        "near neighbours, as the check shuffles them, two sessions. *Swapped*: each cell exchanges its ROI with one of "
        "the four nearest cells that has not exchanged its ROI yet. *Shifted*: each cell has the ROI of a neighbour, "
        "three sessions. *Verdict*: the answers of the check, with their numbers."
    )
    yield table(
        (
            "structure",
            "right: lowest z",
            "verdict",
            "shuffled: z",
            "verdict",
            "swapped: z",
            "shifted: highest z",
            "verdict",
        ),
        [
            (
                structure,
                f"{min(each.right):.1f}",
                _counted(each.verdicts_of_right),
                mean_sd(each.shuffled, 2, sign=True),
                _counted(each.verdicts_of_shuffled),
                mean_sd(each.swapped, 2, sign=True),
                f"{max(each.shifted):.1f}",
                _counted(each.verdicts_of_shifted),
            )
            for structure, each in results.items()
        ],
    )
    yield table(("target", ""), [(words, verdict(holds)) for words, holds in targets(results)])
    yield (
        f"## Cells that disagree\n\nIn one of three sessions, {SWAPPED:.0%} of the cells have exchanged their ROIs "
        "with neighbours. If all matches are right, the check should doubt no cell."
    )
    yield table(
        ("structure", "cells matched wrongly", "doubted", "all doubted cells", "cells matched rightly", "doubted"),
        [
            (structure, each.n_wrong, each.n_doubted_wrong, each.n_doubted, each.n_right, each.n_doubted_right)
            for structure, each in results.items()
        ],
    )
    yield (
        "## Neuropil\n\nThe traces also hold the activity of neuropil, as strong as that of the cells and alike over a "
        "distance given in pixels (standard deviation of a Gaussian). It is new in each session. *Shifted*: matches "
        f"after registrations that are wrong by {SHIFT:.0f} pixels, which keep the distances between ROIs. They must "
        "never be called kept; without structure, right matches must not be either."
    )
    yield table(
        ("structure", "neuropil alike over", "right", "shifted"),
        [
            (structure, length, _counted(right), _counted(shifted))
            for structure, each in results.items()
            for length, (right, shifted) in each.neuropil.items()
        ],
    )


def targets(results: dict[float, Results]) -> Iterator[tuple[str, bool]]:
    """The targets, and whether each is reached."""
    for structure, each in results.items():
        mean, sd = np.mean(each.shuffled), np.std(each.shuffled, ddof=1)
        yield f"{structure}: mean z of shuffled results within 0.2 of 0", bool(abs(mean) <= 0.2)
        yield f"{structure}: SD of z of shuffled results 0.8 to 1.2", bool(0.8 <= sd <= 1.2)
        if structure:
            yield f"{structure}: z of right matches above 5", min(each.right) > 5
            yield f"{structure}: 'not kept' for all shifted results", set(each.verdicts_of_shifted) == {WORDS[False]}
        else:
            everything = each.verdicts_of_right + each.verdicts_of_shuffled + each.verdicts_of_shifted
            yield f"{structure}: always 'cannot tell'", set(everything) == {WORDS[None]}


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(counter.items()))


if __name__ == "__main__":
    main()
