"""The page of `ndx-match report`, as a person with a browser uses it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import write_sessions
from helpers import run

from ndx_cell_matching.registrations import SessionRegistration, displacement_points
from ndx_match.footprints import centroids
from ndx_match.matchfile import read_match_file
from ndx_match.model import MatchedPlane, cell_of_roi
from ndx_match.report.page import make_page, write_page
from ndx_match.simulate import TIERS, simulate
from ndx_match.simulate.files import write_simulation

SHIFTS = ((0, 0), (3, 2), (-4, 5))
PAINTED = "() => [...document.querySelectorAll('canvas')].filter(c => c.clientWidth && c.width !== 300).length"


@dataclass
class Page:
    """A page in the browser, and what it did that it should not."""

    page: Any
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def strip(self) -> list[str]:
        """What is said of the selected cell in each session."""
        return [item.get_attribute("aria-label") for item in self.page.query_selector_all(".strip canvas")]

    def click_roi(self, plane: MatchedPlane, session: int, roi_row: int) -> None:
        """Click where an ROI is in the field of a session."""
        shown_session = plane.sessions[session]
        x, y = centroids(shown_session.footprints[[roi_row]], shown_session.shape[1])[0] + 0.5
        canvas = self.page.locator(".field canvas.top").nth(session)

        def place() -> tuple[float, float]:
            box = canvas.bounding_box()
            scale = box["width"] / shown_session.shape[1]
            return box["x"] + x * scale, box["y"] + y * scale

        # Below the bar that stays in sight.
        self.page.evaluate("y => window.scrollBy({ top: y, behavior: 'instant' })", place()[1] - 700)
        self.page.mouse.click(*place())

    def blameless(self) -> None:
        assert self.problems == []
        assert [address for address in self.requests if not address.startswith("data:")] == self.requests[:1]


@pytest.fixture
def show(chromium) -> Iterator[Any]:
    """Opens a page; at the end it must have asked for nothing and complained of nothing."""
    opened: list[tuple[Any, Page]] = []

    def open_page(path: Path, **options: Any) -> Page:
        context = chromium.new_context(**{"viewport": {"width": 1300, "height": 900}, **options})
        shown = Page(context.new_page())
        shown.page.set_default_timeout(20_000)
        shown.page.on("console", lambda message: shown.problems.append(message.text))
        shown.page.on("pageerror", lambda error: shown.problems.append(str(error)))
        shown.page.on("dialog", lambda dialog: (shown.problems.append(dialog.message), dialog.dismiss()))
        shown.page.on("request", lambda request: shown.requests.append(request.url))
        shown.page.goto(path.as_uri())
        shown.page.wait_for_selector("body[data-ready]")
        opened.append((context, shown))
        return shown

    yield open_page
    for context, shown in opened:
        shown.blameless()
        context.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def plane(folder: Path) -> MatchedPlane:
    run("write", *write_sessions(folder, SHIFTS), "-o", folder / "matches.nwb").succeeded()
    return read_match_file(folder / "matches.nwb")


@pytest.fixture(scope="module")
def report(folder: Path, plane: MatchedPlane) -> Path:
    run("report", folder / "matches.nwb", "-o", folder / "report.html").succeeded()
    return folder / "report.html"


def test_the_first_screen_says_what_became_of_the_match(show, report: Path, plane: MatchedPlane) -> None:
    page = show(report)
    sizes = plane.result.n_sessions_of_cell
    assert "Matched." in page.text(".verdict.good")
    assert f"{(sizes > 1).sum()} cells were followed through two or more of 3 sessions" in page.text(".headline")
    figures = page.text(".figures")
    assert f"{(sizes == 3).sum()}\ncells in all 3 sessions" in figures
    assert "3 of 3\npairs aligned" in figures
    assert page.text("h1") == "matches.nwb"


def test_a_click_on_a_cell_shows_it_in_all_sessions(show, report: Path, plane: MatchedPlane) -> None:
    page = show(report)
    cell = int(np.flatnonzero(plane.result.n_sessions_of_cell == 3)[-1])
    rows = plane.result.cells[cell]
    page.click_roi(plane, 1, rows[1])
    assert page.text(".cell-title").startswith(f"Cell {plane.result.cell_ids[cell]}, in 3 of 3 sessions, confidence ")
    for label, session, row in zip(page.strip(), plane.sessions, rows, strict=True):
        assert label.startswith(f"{session.name}: ROI {session.roi_ids[row]}, p ")


def test_where_a_cell_is_missing_the_page_says_why(show, folder: Path, plane: MatchedPlane) -> None:
    cells, presence = plane.result.cells.copy(), plane.result.presence.copy()
    cell = int(np.flatnonzero(plane.result.n_sessions_of_cell == 3)[0])
    alone = np.array([[-1, -1, cells[cell, 2]]], np.int32)
    cells[cell, 2], presence[cell, 2] = -1, 3
    result = replace(
        plane.result,
        cells=np.concatenate([cells, alone]),
        presence=np.concatenate([presence, [[0, 0, 1]]]).astype(np.uint8),
        confidence=np.append(plane.result.confidence, np.nan),
        cell_ids=np.append(plane.result.cell_ids, 9999),
    )
    write_page([MatchedPlane(plane.sessions, result)], folder / "missing.html")
    page = show(folder / "missing.html")
    page.click_roi(plane, 0, cells[cell, 0])
    assert page.strip()[2] == f"{plane.sessions[2].name}: ambiguous"
    assert "Could also be cell 9999" in page.text(".rivals")
    page.page.click(".rivals button")
    assert page.text(".cell-title").startswith("Cell 9999, in 1 of 3 sessions")


def test_everything_can_be_reached_with_keys(show, report: Path, plane: MatchedPlane) -> None:
    page = show(report)
    keys = page.page.keyboard
    confidence = plane.result.confidence[plane.result.n_sessions_of_cell > 1]

    def shown_confidence() -> float:
        return float(re.search(r"confidence (\S+)", page.text(".cell-title")).group(1))

    assert shown_confidence() == pytest.approx(confidence.min(), abs=0.006)  # the least sure is the first
    first = page.text(".cell-title")
    keys.press("ArrowRight")
    assert page.text(".place") == f"2 of {len(confidence)}"
    keys.press("k")
    assert page.text(".cell-title") == first
    keys.press("ArrowLeft")
    assert shown_confidence() == pytest.approx(confidence.max(), abs=0.006)
    keys.press("/")
    keys.type(str(plane.result.cell_ids[3]))
    keys.press("Enter")
    assert page.text(".cell-title").startswith(f"Cell {plane.result.cell_ids[3]},")
    keys.press("Tab")
    keys.press("Escape")
    assert page.text(".cell-title") == "No cell selected"
    pair = page.page.locator("#pairs select")
    keys.press("n")
    assert pair.input_value() == "1"
    keys.press("p")
    assert pair.input_value() == "0"
    for key, look in (("s", "Slider"), ("b", "Blink"), ("o", "Overlay")):
        keys.press(key)
        assert page.page.get_attribute("canvas.pair", "aria-label").startswith(f"{look} of ")
    keys.press("?")
    assert "next cell" in page.text("#help")
    keys.press("Escape")
    assert not page.page.locator("#help").is_visible()
    reached = set()
    for _ in range(80):
        keys.press("Tab")
        reached.add(
            page.page.evaluate(
                "() => { const e = document.activeElement; return e.closest('section')?.id ?? e.tagName; }"
            )
        )
    assert {"cells", "pairs", "frame"} <= reached


def test_every_picture_has_a_text_in_its_place(show, report: Path) -> None:
    page = show(report).page
    for selector in ("canvas:not([aria-hidden])", "svg"):
        for element in page.query_selector_all(selector):
            assert element.get_attribute("aria-label"), selector
            assert element.get_attribute("role") == "img", selector
    assert page.query_selector_all("img") == []
    assert page.get_attribute("html", "lang") == "en"


def test_alignment_of_a_pair(show, report: Path, plane: MatchedPlane) -> None:
    page = show(report)
    page.page.select_option("#pairs select", "1")
    registration = plane.result.registrations[1]
    facts = page.text(".facts")
    assert f"{registration.score:.0f}, against {registration.chance_score:.0f} by chance" in facts
    assert f"{plane.result.n_matches[0, 2]} cells with an ROI in both" in facts
    page.page.locator("canvas.pair").scroll_into_view_if_needed()
    page.page.wait_for_timeout(300)
    # Blue and red are the fixed image, green the moving one: where both are seen, the three are alike.
    differences = page.page.evaluate(
        """() => { const c = document.querySelector('canvas.pair'), k = c.width / 150, d = [];
        const data = c.getContext('2d').getImageData(40 * k, 40 * k, 60 * k, 60 * k).data;
        for (let i = 0; i < data.length; i += 4) d.push(Math.abs(data[i] - data[i + 1]));
        d.sort((a, b) => a - b); return [d[d.length >> 1], data.reduce((a, b) => a + b, 0) / data.length]; }"""
    )
    assert differences[0] < 12
    assert differences[1] > 80


def test_points_are_carried_as_in_the_match_file(chromium) -> None:
    """The page carries points with the stored matrix and deformation as the extension does."""
    rng = np.random.default_rng(0)
    matrix = np.array([[1.02, 0.05, 4.0], [-0.04, 0.97, -3.0], [1e-5, -2e-5, 1.0]])
    points = displacement_points((120, 90))
    grid = np.stack([3 * np.sin(points[:, 1] / 40), 2 * np.cos(points[:, 0] / 50)], axis=1).reshape(17, 17, 2)
    fixed_points = rng.uniform(5, 85, (50, 2))
    expected = SessionRegistration(matrix, grid, (120, 90)).to_moving(fixed_points)
    page = chromium.new_page()
    scripts = files("ndx_match.report.page") / "assets"
    page.add_script_tag(content=(scripts / "geometry.js").read_text())
    pair = {
        "fixed": 0,
        "moving": 1,
        "registered": True,
        "matrix": matrix.ravel().tolist(),
        "grid": grid.ravel().tolist(),
        "gridSize": 17,
    }
    there, back = page.evaluate(
        """([pair, points]) => { const plane = { pairs: [pair], sessions: [{shape: [120, 90]}, {shape: [120, 90]}] };
        const there = points.map(([x, y]) => mapBetween(plane, 0, 1)(x, y));
        return [there, there.map(([x, y]) => mapBetween(plane, 1, 0)(x, y))]; }""",
        [pair, (fixed_points + 0.5).tolist()],  # the page counts from the corner of a pixel
    )
    page.close()
    np.testing.assert_allclose(np.array(there) - 0.5, expected, atol=1e-9)
    np.testing.assert_allclose(np.array(back) - 0.5, fixed_points, atol=0.01)


HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\"'&$title{{}}\u202e\n"


def test_texts_of_a_hostile_file_are_shown_as_they_are(show, folder: Path, plane: MatchedPlane) -> None:
    """Names, warnings, reasons and all others cannot become a part of the page."""
    sessions = tuple(
        replace(
            s, name=f"{k}{HOSTILE}", session_start=HOSTILE, roi_selection_reason=HOSTILE, orientation_reason=HOSTILE,
            source=replace(s.source, uri=f"{HOSTILE}.nwb"),
        )
        for k, s in enumerate(plane.sessions)
    )  # fmt: skip
    registrations = tuple(replace(r, steps=(HOSTILE,), reason=HOSTILE) for r in plane.result.registrations)
    result = replace(
        plane.result, method=HOSTILE, method_version=HOSTILE, parameters={HOSTILE: HOSTILE},
        software={HOSTILE: HOSTILE}, warnings=(HOSTILE,),
        registrations=(replace(registrations[0], outcome=0), *registrations[1:]),
        session_status=np.array([1, 0, 0], np.uint8), status_reasons=(HOSTILE,) * 3,
    )  # fmt: skip
    planes = [MatchedPlane(sessions, result, f"{name}{HOSTILE}") for name in "ab"]
    write_page(planes, folder / "hostile.html", title=HOSTILE)
    page = show(folder / "hostile.html")
    shown = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\"'&$title{{}}"
    for selector in ("h1", ".warnings", ".verdict", "#details"):
        assert shown in page.page.text_content(selector), selector
    assert page.page.query_selector_all("img, iframe, a[href^=javascript]") == []
    assert len(page.page.query_selector_all("script")) == 2
    page.page.select_option("nav select", "1")
    assert page.page.locator(".glance:visible").count() == 1
    assert shown in page.page.text_content("#details")


def test_a_result_that_failed_looks_so_on_the_first_screen(show, folder: Path, plane: MatchedPlane) -> None:
    registrations = tuple(replace(r, chance_matches=18.0) for r in plane.result.registrations)
    warnings = ("101 and 102 are probably aligned wrongly.",)
    result = replace(plane.result, registrations=registrations, warnings=warnings)
    write_page([MatchedPlane(plane.sessions, result)], folder / "failed.html")
    page = show(folder / "failed.html")
    verdict = page.page.locator(".verdict.failed")
    assert verdict.bounding_box()["y"] < 300
    assert "Do not use these matches. 3 of 3 alignments are probably wrong" in verdict.inner_text()
    assert warnings[0] in page.text(".warnings")
    assert "0 of 3\npairs aligned" in page.text(".figures")
    assert page.page.locator("#pairs .level.failed").count() == 1


def test_without_scripts_the_summary_can_be_read(chromium, report: Path) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert "Matched." in page.inner_text(".verdict")
    assert "JavaScript" in page.inner_text("noscript")
    context.close()


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_nothing_is_wider_than_the_window(show, report: Path, width: int) -> None:
    page = show(report, viewport={"width": width, "height": 800}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_printed_whole(show, report: Path) -> None:
    page = show(report).page
    page.wait_for_timeout(200)
    printed = page.pdf(format="A4")
    assert 2 <= printed.count(b"/Type /Page\n") <= 8
    assert page.evaluate(PAINTED) == len(page.query_selector_all("canvas"))


def test_a_result_without_pairs_or_images(show, folder: Path, plane: MatchedPlane) -> None:
    pairs = plane.result.roi_pairs.take(np.zeros(len(plane.result.roi_pairs), bool))
    cells = np.full((sum(s.n_rois for s in plane.sessions), 3), -1, np.int32)
    cells[np.arange(len(cells)), np.repeat([0, 1, 2], [s.n_rois for s in plane.sessions])] = np.concatenate(
        [np.arange(s.n_rois) for s in plane.sessions]
    )
    result = replace(
        plane.result, cells=cells, presence=(cells >= 0).astype(np.uint8), roi_pairs=pairs, registrations=(),
        confidence=None, cell_ids=None,
    )  # fmt: skip
    sessions = tuple(
        replace(s, has_image=False, image=np.zeros_like(s.image), session_start="") for s in plane.sessions
    )
    write_page([MatchedPlane(sessions, result)], folder / "nothing.html")
    page = show(folder / "nothing.html")
    assert "No cell was found again" in page.text(".verdict.failed")
    assert page.text(".place") == "none"
    assert "no alignments" in page.text("#pairs")


def test_the_same_file_gives_the_same_page(plane: MatchedPlane) -> None:
    assert make_page([plane], "x") == make_page([plane], "x")


def test_an_output_that_exists_is_kept(folder: Path, report: Path) -> None:
    before = report.read_bytes()
    run("report", folder / "matches.nwb", "-o", report).refused(str(report), "--overwrite")
    run("report", folder / "matches.nwb", "-o", folder / "none" / "x.html").refused("does not exist")
    assert report.read_bytes() == before
    run("report", folder / "matches.nwb", "-o", report, "--overwrite").succeeded()


@pytest.fixture(scope="module")
def allen_matches(allen_sessions: list[Path], folder: Path) -> dict[str, Path]:
    made = {method: folder / f"{method}.nwb" for method in ("consensus", "nway")}
    for method, path in made.items():
        run("write", *allen_sessions, "-o", path, "--method", method).succeeded()
    return made


@pytest.fixture(scope="module")
def many(folder: Path) -> Path:
    """Twenty sessions of about 500 ROIs each."""
    simulation = simulate(replace(TIERS["typical"], n_cells=600).with_sessions(20), seed=0)
    write_simulation(simulation, folder / "many", n_samples=2)
    run("write", *sorted((folder / "many").glob("*.nwb")), "-o", folder / "many.nwb").succeeded()
    return folder / "many.nwb"


def made_and_shown(show, matches: Path) -> tuple[Page, MatchedPlane]:
    """The page of a match file, made and shown as fast and as small as it has to be, with a cell clicked in it."""
    started = time.monotonic()
    run("report", matches, "-o", matches.with_suffix(".html")).succeeded()
    assert time.monotonic() - started < 20
    assert matches.with_suffix(".html").stat().st_size < 15e6
    page = show(matches.with_suffix(".html"))
    paints = json.loads(page.page.evaluate("JSON.stringify(performance.getEntriesByType('paint'))"))
    assert max(paint["startTime"] for paint in paints) < 2000
    plane = read_match_file(matches)
    cell = int(plane.result.n_sessions_of_cell.argmax())
    rows = plane.result.cells[cell]
    session = int(np.flatnonzero(rows >= 0)[0])
    assert cell_of_roi(plane.result.cells[:, session], plane.sessions[session].n_rois)[rows[session]] == cell
    page.page.keyboard.press("Escape")  # a click on the selected cell would select none
    page.click_roi(plane, session, rows[session])
    assert page.text(".cell-title").startswith(f"Cell {plane.result.cell_ids[cell]}, ")
    for label, row in zip(page.strip(), rows, strict=True):
        assert ("ROI" in label) == (row >= 0)
    return page, plane


@pytest.mark.slow
def test_real_sessions(show, allen_matches: dict[str, Path]) -> None:
    page, _ = made_and_shown(show, allen_matches["consensus"])
    assert page.page.locator(".verdict.good").count() == 1
    page, plane = made_and_shown(show, allen_matches["nway"])
    assert "Do not use these matches. 2 of 3 alignments are probably wrong" in page.text(".verdict.failed")
    for warning in plane.result.warnings:
        assert warning in page.text(".warnings")


@pytest.mark.slow
def test_many_sessions(show, many: Path) -> None:
    page, _ = made_and_shown(show, many)
    page.page.keyboard.press("ArrowRight")
    assert len(page.strip()) == 20


@pytest.mark.slow
def test_screenshots(show, tmp_path: Path) -> None:
    """The pictures of the documentation; `NDX_MATCH_SCREENSHOTS=docs/images` keeps them (docs/report.md)."""
    target = Path(os.environ.get("NDX_MATCH_SCREENSHOTS", tmp_path))
    run("simulate", "--sessions", 5, "--tier", "typical", "-o", tmp_path / "in").succeeded()
    run("write", *sorted((tmp_path / "in").glob("*.nwb")), "-o", tmp_path / "matches.nwb").succeeded()
    run("report", tmp_path / "matches.nwb", "-o", tmp_path / "report.html").succeeded()
    plane = read_match_file(tmp_path / "matches.nwb")
    page = show(tmp_path / "report.html", viewport={"width": 1280, "height": 1000})
    places = centroids(plane.sessions[0].footprints, plane.sessions[0].shape[1])
    rows = plane.result.cells[:, 0]
    chosen = np.flatnonzero((plane.result.n_sessions_of_cell == 4) & (rows >= 0) & (places[rows, 1] < 250))
    cell = int(chosen[plane.result.confidence[chosen].argmax()])
    page.page.fill("#cell-id", str(plane.result.cell_ids[cell]))
    page.page.keyboard.press("Enter")
    page.page.evaluate("document.activeElement.blur()")
    page.page.wait_for_timeout(500)
    page.page.screenshot(path=target / "report.png")
    page.page.evaluate("document.querySelector('header').style.position = 'static'")
    for part in ("pairs", "frame"):
        page.page.locator(f"#{part}").scroll_into_view_if_needed()
        page.page.wait_for_timeout(800)
        page.page.locator(f"#{part}").screenshot(path=target / f"report_{part}.jpg", type="jpeg", quality=85)
        assert (target / f"report_{part}.jpg").stat().st_size > 50_000
