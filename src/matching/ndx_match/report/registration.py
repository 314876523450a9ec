"""Show one pair of sessions: moving, fixed and registered image, and their overlay."""

from __future__ import annotations

import operator
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from ndx_cell_matching.registrations import SessionRegistration

from ..arrays import Ints32
from ..model import MatchResult, Registration, Session, check_fit
from .canvas import FAILURE, SMALL_SIZE, TEXT_SIZE, TITLE_SIZE, WIDTH, characters_in, new_figure, show_image
from .fractions import n_accepted_pairs
from .images import Projection, overlay, register
from .labels import failure_text, matches_text, plain, quality_text, session_date, short_names, transform_text
from .outlines import outlines

SMALL_PANEL, LARGE_PANEL = 0.24 * WIDTH, 0.73 * WIDTH
NAME_WIDTH = 36
#: Colours of outlines, lighter than those of the overlay, so that they are visible on it.
MAGENTA, GREEN = "#FF9DF5", "#8DFF9B"


def registration_figure(
    sessions: Sequence[Session], result: MatchResult, fixed: int | str, moving: int | str
) -> Figure:
    """Show how well two sessions, given by their positions or names, are aligned.

    The moving image is warped bilinearly into the fixed frame with the pair's registration. The overlay shows the fixed
    image in magenta and the registered one in green, so that agreement is grey to white. Both have their local
    brightness evened out, and the contrast of all images is stretched. The ROIs of cells that both sessions have are
    outlined in the colours of their sessions. If the method refused the alignment, or it gives hardly more matches than
    a wrong one, it is still shown, and a red title says so.

    Examples
    --------
    >>> import ndx_match
    >>> plane = ndx_match.read_match_file("matches.nwb")
    >>> figure = ndx_match.registration_figure(plane.sessions, plane.result, fixed=0, moving=1)
    >>> figure.savefig("registration.pdf")
    """
    check_fit(sessions, result, "registration_figure")
    fixed, moving = (_position(sessions, each) for each in (fixed, moving))
    if fixed == moving:
        raise ValueError(f"fixed and moving are the same session, {sessions[fixed].name!r}; give two sessions")
    pair = (sessions[fixed], sessions[moving])
    registration = result.registration(fixed, moving)
    failure = failure_text(registration, int(n_accepted_pairs(result)[fixed, moving]))
    refused = registration is None or not registration.registered
    fixed_image, moving_image = (Projection.of(session.image) for session in pair)
    registered = register(moving_image, registration, pair[0].shape)

    names = [plain(name) for name in short_names([session.name for session in pair], NAME_WIDTH)]
    fixed_title, moving_title = (
        "\n".join(filter(None, [f"{role}  {session_date(session)}", plain(name)]))
        for role, session, name in zip(
            ("Fixed", "Moving"),
            pair,
            short_names([session.name for session in pair], characters_in(SMALL_PANEL, SMALL_SIZE)),
            strict=True,
        )
    )
    registered_title = "Moving, registration refused" if refused else "Moving, registered"
    details = ["Overlay: fixed magenta, registered green, agreement grey to white"]
    n_matches = matches_text(registration, int(result.n_matches[fixed, moving]))
    quality = "" if registration is None else quality_text(registration)
    details.append(";  ".join(filter(None, [quality, f"{n_matches} matched ROIs"])))
    if registration is not None:
        steps = plain(", ".join(registration.steps))
        transform = ";  ".join(filter(None, [transform_text(registration), steps]))
        details.extend(textwrap.wrap(transform, characters_in(LARGE_PANEL, TEXT_SIZE)))

    aspect = float(np.clip(max(session.shape[0] / session.shape[1] for session in pair), 0.3, 2.5))
    figure = new_figure(WIDTH, LARGE_PANEL * aspect + 1.2)
    panels = figure.subplot_mosaic(
        [["moving", "overlay"], ["fixed", "overlay"], ["registered", "overlay"]],
        width_ratios=(SMALL_PANEL, LARGE_PANEL),
    )
    contents = {
        "moving": (moving_image.grey, moving_title),
        "fixed": (fixed_image.grey, fixed_title),
        "registered": (None if registered is None else registered.grey, registered_title),
        "overlay": (None if registered is None else overlay(fixed_image.even, registered.even), "\n".join(details)),
    }
    for name, (image, title) in contents.items():
        panels[name].set_axis_off()
        if image is not None:
            show_image(panels[name], image)
        if image is not None or name == "overlay":
            size = TEXT_SIZE if name == "overlay" else SMALL_SIZE
            panels[name].set_title(title, fontsize=size, loc="left")
    if registered is not None and registration is not None:
        _outline_matches(panels["overlay"], pair, registration, result.cells[:, [fixed, moving]])
    headline = failure or f"{names[1]} registered to {names[0]}"
    figure.suptitle(
        textwrap.fill(headline if not failure else plain(headline), characters_in(WIDTH, TITLE_SIZE)),
        fontsize=TITLE_SIZE,
        color=FAILURE if failure else "black",
    )
    return figure


def _position(sessions: Sequence[Session], session: int | str) -> int:
    """The position of a session that is given by its position or its name."""
    names = [each.name for each in sessions]
    if not isinstance(session, str):
        position = operator.index(session)
        if not -len(names) <= position < len(names):
            raise IndexError(f"there is no session {position}; there are {len(names)}, counted from 0")
        return position % len(names)
    if session not in names:
        raise KeyError(f"there is no session {session!r}; give one of: {', '.join(names)}")
    return names.index(session)


def _outline_matches(axes: Axes, pair: tuple[Session, Session], registration: Registration, cells: Ints32) -> None:
    """Outline the ROIs of the cells that both sessions have; the moving ones are mapped to the fixed session."""
    both = cells[(cells >= 0).all(axis=1)]
    aligned = SessionRegistration(registration.matrix, registration.displacement, pair[0].shape)
    to_fixed = aligned.inverse(pair[1].shape)
    for session, rows, colour in zip(pair, both.T, (MAGENTA, GREEN), strict=True):
        roi_outlines = outlines(session)
        polygons = [part for row in rows for part in roi_outlines[row]]
        if session is pair[1]:
            polygons = [to_fixed.to_moving(polygon) for polygon in polygons]
        axes.add_collection(PolyCollection(polygons, facecolor="none", edgecolor=colour, linewidth=0.7), autolim=False)
