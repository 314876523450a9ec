"""The table and the page of a batch."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from ndx_match.batch.job import Outcome
from ndx_match.batch.records import DONE, FAILED, Figures, Record, read_record, write_record
from ndx_match.batch.summary import PAGE, TABLE, check_summary, make_page, make_table, write_summary
from ndx_match.errors import OutputError

NASTY = '<script>alert("1")</script>&\n\x1b[31m'
FIGURES = Figures(3, 90, 40, 30, 20, 0.9512, "good", f"Matched. {NASTY}", (NASTY,), (NASTY,))


def outcome(name: str, **changes: object) -> Outcome:
    known = {"subject": name, "plane": "plane", "outcome": DONE, "inputs": (), "method": "m", "parameters": {}}
    return Outcome(f"sub-{name}", Record(**{**known, "metadata": {}, **changes}), True)  # type: ignore[arg-type]


OUTCOMES = (outcome("a", figures=FIGURES), outcome(NASTY, outcome=FAILED, error=f"{NASTY} is broken."))


def test_the_table_has_a_row_for_each_match_file():
    first, second = csv.DictReader(io.StringIO(make_table(OUTCOMES)))
    assert (first["match_file"], first["subject"], first["outcome"]) == ("sub-a.nwb", "a", "done")
    assert (first["cells"], first["cells_in_all"], first["mean_confidence"], first["error"]) == (
        "40",
        "20",
        "0.9512",
        "",
    )
    assert (second["match_file"], second["outcome"], second["cells"]) == ("", "failed", "")
    assert second["error"].endswith("is broken.")
    assert "\n" not in second["error"]


def test_texts_on_the_page_are_never_html():
    page = make_page(OUTCOMES, [NASTY])
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    assert re.findall('href="(.*?)"', page) == ["sub-a.nwb"]


def test_a_summary_is_replaced_but_nothing_else(tmp_path: Path):
    for _ in range(2):
        check_summary(tmp_path)
        write_summary(tmp_path, OUTCOMES)
    for name in (TABLE, PAGE):
        (tmp_path / name).write_text("mine")
        with pytest.raises(OutputError, match="not a summary"):
            check_summary(tmp_path)
        (tmp_path / name).unlink()


def test_a_record_comes_back(tmp_path: Path):
    record = OUTCOMES[0].record
    write_record(tmp_path / "a.json", record)
    assert read_record(tmp_path / "a.json") == record


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ndx_match_batch": 2}', '{"ndx_match_batch": 1}', "[" * 100_000])
def test_a_record_that_cannot_be_understood_is_none(text: str, tmp_path: Path):
    (tmp_path / "a.json").write_text(text)
    assert read_record(tmp_path / "a.json") is None


def test_what_is_no_record_is_not_replaced(tmp_path: Path):
    (tmp_path / "a.json").write_text('{"mine": 1}')
    with pytest.raises(OutputError, match="not a record"):
        write_record(tmp_path / "a.json", OUTCOMES[0].record)
