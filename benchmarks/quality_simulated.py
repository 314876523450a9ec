"""Score the methods on simulated sessions, whose truth is known."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from compared import METHODS, set_aside
from markdown_tables import mean_sd, say, table, verdict
from measures import Calibration, calibration, registration_error
from oracles import known_bodies, oracle

from ndx_match.methods import consensus
from ndx_match.model import MatchResult
from ndx_match.simulate import TIERS, Simulation, simulate
from ndx_match.simulate.scores import LinkScore, TrackScore, complete_tracks_score, score_links, true_cells

NWAY_ON_TYPICAL = (0.90, 0.95)  #: F1 of nway if the tier is as difficult as real data
NWAY_ON_HARD = 0.3
STRIPES = 0.01  #: largest loss of F1 to stripes


@dataclass(frozen=True)
class Predictions:
    """Probabilities, and whether what they predict is true."""

    probability: npt.NDArray[np.float64]
    truth: npt.NDArray[np.bool_]

    @staticmethod
    def pool(parts: Iterable[Predictions]) -> Predictions:
        """All predictions of several collections."""
        parts = list(parts)
        return Predictions(
            np.concatenate([np.zeros(0), *(part.probability for part in parts)]),
            np.concatenate([np.zeros(0, bool), *(part.truth for part in parts)]),
        )

    @property
    def calibration(self) -> Calibration:
        """Reliability curve and expected calibration error."""
        return calibration(self.probability, self.truth)


@dataclass(frozen=True)
class Run:
    """One method on one simulation.

    `errors` holds the median registration error in pixels of each related pair of sessions that was registered;
    `candidates`, `accepted` and `cells` are None where the method gives no probabilities.
    """

    links: LinkScore
    tracks: TrackScore
    status: tuple[int, ...]
    errors: dict[tuple[int, int], float]
    candidates: Predictions | None
    accepted: Predictions | None
    cells: Predictions | None


@dataclass(frozen=True)
class Case:
    """All methods on one simulation; `oracle` is the F1 of the IoU oracle, `bodies` the F1 if all bodies are known.

    `with_odd`, `without_odd`: the consensus method's links between the first two sessions, as (row, row), with the
    third session among the inputs and without it; None where the third is of the same tissue.
    """

    tier: str
    seed: int
    n_rois: tuple[int, ...]
    related: tuple[tuple[int, int], ...]
    runs: dict[str, Run]
    oracle: float
    bodies: float
    with_odd: frozenset[tuple[int, int]] | None
    without_odd: frozenset[tuple[int, int]] | None
    seconds: float

    def f1(self, method: str) -> float:
        """F1 of the links of a method or of the oracle."""
        return self.oracle if method == "oracle" else self.runs[method].links.f1


def run_all(tiers: Sequence[str], seeds: Sequence[int], workers: int) -> tuple[list[Case], list[str]]:
    """Simulate and match every tier with every seed.

    Returns
    -------
    cases : list of Case
        Sorted by tier and seed.
    crashes : list of str
        Tier, seed and error of each case that did not come to an end.
    """
    cases: list[Case] = []
    crashes: list[str] = []
    # A pool of forked processes could inherit locks of the libraries' threads.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(run_case, tier, seed): f"{tier}, seed {seed}" for seed in seeds for tier in tiers}
        for done, future in enumerate(as_completed(futures), start=1):
            error = future.exception()
            if error is not None:
                crashes.append(f"{futures[future]}: {type(error).__name__}: {error}")
                outcome = crashes[-1]
            else:
                case = future.result()
                cases.append(case)
                scores = ", ".join(f"{method} {case.f1(method):.3f}" for method in (*METHODS, "oracle"))
                outcome = f"{futures[future]}: {scores} ({case.seconds:.0f} s)"
            say(f"  [{done}/{len(futures)}] {outcome}")
    return sorted(cases, key=lambda case: (tiers.index(case.tier), case.seed)), crashes


def run_case(tier: str, seed: int) -> Case:
    """Every method on one simulation."""
    started = time.perf_counter()
    simulation = simulate(TIERS[tier], seed)
    sessions = simulation.sessions
    results = {name: match(sessions, workers=1) for name, match in METHODS.items()}
    with_odd = without_odd = None
    if simulation.fields == (0, 0, 1):
        with_odd = _links(results["consensus"])
        without_odd = _links(consensus.match(sessions[:2], workers=1))
    return Case(
        tier=tier,
        seed=seed,
        n_rois=tuple(session.n_rois for session in sessions),
        related=tuple(p for p in combinations(range(len(sessions)), 2) if simulation.related(*p)),
        runs={name: _score(result, simulation) for name, result in results.items()},
        oracle=oracle(simulation).score.f1,
        bodies=known_bodies(simulation).f1,
        with_odd=with_odd,
        without_odd=without_odd,
        seconds=time.perf_counter() - started,
    )


def _score(result: MatchResult, simulation: Simulation) -> Run:
    identity = simulation.identity
    candidates = accepted = cells = None
    if result.roi_pairs.probability is not None:
        candidates = Predictions(np.asarray(result.roi_pairs.probability, float), _same_cell(result, simulation))
        is_accepted = result.roi_pairs.accepted
        accepted = Predictions(candidates.probability[is_accepted], candidates.truth[is_accepted])
    if result.confidence is not None:
        linked = result.n_sessions_of_cell > 1
        cells = Predictions(result.confidence[linked], _pure(result.cells[linked], simulation))
    return Run(
        links=score_links(result.cells, identity),
        tracks=complete_tracks_score(result.cells, identity),
        status=tuple(result.session_status.tolist()),
        errors=registration_error(result.registrations, simulation),
        candidates=candidates,
        accepted=accepted,
        cells=cells,
    )


def _same_cell(result: MatchResult, simulation: Simulation) -> npt.NDArray[np.bool_]:
    """For each candidate pair, whether its two ROIs are truly one cell."""
    pairs = result.roi_pairs
    same = np.zeros(len(pairs), bool)
    for i, j in combinations(range(len(simulation.sessions)), 2):
        here = (pairs.fixed_session == i) & (pairs.moving_session == j)
        first = simulation.identity[i][pairs.fixed_roi_row[here]]
        second = simulation.identity[j][pairs.moving_roi_row[here]]
        same[here] = (first == second) & (first >= 0)
    return same


def _pure(cells: npt.NDArray[np.int32], simulation: Simulation) -> npt.NDArray[np.bool_]:
    """For each found cell, whether all its ROIs are truly one cell."""
    numbers = true_cells(cells, simulation.identity)
    first = numbers.max(axis=1, initial=-2)
    return np.asarray((first >= 0) & ((numbers == first[:, None]) | (numbers == -2)).all(axis=1))


def _links(result: MatchResult) -> frozenset[tuple[int, int]]:
    both = (result.cells[:, :2] >= 0).all(axis=1)
    return frozenset((int(a), int(b)) for a, b in result.cells[both, :2])


def report(cases: Sequence[Case], crashes: Sequence[str], tiers: Sequence[str]) -> list[str]:
    """The results on simulated sessions, as paragraphs and tables."""
    of = {tier: [case for case in cases if case.tier == tier] for tier in tiers}
    related = {tier: of_tier for tier, of_tier in of.items() if any(case.related for case in of_tier)}
    parts = ["## Simulated sessions"]
    if crashes:
        parts.append("**Left out, because a method crashed:**\n\n" + "\n".join(f"- {crash}" for crash in crashes))
    parts += [_tiers_count(of), "### F1 of links", _f1(related), _stripes(of)]
    parts += ["### Precision, recall, registration", _details(related)]
    parts += ["### Sessions that do not belong", _unrelated(of), _odd_one_out(of)]
    parts += ["### Tracks over all sessions (CT)", _tracks(of)]
    parts += ["### Calibration of the consensus method", _calibrations(of), _reliability(cases)]
    parts += ["### The worst seeds of the consensus method", _worst(related)]
    return [part for part in parts if part]


def _f1(of: dict[str, list[Case]]) -> str:
    rows = []
    for tier, cases in of.items():
        difference = [case.f1("consensus") - case.oracle for case in cases]
        rois = f"{np.mean([n for case in cases for n in case.n_rois]):.0f}"
        scores = (mean_sd([case.f1(method) for case in cases]) for method in (*METHODS, "oracle"))
        at_least = sum(value >= 0 for value in difference)
        bodies = mean_sd([case.bodies for case in cases])
        rows.append((tier, rois, *scores, mean_sd(difference, sign=True), f"{at_least} of {len(cases)}", bodies))
    header = ("tier", "ROIs per session", *METHODS, "oracle", "consensus - oracle", "seeds not below oracle")
    return table((*header, "all bodies known"), rows) + (
        "\n\nThe oracle assigns ROIs by IoU after the true warps. *All bodies known*: each ROI is given to the cell "
        "whose true outline it overlaps most. No method can know these outlines; the difference to 1 is due to masks "
        "that no image could assign rightly."
    )


def _tiers_count(of: dict[str, list[Case]]) -> str:
    """Whether the tiers are as difficult for nway as real data."""
    sentences = []
    if of.get("typical"):
        f1 = float(np.mean([case.f1("nway") for case in of["typical"]]))
        low, high = NWAY_ON_TYPICAL
        holds = low <= round(f1, 2) <= high
        sentences.append(f"nway has an F1 of {low:.2f} to {high:.2f} on `typical` ({f1:.3f}): {verdict(holds)}")
    if of.get("hard"):
        f1 = float(np.mean([case.f1("nway") for case in of["hard"]]))
        sentences.append(f"nway has an F1 below {NWAY_ON_HARD} on `hard` ({f1:.3f}): {verdict(f1 < NWAY_ON_HARD)}")
    return f"The tiers must be as difficult as real data: {'; '.join(sentences)}." if sentences else ""


def _stripes(of: dict[str, list[Case]]) -> str:
    if not of.get("typical") or not of.get("typical_stripes"):
        return ""
    sentences = []
    for method in METHODS:
        loss = float(
            np.mean([c.f1(method) for c in of["typical"]]) - np.mean([c.f1(method) for c in of["typical_stripes"]])
        )
        holds = f" (at most {STRIPES}: {verdict(loss <= STRIPES)})" if method == "consensus" else ""
        sentences.append(f"by {loss:.3f} for {method}{holds}")
    return (
        "With stripes that are fixed to the detector (`typical_stripes` instead of `typical`), F1 falls "
        f"{' and '.join(sentences)}."
    )


def _details(of: dict[str, list[Case]]) -> str:
    rows = []
    for tier, cases in of.items():
        for method in METHODS:
            runs = [case.runs[method] for case in cases]
            errors = np.array([error for run in runs for error in run.errors.values()])
            n_pairs = sum(len(case.related) for case in cases)
            rows.append(
                (
                    tier,
                    method,
                    mean_sd([run.links.precision for run in runs]),
                    mean_sd([run.links.recall for run in runs]),
                    f"{len(errors)} of {n_pairs}",
                    *((f"{np.median(errors):.2f}", f"{errors.max():.2f}") if len(errors) else ("-", "-")),
                )
            )
    header = ("tier", "method", "precision", "recall", "pairs registered", "error, median px", "error, worst px")
    return table(header, rows) + (
        "\n\nThe error of a pair is the median distance, over points of the field, between the position to which its "
        "affine matrix maps a point and the true position. The smooth deformation, which the matrix cannot describe, "
        "is a part of this error."
    )


def _unrelated(of: dict[str, list[Case]]) -> str:
    cases = of.get("unrelated")
    if not cases:
        return ""
    rows = []
    for method in METHODS:
        runs = [case.runs[method] for case in cases]
        flagged = sum(all(set_aside(run.status)) for run in runs)
        worst = max(run.links.n_predicted for run in runs)
        rows.append((method, mean_sd([run.links.n_predicted for run in runs], 1), worst, f"{flagged} of {len(runs)}"))
    header = ("method", "links between two unrelated fields", "worst seed", "flagged")
    return table(header, rows)


def _odd_one_out(of: dict[str, list[Case]]) -> str:
    cases = of.get("odd_one_out")
    if not cases:
        return ""
    aside = sum(set_aside(case.runs["consensus"].status) == [False, False, True] for case in cases)
    pairs = [(case.with_odd, case.without_odd) for case in cases if case.with_odd is not None and case.without_odd]
    same = sum(a == b for a, b in pairs)
    n_links = sum(len(b) for _, b in pairs)
    differing = sum(len(a ^ b) for a, b in pairs)
    return (
        "If one of three sessions shows other tissue (`odd_one_out`), the consensus method sets aside only this "
        f"session in {aside} of {len(cases)} seeds. The links of the other two are the same as if only these two were "
        f"matched in {same} of {len(pairs)} seeds ({differing} of {n_links} links differ)."
    )


def _tracks(of: dict[str, list[Case]]) -> str:
    rows = [
        (tier, *(mean_sd([case.runs[method].tracks.score for case in of[tier]]) for method in METHODS))
        for tier in of
        if any(len(case.related) > 1 for case in of[tier])
    ]
    return table(("tier", *METHODS), rows) if rows else "No tier of three or more related sessions was run."


def _consensus(cases: Iterable[Case], what: str) -> Predictions:
    return Predictions.pool(p for case in cases if (p := getattr(case.runs["consensus"], what)) is not None)


def _calibrations(of: dict[str, list[Case]]) -> str:
    groups = {**of, "all tiers": [case for cases in of.values() for case in cases]}
    rows = []
    for tier, cases in groups.items():
        row: list[object] = [tier]
        for what in ("candidates", "accepted", "cells"):
            predictions = _consensus(cases, what)
            n = len(predictions.truth)
            row += [f"{predictions.calibration.expected_calibration_error:.3f}" if n else "-", n]
        rows.append(row)
    header = ("tier", "ECE, candidate pairs", "n", "ECE, accepted pairs", "n", "ECE, cells of two or more ROIs", "n")
    return table(header, rows) + "\n\nECE: expected calibration error in ten bins, pooled over seeds."


def _reliability(cases: Sequence[Case]) -> str:
    calibrations = {what: _consensus(cases, what).calibration for what in ("candidates", "accepted", "cells")}
    edges = calibrations["candidates"].edges
    rows = []
    for k in range(len(edges) - 1):
        row = [f"{edges[k]:.1f}-{edges[k + 1]:.1f}"]
        for bins in calibrations.values():
            known = bins.count[k] > 0
            row += [f"{bins.mean_probability[k]:.3f}" if known else "-", f"{bins.share_true[k]:.3f}" if known else "-"]
            row.append(str(bins.count[k]))
        rows.append(row)
    header = ["probability"]
    for what in ("candidate pairs", "accepted pairs", "cells"):
        header += [f"{what}: mean", "true", "n"]
    return "Reliability, all tiers and seeds:\n\n" + table(header, rows)


def _worst(of: dict[str, list[Case]]) -> str:
    rows = []
    for tier, cases in of.items():
        case = min(cases, key=lambda case: case.f1("consensus") - case.oracle)
        run = case.runs["consensus"]
        aside = sum(set_aside(run.status))
        error = f"{max(run.errors.values()):.2f}" if run.errors else "-"
        numbers = (f"{run.links.precision:.3f}", f"{run.links.recall:.3f}", f"{run.links.f1:.3f}", f"{case.oracle:.3f}")
        rows.append((tier, case.seed, *numbers, f"{len(run.errors)} of {len(case.related)}", error, aside))
    header = ("tier", "seed", "precision", "recall", "F1", "oracle", "pairs registered", "worst error px", "set aside")
    return table(header, rows)
