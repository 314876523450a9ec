"""The summary of a batch: a table and a page with the outcome for every animal and imaging plane."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import quote

from .. import __version__
from ..errors import OutputError, one_line
from ..storage.outputs import check_link, check_name
from ..storage.publish import publish
from .job import Outcome
from .records import DONE, FAILED

TABLE, PAGE = "summary.csv", "summary.html"
COLUMNS = (
    "match_file", "subject", "plane", "outcome", "judgement", "sessions", "rois", "cells", "cells_in_two_or_more",
    "cells_in_all", "mean_confidence", "n_doubts", "n_warnings", "seconds", "finished", "error",
)  # fmt: skip
_MARK = "ndx-match batch"  #: marks a page as a summary

_TEMPLATE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="$mark">
<title>Summary of a batch</title>
<style>
$style
td, th { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; }
td { overflow-wrap: break-word; }
table { border-collapse: collapse; width: 100%; }
.level { border-radius: 4px; padding: 0 .4rem; }
</style>
</head>
<body>
<header><h1>Summary of a batch</h1></header>
<section>
<ul class="figures">$figures</ul>
</section>
<section>
<table>
<thead><tr>$heading</tr></thead>
<tbody>
$rows
</tbody>
</table>
</section>
$notes
<footer>Written by $software. This page is complete and loads nothing from the network.</footer>
</body>
</html>
""")


def check_summary(folder: Path) -> None:
    """Refuse a folder in which other files have the names of the summary.

    Raises
    ------
    OutputError
        If another file has one of these names.
    """
    for path, mark in ((folder / TABLE, COLUMNS[0]), (folder / PAGE, _MARK)):
        check_name(path)
        check_link(path)
        try:
            is_ours = not path.exists() or mark in path.read_text(encoding="utf-8")[:2000]
        except (OSError, UnicodeDecodeError):
            is_ours = False
        if not is_ours:
            raise OutputError(f"{path}: this is not a summary of a batch and is not replaced; choose another -o.")


def write_summary(folder: Path, outcomes: Sequence[Outcome], notes: Sequence[str] = ()) -> None:
    """Write or replace `summary.csv` and `summary.html`.

    Parameters
    ----------
    folder : path
    outcomes : sequence of Outcome
        In the order of the rows.
    notes : sequence of str
        One sentence for each file or plane that was left out.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    for name, text in ((TABLE, make_table(outcomes)), (PAGE, make_page(outcomes, notes))):
        with publish(folder / name, overwrite=True) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")


def make_table(outcomes: Sequence[Outcome]) -> str:
    """The text of the CSV file: one row per match file; unknown values are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in outcomes:
        record, figures = each.record, each.record.figures
        numbers: Sequence[object] = [""] * 9
        if figures is not None:
            confidence = "" if figures.mean_confidence is None else figures.mean_confidence
            counts = (figures.sessions, figures.rois, figures.cells, figures.followed, figures.in_all)
            numbers = [figures.level, *counts, confidence, len(figures.doubts), len(figures.warnings)]
        file = each.file if record.outcome == DONE else ""
        row = (file, record.subject, record.plane, record.outcome, *numbers, record.seconds, record.finished)
        writer.writerow([one_line(cell) for cell in (*row, record.error)])
    return text.getvalue()


def make_page(outcomes: Sequence[Outcome], notes: Sequence[str] = ()) -> str:
    """The HTML of the page, without scripts; every text in it is escaped."""
    levels = [_level(each) for each in outcomes]
    n_failed = sum(each.record.outcome == FAILED for each in outcomes)
    figures = [
        (len(outcomes), "animals and planes"),
        (levels.count("good"), "matched"),
        (levels.count("doubtful"), "matched, with doubts"),
        (levels.count("failed") - n_failed, "not to be used"),
        (n_failed, "failed"),
    ]
    titles = ("match file", "subject", "plane", "sessions", "ROIs", "cells", "in two or more", "in all", "result")
    style = (files("ndx_match.report.page") / "assets" / "page.css").read_text(encoding="utf-8")
    section = f"<section><h2>Left out</h2>{_list(notes)}</section>" if notes else ""
    return _TEMPLATE.substitute(
        mark=_MARK,
        style=style,
        figures="".join(f"<li><b>{number}</b> <span>{_text(label)}</span></li>" for number, label in figures),
        heading="".join(f"<th{_NUMBER if title in titles[3:8] else ''}>{_text(title)}</th>" for title in titles),
        rows="\n".join(map(_row, outcomes)),
        notes=section,
        software=_text(f"ndx-match {__version__}"),
    )


_NUMBER = ' class="number"'


def _row(outcome: Outcome) -> str:
    record, figures = outcome.record, outcome.record.figures
    file = _text(outcome.file)
    if record.outcome == DONE:
        file = f'<a href="{quote(outcome.file)}">{file}</a>'
    counts: Sequence[object] = [""] * 5
    if figures is not None:
        counts = (figures.sessions, figures.rois, figures.cells, figures.followed, figures.in_all)
    numbers = "".join(f"<td{_NUMBER}>{count}</td>" for count in counts)
    return (
        f"<tr><td>{file}</td><td>{_text(record.subject)}</td><td>{_text(record.plane)}</td>{numbers}{_result(outcome)}"
    )


def _result(outcome: Outcome) -> str:
    level, figures = _level(outcome), outcome.record.figures
    text = outcome.record.error if figures is None else figures.headline
    more = ""
    if figures is not None and (sentences := [*figures.doubts, *figures.warnings]):
        more = f"<details><summary>{len(sentences)} to read</summary>{_list(sentences)}</details>"
    return f'<td><span class="level {level}"><strong>{level}</strong></span> {_text(text)}{more}</td>'


def _level(outcome: Outcome) -> str:
    """The level of an outcome: good, doubtful or failed."""
    figures = outcome.record.figures
    return "failed" if figures is None or outcome.record.outcome == FAILED else figures.level


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(sentence)}</li>' for sentence in sentences)}</ul>"


def _text(text: object) -> str:
    return escape(one_line(text))
