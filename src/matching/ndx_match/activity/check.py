"""Check a match by the activity of its cells: which pairs of sessions keep its structure, and which cells disagree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..arrays import Floats32
from ..footprints import centroids
from ..model import MatchedPlane, Progress, with_progress
from .fits import Doubt, doubtful_cells
from .structure import N_SHUFFLES, Structure, StructureComparison, compare_structures, without_distance


@dataclass(frozen=True)
class ActivityCheck:
    """Evidence from the activity of the cells for and against a match."""

    plane: MatchedPlane
    pairs: Mapping[tuple[int, int], StructureComparison]  #: by the positions of two sessions, the earlier first
    doubts: tuple[Doubt, ...]  #: the cells that disagree, the most doubtful first

    @property
    def is_informative(self) -> bool:
        """Whether the activity is sufficient to judge the matches of any two sessions."""
        return any(comparison.is_kept is not None for comparison in self.pairs.values())


def check_activity(
    plane: MatchedPlane,
    structures: Mapping[int, Structure],
    n_shuffles: int = N_SHUFFLES,
    progress: Progress | None = None,
) -> ActivityCheck:
    """Check the matches of every two sessions by the pairwise correlations of their ROIs.

    Right matches keep these correlations, beyond what the distances between ROIs predict, better than matches that are
    shuffled among near neighbours (:mod:`.structure`). In pairs of sessions in which they do, this function also looks
    for cells that a nearby ROI would fit better than their own (:mod:`.fits`).

    Parameters
    ----------
    plane : MatchedPlane
        With the masks of its sessions.
    structures : mapping of int to Structure
        By the position of the session.
    n_shuffles : int
        Number of shuffles that measure chance, for each pair of sessions.
    progress : callable, optional
    """
    cells, sessions = plane.result.cells, plane.sessions
    places = {k: centroids(sessions[k].footprints, sessions[k].shape[1]) for k in structures}
    structures = {k: without_distance(structure, places[k]) for k, structure in structures.items()}
    pairs = {}
    for i, j in with_progress(progress, "shuffling", list(combinations(sorted(structures), 2))):
        both = np.flatnonzero((cells[:, i] >= 0) & (cells[:, j] >= 0))
        both = both[structures[i].known[cells[both, i]] & structures[j].known[cells[both, j]]]
        parts = [_of_cells(structures[k], cells[both, k]) for k in (i, j)]
        seed = np.random.default_rng([i, j])
        pairs[i, j] = compare_structures(parts[0], parts[1], places[j][cells[both, j]], seed, n_shuffles)
    kept_pairs = [pair for pair, comparison in pairs.items() if comparison.is_kept]
    partners = {k: [sum(pair) - k for pair in kept_pairs if k in pair] for k in structures}
    whole = {k: structure.whole for k, structure in structures.items()}
    return ActivityCheck(plane, pairs, tuple(doubtful_cells(cells, whole, places, partners)))


def _of_cells(structure: Structure, rows: np.ndarray) -> tuple[Floats32, Floats32, Floats32]:
    index = np.ix_(rows, rows)
    return structure.whole[index], structure.first[index], structure.last[index]
