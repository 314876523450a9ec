"""Add sessions to what was matched before, without matching all again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .errors import InputError
from .methods import add
from .model import MatchedPlane, Progress, Session
from .sources import source_warnings


def add_sessions(plane: MatchedPlane, sessions: Sequence[Session], progress: Progress | None = None) -> MatchedPlane:
    """Add sessions to what was matched in a plane, one after the other, each against all that are there.

    Parameters
    ----------
    plane : MatchedPlane
        Its masks and images included, as of :func:`ndx_match.matchfile.read_match_file`.
    sessions : sequence of Session
        Of names that no session of the plane has, as of :func:`ndx_match.sources.read_more_sessions`.
    progress : callable, optional

    Returns
    -------
    MatchedPlane
        With the new sessions last. Cells keep their ROIs, ids and rows, decisions and reviews of persons included.

    Raises
    ------
    MethodError
        As :func:`ndx_match.methods.add`.
    """
    # What is said of all sessions together is said anew when the file is written.
    stale = source_warnings(plane.sessions)
    result = replace(plane.result, warnings=tuple(each for each in plane.result.warnings if each not in stale))
    together = plane.sessions
    for session in sessions:
        result = add(together, result, session, progress)
        together = (*together, session)
    return replace(plane, sessions=together, result=result)


def the_only_plane(planes: Sequence[MatchedPlane], where: str) -> MatchedPlane:
    """The plane of a match file that holds one.

    Raises
    ------
    InputError
        It holds several.
    """
    if len(planes) > 1:
        raise InputError(
            f"{where}: this match file holds several imaging planes, to which sessions cannot be added; match all "
            "files again with `ndx-match write --all-planes --previous`, so that cells keep their ids."
        )
    return planes[0]
