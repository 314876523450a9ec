"""Read a tool's cells as ROI rows, check them, and make a match result of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ... import __version__
from ...arrays import Bools, Ints32
from ...errors import InputError
from ...model import (
    MatchResult,
    Presence,
    Progress,
    Registration,
    RoiPairs,
    Session,
    SessionStatus,
)
from ...presence import presence_codes
from .cells import ToolCells
from .fit import Fit, PairOfSessions, Reader
from .overlap import BY_MATCHES, Overlaps
from .reading import Reading

MOST_TOLD = 5  #: pairs of sessions that are named in warnings
OTHER_FILES = "no other reading fits, so give the files that were matched, with the same ROI tables"
NO_OTHER = (
    "no other reading fits, so these are other files or ROI tables than were matched, or the tool aligned the sessions "
    "wrongly; give the right ones, or the cells as a table, --from csv, which is only warned of"
)


def result_of(
    found: ToolCells, sessions: Sequence[Session], path: Path, known: bool, progress: Progress | None = None
) -> MatchResult:
    """The match result that a tool's cells stand for.

    Parameters
    ----------
    found : ToolCells
    sessions : sequence of Session
        In the order of its columns. `takes_part` says which ROIs the files accept, all if they do not say.
    path : Path
        For errors.
    known : bool
        Whether it is known what the numbers in such files stand for: a reading that does not fit is then refused, else
        there is a warning.
    progress : callable, optional

    Returns
    -------
    MatchResult
        The ROIs that take part are those in the tool's cells, and of the others those that the files accept, which are
        cells of their own. Its registrations are of the consensus method, and fitted to the matches where it found
        none.

    Raises
    ------
    InputError
        Numbers are out of range, an ROI is in two cells, or the reading does not fit.
    """
    accepted = [session.takes_part for session in sessions]
    overlaps = Overlaps(sessions, progress)
    reader = Reader(found, sessions, accepted, overlaps)
    outside = reader.outside(found.reading)
    if outside:
        better = reader.better_than(None)
        advice = _other(better, found.reading, reader.straight, sessions) if better else OTHER_FILES
        raise InputError(f"{path}: {outside}; {advice}.")
    fit = reader.fit(found.reading, progress)
    _refuse_repeated(fit, sessions, path)
    better = reader.better_than(fit) if fit.n_apart and not fit.clear else None
    if known and (fit.wrong or better):
        advice = _other(better, fit.reading, fit.order, sessions) if better else NO_OTHER
        raise InputError(f"{path}: {_misfit(fit, sessions)}; {advice}.")
    return _result(found, fit, sessions, accepted, overlaps, [*found.warnings, *_warnings(fit, better, sessions)])


def _refuse_repeated(fit: Fit, sessions: Sequence[Session], path: Path) -> None:
    for rows, session in zip(fit.rows.T, sessions, strict=True):
        values, counts = np.unique(rows[rows >= 0], return_counts=True)
        if (counts > 1).any():
            raise InputError(
                f"{path}: the ROI of row {values[counts > 1][0]} of the session {session.name} is in several cells; "
                "let each ROI be in one."
            )


# ---- in words


def _apart(pair: PairOfSessions, sessions: Sequence[Session]) -> str:
    names = f"{sessions[pair.fixed].name} and {sessions[pair.moving].name}"
    if pair.measured is None:
        return f"the {pair.n_matches} matches of {names}, which cannot be aligned, agree on no alignment"
    return (
        f"{pair.n_apart} of {pair.n_matches} matches of {names} do not overlap after registration "
        f"(by chance {1 - pair.measured.chance:.0%} would not)"
    )


def _misfit(fit: Fit, sessions: Sequence[Session]) -> str:
    if not fit.judged:
        return (
            f"read as {fit.reading}, {fit.n_unaccepted} of the matched ROIs are not accepted by their files, about as "
            "many as by chance"
        )
    worst = min(fit.judged, key=lambda pair: pair.fraction)
    return f"read as {fit.reading}, {_apart(worst, sessions)}"


def _other(better: Fit, reading: Reading, order: tuple[int, ...], sessions: Sequence[Session]) -> str:
    """The reading that would fit, and how to ask for it."""
    ways, options = [], []
    if better.reading != reading:
        ways.append(f"as {better.reading}")
        options.append(f"give {better.reading.options}")
    if better.order != order:
        in_order = sorted(range(len(sessions)), key=lambda position: better.order[position])
        names = ", ".join(sessions[position].name for position in in_order)
        ways.append(f"with the sessions in the order {names}")
        options.append("give the files in this order")
    overlap = f"{better.n_matches - better.n_apart} of {better.n_matches} matches overlap"
    return f"read {' and '.join(ways)}, {overlap}: {' and '.join(options)}"


def _warnings(fit: Fit, better: Fit | None, sessions: Sequence[Session]) -> list[str]:
    unchecked = [pair for pair in fit.pairs if pair.measured is None and pair.n_matches]
    apart = sorted((p for p in fit.pairs if p.measured and p.n_apart), key=lambda pair: pair.fraction)
    found = [f"Of the imported cells, {_apart(pair, sessions)}." for pair in apart[:MOST_TOLD]]
    found += [
        f"{sessions[pair.fixed].name} and {sessions[pair.moving].name} could not be registered, so that their "
        f"{pair.n_matches} matches are not checked."
        for pair in unchecked[:MOST_TOLD]
    ]
    if max(len(apart), len(unchecked)) > MOST_TOLD:
        n = sum(pair.n_apart for pair in apart), sum(pair.n_matches for pair in unchecked)
        found.append(
            f"Of the {fit.n_matches} imported matches of all sessions, {n[0]} do not overlap after registration, "
            f"and {n[1]} are not checked."
        )
    if better is not None:
        other = _other(better, fit.reading, fit.order, sessions)
        found.append(f"Its numbers are read as {fit.reading}; {other}.")
    if fit.n_unaccepted:
        found.append(
            f"{fit.n_unaccepted} of the matched ROIs are not accepted by their files, though the tool matches accepted "
            "ROIs: it had another threshold, or the numbers stand for other ROIs."
        )
    return found


# ---- the result


def _result(
    found: ToolCells,
    fit: Fit,
    sessions: Sequence[Session],
    accepted: Sequence[Bools],
    overlaps: Overlaps,
    warnings: Sequence[str],
) -> MatchResult:
    n = len(sessions)
    listed = np.asarray((fit.rows >= 0).any(axis=1))
    looked_for = np.ones(fit.rows.shape, bool) if found.looked_for is None else found.looked_for
    blocks, looked = [fit.rows[listed]], [looked_for[listed]]
    for position, flags in enumerate(accepted):
        unlisted = flags.copy()
        unlisted[fit.rows[fit.rows[:, position] >= 0, position]] = False
        blocks.append(np.full((int(unlisted.sum()), n), -1))
        blocks[-1][:, position] = np.flatnonzero(unlisted)
        looked.append(np.zeros(blocks[-1].shape, bool))
    cells = np.concatenate(blocks).astype(np.int32)
    status = np.full(n, SessionStatus.MATCHED, np.uint8)
    registrations = _registrations(fit, overlaps)
    return MatchResult(
        method="import",
        method_version=__version__,
        parameters={},
        cells=cells,
        cell_ids=_cell_ids(found, listed, len(cells)),
        presence=_presence(cells, np.concatenate(looked), sessions, registrations, status),
        roi_pairs=_roi_pairs(fit),
        registrations=registrations,
        session_status=status,
        confidence=_confidence(found, listed, cells),
        warnings=tuple(warnings),
    )


def _cell_ids(found: ToolCells, listed: Bools, n_cells: int) -> np.ndarray:
    """The tool's names of its first cells, and numbers that follow."""
    ids = np.zeros(0, np.int64) if found.cell_ids is None else found.cell_ids
    own = ids[listed[: len(ids)]]
    first = int(own.max(initial=-1)) + 1
    return np.concatenate([own, np.arange(first, first + n_cells - len(own))]).astype(np.int64)


