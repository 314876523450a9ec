"""Find which session a tool means by a name or a path."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...errors import InputError
from ...model import Session
from ...storage.remote import file_stem


def columns_of_sessions(names: Sequence[str] | int, sessions: Sequence[Session], where: str) -> list[int]:
    """For each session, the position of its name among the tool's names.

    If the names do not identify all the sessions, they are taken to be in the order of the sessions, unless a name that
    identifies a session contradicts this.

    Parameters
    ----------
    names : sequence of str, or int
        The tool's names of the sessions; or the number of sessions, if the tool does not name them.
    sessions : sequence of Session
    where : str
        The beginning of the error message.

    Raises
    ------
    InputError
        If the names do not identify the sessions, and there are not as many names as sessions or some of the names
        belong to sessions at other places.
    """
    columns = None if isinstance(names, int) else named_columns(names, sessions)
    if columns is not None:
        return columns
    n = names if isinstance(names, int) else len(names)
    ours = ", ".join(session.name for session in sessions)
    if n == len(sessions):
        candidates = [] if isinstance(names, int) else _columns_by_name(names, sessions)
        if any(columns and k not in columns for k, columns in enumerate(candidates)):
            assert not isinstance(names, int)
            raise InputError(
                f"{where}: its session names ({', '.join(names)}) belong to some of the sessions ({ours}), but not in "
                "this order; correct the names so that each session has one, or give the files in the order of the "
                "names."
            )
        return list(range(n))
    listed = "" if isinstance(names, int) else f" ({', '.join(names)})"
    raise InputError(
        f"{where}: holds {n} sessions{listed}, but {len(sessions)} were given ({ours}); give the files that were "
        "matched, in the order in which they were matched."
    )


def named_columns(names: Sequence[str], sessions: Sequence[Session]) -> list[int] | None:
    """For each session, the position of its name; None unless each session has exactly one name, all different.

    A name belongs to a session if the name, or a part of it if it is a path, is the session's name, its id or the name
    of its file.
    """
    columns = [each[0] for each in _columns_by_name(names, sessions) if len(each) == 1]
    return columns if len(set(columns)) == len(sessions) else None


def _columns_by_name(names: Sequence[str], sessions: Sequence[Session]) -> list[list[int]]:
    """For each session, the positions of the names that belong to it."""
    parts = [_parts(name) for name in names]
    return [[k for k, each in enumerate(parts) if each & _keys(session)] for session in sessions]


def _parts(name: str) -> set[str]:
    parts = [part for part in re.split(r"[/\\]", name.strip().lower()) if part]
    return {*parts, *(part.rsplit(".", 1)[0] for part in parts)}


def _keys(session: Session) -> set[str]:
    keys = {session.name, session.source.session_id, file_stem(session.source.uri) if session.source.uri else ""}
    return {key.lower() for key in keys} - {""}
