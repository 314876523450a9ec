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

MOST_LISTED = 5  #: largest number of pairs of sessions that are named in warnings of one kind
OTHER_FILES = "no other reading fits, so give the files that were matched, with the same ROI tables"
NO_OTHER = (
    "no other reading fits, so these are not the files or ROI tables that were matched, or the tool aligned the "
    "sessions wrongly; give the right files, or import the cells from a table (csv), which gives only a warning"
)


def result_of(
    tool_cells: ToolCells, sessions: Sequence[Session], path: Path, known: bool, progress: Progress | None = None
) -> MatchResult:
    """Make a match result from a tool's cells.

    Parameters
    ----------
    tool_cells : ToolCells
    sessions : sequence of Session
        In the order of the columns of `tool_cells`. `takes_part` states which ROIs the files accept: all of them if a
        file does not state this.
    path : Path
        The file or folder that error messages name.
    known : bool
        Whether the meaning of the numbers is known. If it is, a reading that does not fit is refused; otherwise there
        is a warning.
    progress : callable, optional

    Returns
    -------
    MatchResult
        Its cells are those of the tool; each other ROI that the files accept is a separate cell. The registrations are
        those of the consensus method or, if it could not register two sessions, those fitted to the matches.

    Raises
    ------
    InputError
        If numbers are out of range, an ROI is in two cells, or the reading does not fit.
    """
    accepted = [session.takes_part for session in sessions]
    overlaps = Overlaps(sessions, progress)
    reader = Reader(tool_cells, sessions, accepted, overlaps)
    outside = reader.outside(tool_cells.reading)
    if outside:
        better = reader.better_than(None)
        advice = _other(better, tool_cells.reading, reader.straight, sessions) if better else OTHER_FILES
        raise InputError(f"{path}: {outside}; {advice}.")
    fit = reader.fit(tool_cells.reading, progress)
    _refuse_repeated(fit, sessions, path)
    better = reader.better_than(fit) if fit.n_apart and not fit.clear else None
    if known and (fit.wrong or better):
        advice = _other(better, fit.reading, fit.order, sessions) if better else NO_OTHER
        raise InputError(f"{path}: {_misfit(fit, sessions)}; {advice}.")
    return _result(
        tool_cells, fit, sessions, accepted, overlaps, [*tool_cells.warnings, *_warnings(fit, better, sessions)]
    )


def _refuse_repeated(fit: Fit, sessions: Sequence[Session], path: Path) -> None:
    for rows, session in zip(fit.rows.T, sessions, strict=True):
        values, counts = np.unique(rows[rows >= 0], return_counts=True)
        if (counts > 1).any():
            raise InputError(
                f"{path}: the ROI in row {values[counts > 1][0]} of the session {session.name} is in several cells; "
                "give a result in which each ROI is in one cell."
            )


# ---- in words


def _apart(pair: PairOfSessions, sessions: Sequence[Session]) -> str:
    names = f"{sessions[pair.fixed].name} and {sessions[pair.moving].name}"
    if pair.measured is None:
        return f"{names} cannot be registered, and their {pair.n_matches} matches agree on no alignment"
    return (
        f"{pair.n_apart} of {pair.n_matches} matches of {names} do not overlap after registration "
        f"(by chance, {1 - pair.measured.chance:.0%} would not)"
    )


def _misfit(fit: Fit, sessions: Sequence[Session]) -> str:
    if not fit.judged:
        return (
            f"if its numbers are read as {fit.reading}, {fit.n_unaccepted} of the matched ROIs are not accepted by "
            "the files, about as many as by chance"
        )
    worst = min(fit.judged, key=lambda pair: pair.fraction)
    return f"if its numbers are read as {fit.reading}, {_apart(worst, sessions)}"


def _other(better: Fit, reading: Reading, order: tuple[int, ...], sessions: Sequence[Session]) -> str:
    """The reading that would fit, and the options that choose it."""
    ways, options = [], []
    if better.reading != reading:
        ways.append(f"the numbers are read as {better.reading}")
        options.append(f"give {better.reading.options}")
    if better.order != order:
        in_order = sorted(range(len(sessions)), key=lambda position: better.order[position])
        names = ", ".join(sessions[position].name for position in in_order)
        ways.append(f"the sessions are in the order {names}")
        options.append("give the files in this order")
    overlap = f"{better.n_matches - better.n_apart} of {better.n_matches} matches overlap"
    return f"if {' and '.join(ways)}, {overlap}, so {' and '.join(options)}"


