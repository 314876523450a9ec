"""`ndx-match check-activity`: evidence for and against a match from the activity of its cells."""

from __future__ import annotations

from collections.abc import Iterator

import click
import numpy as np

from ..activity.check import ActivityCheck, check_activity
from ..activity.read import read_structures
from ..activity.structure import FEWEST_CELLS, N_SHUFFLES, StructureComparison
from ..errors import InputError
from ..matchfile import read_planes_of_match_file
from ..model import cell_of_roi
from ..sources.inputs import files_of_matched_sessions
from ..storage.remote import public_name, shared_access
from .common import (
    LOCATION,
    MATCH_FILE,
    Example,
    check_match_file_is_first,
    command,
    plane_option,
    progress_bar,
    say,
    say_text,
    table,
    warn,
)

MOST_DOUBTS = 30  #: the greatest number of cells that are listed
VERDICTS = {True: "kept", False: "NOT KEPT", None: "cannot tell"}


@command(
    Example(
        "ndx-match check-activity matches.nwb day1.nwb day2.nwb day3.nwb", "Find out whether cells keep their activity"
    ),
    Example("ndx-match check-activity matches.nwb sessions --series dff", "Use one of several series"),
    name="check-activity",
    prints_result=True,
)
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@click.option("--series", metavar="NAME",
              help="Series of responses to use: its name, its container's name, or both as CONTAINER/NAME.  [default: "
              "the only series, or the only one of dF/F]")  # fmt: skip
@click.option("--shuffles", type=click.IntRange(50), default=N_SHUFFLES, show_default=True,
              help="How often the matches of two sessions are shuffled to measure chance.")  # fmt: skip
@plane_option("Check this imaging plane only, if the match file holds several.")
def check_activity_(
    matches: str, inputs: tuple[str, ...], series: str | None, shuffles: int, plane: str | None
) -> None:
    """Check a match by the activity of its cells, in the files that were matched.

    If the matches are right, the same cells are active together from day to day. For every two sessions, the pairwise
    correlations of the cells in one session are correlated with those in the other. The result is compared with results
    for matches that are shuffled among near neighbours; z is the number of standard deviations by which it exceeds
    their mean. A cell is listed if another ROI nearby fits its activity better than its own ROI. If the traces cannot
    tell right matches from wrong ones, the command says so.
    """
    check_match_file_is_first(matches, inputs)
    name = public_name(matches)
    with progress_bar() as progress, shared_access():
        planes = read_planes_of_match_file(matches, plane=plane)
        structures = read_structures(planes, files_of_matched_sessions(inputs), name, series, progress)
        if not any(len(each) > 1 for each in structures):
            raise InputError(f"{name}: only one session is in the files given; give those of two or more.")
        checks = [
            check_activity(*pair, shuffles, progress)
            for pair in zip(planes, structures, strict=True)
            if len(pair[1]) > 1
        ]
    for number, check in enumerate(checks):
        say(*[""] * bool(number), *([f"plane {check.plane.name}", ""] if len(planes) > 1 else []))
        say_text(table([*_pairs(check)]))
        if check.doubts:
            say_text(f"\n{table([*_doubts(check)])}")
        warn(_warnings(check))
        if not check.is_informative:
            say("This activity does not show whether the matches are right.")


def _pairs(check: ActivityCheck) -> Iterator[tuple[str, ...]]:
    yield "pair", "cells", "correlation", "by chance", "z", "kept of possible", "structure"
    for (i, j), comparison in check.pairs.items():
        verdict = VERDICTS[comparison.is_kept]
        if comparison.n_cells < FEWEST_CELLS:
            yield _pair(check, i, j), str(comparison.n_cells), "", "", "", "", f"{verdict}: too few cells with traces"
            continue
        share = f"{comparison.share:.2f}" if np.isfinite(comparison.share) else ""
        chance = f"{comparison.chance:.3f} ± {comparison.spread:.3f}"
        yield (
            _pair(check, i, j),
            str(comparison.n_cells),
            f"{comparison.correlation:.3f}",
            chance,
            f"{comparison.z:.1f}",
            share,
            verdict,
        )


def _doubts(check: ActivityCheck) -> Iterator[tuple[str, ...]]:
    yield "cell that disagrees", "session", "ROI", "fits", "better: ROI", "of cell", "fits", "t"
    sessions, result = check.plane.sessions, check.plane.result
    for doubt in check.doubts[:MOST_DOUBTS]:
        session = sessions[doubt.session]
        cell = cell_of_roi(result.cells[:, doubt.session], session.n_rois)[doubt.better_row]
        ids = [str(session.roi_ids[row]) for row in (doubt.roi_row, doubt.better_row)]
        other = str(result.cell_ids[cell]) if cell >= 0 else "none"
        yield (
            str(result.cell_ids[doubt.cell]), session.name, ids[0], f"{doubt.fit:.2f}", ids[1], other,
            f"{doubt.better_fit:.2f}", f"{doubt.t:.1f}",
        )  # fmt: skip
    if len(check.doubts) > MOST_DOUBTS:
        yield f"... and {len(check.doubts) - MOST_DOUBTS} more", *[""] * 7


def _warnings(check: ActivityCheck) -> Iterator[str]:
    not_kept = [(pair, comparison) for pair, comparison in check.pairs.items() if comparison.is_kept is False]
    for (i, j), comparison in not_kept:
        yield (
            f"{_pair(check, i, j)}: matched cells do not keep the structure of their activity (z {comparison.z:.1f}; "
            f"right matches could reach {_reach(comparison):.0f}), so that they are probably matched wrongly, or their "
            "activity changed; look at the overlay in `ndx-match report`."
        )
    if check.doubts:
        n = len(check.doubts)
        yield f"{n} cell{'s' * (n != 1)} disagree{'s' * (n == 1)}; look at them with `ndx-match review`."


def _reach(comparison: StructureComparison) -> float:
    return comparison.possible / comparison.spread


def _pair(check: ActivityCheck, i: int, j: int) -> str:
    return f"{check.plane.sessions[i].name} - {check.plane.sessions[j].name}"
