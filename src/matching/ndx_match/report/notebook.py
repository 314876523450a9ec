"""Tables of sessions and results for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..errors import one_line
from ..model import MatchedPlane, MatchResult, Session
from .summary import MAXIMUM_PAIRS, Rows, cell_rows, pair_rows, session_rows

MOST_ROWS = 60  #: most rows of a table that are shown


def html_of_sessions(sessions: Sequence[Session]) -> str:
    """A table with one row per session."""
    return _table(session_rows(sessions))


def html_of_result(result: MatchResult) -> str:
    """How many cells are in how many sessions."""
    return _heading(f"{result.method} {result.method_version}") + _table(cell_rows(result))


def html_of_plane(plane: MatchedPlane) -> str:
    """The sessions, their pairs, and how many cells are in how many sessions."""
    pairs = pair_rows(plane.sessions, plane.result)[: MAXIMUM_PAIRS + 1]
    tables = (session_rows(plane.sessions, plane.result), pairs, cell_rows(plane.result))
    return _heading(f"{plane.result.method} {plane.result.method_version}") + "".join(map(_table, tables))


def _heading(text: str) -> str:
    return f"<p><b>{escape(one_line(text))}</b></p>"


def _table(rows: Rows) -> str:
    head, *body = rows
    more = len(body) - MOST_ROWS
    lines = ["<table><thead>", _row(head, "th"), "</thead><tbody>", *(_row(row, "td") for row in body[:MOST_ROWS])]
    lines += ["</tbody></table>", f"<p>... and {more} more rows</p>" if more > 0 else ""]
    return "\n".join(lines)


def _row(cells: Sequence[str], kind: str) -> str:
    return "<tr>" + "".join(f"<{kind}>{escape(one_line(cell))}</{kind}>" for cell in cells) + "</tr>"
