"""The page of the extension's types: a diagram, and the columns of each, from the schema itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import yaml

ROW, TITLE, WIDTH, GAP = 15, 24, 250, 50  # of the boxes of the diagram, in pixels


def write_schema_page(schema: Path, folder: Path) -> None:
    """Write `types.md` and `types.svg` into a folder."""
    groups = yaml.safe_load(schema.read_text(encoding="utf-8"))["groups"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "types.svg").write_text(diagram(groups), encoding="utf-8")
    (folder / "types.md").write_text(page(groups), encoding="utf-8")


def page(groups: Sequence[dict[str, Any]]) -> str:
    """The diagram and a section for each type."""
    text = (
        "# The types of the extension\n\n"
        "Written from the schema, `spec/ndx-cell-matching.extensions.yaml`; [the format](../format.md) says the same "
        "in prose, and why. In the diagram, a question mark marks what is optional. Arrows lead to the table of "
        "sessions from the columns that hold its rows or, in the table of cells, rows of the ROI tables that it "
        "names.\n\n![The types, their columns and references](types.svg)\n"
    )
    for group in groups:
        text += f"\n## {group['neurodata_type_def']}\n\nA {group['neurodata_type_inc']}. {group['doc']}\n"
        text += "\n| name | type | meaning |\n|---|---|---|\n"
        for kind in ("attributes", "groups", "datasets"):
            text += "".join(_row(member) for member in group.get(kind, ()))
    return text


def _row(member: dict[str, Any]) -> str:
    doc = member["doc"].replace("|", r"\|")
    return f"| `{member['name']}` | {_type(member)}{', optional' if _optional(member) else ''} | {doc} |\n"


def _type(member: dict[str, Any]) -> str:
    dtype = member.get("dtype", member.get("neurodata_type_inc"))
    named = f"reference to {dtype['target_type']}" if isinstance(dtype, dict) else str(dtype)
    return f"{named} [{', '.join(member['dims'])}]" if "dims" in member else named


def _optional(member: dict[str, Any]) -> bool:
    return member.get("quantity") == "?" or member.get("required") is False


def diagram(groups: Sequence[dict[str, Any]]) -> str:
    """The types as boxes, three in a row, and arrows to what their columns refer to, as SVG."""
    lines = {group["neurodata_type_def"]: _lines(group) for group in groups}
    height = max(map(len, lines.values())) * ROW + TITLE + GAP
    where = {
        name: (position % 3 * (WIDTH + 2 * GAP) + GAP, position // 3 * height + GAP)
        for position, name in enumerate(lines)
    }
    boxes = [_box(*where[name], name, rows) for name, rows in lines.items()]
    arrows = [
        _arrow(where[name], number, where[target])
        for name, rows in lines.items()
        for number, (_, target) in enumerate(rows)
        if target in where and target != name
    ]
    size = (3 * (WIDTH + 2 * GAP), (len(lines) + 2) // 3 * height + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" font-family="sans-serif" '
        'font-size="11"><defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="#2a6f97"/></marker></defs>'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(arrows)}{"".join(boxes)}</svg>\n'
    )


def _lines(group: dict[str, Any]) -> list[tuple[str, str]]:
    """What a box lists, each with the type of table to which an arrow leads, if any."""
    members = [*group.get("attributes", ()), *group.get("groups", ()), *group.get("datasets", ())]
    lines = [(f"{m['name']}{'?' if _optional(m) else ''}: {_type(m).split(' [')[0]}", _refers_to(m)) for m in members]
    if group["neurodata_type_def"] == "MatchedCellsTable":
        lines.append(("one column per session: ROI rows", "MatchedSessionsTable"))
    return lines


def _refers_to(member: dict[str, Any]) -> str:
    return "MatchedSessionsTable" if member["name"] in ("fixed_session", "moving_session") else ""


def _box(x: int, y: int, name: str, lines: Sequence[tuple[str, str]]) -> str:
    height = TITLE + ROW * len(lines) + 6
    texts = "".join(
        f'<text x="{x + 6}" y="{y + TITLE + ROW * (number + 1) - 4}">{escape(text)}</text>'
        for number, (text, _) in enumerate(lines)
    )
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{height}" fill="#f6f9fb" stroke="#2a6f97"/>'
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{TITLE}" fill="#2a6f97"/>'
        f'<text x="{x + 6}" y="{y + 16}" fill="white" font-weight="bold">{name}</text>{texts}'
    )


def _arrow(box: tuple[int, int], number: int, target: tuple[int, int]) -> str:
    """A line from a row of a box to the title of another."""
    right = target[0] > box[0]
    x, y = box[0] + (WIDTH if right else 0), box[1] + TITLE + ROW * number + ROW // 2
    end_x, end_y = target[0] + (0 if right else WIDTH), target[1] + TITLE // 2
    if target[0] == box[0]:
        x = end_x = box[0]
    bend = x + (GAP // 2 if right else -GAP // 2)
    end_bend = bend if target[0] == box[0] else end_x - (bend - x)
    return (
        f'<path d="M{x} {y} C{bend} {y} {end_bend} {end_y} {end_x} {end_y}" fill="none" stroke="#2a6f97" '
        'marker-end="url(#tip)" opacity="0.7"/>'
    )
