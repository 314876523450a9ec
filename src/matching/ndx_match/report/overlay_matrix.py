"""All session pairs at a glance: a matrix of overlays."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ..arrays import Array
from ..model import MatchResult, Registration, Session, check_fit
from .canvas import (
    DPI,
    FAILURE,
    GREY,
    SMALL_SIZE,
    TITLE_SIZE,
    WIDTH,
    characters_in,
    line_height,
    new_figure,
    show_image,
)
from .fractions import n_accepted_pairs
from .images import Projection, overlay, register
from .labels import failure_text, plain, quality_text, session_date, short_names

SMALLEST_TILE = 1.5  # inches, for up to LARGEST_WIDTH / SMALLEST_TILE sessions
LARGEST_WIDTH = 30.0
SMALLEST_TEXT = 6.5
GAP = 0.06  # inches
HEADING = (
    "Overlays after registration (above the diagonal) and before (below)\n"
    "earlier session magenta, later session green, agreement grey to white"
)


def overlay_matrix_figure(sessions: Sequence[Session], result: MatchResult) -> Figure:
    """Overlays of every two sessions: after registration above the diagonal, before it below.

    Row i, column j > i shows session i (fixed) in magenta and session j, registered to it, in green. Row j, column i
    shows the same two sessions as they were recorded, if their sizes agree. The diagonal holds the sessions themselves.
    The title of each overlay is the number by which the method judged the alignment. If two sessions are not
    registered, or the registration is probably wrong, the title says so in red.

    Examples
    --------
    >>> import ndx_match
    >>> plane = ndx_match.read_match_file("matches.nwb")
    >>> figure = ndx_match.overlay_matrix_figure(plane.sessions, plane.result)
    >>> figure.savefig("overlays.pdf")
    """
    check_fit(sessions, result, "overlay_matrix_figure")
    n_sessions = len(sessions)
    tile = max((WIDTH - GAP) / n_sessions - GAP, min(SMALLEST_TILE, LARGEST_WIDTH / n_sessions))
    aspect = float(np.clip(max(session.shape[0] / session.shape[1] for session in sessions), 0.3, 2.5))
    font_size = max(min(3 * tile, SMALL_SIZE), SMALLEST_TEXT)
    figure, panels = _tiles(n_sessions, tile, tile * aspect, font_size)
    names = short_names([session.name for session in sessions], characters_in(tile, font_size))
    images = [Projection.of(session.image) for session in sessions]
    accepted = n_accepted_pairs(result)

    def draw(axes: Axes, image: Array | None, title: str, colour: str = "black") -> None:
        axes.set_axis_off()
        if image is not None:
            show_image(axes, _shrunk(image, int(tile * max(aspect, 1) * DPI)))
        axes.set_title(title, fontsize=font_size, color=colour, pad=2)

    for i, (session, fixed) in enumerate(zip(sessions, images, strict=True)):
        draw(panels[i, i], fixed.grey, "")
        _write_on(panels[i, i], [names[i], session_date(session), f"{session.n_taking_part} ROIs"], font_size)
        for j in range(i + 1, n_sessions):
            registration = result.registration(i, j)
            registered = register(images[j], registration, session.shape)
            if registered is None:
                draw(panels[i, j], None, "not tried" if registration is None else "NOT REGISTERED", FAILURE)
            else:
                failure = failure_text(registration, int(accepted[i, j])).partition(":")[0]
                draw(panels[i, j], overlay(fixed.even, registered.even), *_title(registration, failure))
            if session.shape == sessions[j].shape:
                draw(panels[j, i], overlay(fixed.even, images[j].even), "before", GREY)
            else:
                draw(panels[j, i], None, "sizes differ", GREY)
    return figure


def _title(registration: Registration | None, failure: str) -> tuple[str, str]:
    """The title of an overlay, and its colour."""
    quality = "" if registration is None else quality_text(registration)
    return (failure, FAILURE) if failure else (quality or "registered", "black")


def _tiles(n_sessions: int, width: float, height: float, font_size: float) -> tuple[Figure, Array]:
    """A figure of n x n tiles under a heading; tiles are placed here, because automatic layout of hundreds is slow."""
    title = line_height(font_size) + 0.03
    total_width = n_sessions * (width + GAP) + GAP
    top = (1 + HEADING.count("\n")) * line_height(TITLE_SIZE) + 0.15
    total_height = n_sessions * (height + title + GAP) + top + GAP
    figure = new_figure(total_width, total_height)
    figure.set_layout_engine("none")
    figure.suptitle(HEADING, fontsize=TITLE_SIZE, y=1 - 0.1 / total_height, va="top")
    panels = figure.subplots(
        n_sessions,
        n_sessions,
        squeeze=False,
        gridspec_kw={
            "left": GAP / total_width,
            "right": 1 - GAP / total_width,
            "bottom": GAP / total_height,
            "top": 1 - (top + title) / total_height,
            "wspace": GAP / width,
            "hspace": (title + GAP) / height,
        },
    )
    return figure, panels


def _write_on(axes: Axes, lines: Sequence[str], font_size: float) -> None:
    """Write white text with a dark outline into the upper left corner of an image."""
    axes.annotate(
        "\n".join(plain(line) for line in lines if line),
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(3, -3),
        textcoords="offset points",
        va="top",
        fontsize=font_size,
        color="white",
        path_effects=[withStroke(linewidth=2, foreground="black")],
    )


def _shrunk(image: Array, longest: int) -> Array:
    """The image, reduced by area averaging until no side is longer than `longest` pixels."""
    factor = longest / max(image.shape[:2])
    if factor >= 1:
        return image
    size = (max(round(image.shape[1] * factor), 1), max(round(image.shape[0] * factor), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
