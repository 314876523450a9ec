"""Measure the methods on real sessions, where the truth is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
import real_sessions
from compared import METHODS, set_aside
from markdown_tables import say, table, verdict
from measures import supported_groups, triangle_disagreement
from oracles import yardstick_pairs

from ndx_match.methods import consensus, nway
from ndx_match.methods.consensus.pairs import confirm, prepare
from ndx_match.model import MatchResult, Registration, Session
from ndx_match.sources import SourceOptions, read_session, read_sessions

YARDSTICK_TARGETS = {(0, 1): 165, (0, 2): 118, (1, 2): 158}
LARGEST_DISAGREEMENT = 0.5  #: target: pixels after mapping through all three sessions and back
LEAST_SUPPORTED = 0.95
FALSE_SHIFT = 100.0  #: pixels
DIRECTIONS = 8
LARGEST_UNRELATED = 2  #: matches between unrelated fields


def report() -> list[str]:
    """The results on real sessions, as paragraphs and tables."""
    sessions = read_sessions(real_sessions.single_plane(), SourceOptions(checksum=False))
    results = {}
    for name, match in METHODS.items():
        say(f"  {name} on the three real sessions")
        results[name] = match(sessions)
    return [
        "## Real sessions",
        f"Three sessions of one plane with {', '.join(str(s.n_rois) for s in sessions)} ROIs; the pixels of the third "
        "have another aspect ratio. The true matches are not known.",
        "### Registration",
        _yardstick(sessions, results),
        _agreement(sessions, results),
        "### Groups",
        _groups(results),
        "### False registrations and fields",
        _false_shifts(sessions, results),
        _mirrored(),
    ]


def _yardstick(sessions: Sequence[Session], results: dict[str, MatchResult]) -> str:
    """How many ROIs overlap after the registrations."""
    rows = []
    for (i, j), target in YARDSTICK_TARGETS.items():
        counts = {
            name: yardstick_pairs(sessions[i], sessions[j], registration.matrix)
            if (registration := result.registration(i, j)) and registration.registered
            else 0
            for name, result in results.items()
        }
        rows.append((f"{i + 1}-{j + 1}", *counts.values(), target, verdict(counts["consensus"] >= target)))
    header = ("pair", *results, "target", "consensus reaches it")
    return "Number of ROI pairs, assigned one to one, with IoU > 0.3 after the affine registration:\n\n" + table(
        header, rows
    )


def _agreement(sessions: Sequence[Session], results: dict[str, MatchResult]) -> str:
    """How far the registrations disagree: after they were made consistent, and if each pair is matched by itself."""
    disagreements = {name: _triangle(result.registrations, sessions) for name, result in results.items()}
    alone = []
    for i, j in combinations(range(len(sessions)), 2):
        registration = consensus.match([sessions[i], sessions[j]]).registration(0, 1)
        if registration is not None:
            alone.append(replace(registration, fixed_session=i, moving_session=j))
    disagreements["consensus, each pair matched by itself"] = _triangle(alone, sessions)
    rows = [(name, "-" if value is None else f"{value:.2f} px") for name, value in disagreements.items()]
    value = disagreements["consensus"]
    return table(("method", "disagreement of the three registrations"), rows) + (
        "\n\nThe disagreement is how far a point is from itself after it was mapped through all three sessions and "
        "back. The consensus method makes its registrations consistent, so that they agree; the last row shows how "
        f"well they agree if each pair is matched by itself. The target, below {LARGEST_DISAGREEMENT} px, "
        f"{verdict(value is not None and value < LARGEST_DISAGREEMENT)} for the consensus method."
    )


def _triangle(registrations: Sequence[Registration], sessions: Sequence[Session]) -> float | None:
    return triangle_disagreement(registrations, sessions[0].shape).get((0, 1, 2))


def _groups(results: dict[str, MatchResult]) -> str:
    rows = []
    for name, result in results.items():
        sizes = np.bincount(result.n_sessions_of_cell, minlength=4)[1:4]
        aside = sum(set_aside(result.session_status))
        rows.append((name, *sizes[::-1], f"{supported_groups(result):.1%}", aside))
    header = ("method", "groups of 3 ROIs", "of 2", "of 1", "groups of 3 with all pairs matched", "sessions set aside")
    return table(header, rows) + (
        f"\n\nThe target, all pairs matched in {LEAST_SUPPORTED:.0%} of the groups of 3 or more, "
        f"{verdict(supported_groups(results['consensus']) >= LEAST_SUPPORTED)} for the consensus method."
    )


def shifted(matrix: npt.NDArray[np.float64], direction: int) -> npt.NDArray[np.float64]:
    """A registration matrix that is wrong by a shift in one of eight directions."""
    angle = 2 * np.pi * direction / DIRECTIONS
    shift = np.eye(3)
    shift[:2, 2] = FALSE_SHIFT * np.cos(angle), FALSE_SHIFT * np.sin(angle)
    return shift @ matrix


def _false_shifts(sessions: Sequence[Session], results: dict[str, MatchResult]) -> str:
    """Matches that a false registration leaves; the consensus method must refuse it."""
    rows = []
    for i, j in combinations(range(len(sessions)), 2):
        say(f"  false shifts of sessions {i + 1} and {j + 1}")
        pair = (sessions[i], sessions[j])
        true = {name: result.registration(i, j) for name, result in results.items()}
        row: list[object] = [f"{i + 1}-{j + 1}"]
        if true["nway"] is None or true["consensus"] is None:
            rows.append([*row, "-", "-", "-", "-", "-"])
            continue
        false = [_nway_links(pair, shifted(true["nway"].matrix, k)) for k in range(DIRECTIONS)]
        row += [_nway_links(pair, true["nway"].matrix), f"{np.mean(false):.1f}"]
        (fixed, moving), _ = prepare(pair)
        left, refused = [], 0
        for k in range(DIRECTIONS):
            matrix = shifted(true["consensus"].matrix, k)
            confirmed = confirm(fixed, moving, matrix, consensus.ConsensusParameters()).registered
            refused += not confirmed
            left.append(yardstick_pairs(sessions[i], sessions[j], matrix) if confirmed else 0)
        rows.append([*row, _links(results["consensus"], i, j), f"{np.mean(left):.1f}", f"{refused} of {DIRECTIONS}"])
    header = (
        "pair",
        "nway, as registered",
        "nway, shifted",
        "consensus, as registered",
        "consensus, shifted",
        "refused",
    )
    return (
        f"Number of matches if a registration is falsely shifted by {FALSE_SHIFT:.0f} px, mean over {DIRECTIONS} "
        "directions. For a shifted registration that the consensus method does not refuse, pairs with IoU > 0.3 are "
        "counted.\n\n" + table(header, rows)
    )


def _nway_links(pair: Sequence[Session], matrix: npt.NDArray[np.float64]) -> int:
    return _links(nway.match_registered(pair, [Registration(0, 1, matrix)]), 0, 1)


def _links(result: MatchResult, i: int, j: int) -> int:
    return int((result.cells[:, [i, j]] >= 0).all(axis=1).sum())


def _mirrored() -> str:
    """Match a mirrored plane with the plane of another session, which is an unrelated field."""
    options = [SourceOptions(plane=f"VISp_{plane}", checksum=False) for plane in (0, 1)]
    planes = [[read_session(path, option) for option in options] for path in real_sessions.two_planes()]
    links: dict[str, list[int]] = {name: [] for name in METHODS}
    flagged = dict.fromkeys(METHODS, 0)
    for i, j in permutations(range(len(planes)), 2):
        say(f"  mirrored plane of session {i + 1} against the plane of session {j + 1}")
        pair = [replace(planes[i][0], name="mirrored"), replace(planes[j][1], name="plane")]
        for name, match in METHODS.items():
            result = match(pair)
            links[name].append(_links(result, 0, 1))
            flagged[name] += all(set_aside(result.session_status))
    n = len(links["consensus"])
    rows = [(name, f"{np.mean(k):.1f}", max(k), f"{flagged[name]} of {n}") for name, k in links.items()]
    refused = max(links["consensus"]) <= LARGEST_UNRELATED and flagged["consensus"] == n
    return (
        "Number of matches between the mirrored plane of each session and the plane of each other session:\n\n"
        + table(("method", "mean number of matches", "largest", "flagged"), rows)
        + f"\n\nThe target, at most {LARGEST_UNRELATED} matches and all sessions flagged, {verdict(refused)} for the "
        "consensus method."
    )
