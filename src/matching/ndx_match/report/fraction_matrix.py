"""Show how much every two sessions have in common, pair by pair and in the final cells."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from ..arrays import Floats, Ints64
from ..model import MatchResult, Session, check_fit
from .canvas import (
    LIGHT_GREY,
    SMALL_SIZE,
    TEXT_SIZE,
    line_height,
    new_figure,
    text_width,
    warning_lines,
    write_below,
)
from .fractions import matched_fractions, shared_cell_fractions
from .labels import plain, short_names

#: The lighter part of a map from white to blue, on which black text can be read throughout.
COLOURS = ListedColormap(matplotlib.colormaps["Blues"](np.linspace(0, 0.62, 256)), "light blues")
LONGEST_NAME = 26  # characters
SMALLEST_PANEL, CELL = 3.4, 0.46  # inches


def fraction_matrix_figure(sessions: Sequence[Session], result: MatchResult) -> Figure:
    """Fraction and number of matches of every two sessions.

    The left panel shows the fraction that the comparison of the two sessions found
    (:func:`~.fractions.matched_fractions`), the right panel the fraction of final cells that they share
    (:func:`~.fractions.shared_cell_fractions`). In both panels, matches are the cells with an ROI in both sessions. The
    diagonal holds the number of ROIs. A dash means that the two sessions could not be compared.

    Examples
    --------
    >>> import ndx_match
    >>> plane = ndx_match.read_match_file("matches.nwb")
    >>> figure = ndx_match.fraction_matrix_figure(plane.sessions, plane.result)
    >>> figure.savefig("fractions.pdf")
    """
    check_fit(sessions, result, "fraction_matrix_figure")
    n_sessions = len(sessions)
    numbers = [str(position) for position in range(1, n_sessions + 1)]
    names = [
        f"{plain(name)}   {number}"
        for name, number in zip(short_names([session.name for session in sessions], LONGEST_NAME), numbers, strict=True)
    ]
    panel = max(SMALLEST_PANEL, CELL * n_sessions)
    name_width = text_width(max(map(len, names)), SMALL_SIZE)
    figure = new_figure(name_width + 2 * panel + 1.2, panel + 2 * line_height(TEXT_SIZE) + 0.6)
    left, right = figure.subplots(1, 2, sharey=True)
    image = _draw(left, *matched_fractions(result, [session.n_taking_part for session in sessions]))
    left.set_title("Pair by pair\naccepted pairs / (accepted pairs + unmatched ROIs of both)", fontsize=TEXT_SIZE)
    _draw(right, *shared_cell_fractions(result.cells))
    right.set_title("Final cells\ncells in both sessions / cells in either", fontsize=TEXT_SIZE)
    for axes in (left, right):
        axes.set_xticks(range(n_sessions), numbers, fontsize=SMALL_SIZE)
    left.set_yticks(range(n_sessions), names, fontsize=SMALL_SIZE)
    bar = figure.colorbar(image, ax=[left, right], aspect=30, pad=0.02)
    bar.set_label("Fraction matched", fontsize=TEXT_SIZE)
    bar.ax.tick_params(labelsize=SMALL_SIZE)
    bar.outline.set_visible(False)
    write_below(figure, warning_lines(result.warnings, figure.get_figwidth()))
    return figure


def _draw(axes: Axes, fractions: Floats, counts: Ints64) -> AxesImage:
    n_sessions = len(fractions)
    off_diagonal = np.where(np.eye(n_sessions, dtype=bool), np.nan, fractions)
    axes.set_facecolor(LIGHT_GREY)
    image = axes.imshow(np.ma.masked_invalid(off_diagonal), cmap=COLOURS, vmin=0, vmax=1)
    font_size = float(np.clip(13 - n_sessions, 7, 11))
    for (row, col), fraction in np.ndenumerate(off_diagonal):
        count = counts[row, col]
        text = f"{count}\nROIs" if row == col else "–" if np.isnan(fraction) else f"{fraction:.2f}\n{count}"
        axes.text(col, row, text, ha="center", va="center", fontsize=font_size)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    borders = np.arange(1, n_sessions) - 0.5
    axes.set_xticks(borders, minor=True)
    axes.set_yticks(borders, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    return image
