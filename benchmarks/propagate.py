"""Measure how well propagated outlines and their fluorescence fit cells that were not detected; writes propagate.md.

python benchmarks/propagate.py [--seeds FIRST:END] [--tiers TIER ...] [--frames N]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from markdown_tables import machine, say, table, verdict, write
from movies import SimulatedMovie, add_movie, movie_of
from pynwb import read_nwb

from ndx_match.footprints import pairwise_iou
from ndx_match.matchfile import write_match_file
from ndx_match.methods import match
from ndx_match.model import MatchResult
from ndx_match.propagate import propagate_files
from ndx_match.propagate.carriers import Carriers, stored_carriers
from ndx_match.propagate.content import NEUROPIL_SHARE
from ndx_match.propagate.outlines import LOOKED_FOR, carried_outlines
from ndx_match.simulate import TIERS, Simulation, SimulationParameters, body_masks, simulate
from ndx_match.simulate.files import write_simulation
from ndx_match.sources import read_sessions

TWO_PHOTON = tuple(name for name, parameters in TIERS.items() if parameters.modality == "two_photon")
OF_TRUE_WARP = 0.95  #: target: part of the IoU under the true warp that outlines must reach
LEAST_IOU = 0.70  #: target: median IoU of outlines of two or more sessions
LEAST_CORRELATION = 0.8  #: target: correlation of a propagated trace with the true activity
#: Simulations for the movies; they have a smaller field, so that a movie of 3,000 frames has 0.4 GB.
OF_MOVIES = SimulationParameters(shape=(256, 256), n_cells=75)
HIDDEN = 5  #: detected ROIs that are taken out of the first session


ABOUT_OUTLINES = """
Simulated sessions (seeds {seeds}, the last not included) are matched by `consensus` with default parameters. For each
session and each cell that has no ROI in it although its position lies in the field, the propagated outline is compared
with the pixels inside the true outline of the cell (IoU, intersection over union). The masks are carried over by the
stored registrations (*stored*) or by the true warp (*true warp*). For comparison, the IoU of *detected ROIs* with the
true outlines of their cells is given. A cell without an ROI in a session is hard to see there: it is dim, or far from
the focal plane, where its section is smaller. Cells whose ROIs are not all of one true cell are left out."""
ABOUT_MOVIES = """
For the first sessions of {n_animals} animals, movies of {n_frames} frames of {shape[0]} x {shape[1]} pixels are made.
They consist of the mean image, transients of every cell in view, detected or not (weaker if it is out of focus),
fluctuations of the neuropil, and noise. In each of these sessions, {n_hidden} detected ROIs whose cells the other
sessions have too are taken out before matching. The table shows the correlation of the fluorescence that `ndx-match
propagate` writes with the true activity of the cell."""


@dataclass(frozen=True)
class Fit:
    """The number of masks of each outline, and its IoU with the true outline of the cell."""

    n_sources: np.ndarray
    stored: np.ndarray  #: IoU if the masks are carried over by the stored registrations
    true: np.ndarray  #: IoU if the masks are carried over by the true warp
    detected: np.ndarray  #: IoU of each detected ROI of all sessions with the true outline of its cell

    @staticmethod
    def together(parts: Sequence[Fit]) -> Fit:
        """The outlines of several simulations together."""
        names = ("n_sources", "stored", "true", "detected")
        return Fit(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def ratio(self) -> float:
        """Ratio of the mean IoU to that with the true warp."""
        return float(self.stored.mean() / self.true.mean())

    def median(self, carried: str, chosen: np.ndarray | slice = slice(None)) -> float:
        """Median of the IoU; NaN if there is none."""
        values = getattr(self, carried)[chosen]
        return float(np.median(values)) if len(values) else float("nan")


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="100:102", metavar="FIRST:END", help="of the simulations  [100:102]")
    parser.add_argument("--tiers", nargs="+", default=TWO_PHOTON, metavar="TIER")
    parser.add_argument("--frames", type=int, default=3000, help="of the movies; 0: no movies  [3000]")
    parser.add_argument("--movies", type=int, default=2, help="number of animals with movies  [2]")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    first, end = map(int, options.seeds.split(":"))
    parts = ["# Cells that were not detected", "Written by `python benchmarks/propagate.py`.", machine()]
    movies = []
    if options.frames:
        seeds = range(first, first + options.movies)
        movies = report_movies([correlations_of(OF_MOVIES, seed, options.frames) for seed in seeds], options.frames)
    fits = {}
    for tier in options.tiers:
        say(tier)
        fits[tier] = Fit.together([fit_of(TIERS[tier], seed) for seed in range(first, end)])
        write(options.output, [*parts, *report_outlines(fits, options.seeds), *movies])


def fit_of(parameters: SimulationParameters, seed: int) -> Fit:
    """The outlines of all sessions of a simulation."""
    simulation = simulate(parameters, seed)
    result = match(list(simulation.sessions), method="consensus")
    fits, detected = [], []
    for target in range(len(simulation.sessions)):
        fits.append(_fit_of_session(simulation, result, target))
        session = simulation.sessions[target]
        detected.append(_iou_with_bodies(simulation, target, session.footprints, simulation.identity[target]))
    (n_sources, stored, true), of_rois = np.concatenate(fits).T, np.concatenate(detected)
    return Fit(n_sources.astype(int), stored, true, of_rois[np.isfinite(of_rois)])


def _fit_of_session(simulation: Simulation, result: MatchResult, target: int) -> np.ndarray:
    """The number of sources of each outline of one true cell in view, and its IoU with the stored and the true warp."""
    sessions, numbers = simulation.sessions, true_cells(simulation, result)
    absent = np.isin(result.presence[:, target], LOOKED_FOR) & (numbers >= 0)
    cells = np.where(absent[:, None], result.cells, -1)
    stored = {k: each for k, each in stored_carriers(sessions, result, target).items() if simulation.related(target, k)}
    true = {k: true_carriers(simulation, target, k) for k in stored}
    iou: list[dict[int, float]] = []
    n_sources: dict[int, int] = {}
    for carriers in (stored, true):
        outlines = carried_outlines(sessions, cells, target, carriers)
        of_each = _iou_with_bodies(simulation, target, outlines.masks, numbers[outlines.cell_rows])
        iou.append(dict(zip(outlines.cell_rows.tolist(), of_each.tolist(), strict=True)))
        n_sources.update(zip(outlines.cell_rows.tolist(), outlines.n_sources.tolist(), strict=True))
    # At the edge of the field one of the two may give no outline.
    common = [row for row in iou[0] if all(np.isfinite(each.get(row, np.nan)) for each in iou)]
    return np.array([[n_sources[row], *(each[row] for each in iou)] for row in common], np.float64).reshape(-1, 3)


def true_carriers(simulation: Simulation, target: int, source: int) -> Carriers:
    """The true warp."""
    return Carriers(
        lambda points: simulation.map_points(target, source, points),
        lambda points: simulation.map_points(source, target, points),
    )


def true_cells(simulation: Simulation, result: MatchResult) -> np.ndarray:
    """The number of the true cell of each matched cell; -1 where its ROIs are not all of one cell."""
    numbers = np.full(result.cells.shape, -2, np.int64)
    for k, identity in enumerate(simulation.identity):
        present = result.cells[:, k] >= 0
        numbers[present, k] = identity[result.cells[present, k]]
    largest = numbers.max(axis=1)
    return np.where(((numbers == largest[:, None]) | (numbers == -2)).all(axis=1), largest, -1)


def _iou_with_bodies(simulation: Simulation, session: int, masks: object, numbers: np.ndarray) -> np.ndarray:
    """IoU of each mask with the pixels inside the true outline of its cell; NaN if the cell is not in view."""
    cells, bodies = body_masks(simulation, session)
    place = {cell: k for k, cell in enumerate(cells.tolist())}
    iou = pairwise_iou(masks, bodies).tolil()
    values = [iou[row, place[cell]] if cell in place else np.nan for row, cell in enumerate(numbers.tolist())]
    return np.array(values, float)


def report_outlines(fits: dict[str, Fit], seeds: str) -> list[str]:
    """The tables on outlines."""
    rows, held = [], []
    for tier, fit in fits.items():
        several = fit.n_sources > 1
        for name, chosen in (("1", ~several), ("2 or more", several)):
            medians = [fit.median(carried, chosen) for carried in ("stored", "true")]
            if chosen.any():
                rows.append([tier, name, int(chosen.sum()), *(f"{value:.3f}" for value in medians),
                             f"{fit.median('detected'):.3f}"])  # fmt: skip
        if len(fit.true):
            iou = [fit.median("stored", several)] if several.any() else []
            held.append([tier, f"{fit.ratio():.3f}", verdict(fit.ratio() >= OF_TRUE_WARP),
                         *([f"{iou[0]:.3f}", verdict(iou[0] >= LEAST_IOU)] if iou else ["-", "-"])])  # fmt: skip
    header = ["tier", "sessions", "outlines", "stored", "true warp", "detected ROIs"]
    titles = ["tier", "stored / true", f"at least {OF_TRUE_WARP}", "2 or more sessions", f"at least {LEAST_IOU:.2f}"]
    return [
        "## Outlines",
        ABOUT_OUTLINES.format(seeds=seeds),
        "Median IoU, by the number of sessions whose masks were averaged:",
        table(header, rows),
        "Mean IoU of all outlines, relative to the mean IoU under the true warp, and median IoU of outlines of two or "
        "more sessions:",
        table(titles, held),
    ]


def correlations_of(parameters: SimulationParameters, seed: int, n_frames: int) -> dict[str, np.ndarray]:
    """For each ROI of the first session, by kind, the correlation of its trace with the activity of its cell.

    Some detected ROIs are taken out of the session before it is written, so that their cells are not detected there.
    """
    say("movie", seed)
    whole = simulate(parameters, seed)
    simulation, numbers = _hide(whole)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_simulation(simulation, folder, n_samples=5)
        movie = movie_of(simulation, 0, n_frames, seed)
        add_movie(files[0], movie)
        sessions = read_sessions(files)
        result = match(sessions, method="consensus")
        write_match_file(sessions, result, folder / "matches.nwb")
        (written,) = propagate_files(folder / "matches.nwb", files[:1], folder / "out")
        nwbfile = read_nwb(written.path)
        series = nwbfile.processing["ophys"]["Fluorescence"].roi_response_series
        propagated = nwbfile.processing["ophys"]["roi_tables"]["propagated"]
        raw = {kind: series[kind].data[:] for kind in series}
        rows = np.searchsorted(result.cell_ids, propagated["cell_id"][:])
        n_sources = propagated["n_sources"][:]
        nwbfile.read_io.close()
    cells = {"detected": simulation.identity[0], "propagated": true_cells(simulation, result)[rows]}
    columns = {}
    for kind, of_rois in cells.items():
        for corrected in (False, True):
            traces = raw[f"{kind}_corrected"] if corrected else raw[kind]
            columns[f"{kind} {corrected}"] = _correlations(traces, of_rois, movie)
    columns["n_sources"] = n_sources
    columns["hidden"] = np.isin(cells["propagated"], numbers)
    return columns


def _hide(simulation: Simulation) -> tuple[Simulation, np.ndarray]:
    """The simulation without some ROIs of the first session, and the cells of these ROIs, which all sessions have."""
    first, *others = simulation.identity
    shared = [cell for cell in np.unique(first[first >= 0]) if all((other == cell).sum() == 1 for other in others)]
    numbers = np.random.default_rng(simulation.seed).choice(shared, min(HIDDEN, len(shared)), replace=False)
    kept = np.flatnonzero(~np.isin(first, numbers))
    session = simulation.sessions[0]
    takes_part = np.ones(len(kept), bool)
    session = replace(
        session, footprints=session.footprints[kept], roi_ids=session.roi_ids[kept], takes_part=takes_part
    )
    sessions, identity = (session, *simulation.sessions[1:]), (first[kept], *others)
    return replace(simulation, sessions=sessions, identity=identity), numbers


def _correlations(traces: np.ndarray, cells: np.ndarray, movie: SimulatedMovie) -> np.ndarray:
    """Correlations of traces with the true activity of their cells; NaN if there is no cell or it is not in view."""
    activity = dict(zip(movie.cells.tolist(), movie.activity, strict=True))
    return np.array([
        np.corrcoef(trace, activity[cell])[0, 1] if cell in activity else np.nan
        for trace, cell in zip(traces.T, cells.tolist(), strict=True)
    ])  # fmt: skip


def report_movies(animals: Sequence[dict[str, np.ndarray]], n_frames: int) -> list[str]:
    """The table on fluorescence."""
    together = {name: np.concatenate([each[name] for each in animals]) for name in animals[0]}
    kinds = {
        "detected ROIs": ("detected", np.ones(len(together["detected False"]), bool)),
        "taken out, 2 or more sessions": ("propagated", together["hidden"] & (together["n_sources"] > 1)),
        "not detected, 2 or more sessions": ("propagated", ~together["hidden"] & (together["n_sources"] > 1)),
        "not detected, 1 session": ("propagated", ~together["hidden"] & (together["n_sources"] == 1)),
    }
    rows = []
    for name, (kind, chosen) in kinds.items():
        raw, corrected = (together[f"{kind} {each}"][chosen] for each in (False, True))
        known = np.isfinite(raw)
        if known.any():
            values = np.median(raw[known]), np.median(corrected[known]), corrected[known].min()
            share = (corrected[known] >= LEAST_CORRELATION).mean()
            rows.append([name, int(known.sum()), *(f"{value:.3f}" for value in values), f"{share:.0%}"])
    header = ["ROIs", "number", "median, raw", "median, corrected", "lowest", f"at least {LEAST_CORRELATION}"]
    hidden = together["propagated True"][together["hidden"]]
    judged = [
        f"*Corrected*: minus {NEUROPIL_SHARE} times the neuropil around the ROI. *Lowest* and *at least* are of "
        f"corrected traces. For the ROIs that were taken out, the median is at least {LEAST_CORRELATION}: "
        f"{verdict(bool(np.nanmedian(hidden) >= LEAST_CORRELATION))}."
    ]
    about = ABOUT_MOVIES.format(n_frames=n_frames, n_animals=len(animals), shape=OF_MOVIES.shape, n_hidden=HIDDEN)
    return ["## Fluorescence", about, table(header, rows), *judged]


if __name__ == "__main__":
    main()
