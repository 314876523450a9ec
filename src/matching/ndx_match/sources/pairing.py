"""Find the same imaging plane in several sessions, by name or else by depth."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError

DEPTH_TOLERANCE = 15.0  #: micrometres: about the size of a cell body


@dataclass(frozen=True)
class RecordedPlane:
    """An imaging plane of one session: names of session and plane, and the depth in micrometres, None if unknown."""

    session: str
    name: str
    depth: float | None = None

    def __str__(self) -> str:
        return self.name if self.depth is None else f"{self.name} ({self.depth:g} um)"


@dataclass(frozen=True)
class PairedPlane:
    """One imaging plane in at least two sessions.

    Attributes
    ----------
    name : str
        Unique, and such that it can be a part of names in NWB files.
    members : tuple of RecordedPlane
        The plane in each session that has it, in the order of the sessions.
    """

    name: str
    members: tuple[RecordedPlane, ...]


@dataclass(frozen=True)
class Pairing:
    """The planes that two or more sessions share, sorted by name, and what the user should know about the others."""

    planes: tuple[PairedPlane, ...]
    warnings: tuple[str, ...]


def check_tolerance(tolerance: float) -> None:
    """Raise InputError if the tolerance is negative or not a number."""
    if not tolerance >= 0:
        raise InputError(f"--depth-tolerance {tolerance:g} is not 0 or more; give a number of micrometres.")


def pair_planes(recorded: Sequence[RecordedPlane], tolerance: float = DEPTH_TOLERANCE) -> Pairing:
    """Pair the imaging planes of sessions.

    Planes of the same name are one plane if their depths agree within the tolerance; an unknown depth agrees with any.
    The other planes are paired with planes of other sessions by their depths, the nearest first.

    Parameters
    ----------
    recorded : sequence of RecordedPlane
        In the order of the sessions. The planes of one session have different names.
    tolerance : float
        In micrometres.

    Raises
    ------
    InputError
        The tolerance is negative, or no plane is in two sessions.
    """
    check_tolerance(tolerance)
    groups = _by_name(recorded, tolerance)
    while nearest := _nearest(groups, tolerance):
        first, second = nearest
        merged = tuple(sorted((*groups[first], *groups[second]), key=recorded.index))
        groups = [merged if k == first else group for k, group in enumerate(groups) if k != second]
    shared, single = [group for group in groups if len(group) > 1], [group[0] for group in groups if len(group) == 1]
    if not shared:
        listed = ", ".join(f"{plane.session} has {plane}" for plane in recorded)
        raise InputError(
            f"No imaging plane is in two sessions, by name or by depth (within {tolerance:g} um): {listed}; choose a "
            "plane with --plane, or raise --depth-tolerance."
        )
    planes = [PairedPlane(name, group) for name, group in zip(_names(shared), shared, strict=True)]
    planes.sort(key=lambda plane: plane.name)
    sessions = list(dict.fromkeys(plane.session for plane in recorded))
    warnings = [warning for plane in planes for warning in _warnings(plane, sessions)]
    warnings += [_alone(plane, recorded, tolerance) for plane in single]
    return Pairing(tuple(planes), tuple(warnings))


Group = tuple[RecordedPlane, ...]


def _by_name(recorded: Sequence[RecordedPlane], tolerance: float) -> list[Group]:
    """Groups of planes of the same name; a plane whose depth does not agree with most of them is a separate group."""
    groups: list[Group] = []
    for name in dict.fromkeys(plane.name for plane in recorded):
        named = [plane for plane in recorded if plane.name == name]
        windows = [
            [p for p in named if p.depth is None or 0 <= p.depth - lowest.depth <= tolerance]
            for lowest in named
            if lowest.depth is not None
        ]
        most = max(windows, key=lambda window: (len(window), -named.index(window[0])), default=named)
        groups.append(tuple(most))
        groups += [(plane,) for plane in named if plane not in most]
    return groups


def _nearest(groups: Sequence[Group], tolerance: float) -> tuple[int, int] | None:
    """The two groups of different sessions with the nearest depths within the tolerance; None if there are none."""
    best, nearest = np.inf, None
    for second in range(len(groups)):
        for first in range(second):
            depths = [[p.depth for p in groups[k] if p.depth is not None] for k in (first, second)]
            sessions = {plane.session for k in (first, second) for plane in groups[k]}
            if not all(depths) or len(sessions) < len(groups[first]) + len(groups[second]):
                continue
            difference = abs(float(np.mean(depths[0]) - np.mean(depths[1])))
            if np.ptp([*depths[0], *depths[1]]) <= tolerance and difference < best:
                best, nearest = difference, (first, second)
    return nearest


def _names(groups: Sequence[Group]) -> list[str]:
    """A name for each plane: its most frequent name, with its depth if several planes share the name."""
    names = [Counter(plane.name for plane in group).most_common(1)[0][0] for group in groups]
    names = [re.sub(r"[^A-Za-z0-9_+-]+", "-", name).strip("-") or "plane" for name in names]
    depths = [next((plane.depth for plane in group if plane.depth is not None), None) for group in groups]
    with_depth = [
        f"{name}_{depth:g}um" if depth is not None and names.count(name) > 1 else name
        for name, depth in zip(names, depths, strict=True)
    ]
    return [
        name if with_depth.count(name) == 1 else f"{name}_{with_depth[:k].count(name) + 1}"
        for k, name in enumerate(with_depth)
    ]


def _warnings(plane: PairedPlane, sessions: Sequence[str]) -> list[str]:
    warnings = []
    if len({member.name for member in plane.members}) > 1:
        listed = ", ".join(f"{member.session} {member}" for member in plane.members)
        warnings.append(f"Planes of different names are matched by their depths, as {plane.name}: {listed}.")
    missing = [session for session in sessions if session not in {member.session for member in plane.members}]
    if missing:
        warnings.append(
            f"The plane {plane.name} is missing in {', '.join(missing)} and is matched in the other sessions."
        )
    return warnings


def _alone(plane: RecordedPlane, recorded: Sequence[RecordedPlane], tolerance: float) -> str:
    """Why a plane is matched with no other."""
    named = [other for other in recorded if other.name == plane.name and other != plane]
    if not named:
        return f"{plane.session}: the plane {plane} is in no other session, so it is not matched."
    listed = ", ".join(f"{other.session} {other.depth:g} um" for other in named if other.depth is not None)
    return (
        f"{plane.session}: the plane {plane} is not matched, because the depths of the planes of this name differ by "
        f"more than {tolerance:g} um ({listed}); raise --depth-tolerance to match them anyway."
    )
