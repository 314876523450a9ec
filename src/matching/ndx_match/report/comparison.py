"""Show two results side by side: how many cells agree, between which sessions, and where in the field."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..arrays import Floats
from ..comparison import Comparison, Kind
from ..model import Session
from ..storage.publish import publish
from .canvas import BLUE, DPI, GREY, LIGHT_GREY, ORANGE, SMALL_SIZE, TEXT_SIZE, WIDTH, new_figure, show_image
from .cell_map import painted
from .figures import VECTOR_TEXT
from .fraction_matrix import COLOURS
from .fractions import divide
from .labels import plain, short_names

#: Of Okabe & Ito's palette, for all kinds of colour vision.
KIND_COLOURS = {Kind.SAME: BLUE, Kind.SPLIT: ORANGE, Kind.MERGED: "#009E73", Kind.REGROUPED: "#D55E00"}
KIND_NAMES = {
    Kind.SAME: "the same in both",
    Kind.SPLIT: "one cell of x, several of y",
    Kind.MERGED: "several cells of x, one of y",
    Kind.REGROUPED: "regrouped",
}
NARROW = 0.015  #: a piece with less than this part of a bar is too narrow for a number
MOST_MAPS = 3  #: number of sessions whose field is shown: the first, one in the middle and the last


def write_comparison(comparison: Comparison, names: tuple[str, str], path: str | os.PathLike[str]) -> Path:
    """Draw :func:`comparison_figure` into a PNG file; an existing file is replaced."""
    path = Path(path)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(VECTOR_TEXT)
        with publish(path, overwrite=True) as temporary:
            comparison_figure(comparison, names).savefig(temporary, format="png")
    return path


def comparison_figure(comparison: Comparison, names: tuple[str, str]) -> Figure:
    """How two results, called x and y, agree.

    The upper part shows how the cells in several sessions of each result correspond, and for every two sessions the
    links in both results as a fraction of those in either. The lower part shows the ROIs of up to three sessions in the
    colours of the bars; ROIs that neither result has in a cell of several sessions have only a grey outline.
    """
    sessions = comparison.sessions
    positions = sorted({0, (len(sessions) - 1) // 2, len(sessions) - 1})[:MOST_MAPS]
    aspect = float(np.clip(max(sessions[k].shape[0] / sessions[k].shape[1] for k in positions), 0.25, 2))
    width = WIDTH / len(positions)
    figure = new_figure(WIDTH, 3.6 + width * aspect + 0.3)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[3.6, width * aspect + 0.3]).ravel()
    figure.suptitle(plain(f"x: {names[0]}     y: {names[1]}"), fontsize=TEXT_SIZE)
    bars, matrix = above.subplots(1, 2)
    _draw_bars(bars, comparison)
    _draw_matrix(matrix, comparison)
    for axes, k in zip(below.subplots(1, len(positions), squeeze=False).ravel(), positions, strict=True):
        _draw_map(axes, comparison, k, int(width * DPI))
    return figure


def _draw_bars(axes: Axes, comparison: Comparison) -> None:
    for row, second in enumerate((False, True)):
        left, counts = 0, comparison.n_cells(second)[0]
        for kind, n in zip(Kind, counts, strict=True):
            axes.barh(row, n, left=left, color=KIND_COLOURS[kind])
            if n > NARROW * sum(counts):
                axes.text(left + n / 2, row, str(n), ha="center", va="center", fontsize=SMALL_SIZE, color="white")
            left += n
    axes.set_yticks([0, 1], ["x", "y"], fontsize=TEXT_SIZE)
    axes.invert_yaxis()
    axes.set_xlabel("Cells of several sessions", fontsize=TEXT_SIZE)
    axes.tick_params(labelsize=SMALL_SIZE)
    axes.spines[["top", "right"]].set_visible(False)
    handles = [Patch(color=KIND_COLOURS[kind], label=KIND_NAMES[kind]) for kind in Kind]
    axes.legend(handles=handles, fontsize=SMALL_SIZE, frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))


def _draw_matrix(axes: Axes, comparison: Comparison) -> None:
    first, second, both = comparison.links
    agreed = np.where(np.eye(len(both), dtype=bool), np.nan, divide(both, first + second - both))
    axes.set_facecolor(LIGHT_GREY)
    axes.imshow(np.ma.masked_invalid(agreed), cmap=COLOURS, vmin=0, vmax=1)
    if len(both) <= 20:
        for (row, col), value in np.ndenumerate(agreed):
            text = f"{value:.2f}" if np.isfinite(value) else ""
            axes.text(col, row, text, ha="center", va="center", fontsize=max(4, 11 - len(both) / 2))
    names = short_names([session.name for session in comparison.sessions], 20)
    axes.set_yticks(range(len(names)), [plain(name) for name in names], fontsize=SMALL_SIZE)
    axes.set_xticks(range(len(names)), [str(k + 1) for k in range(len(names))], fontsize=SMALL_SIZE)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Links in both / links in either", fontsize=TEXT_SIZE)


def _draw_map(axes: Axes, comparison: Comparison, k: int, pixels: int) -> None:
    session: Session = comparison.sessions[k]
    rows = comparison.pieces[:, k]
    there = np.flatnonzero((rows >= 0) & comparison.of_several_sessions)
    coloured = np.zeros(session.n_rois, bool)
    coloured[rows[there]] = True
    colours: Floats = np.full((session.n_rois, 3), matplotlib.colors.to_rgb(GREY))
    palette = np.array([matplotlib.colors.to_rgb(KIND_COLOURS[kind]) for kind in Kind])
    colours[rows[there]] = palette[comparison.kinds[there]]
    show_image(axes, painted(session.only_taking_part(), coloured, colours, pixels), session.shape)
    axes.set_title(plain(session.name), fontsize=TEXT_SIZE)
