"""Decisions and reviews of persons in the tables of a match file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ndx_cell_matching import CellMatching, DecisionKind, DecisionsTable

from ..arrays import Array, Ints64
from ..decisions import AutomaticCells, Decision, Reviews
from ..storage.datasets import text_of

AUTOMATIC = "automatic_cell_id"  #: column of the copied ROI tables
_TEXTS = ("reason", "reviewer", "reviewed_on", "review_comment")
_UNKNOWN = np.full((3, 3), np.nan)


def decisions_table(decisions: Sequence[Decision]) -> DecisionsTable | None:
    """A table with a row for each ROI that a decision names; None if there are no decisions."""
    if not decisions:
        return None
    rows = [
        (number, decision, name, roi_id)
        for number, decision in enumerate(decisions)
        for name, roi_id in (decision.rois or [((decision.sessions or ("",))[0], -1)])
    ]
    aligned = any(decision.matrix is not None for decision in decisions)
    columns: dict[str, Any] = {name: [getattr(decision, name) for _, decision, *_ in rows] for name in _TEXTS}
    for name in ("cell_id", "other_cell_id"):
        ids = (getattr(decision, name) for _, decision, *_ in rows)
        columns[name] = [-1 if cell_id is None else cell_id for cell_id in ids]
    return DecisionsTable.from_arrays(
        decision=[number for number, *_ in rows],
        kind=[decision.kind for _, decision, *_ in rows],
        applied=[decision.applied for _, decision, *_ in rows],
        session_name=[name for *_, name, _ in rows],
        roi_id=[roi_id for *_, roi_id in rows],
        moving_session_name=[(decision.sessions or ("", ""))[1] for _, decision, *_ in rows],
        matrix=[decision.matrix or _UNKNOWN for _, decision, *_ in rows] if aligned else None,
        **columns,
    )


def read_decisions_table(matching: CellMatching) -> tuple[Decision, ...]:
    """The decisions of a match file, without those of kinds that this version does not know."""
    table = matching.decisions
    if table is None:
        return ()
    columns: dict[str, Any] = {name: table[name].data[:] for name in table.colnames}
    decisions: dict[int, Decision] = {}
    for k, number in enumerate(columns["decision"]):
        if columns["kind"][k] not in set(DecisionKind):
            continue
        name, roi_id = text_of(columns["session_name"][k]), int(columns["roi_id"][k])
        if number in decisions:
            decisions[number] = replace(decisions[number], rois=(*decisions[number].rois, (name, roi_id)))
            continue
        kind = DecisionKind(columns["kind"][k])
        aligns = kind == DecisionKind.ALIGN
        texts: dict[str, Any] = {column: text_of(columns[column][k]) for column in _TEXTS if column in columns}
        decisions[number] = Decision(
            kind,
            _known(columns["cell_id"][k]),
            _known(columns["other_cell_id"][k]),
            rois=((name, roi_id),) if name and not aligns else (),
            sessions=(name, text_of(columns["moving_session_name"][k])) if aligns else None,
            matrix=tuple((float(a), float(b), float(c)) for a, b, c in columns["matrix"][k]) if aligns else None,
            applied=bool(columns["applied"][k]),
            **texts,
        )
    return tuple(decisions.values())


def _known(cell_id: int) -> int | None:
    return None if cell_id < 0 else int(cell_id)


def review_columns(reviews: Reviews | None) -> dict[str, Any]:
    """The columns of the table of cells that hold reviews."""
    return {} if reviews is None else {field.name: getattr(reviews, field.name) for field in fields(Reviews)}


def read_reviews(matching: CellMatching) -> Reviews | None:
    """The reviews of the cells of a match file; None if there are none."""
    cells = matching.cells
    if "review" not in cells.colnames:
        return None
    texts = {
        field.name: tuple(text_of(text) for text in cells[field.name].data[:])
        if field.name in cells.colnames
        else ("",) * len(cells)
        for field in fields(Reviews)
        if field.name != "review"
    }
    return Reviews(np.asarray(cells["review"].data[:], np.uint8), **texts)


def automatic_cell_ids(automatic: AutomaticCells, session: int, n_rois: int) -> Ints64:
    """The id of the cell in which the method had put each ROI of a session; -1: none."""
    ids = np.full(n_rois, -1, np.int64)
    rows = automatic.cells[:, session]
    ids[rows[rows >= 0]] = automatic.cell_ids[rows >= 0]
    return ids


def read_automatic(matching: CellMatching) -> AutomaticCells | None:
    """The cells as the method left them, in the order of their ids; None if the file does not hold them."""
    tables = [matching.sessions["roi_table"].data[position] for position in range(matching.n_sessions)]
    if not all(AUTOMATIC in table.colnames for table in tables):
        return None
    of_sessions: list[Array] = [np.asarray(table[AUTOMATIC].data[:], np.int64) for table in tables]
    ids = np.unique(np.concatenate(of_sessions))
    ids = ids[ids >= 0]
    cells = np.full((len(ids), len(tables)), -1, np.int32)
    for session, of_rois in enumerate(of_sessions):
        rows = np.flatnonzero(of_rois >= 0)
        cells[np.searchsorted(ids, of_rois[rows]), session] = rows
    return AutomaticCells(cells, ids)
