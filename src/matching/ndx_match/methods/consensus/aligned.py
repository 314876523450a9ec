"""Align all sessions: find which belong together, and the transforms within each set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...arrays import Matrix
from ...model import Session
from .pairs import PairAlignment, PreparedSession, prepare
from .parameters import ConsensusParameters
from .synchronisation import Component, align_all


@dataclass(frozen=True)
class AlignedSessions:
    """Sessions that belong together."""

    component: Component  #: its members are positions among all sessions
    members: tuple[PreparedSession, ...]
    radius: float  #: typical radius of an ROI in pixels


def align_sessions(
    sessions: Sequence[Session],
    parameters: ConsensusParameters,
    progress: Callable[[int, int], None],
    workers: int,
    manual_alignments: Mapping[tuple[int, int], Matrix],
) -> tuple[list[AlignedSessions], Mapping[tuple[int, int], PairAlignment]]:
    """Align sessions; those that fit each other are aligned as if there were no others.

    `manual_alignments` holds the alignments that a person gave, by the positions of their sessions.

    Returns
    -------
    aligned : list of AlignedSessions
        Each session is in one; one that fits no other is alone.
    alignments : mapping
        Every pair that was tried, by the positions of its sessions.
    """
    aligned, alignments = _align(sessions, range(len(sessions)), parameters, progress, workers, manual_alignments)
    if len(aligned) > 1:
        # Align each set again without the others, which influenced the typical radius and the choice of pairs.
        for position, together in enumerate(aligned):
            if len(together.component.members) > 1:
                again, tried = _align(
                    sessions, together.component.members, parameters, progress, workers, manual_alignments
                )
                if len(again) == 1:
                    aligned[position] = again[0]
                    alignments.update(tried)
    return aligned, alignments


def _align(
    sessions: Sequence[Session],
    chosen: Sequence[int],
    parameters: ConsensusParameters,
    progress: Callable[[int, int], None],
    workers: int,
    manual_alignments: Mapping[tuple[int, int], Matrix],
) -> tuple[list[AlignedSessions], dict[tuple[int, int], PairAlignment]]:
    """Align some of the sessions, given by position, as if there were no others."""
    prepared, radius = prepare([sessions[k] for k in chosen])
    place = {k: number for number, k in enumerate(chosen)}
    chosen_alignments = {
        (place[i], place[j]): matrix for (i, j), matrix in manual_alignments.items() if i in place and j in place
    }
    components, tried = align_all(prepared, radius, parameters, progress, workers, chosen_alignments)
    aligned = [
        AlignedSessions(
            replace(component, members=tuple(chosen[k] for k in component.members)),
            tuple(prepared[k].at_full_resolution_only() for k in component.members),
            radius,
        )
        for component in components
    ]
    return aligned, {(chosen[i], chosen[j]): alignment for (i, j), alignment in tried.items()}
