"""Find whether a session that fits no other shows the field turned or mirrored, and name the option to give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from ...model import Session
from .pairs import BEYOND_DOUBT, PairAlignment, PreparedSession, confirm, prepare, refine_rough
from .parameters import ConsensusParameters
from .search import Search, poses_without_scale

ALL_ROUND = 180.0  #: degrees
NEAR_RIGHT_ANGLE = 20.0  #: degrees


def hint_of(sessions: Sequence[Session], fixed: int, moving: int, parameters: ConsensusParameters) -> str:
    """Say how the moving session, which does not fit the fixed one as it is, would fit it; empty if no way is found.

    Sessions are given by position, and the moving one is the subject of the sentence.

    All rotations are searched, with the moving session as it is and mirrored.
    """
    (one, other), radius = prepare([sessions[fixed], sessions[moving]])
    wide = replace(parameters, largest_rotation=ALL_ROUND)
    tried = {mirrored: _best(one, _mirrored(other) if mirrored else other, radius, wide) for mirrored in (False, True)}
    mirrored = tried[True].score > tried[False].score
    alignment = tried[mirrored]
    if not alignment.registered:
        return ""
    angle = float(np.rad2deg(np.arctan2(alignment.matrix[1, 0], alignment.matrix[0, 0])))
    return _in_words(sessions, fixed, moving, angle, mirrored, parameters.largest_rotation)


def _best(
    fixed: PreparedSession, moving: PreparedSession, radius: float, parameters: ConsensusParameters
) -> PairAlignment:
    search = Search(fixed.small, moving.small, parameters.largest_shift)
    best = search.best(poses_without_scale(parameters.largest_rotation), BEYOND_DOUBT)[0]
    return confirm(fixed, moving, refine_rough(fixed, moving, best, radius), parameters)


def _mirrored(session: PreparedSession) -> PreparedSession:
    """The session with the columns of its channels in reverse order."""
    channels, coarse, small = (
        np.ascontiguousarray(each[:, :, ::-1]) for each in (session.channels, session.coarse, session.small)
    )
    return replace(session, channels=channels, coarse=coarse, small=small)


def _in_words(
    sessions: Sequence[Session], fixed: int, moving: int, angle: float, mirrored: bool, largest_rotation: float
) -> str:
    name, file = sessions[fixed].name, _file_of(sessions, moving)
    turned = f"turned by {abs(angle):.0f} degrees" if abs(angle) > largest_rotation else ""
    if mirrored and abs(angle - 90) < NEAR_RIGHT_ANGLE:
        return f"fits {name} with rows and columns exchanged: give --transpose {file}={_exchanged(sessions[moving])}"
    if mirrored:
        more = " and --largest-rotation 180" if turned else ""
        return f"fits {name} mirrored{f' and {turned}' * bool(turned)}: give --mirror {file}{more}"
    return f"fits {name} {turned}: give --largest-rotation 180" if turned else ""


def _exchanged(session: Session) -> str:
    """The choice of `--transpose` that exchanges rows and columns of masks and image as they were read."""
    masks, image = not session.orientation.masks_transposed, not session.orientation.image_transposed
    return {(True, True): "both", (True, False): "masks", (False, True): "image", (False, False): "none"}[masks, image]


def _file_of(sessions: Sequence[Session], position: int) -> str:
    """The name of a session's file; its whole path or URL if another file has the same name."""
    uris = [session.source.uri for session in sessions]
    names = [PurePath(uri).name for uri in uris]
    return (names if names.count(names[position]) == 1 else uris)[position] or "FILE"
