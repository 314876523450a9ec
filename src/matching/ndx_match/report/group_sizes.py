"""Show in how many sessions the cells were found, and how close and similar the paired ROIs are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..arrays import Bools
from ..model import MatchResult, Session, check_fit
from .canvas import BLUE, GREY, ORANGE, SMALL_SIZE, TEXT_SIZE, WIDTH, new_figure, warning_lines, write_below

N_BINS = 25
#: With more sessions than this, the bars have no numbers, and not every bar has a tick.
SESSIONS_WITH_NUMBERS = 20


def group_sizes_figure(sessions: Sequence[Session], result: MatchResult) -> Figure:
    """Cells by the number of sessions, and centroid distance and IoU of the candidate pairs.

    The pairs are those of all sessions, as the method accepted or rejected them.

    Examples
    --------
    >>> import ndx_match
    >>> plane = ndx_match.read_match_file("matches.nwb")
    >>> figure = ndx_match.group_sizes_figure(plane.sessions, plane.result)
    >>> figure.savefig("sizes.pdf")
    """
    check_fit(sessions, result, "group_sizes_figure")
    figure = new_figure(WIDTH, 3.4)
    groups, distances, overlaps = figure.subplots(1, 3)
    sizes = np.arange(1, len(sessions) + 1)
    counts = np.bincount(result.n_sessions_of_cell, minlength=len(sessions) + 1)[1:]
    bars = groups.bar(sizes, counts, color=[GREY] + [BLUE] * (len(sessions) - 1), width=0.8)
    if len(sessions) <= SESSIONS_WITH_NUMBERS:
        groups.bar_label(bars, fontsize=SMALL_SIZE - 1, padding=2)
        groups.set_xticks(sizes)
    groups.margins(y=0.12)
    _name(groups, "Sessions in which a cell was found", "Cells")

    pairs = result.roi_pairs
    finite = pairs.centroid_distance[np.isfinite(pairs.centroid_distance)]
    _distribution(distances, pairs.centroid_distance, pairs.accepted, max(1.0, float(finite.max(initial=0.0))))
    _name(distances, "Centroid distance (pixels)", "ROI pairs")
    _distribution(overlaps, pairs.iou, pairs.accepted, 1.0)
    _name(overlaps, "Intersection over union", "ROI pairs")
    write_below(figure, warning_lines(result.warnings, figure.get_figwidth()))
    return figure


def _distribution(axes: Axes, values: npt.NDArray[np.floating[Any]], accepted: Bools, highest: float) -> None:
    bins = np.linspace(0, highest, N_BINS + 1).tolist()
    for chosen, colour, word in ((~accepted, ORANGE, "rejected"), (accepted, BLUE, "accepted")):
        shown = values[chosen & np.isfinite(values)]
        axes.hist(shown, bins, histtype="stepfilled", color=colour, alpha=0.35)
        axes.hist(shown, bins, histtype="step", color=colour, linewidth=1.5, label=f"{word} ({chosen.sum()})")
    axes.set_xlim(0, highest)
    axes.legend(fontsize=SMALL_SIZE, frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0)


def _name(axes: Axes, horizontal: str, vertical: str) -> None:
    axes.set_xlabel(horizontal, fontsize=TEXT_SIZE)
    axes.set_ylabel(vertical, fontsize=TEXT_SIZE)
    axes.tick_params(labelsize=SMALL_SIZE)
    axes.spines[["top", "right"]].set_visible(False)
