"""Count how often a right reading of an import is refused, and a wrong one passes; writes importing.md.

python benchmarks/importing.py [--seeds FIRST:END]
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from markdown_tables import machine, say, table, write

from ndx_match.errors import InputError
from ndx_match.formats import import_result
from ndx_match.formats.importing import overlap
from ndx_match.model import RoiSelection, Session
from ndx_match.simulate import TIERS, simulate

SIMULATED = ("small", "typical", "hard", "one_photon", "five_sessions", "few_cells")
WRONGLY_MATCHED = 0.3  #: share of the matches of a tool that matches badly
NONE = np.nan

#: For each kind of table, the words of the reading that the error message should name; None if it should be imported.
CASES = {
    "the true cells": None,
    "30 % of the matches wrong": None,
    "accepted ROIs read as all": "read as accepted ROIs, counted from 0",
    "from 1 read as from 0": "read as rows of the ROI table, counted from 1",
    "two sessions exchanged": "the sessions are in the order",
    "another session's file": "no other reading fits",
}


@dataclass(frozen=True)
class Case:
    """A table to import, and the sessions with which it is imported."""

    name: str
    table: np.ndarray
    sessions: Sequence[Session]


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="500:503", metavar="FIRST:END", help="of the simulations  [500:503]")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    first, end = map(int, options.seeds.split(":"))
    counts: dict[str, Counter[str]] = {}
    for tier in SIMULATED:
        counts[tier] = Counter()
        for seed in range(first, end):
            say(tier, seed)
            counts[tier] += of_one(tier, seed)
        write(options.output, report(counts, end - first))


def of_one(tier: str, seed: int) -> Counter[str]:
    """The outcome of each case of one simulation: imported, refused with the right reading, or refused without it."""
    sessions, true = simulated(tier, seed)
    outcomes: Counter[str] = Counter()
    registered: dict[int, object] = {}
    match = overlap.match

    def remembered(of: Sequence[Session], progress: object = None) -> object:
        return registered.setdefault(id(of), match(of))

    with patch.object(overlap, "match", remembered), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "assignments.npy"
        for case in cases(sessions, true, np.random.default_rng(seed)):
            np.save(path, case.table)
            try:
                import_result("caiman", path, case.sessions)
                outcome = "imported"
            except InputError as error:
                named = CASES[case.name]
                outcome = "named" if named is not None and named in str(error) else "refused"
            outcomes[f"{case.name}: {outcome}"] += 1
    return outcomes


def simulated(tier: str, seed: int) -> tuple[list[Session], np.ndarray]:
    """Sessions whose false ROIs are not accepted, and the ROI row of each true cell, NaN where it was not found."""
    made = simulate(TIERS[tier], seed)
    sessions = [
        replace(session, takes_part=identity >= 0, roi_selection=RoiSelection.ACCEPTED_BY_WRITER)
        for session, identity in zip(made.sessions, made.identity, strict=True)
    ]
    cells = np.full((1 + max(int(identity.max()) for identity in made.identity), len(sessions)), NONE)
    for position, identity in enumerate(made.identity):
        rows = np.flatnonzero(identity >= 0)
        cells[identity[rows], position] = rows
    return sessions, cells[(~np.isnan(cells)).sum(axis=1) > 1]


def cases(sessions: list[Session], true: np.ndarray, rng: np.random.Generator) -> Iterator[Case]:
    """The right reading and wrong ones; all numbers are in range."""
    counts = np.array([session.n_rois for session in sessions])
    yield Case("the true cells", true, sessions)
    wrong = np.array(true)
    for column in range(1, len(sessions)):
        present = np.flatnonzero(~np.isnan(wrong[:, column]))
        moved = rng.choice(present, round(WRONGLY_MATCHED * len(present)), replace=False)
        wrong[moved, column] = wrong[np.roll(moved, 1), column]
    yield Case("30 % of the matches wrong", wrong, sessions)
    accepted = [np.cumsum(session.takes_part) - 1.0 for session in sessions]
    numbers = [
        np.where(np.isnan(t), NONE, a[np.nan_to_num(t).astype(int)]) for a, t in zip(accepted, true.T, strict=True)
    ]
    yield Case("accepted ROIs read as all", np.stack(numbers, axis=1), sessions)
    yield Case("from 1 read as from 0", np.where(true + 1 < counts, true + 1, NONE), sessions)
    fewest = np.minimum(counts[0], counts[1])
    exchanged = np.where(true < [fewest, fewest, *counts[2:]], true, NONE)
    yield Case("two sessions exchanged", exchanged[:, [1, 0, *range(2, len(sessions))]], sessions)
    order = rng.permutation(counts[-1])
    last = replace(sessions[-1], footprints=sessions[-1].footprints[order], takes_part=sessions[-1].takes_part[order])
    yield Case("another session's file", true, [*sessions[:-1], last])


def report(counts: dict[str, Counter[str]], n: int) -> Iterator[str]:
    """The paragraphs and the table."""
    yield "# Importing results of other tools"
    yield "Written by `python benchmarks/importing.py`."
    yield machine()
    yield (
        f"For each tier, {n} simulations are made, in whose sessions false ROIs are not accepted. Tables of their "
        "cells are imported as results of a tool whose numbers are known; all numbers are in range. The table states "
        "how many were imported and, after the semicolon, for how many of the refused ones the message named the right "
        "reading (for another session's file: no reading)."
    )
    rows = []
    for name, named in CASES.items():
        row = [name]
        for of_tier in counts.values():
            imported, right, other = (of_tier[f"{name}: {outcome}"] for outcome in ("imported", "named", "refused"))
            row.append(
                f"{imported} imported" if named is None and not other else f"{imported}; {right} of {right + other}"
            )
        rows.append(row)
    yield table(("", *counts), rows)


if __name__ == "__main__":
    main()
