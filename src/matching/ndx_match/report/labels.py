"""The words in the figures: short distinct names, dates, numbers of a registration, file names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile

import numpy as np
from skimage.transform import AffineTransform

from ..model import Registration, Session
from ..warping import is_affine

ELLIPSIS = "…"
LONGEST_FILE_NAME_PART = 80


def short_names(names: Sequence[str], width: int) -> list[str]:
    """Shorten names to about `width` characters, and keep them different.

    If all names fit, they stay as they are. Otherwise the parts that all share at the beginning and the end are removed
    (parts end at `_`, `-`, `.` or a space), and then the middle of names that are still too long. Names that have
    become equal get a number.
    """
    if max(map(len, names), default=0) <= width:
        return list(names)
    parts = [re.split(r"(?<=[_\-. ])", name) for name in names]
    if len(names) > 1:
        common_start = _common_length(parts)
        parts = [part[common_start:] for part in parts]
        common_end = _common_length([[piece.rstrip("_-. ") for piece in reversed(part)] for part in parts])
        parts = [part[: len(part) - common_end] for part in parts]
    shortened = [_without_middle("".join(part).strip("_-. "), width) for part in parts]
    counts = Counter(shortened)
    return [
        f"{position} {name}".rstrip() if counts[name] > 1 or not name else name
        for position, name in enumerate(shortened, start=1)
    ]


def _common_length(parts: Sequence[Sequence[str]]) -> int:
    """How many leading entries all sequences share; the last entry of each does not count."""
    entries = zip(*(part[:-1] for part in parts), strict=False)
    return sum(1 for _ in takewhile(lambda entry: len(set(entry)) == 1, entries))


def _without_middle(name: str, width: int) -> str:
    if len(name) <= width:
        return name
    n_chars = max(width - 1, 2)
    return name[: n_chars // 2] + ELLIPSIS + name[len(name) - (n_chars - n_chars // 2) :]


def plain(text: str) -> str:
    """Escape dollar signs, so that matplotlib does not read them as mathematics."""
    return text.replace("$", r"\$")


def session_date(session: Session) -> str:
    """The date of the session as YYYY-MM-DD; empty if it is unknown."""
    return session.session_start[:10]


def quality_text(registration: Registration) -> str:
    """The number by which the method judged an alignment: `z 45 (chance 4)` or `SSIM 0.626`; empty if there is none."""
    if registration.score is not None:
        return f"z {registration.score:.0f} (chance {registration.chance_score or 0:.0f})"
    return "" if registration.ssim is None else f"SSIM {registration.ssim:.3f}"


def matches_text(registration: Registration | None, n_matches: int) -> str:
    """The number of matches of two sessions and, if it is known, the number that a wrong alignment gives."""
    by_chance = None if registration is None else registration.chance_matches
    return str(n_matches) if by_chance is None else f"{n_matches} (chance {by_chance:.0f})"


def transform_text(registration: Registration) -> str:
    """Rotation, scale and translation of a registration in one line.

    The matrix is decomposed as by scikit-image's `AffineTransform`. The translation is that of the fixed image's
    origin. The rotation is positive from x to y, which is clockwise on the screen.
    """
    matrix = registration.matrix
    if not np.isfinite(matrix).all():
        return "no transform"
    if not is_affine(matrix):
        return "projective transform"
    properties = AffineTransform(matrix=matrix / matrix[2, 2])
    (scale_x, scale_y), (shift_x, shift_y) = properties.scale, properties.translation
    return (
        f"rotation {_signed(np.degrees(properties.rotation), 2)}°, scale {scale_x:.3f} × {scale_y:.3f}, "
        f"translation ({_signed(shift_x, 1)}, {_signed(shift_y, 1)}) px"
    )


def _signed(value: float, digits: int) -> str:
    """A rounded number with a typographic minus sign, and no sign before zero."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}".replace("-", "−")


def failure_text(registration: Registration | None, n_accepted: int) -> str:
    """Why two sessions with `n_accepted` accepted pairs of ROIs do not count as aligned; empty if they do."""
    if registration is None:
        return "NOT REGISTERED: the pair was not tried"
    if not registration.registered:
        return f"NOT REGISTERED: {registration.reason or 'no reason given'}"
    if registration.like_chance(n_accepted):
        by_chance = f"{registration.chance_matches:.0f}"
        return f"PROBABLY WRONG: {n_accepted} pairs of ROIs are accepted, and {by_chance} if it is wrong on purpose"
    return ""


def registration_file_names(names: Sequence[str], pairs: Sequence[tuple[int, int]], kind: str = "png") -> list[str]:
    """File names `registration_<fixed>_<moving>.<kind>`, one per pair, all different and safe on every file system.

    If two would be equal, because session names differ only in case or in characters that a file name cannot hold, all
    file names get the positions of their sessions, counted from 1, in front.
    """
    safe = [re.sub(r"[^\w.+-]+", "-", name).strip("-.")[:LONGEST_FILE_NAME_PART] or "session" for name in names]
    plain_names = [f"registration_{safe[fixed]}_{safe[moving]}.{kind}" for fixed, moving in pairs]
    if len({name.casefold() for name in plain_names}) == len(pairs):
        return plain_names
    return [f"registration_{i + 1}_{j + 1}_{safe[i]}_{safe[j]}.{kind}" for i, j in pairs]
