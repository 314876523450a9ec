"""Facts about sessions that their folders do not hold, so that users state them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from math import inf
from pathlib import Path
from unicodedata import normalize

from ..errors import InputError
from ..storage.csv_tables import read_rows

FOLDER = "folder"  #: column of a table of sessions that names the folder
EXAMPLE = "2026-05-01"
#: The start of a session if its start is unknown and none is needed.
UNKNOWN_START = datetime(1, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class SessionFacts:
    """Facts about a session; an empty text or None means unknown."""

    folder: str  #: the session's folder: its path, or consecutive parts of it, such as `day1`
    session_start: str = ""  #: ISO 8601; UTC if it names no time zone
    session_id: str = ""
    subject_id: str = ""
    imaging_depth: float | None = None  #: micrometres
    pixel_size: tuple[float, float] | None = None  #: micrometres along (rows, columns)

    def __post_init__(self) -> None:
        if self.session_start:
            _ = self.start

    @property
    def start(self) -> datetime | None:
        """When the session began; None if unknown."""
        if not self.session_start:
            return None
        try:
            start = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", self.session_start))
        except ValueError:
            raise InputError(
                f"The start of the session {self.folder}, {self.session_start!r}, is no date; write it as {EXAMPLE} or "
                f"{EXAMPLE}T14:30+02:00."
            ) from None
        return start if start.tzinfo else start.replace(tzinfo=timezone.utc)


def names_folder(location: str | os.PathLike[str], name: str) -> bool:
    """Whether a name consists of consecutive parts of the path of a folder or file; a file's ending may be left out."""
    name_parts = Path(normalize("NFC", name)).parts  # because an accented letter can be written in two ways
    path = Path(normalize("NFC", os.path.abspath(location)))
    if not name_parts:
        return False
    return any(
        parts[start : start + len(name_parts)] == name_parts
        for parts in (path.parts, path.with_suffix("").parts)
        for start in range(len(parts) - len(name_parts) + 1)
    )


def facts_of(
    location: str | os.PathLike[str], starts: Sequence[tuple[str, str]], table: Sequence[SessionFacts]
) -> SessionFacts:
    """The facts about one session: its row of the table, and its start if that is given separately.

    Raises InputError if several rows or several starts belong to the session.
    """
    rows = [row for row in table if names_folder(location, row.folder)]
    session_starts = [(name, start) for name, start in starts if not name or names_folder(location, name)]
    for entries, kind in ((rows, "rows of the table of sessions"), (session_starts, "times of --session-start")):
        if len(entries) > 1:
            raise InputError(f"{location}: {len(entries)} {kind} belong to this session; keep only one.")
    facts = rows[0] if rows else SessionFacts(session_starts[0][0] if session_starts else "")
    values = {each.name: getattr(facts, each.name) for each in fields(facts)}
    return SessionFacts(**{**values, **({"session_start": session_starts[0][1]} if session_starts else {})})


def read_session_table(path: str | os.PathLike[str]) -> tuple[SessionFacts, ...]:
    """Read a CSV table of sessions, with the column `folder` and other fields of :class:`SessionFacts` as columns.

    Raises
    ------
    InputError
        If the table cannot be read, has no column `folder`, has an unknown column, or holds a value that is not valid.
    """
    names = [each.name for each in fields(SessionFacts)]
    columns, rows = read_rows(path, "the table of sessions")
    strange = [name for name in columns if name not in names]
    if FOLDER not in columns or strange:
        problem = f"has the unknown column {strange[0]!r}" if strange else f"has no column {FOLDER!r}"
        raise InputError(f"{path}: the table of sessions {problem}; its columns are: {', '.join(names)}.")
    return tuple(_row(path, number, row) for number, row in enumerate(rows, start=2))


def _row(path: str | os.PathLike[str], number: int, row: dict[str, str]) -> SessionFacts:
    texts = dict(row)
    if not texts[FOLDER]:
        raise InputError(f"{path}: row {number} names no folder; give a folder, or remove the row.")
    depth, sizes = texts.pop("imaging_depth", ""), texts.pop("pixel_size", "")
    pixel_size: list[float] = []
    imaging_depth, problem = None, ""
    try:
        pixel_size = [float(size) for size in sizes.split("x")] if sizes else []
        imaging_depth = float(depth) if depth else None
    except ValueError as error:
        problem = f"{str(error).partition(': ')[2]} is no number"
    if len(pixel_size) > 2 or not all(0 < size < inf for size in pixel_size):
        problem = f"the pixel size {sizes!r} is not valid"
    elif imaging_depth is not None and not 0 <= imaging_depth < inf:
        problem = f"the imaging depth {depth!r} is not valid"
    if problem:
        raise InputError(
            f"{path}: row {number}: {problem}; write depth and pixel size in micrometres, as 0.8 or 0.75 x 1.25."
        )
    size = (pixel_size[0], pixel_size[-1]) if pixel_size else None
    return SessionFacts(**texts, imaging_depth=imaging_depth, pixel_size=size)
