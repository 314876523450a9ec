"""The content of the page for an imaging plane, as JSON: numbers, texts, outlines and images."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import cv2
import numpy as np

from ndx_cell_matching import label_of

from ...arrays import Array, Floats, Floats32
from ...errors import one_line
from ...model import MatchedPlane, Presence, Registration, RegistrationOutcome, Session, Step
from ..colours import cell_colours
from ..fractions import matched_fractions, n_accepted_pairs
from ..images import even_out
from ..labels import session_date, short_names, transform_text
from ..outlines import outlines
from .evidence import distributions, measure_of, support_and_rivals
from .verdict import matched_rois, pair_level

LONGEST_SIDE = 1024  # pixels of an image
MOST_PIXELS = 12e6  # of all images together: about 5 MB
JPEG_QUALITY = 82
LONGEST_NAME = 22  # characters of a name in a heading
DISPLACEMENT_STEP = 0.05  # pixels: displacements are whole multiples of it


def plane_content(plane: MatchedPlane, step: Step = lambda: None) -> dict[str, Any]:
    """Everything that the page shows of a plane, in types that JSON knows; all numbers are finite.

    `step` is called after each session.
    """
    sessions = tuple(session.only_taking_part() for session in plane.sessions)
    result = plane.result
    fractions, _ = matched_fractions(result, [session.n_taking_part for session in sessions])
    n_matched = matched_rois(plane).tolist()
    accepted = n_accepted_pairs(result)
    shorts = short_names([session.name for session in sessions], LONGEST_NAME)
    supports = support_and_rivals(sessions, result)
    size = min(LONGEST_SIDE, (MOST_PIXELS / len(sessions)) ** 0.5)
    days = days_of(sessions)
    return {
        "name": one_line(plane.name),
        "method": one_line(f"{result.method} {result.method_version}"),
        "parameters": {one_line(name): one_line(value) for name, value in result.parameters.items()},
        "libraries": {one_line(name): one_line(version) for name, version in result.software.items()},
        "measure": measure_of(result.roi_pairs)[0],
        "sureness": "lowest mean IoU of its ROIs" if result.confidence is None else "confidence",
        "sessions": [
            {
                **_session(session, size, step),
                "short": one_line(short),
                "day": day,
                "nMatched": matched,
                "matched": bool(is_matched),
                "status": one_line(status),
                "support": _rounded(support),
                "rivalMeasure": _rounded(rival_measure),
                "rival": rival.tolist(),
            }
            for session, short, day, matched, is_matched, status, (support, rival_measure, rival) in zip(
                sessions, shorts, days, n_matched, result.is_matched, result.status_in_words(), supports, strict=True
            )
        ],
        "cells": result.cells.tolist(),
        "cellIds": result.cell_ids.tolist(),
        "lastId": result.last_id,
        "reviews": [0] * len(result.cells) if result.reviews is None else result.reviews.review.tolist(),
        "sure": _rounded(_sureness(plane, [support for support, _, _ in supports])),
        "colours": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in _as_bytes(cell_colours(sessions, result.cells)).tolist()],
        "presence": result.presence.tolist(),
        "presenceLabels": {str(c): label_of(Presence, c) for c in np.unique(result.presence).tolist()},
        "pairs": [
            _pair(r, int(accepted[r.fixed_session, r.moving_session]), fractions[r.fixed_session, r.moving_session])
            for r in result.registrations
        ],
        "distributions": distributions(sessions, result),
    }


def _session(session: Session, size: float, step: Step) -> dict[str, Any]:
    source, scale = _picture(session.image, size)
    step()
    pixel = session.pixel_size
    return {
        "name": one_line(session.name),
        "date": session_date(session),
        "shape": list(session.shape),
        "image": source if session.has_image else None,
        "imageScale": scale,
        "depth": session.imaging_depth,
        "pixelSize": None if pixel is None else [float(value) for value in pixel],
        "nRois": session.n_rois,
        "nTakingPart": session.n_taking_part,
        "selection": one_line(session.roi_selection_reason),
        "orientation": one_line(session.orientation_reason),
        "file": one_line(session.source.uri.rsplit("/", 1)[-1]),
        "roiIds": [str(roi_id) for roi_id in session.roi_ids.tolist()],
        "outlines": [[_polygon(part) for part in parts] for parts in outlines(session)],
    }


def _polygon(points: Array) -> list[int]:
    """First point, then steps: x, y, dx, dy, dx, dy, ..."""
    return np.diff(points, axis=0, prepend=np.zeros((1, 2), points.dtype)).ravel().tolist()


def _picture(image: Floats32, size: float) -> tuple[str, float]:
    """A JPEG of the image with evened brightness, as a data URL, and its number of pixels per pixel of the image."""
    grey = np.round(even_out(image) * 255).astype(np.uint8)
    scale = min(1.0, size / max(image.shape))
    if scale < 1:
        n_rows, n_cols = (max(1, round(n * scale)) for n in image.shape)
        grey = cv2.resize(grey, (n_cols, n_rows), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode(), scale


def _pair(registration: Registration, accepted: int, fraction: float) -> dict[str, Any]:
    r = registration
    bent = r.displacement
    return {
        "fixed": r.fixed_session,
        "moving": r.moving_session,
        "registered": r.registered,
        "level": pair_level(r, accepted),
        "composed": r.outcome == RegistrationOutcome.COMPOSED,
        "byHand": r.outcome == RegistrationOutcome.BY_HAND,
        "reason": one_line(r.reason),
        "steps": one_line(", ".join(r.steps)),
        "transform": transform_text(r),
        "matrix": [float(f"{value:.9g}") for value in r.matrix.ravel()] if np.isfinite(r.matrix).all() else None,
        "displacement": None if bent is None else np.round(bent / DISPLACEMENT_STEP).astype(int).ravel().tolist(),
        "displacementStep": DISPLACEMENT_STEP,
        "largestDisplacement": 0 if bent is None else _number(float(np.linalg.norm(bent, axis=-1).max())),
        "ssim": _number(r.ssim),
        "score": _number(r.score),
        "chanceScore": _number(r.chance_score),
        "chanceMatches": _number(r.chance_matches),
        "accepted": accepted,
        "fraction": _number(fraction),
    }


def days_of(sessions: Sequence[Session]) -> list[float | None]:
    """Days from the first dated session to each session; None if a date is unknown or cannot be read."""
    dates = [_date(session.session_start) for session in sessions]
    first = min((date for date in dates if date is not None), default=None)
    return [None if d is None or first is None else round((d - first).total_seconds() / 86400, 3) for d in dates]


def _date(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)
    except ValueError:
        return None


def _sureness(plane: MatchedPlane, supports: Iterable[Floats]) -> Floats:
    """How sure each cell is: its confidence or, if the method gives none, the lowest support of its ROIs."""
    result = plane.result
    if result.confidence is not None:
        return np.asarray(result.confidence, float)
    lowest = np.full(len(result.cells), np.nan)
    for support, rows in zip(supports, result.cells.T, strict=True):
        present = rows >= 0
        lowest[present] = np.fmin(lowest[present], support[rows[present]])
    return np.where(result.n_sessions_of_cell > 1, lowest, np.nan)


def _as_bytes(colours: Floats) -> Array:
    return np.round(colours * 255).astype(np.uint8)


def _rounded(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else round(value, 3) for value in values.tolist()]


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)
