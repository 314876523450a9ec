"""The pages are built without a warning, and their links within the site lead somewhere."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]


class Page(HTMLParser):
    """What a page links to, and the places in it to which others can."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name in ("id", "name") and value:
                self.places.add(value)


def missing_links(folder: Path) -> list[str]:
    """The links within the site that lead nowhere."""
    pages = {path: Page(path) for path in folder.rglob("*.html")}
    missing = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            places = pages[target].places if target in pages else {parts.fragment}
            if not target.exists() or unquote(parts.fragment) not in places:
                missing.append(f"{path.relative_to(folder)}: {link}")
    return sorted(missing)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built of a copy."""
    for library in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(library, reason=f"{library} is not installed; install the group docs")
    folder = tmp_path_factory.mktemp("site")
    for name in ("docs", "spec", "src", "benchmarks", "examples"):
        shutil.copytree(
            REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("_build", "_pages", "__pycache__")
        )
    for name in ("pyproject.toml", "CHANGELOG.md", "CONTRIBUTING.md", "OWNER.md"):
        shutil.copy(REPOSITORY / name, folder)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "html"]
    done = subprocess.run(command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.mark.slow
def test_links_within_the_site_lead_somewhere(site: Path):
    assert missing_links(site) == []


@pytest.mark.slow
def test_the_site_holds_guide_interface_and_types(site: Path):
    interface = (site / "api.html").read_text(encoding="utf-8")
    for name in ("read_sessions", "write_match_file", "CellMatching", "to_dataframe", "cell_map_figure"):
        assert name in interface
    types = (site / "_pages" / "types.html").read_text(encoding="utf-8")
    assert "MatchedSessionsTable" in types
    assert any((site / "_images").glob("types*.svg"))
    assert "registration_figure" in (site / "_pages" / "cell_matching.html").read_text(encoding="utf-8")


def test_arrows_of_the_diagram_lead_to_the_table_of_sessions():
    groups = yaml.safe_load((REPOSITORY / "spec" / "ndx-cell-matching.extensions.yaml").read_text())["groups"]
    diagram = runpy.run_path(str(REPOSITORY / "docs" / "schema_page.py"))["diagram"](groups)
    title = re.search(r'x="(\d+)" y="(\d+)" width="(\d+)"[^<]*<text[^>]*>MatchedSessionsTable', diagram)
    x, y, width = map(int, title.groups())
    ends = re.findall(r'<path d="M\d+ \d+ C[-\d]+ \d+ [-\d]+ \d+ (\d+) (\d+)" fill="none"', diagram)
    assert len(ends) == 5  # two columns of pairs, two of registrations, those of cells
    assert all(int(end_x) in (x, x + width) and y < int(end_y) < y + 24 for end_x, end_y in ends)


def test_every_page_is_in_the_table_of_contents():
    """So that a new page is named by this test before the site's build warns of it."""
    contents = (REPOSITORY / "docs" / "index.md").read_text(encoding="utf-8").splitlines()
    pages = {path.stem for path in (REPOSITORY / "docs").glob("*.md")} - {"index"}
    assert pages <= set(contents), "name the page in docs/index.md"


def test_links_lead_somewhere_in_the_repository_too():
    """Where the pages are read before any site is built, for example on GitHub."""
    missing = []
    for path in (
        page for folder in ("", "docs/", "benchmarks/", "findings/") for page in REPOSITORY.glob(f"{folder}*.md")
    ):
        text = re.sub(r"^ *```.*?^ *```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if ":" not in link]
        missing += [f"{path.name}: {link}" for link in links if link and not (path.parent / link).exists()]
    assert missing == []


def test_a_link_to_a_page_or_place_that_is_not_there_is_found(tmp_path: Path):
    (tmp_path / "a.html").write_text('<a href="b.html#here">b</a><a href="https://example.org">c</a>')
    (tmp_path / "b.html").write_text('<p id="here"></p><a href="a.html#nowhere">a</a><img src="none.png">')
    assert missing_links(tmp_path) == ["b.html: a.html#nowhere", "b.html: none.png"]
