"""Read and write decisions as a CSV file, which a person can also write."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ndx_cell_matching.codes import DecisionKind

from ..decisions import Decision
from ..errors import InputError
from ..footprints import aligns
from ..storage.publish import publish

COLUMNS = (
    "decision",
    "kind",
    "plane",
    "cell_id",
    "other_cell_id",
    "session_name",
    "roi_id",
    "moving_session_name",
    "matrix",
    "reviewer",
    "reviewed_on",
    "review_comment",
)
MOST_BYTES = 50_000_000  #: largest size of a file of decisions
_KINDS = {kind.label: kind for kind in DecisionKind}


def write_decisions(decisions: Iterable[Decision], path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Write decisions as CSV.

    There is one row per ROI that a decision names, and one row for a decision that names no ROI. `decision` is the
    number of the decision, `kind` a word, and `matrix` nine numbers, row by row.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is false, or the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for number, decision in enumerate(decisions):
        fixed, moving = decision.sessions or ("", "")
        row = {
            "decision": number,
            "kind": decision.kind.label,
            "plane": decision.plane,
            "cell_id": decision.cell_id,
            "other_cell_id": decision.other_cell_id,
            "session_name": fixed,
            "moving_session_name": moving,
            "matrix": " ".join(repr(float(value)) for row in decision.matrix or () for value in row),
            "reviewer": decision.reviewer,
            "reviewed_on": decision.reviewed_on,
            "review_comment": decision.review_comment,
        }
        for name, roi_id in decision.rois or [(fixed, None)]:
            writer.writerow({**row, "session_name": name, "roi_id": roi_id})
    with publish(Path(path), overwrite) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def read_decisions(path: str | os.PathLike[str]) -> list[Decision]:
    """Read decisions as :func:`write_decisions` writes them; without the column `decision`, each row is one decision.

    Raises
    ------
    InputError
        If the file cannot be read, or a row is not a decision.
    """
    try:
        if os.path.getsize(path) > MOST_BYTES:
            raise InputError(f"{path}: this file is too large for a list of decisions; give the file of decisions.")
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text in UTF-8"
        raise InputError(f"{path}: this file cannot be read ({reason}); give a CSV file of decisions.") from error
    return parse_decisions(text, str(path))


def parse_decisions(text: str, where: str) -> list[Decision]:
    """Read decisions from the text of such a file.

    Messages begin with `where`. For errors see :func:`read_decisions`.
    """
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","  # as some spreadsheets write it
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    unknown = [name for name in reader.fieldnames or () if name not in COLUMNS]
    if "kind" not in (reader.fieldnames or ()) or unknown:
        what = f"the unknown column {unknown[0]!r}" if unknown else "no column 'kind'"
        raise InputError(f"{where}: this list of decisions has {what}; its columns are {', '.join(COLUMNS)}.")
    groups: dict[str, list[Mapping[str, str]]] = {}
    try:
        for line, row in enumerate(reader, start=2):
            if None in row:
                raise InputError(f"{where}, row {line}: there are more values than columns; put texts in quotes.")
            values = {name: (value or "").strip() for name, value in row.items()}
            if any(values.values()):
                groups.setdefault(values.get("decision") or f"line {line}", []).append({**values, "line": str(line)})
    except csv.Error as error:
        raise InputError(f"{where}: this is not a CSV file ({error}); give a CSV file of decisions.") from error
    return [_decision(rows, where) for rows in groups.values()]


def _decision(rows: Sequence[Mapping[str, str]], where: str) -> Decision:
    row = rows[0]
    where = f"{where}, row {row['line']}"
    if any({**other, **_OF_ROW} != {**row, **_OF_ROW} for other in rows):
        raise InputError(
            f"{where}: rows of one decision may differ only in session_name and roi_id; number other decisions "
            "differently in the column decision."
        )
    kind = _KINDS.get(row["kind"].lower())
    if kind is None:
        raise InputError(f"{where}: there are no decisions of the kind {row['kind']!r}; they are {', '.join(_KINDS)}.")
    sessions = matrix = None
    rois: tuple[tuple[str, int], ...] = ()
    if kind == DecisionKind.ALIGN:
        sessions = (row.get("session_name", ""), row.get("moving_session_name", ""))
        matrix = matrix_of(row.get("matrix", "").replace(",", " ").split(), where)
    else:
        rois = tuple(
            (each.get("session_name", ""), _number(each, "roi_id", where) or 0) for each in rows if each.get("roi_id")
        )
    texts: dict[str, Any] = {name: row.get(name, "") for name in ("plane", "reviewer", "reviewed_on", "review_comment")}
    ids = [_number(row, name, where) for name in ("cell_id", "other_cell_id")]
    return Decision(kind, ids[0], ids[1], rois, sessions, matrix, **texts)


_OF_ROW = {"session_name": "", "roi_id": "", "line": ""}  #: what differs between rows of one decision


def matrix_of(values: Sequence[str | float], where: str) -> tuple[tuple[float, float, float], ...]:
    """Make the matrix of an alignment from its nine numbers row by row, or from the six of an affine matrix."""
    try:
        numbers = [float(value) for value in values]
        matrix = np.array(numbers + [0.0, 0.0, 1.0] * (len(numbers) == 6)).reshape(3, 3)
    except (TypeError, ValueError):
        matrix = np.zeros((3, 3))
    if not aligns(matrix):
        raise InputError(
            f"{where}: this matrix cannot align two sessions; give 3 x 3 (or 2 x 3) finite numbers, row by row, that "
            "form an invertible matrix."
        )
    return tuple((float(a), float(b), float(c)) for a, b, c in matrix)


def _number(row: Mapping[str, str], name: str, where: str) -> int | None:
    text = row.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{where}: {name} must be a whole number, not {text!r}.") from None
