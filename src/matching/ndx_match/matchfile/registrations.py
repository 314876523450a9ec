"""Registrations as a table of the match file, in which each registration is listed in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ndx_cell_matching import CellMatching, SessionRegistrationsTable
from ndx_cell_matching.registrations import GRID, inverse_displacement

from ..model import Registration, Session
from ..storage.datasets import text_of

NUMBERS = ("ssim", "score", "chance_score", "chance_matches")  #: columns of numbers that may be unknown


def registrations_table(
    registrations: Sequence[Registration], sessions: Sequence[Session]
) -> SessionRegistrationsTable | None:
    """A table with a row for each direction of each registration; None if there are none."""
    if not registrations:
        return None
    rows = [*registrations, *(_inverse(registration, sessions) for registration in registrations)]
    first = [registration.fixed_session for registration in registrations]
    second = [registration.moving_session for registration in registrations]
    has_displacement = any(registration.displacement is not None for registration in registrations)
    zero = np.zeros((GRID, GRID, 2), np.float32)
    columns: dict[str, Any] = {
        name: [np.nan if (value := getattr(row, name)) is None else value for row in rows] for name in NUMBERS
    }
    return SessionRegistrationsTable.from_arrays(
        fixed_session=first + second,
        moving_session=second + first,
        matrix=[row.matrix for row in rows],
        outcome=[row.outcome for row in rows],
        reason=[row.reason for row in rows],
        steps=[", ".join(row.steps) for row in rows],
        displacement=[zero if row.displacement is None else row.displacement for row in rows]
        if has_displacement
        else None,
        **columns,
    )


def read_registrations(matching: CellMatching) -> tuple[Registration, ...]:
    """The registrations of a match file, each pair once, with the earlier session as the fixed one."""
    table = matching.registrations
    if table is None:
        return ()
    columns: dict[str, Any] = {name: table[name].data[:] for name in table.colnames}
    read = []
    for k, (fixed, moving) in enumerate(zip(columns["fixed_session"], columns["moving_session"], strict=True)):
        if fixed < moving:
            displacement = columns["displacement"][k] if "displacement" in columns else None
            steps = text_of(columns["steps"][k])
            read.append(
                Registration(
                    fixed_session=int(fixed),
                    moving_session=int(moving),
                    matrix=np.asarray(columns["matrix"][k], float),
                    steps=(steps,) if steps else (),
                    outcome=int(columns["outcome"][k]),
                    reason=text_of(columns["reason"][k]),
                    displacement=None
                    if displacement is None or not np.any(displacement)
                    else np.asarray(displacement, np.float32),
                    **{name: _known(columns[name][k]) for name in NUMBERS if name in columns},
                )
            )
    return tuple(read)


def _inverse(registration: Registration, sessions: Sequence[Session]) -> Registration:
    """The inverse matrix and displacement; `fixed_session` and `moving_session` are not exchanged."""
    displacement = registration.displacement
    if displacement is not None:
        shapes = sessions[registration.fixed_session].shape, sessions[registration.moving_session].shape
        displacement = inverse_displacement(registration.matrix, displacement, *shapes)
    inverse = np.linalg.inv(registration.matrix)
    return replace(registration, matrix=inverse / inverse[2, 2], ssim=None, displacement=displacement)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