def _confidence(found: ToolCells, listed: Bools, cells: Ints32) -> np.ndarray | None:
    if found.confidence is None:
        return None
    confidence = np.full(len(cells), np.nan)
    confidence[: int(listed.sum())] = found.confidence[listed]
    confidence[(cells >= 0).sum(axis=1) < 2] = np.nan
    return confidence


def _presence(
    cells: Ints32,
    looked_for: Bools,
    sessions: Sequence[Session],
    registrations: Sequence[Registration],
    status: np.ndarray,
) -> np.ndarray:
    """Codes of presence; a session that could not be registered here was, by the tool."""
    codes = presence_codes(cells, sessions, registrations, status)
    codes[codes == Presence.NOT_REGISTERED] = Presence.NOT_DETECTED
    codes[~looked_for & (cells < 0)] = Presence.NOT_LOOKED_FOR
    return codes


def _registrations(fit: Fit, overlaps: Overlaps) -> tuple[Registration, ...]:
    """Of every two sessions that of the matches' overlaps, or what was tried."""
    made = []
    for pair in fit.pairs:
        tried = overlaps.registrations.get((pair.fixed, pair.moving))
        found = pair.measured.registration if pair.measured else tried
        if found is not None and found.steps == (BY_MATCHES,) and tried is not None:
            found = replace(found, score=tried.score, chance_score=tried.chance_score)
        made += [found] if found is not None else []
    return tuple(made)


def _roi_pairs(fit: Fit) -> RoiPairs:
    """The tool's matches, with how far the ROIs overlap."""
    parts = [RoiPairs.concatenate([])]
    for pair in fit.pairs:
        if pair.measured is not None:
            n = pair.n_matches
            parts.append(
                RoiPairs(
                    fixed_session=np.full(n, pair.fixed, np.int32),
                    moving_session=np.full(n, pair.moving, np.int32),
                    fixed_roi_row=pair.rows[:, 0].astype(np.int32),
                    moving_roi_row=pair.rows[:, 1].astype(np.int32),
                    centroid_distance=pair.measured.distance,
                    iou=pair.measured.iou,
                    accepted=np.ones(n, bool),
                )
            )
    return RoiPairs.concatenate(parts)