def _warnings(fit: Fit, better: Fit | None, sessions: Sequence[Session]) -> list[str]:
    unchecked = [pair for pair in fit.pairs if pair.measured is None and pair.n_matches]
    apart = sorted((p for p in fit.pairs if p.measured and p.n_apart), key=lambda pair: pair.fraction)
    warnings = [f"In the imported cells, {_apart(pair, sessions)}." for pair in apart[:MOST_LISTED]]
    warnings += [
        f"{sessions[pair.fixed].name} and {sessions[pair.moving].name} could not be registered, so that their "
        f"{pair.n_matches} matches are not checked."
        for pair in unchecked[:MOST_LISTED]
    ]
    if max(len(apart), len(unchecked)) > MOST_LISTED:
        n = sum(pair.n_apart for pair in apart), sum(pair.n_matches for pair in unchecked)
        warnings.append(
            f"Of the {fit.n_matches} imported matches of all sessions, {n[0]} do not overlap after registration, "
            f"and {n[1]} are not checked."
        )
    if better is not None:
        other = _other(better, fit.reading, fit.order, sessions)
        warnings.append(f"The numbers are read as {fit.reading}; {other}.")
    if fit.n_unaccepted:
        warnings.append(
            f"{fit.n_unaccepted} of the matched ROIs are not accepted by the files, although the tool matches only "
            "accepted ROIs: the tool used another threshold, or the numbers stand for other ROIs."
        )
    return warnings


# ---- the result


def _result(
    tool_cells: ToolCells,
    fit: Fit,
    sessions: Sequence[Session],
    accepted: Sequence[Bools],
    overlaps: Overlaps,
    warnings: Sequence[str],
) -> MatchResult:
    n = len(sessions)
    listed = np.asarray((fit.rows >= 0).any(axis=1))
    looked_for = np.ones(fit.rows.shape, bool) if tool_cells.looked_for is None else tool_cells.looked_for
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
        cell_ids=_cell_ids(tool_cells, listed, len(cells)),
        presence=_presence(cells, np.concatenate(looked), sessions, registrations, status),
        roi_pairs=_roi_pairs(fit),
        registrations=registrations,
        session_status=status,
        confidence=_confidence(tool_cells, listed, cells),
        warnings=tuple(warnings),
        session_names=tuple(session.name for session in sessions),
    )


def _cell_ids(tool_cells: ToolCells, listed: Bools, n_cells: int) -> np.ndarray:
    """The tool's ids of its first cells, and the next numbers for the others."""
    ids = np.zeros(0, np.int64) if tool_cells.cell_ids is None else tool_cells.cell_ids
    listed_ids = ids[listed[: len(ids)]]
    first = int(listed_ids.max(initial=-1)) + 1
    return np.concatenate([listed_ids, np.arange(first, first + n_cells - len(listed_ids))]).astype(np.int64)


def _confidence(tool_cells: ToolCells, listed: Bools, cells: Ints32) -> np.ndarray | None:
    if tool_cells.confidence is None:
        return None
    confidence = np.full(len(cells), np.nan)
    confidence[: int(listed.sum())] = tool_cells.confidence[listed]
    confidence[(cells >= 0).sum(axis=1) < 2] = np.nan
    return confidence


def _presence(
    cells: Ints32,
    looked_for: Bools,
    sessions: Sequence[Session],
    registrations: Sequence[Registration],
    status: np.ndarray,
) -> np.ndarray:
    """Codes of presence; NOT_REGISTERED is replaced, because the tool did register the session."""
    codes = presence_codes(cells, sessions, registrations, status)
    codes[codes == Presence.NOT_REGISTERED] = Presence.NOT_DETECTED
    codes[~looked_for & (cells < 0)] = Presence.NOT_LOOKED_FOR
    return codes


def _registrations(fit: Fit, overlaps: Overlaps) -> tuple[Registration, ...]:
    """For every two sessions, the registration by which matches were measured, or else the one that was tried."""
    registrations = []
    for pair in fit.pairs:
        consensus = overlaps.registrations.get((pair.fixed, pair.moving))
        registration = pair.measured.registration if pair.measured else consensus
        if registration is not None and registration.steps == (BY_MATCHES,) and consensus is not None:
            registration = replace(registration, score=consensus.score, chance_score=consensus.chance_score)
        registrations += [registration] if registration is not None else []
    return tuple(registrations)


def _roi_pairs(fit: Fit) -> RoiPairs:
    """The tool's matches, with the distance and the IoU of their ROIs."""
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
