"""Add sessions to an earlier result without matching all sessions again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .errors import InputError
from .methods import add
from .model import MatchedPlane, Progress, Session
from .sources import source_warnings


def add_sessions(plane: MatchedPlane, sessions: Sequence[Session], progress: Progress | None = None) -> MatchedPlane:
    """Add sessions to the result of a plane, one after another; each is matched with those that are then in it.

    Parameters
    ----------
    plane : MatchedPlane
        As read by :func:`ndx_match.matchfile.read_match_file`, with masks and images.
    sessions : sequence of Session
        As read by :func:`ndx_match.sources.read_more_sessions`. No session of the plane may have the same name.
    progress : callable, optional

    Returns
    -------
    MatchedPlane
        The plane with the new sessions last. Cells keep their ROIs, ids and rows; decisions and reviews are kept too.

    Raises
    ------
    MethodError
        In the cases that :func:`ndx_match.methods.add` lists.
    """
    # Warnings about all sessions together are made anew when the file is written.
    stale = source_warnings(plane.sessions)
    result = replace(plane.result, warnings=tuple(each for each in plane.result.warnings if each not in stale))
    together = plane.sessions
    for session in sessions:
        result = add(together, result, session, progress)
        together = (*together, session)
    return replace(plane, sessions=together, result=result)


def the_only_plane(planes: Sequence[MatchedPlane], where: str) -> MatchedPlane:
    """The plane of a match file that holds only one.

    Raises
    ------
    InputError
        The match file holds several planes.
    """
    if len(planes) > 1:
        raise InputError(
            f"{where}: this match file holds several imaging planes, to which sessions cannot be added; match all "
            "files again with `ndx-match write --all-planes --previous`, so that cells keep their ids."
        )
    return planes[0]
