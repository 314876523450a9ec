"""The tables of methods and of their parameters in Markdown files: `python tests/unit/method_tables.py docs/*.md`.

A table stands between `<!-- parameters of NAME -->` or `<!-- methods -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from ndx_match.cli.methods import parameter_options
from ndx_match.methods import all_methods

_TABLE = re.compile(r"(<!-- (?:parameters of (?P<method>\S+)|methods) -->\n).*?(<!-- end -->)", re.DOTALL)


def parameters_table(method: str) -> str:
    """One row per parameter of a method: its option, default, allowed values and description."""
    options = parameter_options({name: known.parameters for name, known in all_methods().items()})
    rows = (
        (
            f"`{option.flags}`",
            option.parameter.default_text or "none",
            option.parameter.allowed,
            option.parameter.sentence,
        )
        for option in options
        if method in option.methods
    )
    return _table(("option", "default", "allowed", "meaning"), rows)


def methods_table() -> str:
    """One row per method: which ROIs it takes, whether it needs an image, and what it does."""
    rows = (
        (
            f"`{method.name}`",
            "all" if method.takes_all_rois else "those that take part",
            "yes" if method.needs_image else "no",
            method.summary,
        )
        for method in all_methods().values()
    )
    return _table(("method", "ROIs", "needs an image", "what it does"), rows)


def with_tables(text: str) -> str:
    """The text of a Markdown file with its tables written anew."""

    def table(pattern_match: re.Match[str]) -> str:
        content = methods_table() if pattern_match["method"] is None else parameters_table(pattern_match["method"])
        return f"{pattern_match[1]}\n{content}\n{pattern_match[3]}"

    return _TABLE.sub(table, text)


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = tuple(header)
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
