"""The ROIs of all sessions, each cell in its own colour."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from skimage.segmentation import find_boundaries

from ..arrays import Array, Bools, Floats, Indices, Ints64
from ..footprints import centroids
from ..model import MatchResult, Session, cell_of_roi, check_fit
from .canvas import (
    DPI,
    FAILURE,
    TEXT_SIZE,
    WIDTH,
    characters_in,
    line_height,
    new_figure,
    show_image,
    text_width,
    warning_lines,
    write_below,
)
from .colours import cell_colours
from .images import stretch
from .labels import plain, session_date, short_names
from .outlines import is_shown

SMALLEST_TILE = 4.2  # inches
PAGE_ASPECT = 1.5  # width / height that the arrangement of the tiles comes near
DIMMED, FILL = 0.55, 0.6
NUMBER_SIZE = 4.5  # font size of the cell ids
OUTLINED = (withStroke(linewidth=1, foreground="black"),)


def cell_map_figure(sessions: Sequence[Session], result: MatchResult) -> Figure:
    """The ROI masks of every session on its dimmed image, side by side; no session is warped.

    A cell that was found in several sessions is filled with the same colour in all of them and shows its id. An
    unmatched ROI has only a white outline. If a session was set aside, its title says so in red.

    Examples
    --------
    >>> import ndx_match
    >>> plane = ndx_match.read_match_file("matches.nwb")
    >>> figure = ndx_match.cell_map_figure(plane.sessions, plane.result)
    >>> figure.savefig("cells.pdf")
    """
    check_fit(sessions, result, "cell_map_figure")
    n_sessions = len(sessions)
    aspect = float(np.clip(max(session.shape[0] / session.shape[1] for session in sessions), 0.25, 3))
    n_cols = _columns(n_sessions, aspect)
    n_rows = -(-n_sessions // n_cols)
    tile = max(WIDTH / n_cols, SMALLEST_TILE)
    names = short_names([session.name for session in sessions], characters_in(tile, TEXT_SIZE))
    notes = [
        textwrap.fill("" if is_matched else status, characters_in(tile, TEXT_SIZE))
        for is_matched, status in zip(result.is_matched, result.status_in_words(), strict=True)
    ]
    n_lines = 2 + max(note.count("\n") + bool(note) for note in notes)
    figure = new_figure(tile * n_cols, (tile * aspect + n_lines * line_height(TEXT_SIZE) + 0.15) * n_rows)
    panels = figure.subplots(n_rows, n_cols, squeeze=False).ravel()
    colours = cell_colours(sessions, result.cells)
    for axes in panels:
        axes.set_axis_off()
    for session, rows, name, note, axes in zip(
        sessions, result.cells.T, names, notes, panels[:n_sessions], strict=True
    ):
        cells = cell_of_roi(rows, session.n_rois)
        matched = np.append(result.n_sessions_of_cell > 1, False)[cells]
        show_image(axes, painted(session, matched, colours[cells], int(tile * DPI)), session.shape)
        _write_numbers(axes, session, np.where(matched, cells, -1), result.cell_ids, tile / session.shape[1])
        details = "   ".join(
            filter(None, [session_date(session), f"{matched.sum()} of {session.n_taking_part} ROIs matched"])
        )
        title = "\n".join(plain(line) for line in (name, details, note) if line)
        axes.set_title(title, fontsize=TEXT_SIZE, color=FAILURE if note else "black")
    write_below(figure, warning_lines(result.warnings, figure.get_figwidth()))
    return figure


def _write_numbers(axes: Axes, session: Session, cells: Indices, cell_ids: Ints64, inches: float) -> None:
    """Write the id of its cell on each ROI, where it hides no other number.

    `cells` holds the row of each ROI's cell, -1 if it has none; `inches` is the size of a pixel of the session.
    """
    places = centroids(session.footprints, session.shape[1])
    written = np.zeros((0, 3))  # x, y, width of the numbers in pixels
    height = line_height(NUMBER_SIZE) / inches
    for roi_row in np.flatnonzero((cells >= 0) & np.isfinite(places[:, 0])):
        text = str(cell_ids[cells[roi_row]])
        x, y = places[roi_row]
        width = text_width(len(text) + 1, NUMBER_SIZE) / inches
        near = (np.abs(written[:, 0] - x) < (written[:, 2] + width) / 2) & (np.abs(written[:, 1] - y) < height)
        within = width / 2 < x < session.shape[1] - width / 2 and height / 2 < y < session.shape[0] - height / 2
        if near.any() or not within:
            continue
        written = np.vstack([written, [x, y, width]])
        axes.text(x, y, text, fontsize=NUMBER_SIZE, color="white", ha="center", va="center", path_effects=OUTLINED)


def _columns(n_tiles: int, aspect: float) -> int:
    """Columns of a grid of tiles (height / width = aspect) that is shaped like a page and leaves few places empty."""

    def badness(n_cols: int) -> float:
        n_rows = -(-n_tiles // n_cols)
        shape = abs(np.log(n_cols / (n_rows * aspect) / PAGE_ASPECT))
        return float(shape + (n_rows * n_cols - n_tiles) / n_tiles)

    return min(range(1, n_tiles + 1), key=badness)


def painted(session: Session, matched: Bools, colours: Floats, pixels: int) -> Array:
    """RGB of the dimmed image with its ROIs, the matched ones filled; its longer side has about `pixels` pixels."""
    enlargement = max(1, round(pixels / max(session.shape)))
    enlarged = np.ones((enlargement, enlargement), np.uint8)
    rois = np.kron(roi_image(session, on_top=matched), enlarged)
    grey = np.kron(DIMMED * stretch(session.image), enlarged)
    picture = np.dstack([grey] * 3)
    filled = (rois >= 0) & np.append(matched, False)[rois]
    picture[filled] = FILL * colours[rois[filled]] + (1 - FILL) * picture[filled]
    outline = find_boundaries(rois, mode="inner", background=-1) & (rois >= 0)
    picture[outline] = colours[rois[outline]]
    return picture


def roi_image(session: Session, on_top: Bools) -> Indices:
    """The `roi_row` of the ROI that is visible at each pixel, shape (n_rows, n_cols); -1 if there is none.

    Where ROIs overlap, those marked in `on_top`, shape (n_rois,), hide the others. If both or neither are marked, the
    smaller ROI hides the larger.
    """
    footprints = session.footprints
    sizes = np.diff(footprints.indptr)
    roi_of_entry = np.repeat(np.arange(session.n_rois), sizes)
    painted = is_shown(session)
    # Each pixel keeps the ROI that comes last in this order, so that the order of the stored entries does not matter.
    order = np.lexsort((-sizes, on_top))
    rank = np.empty(session.n_rois, np.intp)
    rank[order] = np.arange(session.n_rois)
    top = np.full(session.image.size, -1, np.intp)
    np.maximum.at(top, footprints.indices[painted], rank[roi_of_entry[painted]])
    return np.append(order, -1)[top].reshape(session.shape)
