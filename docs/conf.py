"""Build the pages: `python -m sphinx -W -b html docs docs/_build/html`, with the dependency group `docs` installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pygments.lexers import PythonLexer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = Path(__file__).resolve().parent
REPOSITORY = DOCS.parent
sys.path[:0] = [str(DOCS), *(str(REPOSITORY / "src" / name) for name in ("pynwb", "matching"))]
from schema_page import write_schema_page  # noqa: E402

_project: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
project = _project["name"]
author = ", ".join(person["name"] for person in _project["authors"])
release = _project["version"]
copyright = author

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "*.ipynb"]
html_theme = "furo"
html_title = project
html_static_path: list[str] = []

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"  # numpydoc states the types, with shapes
napoleon_google_docstring = False
napoleon_use_rtype = False

linkcheck_ignore = [r"https://(github\.com/OWNER|OWNER\.github\.io)/.*"]  # until the owner has filled them in

#: Pages that are elsewhere in the repository -> where they are copied to.
ELSEWHERE = {
    REPOSITORY / "CHANGELOG.md": "_pages/changelog.md",
    REPOSITORY / "CONTRIBUTING.md": "_pages/contributing.md",
    REPOSITORY / "OWNER.md": "_pages/owner.md",
    **{path: f"_pages/benchmarks/{path.name}" for path in (REPOSITORY / "benchmarks").glob("*.md")},
}


def copy_pages(_: Any) -> None:
    """Copy the pages from elsewhere, and write that of the schema."""
    for path, name in ELSEWHERE.items():
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (DOCS / "_pages" / "cell_matching.md").write_text(notebook_page(REPOSITORY / "examples" / "cell_matching.ipynb"))
    write_schema_page(REPOSITORY / "spec" / "ndx-cell-matching.extensions.yaml", DOCS / "_pages")


def notebook_page(path: Path) -> str:
    """A notebook as a page, without what its cells give."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    parts = [
        f"```python\n{text}\n```" if cell["cell_type"] == "code" else text
        for cell, text in zip(cells, texts, strict=True)
    ]
    return "\n\n".join([*parts, f"This page is the notebook `{path.relative_to(REPOSITORY).as_posix()}`.\n"])


def follow_pages(_: Any, name: str, source: list[str]) -> None:
    """Let the links between pages lead to where they are in the site."""
    text = source[0]
    if name.startswith("_pages/benchmarks/"):
        text = text.replace("](../docs/", "](../../")
    elif name.startswith("_pages/"):
        text = (
            text.replace("](docs/", "](../")
            .replace("](OWNER.md", "](owner.md")
            .replace("](benchmarks/", "](benchmarks/")
        )
    else:
        text = (
            text.replace("](../benchmarks/", "](_pages/benchmarks/")
            .replace("](../CONTRIBUTING.md", "](_pages/contributing.md")
            .replace("](../examples/cell_matching.ipynb", "](_pages/cell_matching.md")
        )
    source[0] = text


def setup(app: Any) -> None:
    app.add_lexer("snakemake", PythonLexer)
    app.connect("builder-inited", copy_pages)
    app.connect("source-read", follow_pages)
