"""What all figures share: the canvas, a few colours and text sizes. Nothing here uses pyplot."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

DPI = 150
#: Width in inches (1500 pixels) of a figure whose width does not depend on the number of sessions.
WIDTH = 10.0

TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 11.0, 9.0, 8.0
POINTS_PER_INCH = 72
MOST_WARNINGS = 5  #: most warnings that are written below a figure

#: Blue and orange of Okabe & Ito's palette, for all kinds of colour vision.
BLUE, ORANGE, FAILURE = "#0072B2", "#E69F00", "#C00000"
GREY, LIGHT_GREY = "#777777", "#E8E8E8"


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of the given size in inches, drawn with Agg and laid out automatically."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.08, wspace=0.01, hspace=0.01))
    FigureCanvasAgg(figure)
    return figure


def show_image(axes: Axes, image: Any, shape: tuple[int, int] | None = None) -> None:
    """Show an image with values 0..1, grey or RGB, without ticks or frame.

    The axes count the pixels of an image of `shape` (n_rows, n_cols), which is by default that of `image`.
    """
    n_rows, n_cols = shape or image.shape[:2]
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, extent=(-0.5, n_cols - 0.5, n_rows - 0.5, -0.5))
    axes.set_axis_off()


def warning_lines(warnings: Sequence[str], width: float) -> list[str]:
    """The first warnings of a result, as lines that fit into `width` inches, and the number of the others."""
    texts = [f"Warning: {warning}" for warning in warnings[:MOST_WARNINGS]]
    if len(warnings) > MOST_WARNINGS:
        texts.append(f"... and {len(warnings) - MOST_WARNINGS} more warnings")
    return [line for text in texts for line in textwrap.wrap(text, characters_in(width, SMALL_SIZE))]


def write_below(figure: Figure, lines: Sequence[str]) -> None:
    """Write lines in the colour of failures at the bottom of a figure, and enlarge the figure by their height."""
    if lines:
        figure.set_figheight(figure.get_figheight() + (len(lines) + 1) * line_height(SMALL_SIZE))
        text = "\n".join(line.replace("$", r"\$") for line in lines)
        figure.supxlabel(text, x=0.01, ha="left", fontsize=SMALL_SIZE, color=FAILURE)


def line_height(font_size: float) -> float:
    """Height of a line of text in inches."""
    return 1.25 * font_size / POINTS_PER_INCH


def text_width(n_characters: int, font_size: float) -> float:
    """Approximate width of a text of `n_characters`, in inches."""
    return 0.6 * n_characters * font_size / POINTS_PER_INCH


def characters_in(width: float, font_size: float) -> int:
    """How many characters fit in `width` inches."""
    return int(width / text_width(1, font_size))
