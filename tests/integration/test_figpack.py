"""The figure of figpack: written, saved offline, and opened in a browser."""

from __future__ import annotations

import http.server
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import field_of_view, result_of, session_of, write_sessions
from helpers import run

from ndx_match.footprints import centroids
from ndx_match.formats import export
from ndx_match.formats.figpack.view import shown_of
from ndx_match.matchfile import write_match_file
from ndx_match.model import MatchedPlane
from ndx_match.sources import read_sessions

N_CELLS = 18  #: in both sessions; two more ROIs of each are in no other


def plane(name: str = "plane", seed: int = 0) -> MatchedPlane:
    """Two sessions, the ROIs of the second in reverse order."""
    fields = (field_of_view(seed=seed), field_of_view(shift=(3, -4), seed=seed))
    ids = np.arange(20) + 100
    sessions = tuple(
        session_of(field, day, list(ids + offset), session_start=f"2026-05-0{k}T10:00:00+00:00")
        for k, (field, day, offset) in enumerate(zip(fields, ("first", "second"), (0, 1000), strict=True), start=1)
    )
    both = np.column_stack([np.arange(20), 19 - np.arange(20)])[:N_CELLS]
    alone = [[18, -1], [19, -1], [-1, 1], [-1, 0]]
    return MatchedPlane(sessions, result_of(np.concatenate([both, alone]).astype(np.int32)), name)


@pytest.fixture
def figpack() -> None:
    pytest.importorskip("figpack", reason="figpack is not installed; install the group test")


def test_the_view_holds_outlines_and_ids_of_every_session():
    shown = shown_of(plane())
    assert [session["name"] for session in shown["sessions"]] == ["first", "second"]
    assert [len(session["outlines"]) for session in shown["sessions"]] == [20, 20]
    assert shown["sessions"][1]["roiIds"][:2] == ["1100", "1101"]
    assert len(shown["cells"]) == len(shown["cellIds"]) == len(shown["colours"]) == N_CELLS + 4


def test_the_figure_is_one_file_that_tells_nothing_of_its_maker(figpack: None, tmp_path: Path):
    path = tmp_path / "cells.figpack.tar.gz"
    export([plane()], path)
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    names = {member.name for member in members}
    assert {"./index.html", "./extension-ndx-cell-matching.js", "./data.zarr/.zmetadata"} <= names
    assert {member.uname for member in members} == {""}


def test_the_extra_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "figpack", None)
    with pytest.raises(Exception, match=r'pip install "ndx-cell-matching\[figpack\]"'):
        export([plane()], tmp_path / "cells.figpack.tar.gz")
    assert list(tmp_path.iterdir()) == []


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Unpacks a figure and gives the address at which a web server of this machine shows it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "figure")))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(path: Path) -> str:
        with tarfile.open(path) as archive:
            archive.extractall(tmp_path / "figure", filter="data")
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_the_figure_works_in_a_browser_without_network(
    figpack: None, chromium: Any, served: Callable[[Path], str], tmp_path: Path
):
    """Pointing at an ROI tells its cell, its ids in all sessions, and marks it in each; the table lists the cells."""
    planes = [plane("upper"), plane("lower", seed=4)]
    export(planes, tmp_path / "cells.figpack.tar.gz")
    address = served(tmp_path / "cells.figpack.tar.gz")
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.route("**", lambda route: route.continue_() if route.request.url.startswith(address) else refuse(route))

    def refuse(route: Any) -> None:
        problems.append(route.request.url)
        route.abort()

    page.goto(address)
    page.get_by_text("Plane upper").wait_for()
    view = page.locator(".ndx-cell-matching").first
    view.wait_for()
    description = view.locator(".ndx-cell-matching-said")
    assert description.inner_text().startswith(f"{N_CELLS + 4} cells")
    assert view.locator("canvas").count() == 2
    before = [canvas.evaluate("c => c.toDataURL()") for canvas in view.locator("canvas").all()]

    session, roi_row = planes[0].sessions[1], 15  # of cell 4, whose ROI in the first session is row 4
    x, y = centroids(session.footprints[[roi_row]], session.shape[1])[0] + 0.5
    box = view.locator("canvas").nth(1).bounding_box()
    page.mouse.move(box["x"] + x / session.shape[1] * box["width"], box["y"] + y / session.shape[0] * box["height"])
    assert description.inner_text() == "Cell 4, in 2 of 2 sessions; ROI ids first: 104, second: 1115"
    after = [canvas.evaluate("c => c.toDataURL()") for canvas in view.locator("canvas").all()]
    assert all(was != now for was, now in zip(before, after, strict=True))
    page.mouse.move(box["x"] + 1, box["y"] - 30)
    view.locator("select").select_option("2")
    assert description.inner_text().startswith(f"{N_CELLS} cells")

    page.get_by_text("Table", exact=True).click()
    page.get_by_text("cell_id").first.wait_for()
    assert "1115" in page.inner_text("body")
    context.close()
    assert problems == []


def test_the_command_writes_it(figpack: None, tmp_path: Path):
    sessions = read_sessions(write_sessions(tmp_path))
    rows = np.arange(20, dtype=np.int32)
    write_match_file(sessions, result_of(np.column_stack([rows, rows])), tmp_path / "m.nwb")
    outcome = run("export", tmp_path / "m.nwb", "-o", tmp_path / "m.figpack.tar.gz").succeeded()
    assert "m.figpack.tar.gz: 20 cells of 2 sessions" in outcome.out
