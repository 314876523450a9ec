"""One session pair: moving, fixed and registered image, and their overlay."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..model import MatchResult, Session
from .canvas import FAILURE, SMALL_SIZE, TEXT_SIZE, TITLE_SIZE, WIDTH, characters_in, new_figure, show_image
from .images import Projection, overlay, register, ssim
from .labels import failure_text, plain, session_date, short_names, ssim_text, transform_text

SMALL_PANEL, LARGE_PANEL = 0.24 * WIDTH, 0.73 * WIDTH
NAME_WIDTH = 36


def registration_figure(sessions: Sequence[Session], result: MatchResult, fixed: int, moving: int) -> Figure:
    """How well two sessions, given by their positions, are aligned.

    The moving image is warped bilinearly into the fixed frame with the pair's registration. The overlay
    shows the fixed image in magenta and the registered one in green, so that what agrees is grey to white; both
    have their local brightness evened out, and the contrast of all images is stretched. The structural similarity
    is that of the unadjusted images, each scaled from its minimum and maximum to 8 bits, over what both sessions see,
    and is given before registration only where their sizes agree. An alignment that the method refused is shown, and
    said to be refused in red.
    """
    pair = (sessions[fixed], sessions[moving])
    registration = result.registration(fixed, moving)
    failure = failure_text(registration)
    fixed_image, moving_image = (Projection.of(session.image) for session in pair)
    registered = register(moving_image, registration, pair[0].shape)
    before = ssim(fixed_image.eight_bit, moving_image.eight_bit)
    after = None if registered is None else ssim(fixed_image.eight_bit, registered.eight_bit, registered.seen)

    names = [plain(name) for name in short_names([session.name for session in pair], NAME_WIDTH)]
    n_matches = result.n_matches[fixed, moving]
    fixed_title, moving_title = (
        "\n".join(filter(None, [f"{role}  {session_date(session)}", plain(name)]))
        for role, session, name in zip(
            ("Fixed", "Moving"),
            pair,
            short_names([session.name for session in pair], characters_in(SMALL_PANEL, SMALL_SIZE)),
            strict=True,
        )
    )
    registered_title = "Moving, registration refused" if failure else "Moving, registered"
    details = ["Overlay: fixed magenta, registered green, agreement grey to white"]
    details.append(
        ssim_text(after)
        + ("" if before is None else f" (before registration {before:.2f})")
        + f";  {n_matches} matched ROIs"
    )
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
    shown = {
        "moving": (moving_image.grey, moving_title),
        "fixed": (fixed_image.grey, fixed_title),
        "registered": (None if registered is None else registered.grey, registered_title),
        "overlay": (None if registered is None else overlay(fixed_image.even, registered.even), "\n".join(details)),
    }
    for name, (image, title) in shown.items():
        panels[name].set_axis_off()
        if image is not None:
            show_image(panels[name], image)
        if image is not None or name == "overlay":
            size = TEXT_SIZE if name == "overlay" else SMALL_SIZE
            panels[name].set_title(title, fontsize=size, loc="left")
    headline = f"NOT REGISTERED: {failure}" if failure else f"{names[1]} registered to {names[0]}"
    figure.suptitle(
        textwrap.fill(headline if not failure else plain(headline), characters_in(WIDTH, TITLE_SIZE)),
        fontsize=TITLE_SIZE,
        color=FAILURE if failure else "black",
    )
    return figure
