"""The tables of the documents that list plug-ins; `python tests/document_tables.py` writes them anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ndx_match.formats import called, find_exporters, find_importers
from ndx_match.sources.layouts import Layout, find_layouts
from ndx_match.sources.orientation import in_words

DOCUMENTS = Path(__file__).resolve().parent.parent / "docs"


def markdown(*rows: Sequence[str]) -> str:
    """A table; the first row holds the titles."""
    lines = ["| " + " | ".join(cell.replace("|", r"\|") or "-" for cell in row) + " |\n" for row in rows]
    return "".join([lines[0], "|" + "---|" * len(rows[0]) + "\n", *lines[1:]])


def code(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values if value)


def layouts_table() -> str:
    """One row per layout, in the order in which they are tried."""
    titles = ("layout", "its ROI table", "and these signs", "images, best first", "accepts ROIs by", "orientation")
    return markdown(titles, *(_row(layout) for layout in find_layouts()))


def _row(layout: Layout) -> tuple[str, ...]:
    signs = [f"columns {code(layout.columns)}"] if layout.columns else []
    signs += [f"image {code([layout.image_sign])}"] if layout.image_sign else []
    signs += [f"module {code([layout.module])}"] if layout.module else []
    signs += [f"script {code([layout.script])}"] if layout.script else []
    signs += [f"type {code([layout.type_name])}"] if layout.type_name != "PlaneSegmentation" else []
    return (
        layout.writer,
        code([layout.table]),
        "; ".join(signs),
        code(layout.images),
        code(layout.accepted),
        in_words(layout.convention),
    )


def formats_table() -> str:
    """One row per importer or exporter."""
    titles = ("command", "what it is", "numbers of ROIs", "imaging planes")
    importers = [
        (f"`import --from {called(importer)}`", importer.summary, importer.indices, "one")
        for importer in find_importers().values()
    ]
    exporters = [
        (f"`export -o NAME{suffix}`", exporter.summary, "", "several" if exporter.several_planes else "one")
        for suffix, exporter in find_exporters().items()
    ]
    return markdown(titles, *importers, *exporters)


#: Name of a table in a document -> the document, and the function that makes the table.
TABLES = {"layouts": ("layouts.md", layouts_table), "formats": ("formats.md", formats_table)}


def split(name: str) -> tuple[str, str, str]:
    """A document before, in and after one of its tables."""
    text = (DOCUMENTS / TABLES[name][0]).read_text()
    before, _, rest = text.partition(begin := f"<!-- {name}: written by tests/document_tables.py -->\n")
    table, _, after = rest.partition(end := f"<!-- end of {name} -->\n")
    return before + begin, table, end + after


if __name__ == "__main__":
    for name, (document, table) in TABLES.items():
        before, _, after = split(name)
        (DOCUMENTS / document).write_text(before + table() + after)
