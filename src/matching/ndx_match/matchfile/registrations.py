"""Registrations as a table of the match file, in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ndx_cell_matching import CellMatching, SessionRegistrationsTable

from ..displacement import GRID, inverse_displacement
from ..model import Registration, Session
from ..storage.datasets import text_of


def registrations_table(
    registrations: Sequence[Registration], sessions: Sequence[Session]
) -> SessionRegistrationsTable:
    """A table with a row for each direction of each registration."""
    rows = [(r.fixed, r.moving, r) for r in registrations]
    rows += [(r.moving, r.fixed, _inverse(r, sessions)) for r in registrations]
    bent = any(r.displacement is not None for r in registrations)
    none = np.zeros((GRID, GRID, 2), np.float32)
    return SessionRegistrationsTable.from_arrays(
        fixed_session=[fixed for fixed, _, _ in rows],
        moving_session=[moving for _, moving, _ in rows],
        affine_matrix=np.array([r.matrix for _, _, r in rows]).reshape(-1, 3, 3),
        steps=[r.steps for _, _, r in rows],
        registered=[r.registered for _, _, r in rows],
        reason=[r.reason for _, _, r in rows],
        ssim=[_number(r.ssim) for _, _, r in rows],
        score=[_number(r.score) for _, _, r in rows],
        chance_score=[_number(r.chance) for _, _, r in rows],
        chance_matches=[_number(r.chance_matches) for _, _, r in rows],
        displacement=[none if r.displacement is None else r.displacement for _, _, r in rows] if bent else None,
    )


def read_registrations(matching: CellMatching) -> tuple[Registration, ...]:
    """The registrations of a match file, each pair once, the earlier session being fixed."""
    table = matching.registrations
    if table is None:
        return ()
    columns: dict[str, Any] = {name: table[name].data[:] for name in table.colnames}
    unknown = np.full(len(table), np.nan)
    found = []
    for k in range(len(table)):
        fixed, moving = int(columns["fixed_session"][k]), int(columns["moving_session"][k])
        if fixed < moving:
            bent = columns["displacement"][k] if "displacement" in columns else None
            found.append(
                Registration(
                    fixed=fixed,
                    moving=moving,
                    matrix=np.asarray(columns["affine_matrix"][k], float),
                    steps=text_of(columns["steps"][k]),
                    registered=bool(columns["registered"][k]),
                    reason=text_of(columns["reason"][k]),
                    ssim=_known(columns.get("ssim", unknown)[k]),
                    score=_known(columns.get("score", unknown)[k]),
                    chance=_known(columns.get("chance_score", unknown)[k]),
                    chance_matches=_known(columns.get("chance_matches", unknown)[k]),
                    displacement=None if bent is None or not np.any(bent) else np.asarray(bent, np.float32),
                )
            )
    return tuple(found)


def _inverse(registration: Registration, sessions: Sequence[Session]) -> Registration:
    """The same registration the other way round; the sessions keep their places in it."""
    bent = registration.displacement
    if bent is not None:
        shapes = sessions[registration.fixed].shape, sessions[registration.moving].shape
        bent = inverse_displacement(registration.matrix, bent, *shapes)
    inverse = np.linalg.inv(registration.matrix)
    return replace(registration, matrix=inverse / inverse[2, 2], ssim=None, displacement=bent)


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
