"""`ndx-match review`: a match file corrected in a browser, and what its server refuses."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import numpy as np
import pynwb
import pytest
from builders import write_sessions
from helpers import run

from ndx_cell_matching import DecisionKind, RegistrationOutcome, Review
from ndx_match.curation import read_decisions
from ndx_match.errors import InputError, OutputError
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import nway
from ndx_match.model import Registration
from ndx_match.review import Desk, ReviewServer
from ndx_match.sources import read_sessions

SHIFTS = ((0, 0), (3, 2), (-4, 5))
COMPLETE = (
    "--subject-description", "A mouse that learns.", "--location", "VISp", "--experimenter", "Doe, Jane",
    "--experiment-description", "Visual learning.", "--institution", "An institute", "--keywords", "cortex,vision",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A match file of three sessions, aligned by the shifts with which they were made."""
    folder = tmp_path_factory.mktemp("made")
    sessions = read_sessions(write_sessions(folder, SHIFTS))
    registrations = [Registration(i, j, shift(SHIFTS[i], SHIFTS[j]), ("known",)) for i, j in ((0, 1), (0, 2), (1, 2))]
    write_match_file(sessions, nway.match_registered(sessions, registrations), folder / "m.nwb")
    return folder / "m.nwb"


def shift(fixed: tuple[int, int], moving: tuple[int, int]) -> np.ndarray:
    """The matrix between two windows on the tissue, given by (rows, columns)."""
    return np.array([[1.0, 0, fixed[1] - moving[1]], [0, 1, fixed[0] - moving[0]], [0, 0, 1]])


@pytest.fixture
def matches(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path / "m.nwb"))


@contextmanager
def served(matches: Path, output: Path | None = None) -> Iterator[ReviewServer]:
    server = ReviewServer(Desk(matches, output or matches.with_name("new.nwb")))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(server: ReviewServer, method: str = "GET", path: str | None = None, body: str | None = None, **headers: str):
    """Status, headers and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    header_fields = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"/{server.token}/" if path is None else path, body, header_fields)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def save(server: ReviewServer, text: str, **headers: str):
    headers = {"X_Review_Token": server.token, "Content_Type": "text/csv", **headers}
    return ask(server, "POST", "/save", text, **headers)


def test_only_who_knows_the_token_gets_the_page(matches: Path):
    with served(matches) as server:
        assert server.server_address[0] == "127.0.0.1"
        status, headers, page = ask(server)
        assert status == 200
        assert server.token in server.url
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "connect-src 'self'" in page
        for path in ("/", "/wrong/", f"/{server.token[:-1]}/", f"/?{server.token}", f"/x/{server.token}/", "/%ff%00/"):
            status, _, text = ask(server, path=path)
            assert status == 403, path
            assert server.token not in text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_other_hosts_and_origins_are_refused(served_once: ReviewServer, headers: dict[str, str]):
    for status, _, text in (ask(served_once, **headers), save(served_once, "kind,cell_id\naccept,0\n", **headers)):
        assert status == 403
        assert served_once.token not in text
    assert not served_once.desk.output.exists()


@pytest.fixture(scope="module")
def served_once(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewServer]:
    with served(made, tmp_path_factory.mktemp("out") / "new.nwb") as server:
        yield server


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_Review_Token": "wrong"}, 403),
        ({"Content_Type": "application/json"}, 415),
        ({"Content_Length": "99999999999"}, 413),
        ({"Content_Length": "-1"}, 411),
        ({"Transfer_Encoding": "chunked"}, 411),
    ],
)
def test_what_is_not_as_the_page_sends_it_is_refused(served_once: ReviewServer, headers: dict[str, str], status: int):
    assert save(served_once, "kind,cell_id\naccept,0\n", **headers)[0] == status
    assert not served_once.desk.output.exists()


def test_other_methods_and_paths_are_refused(served_once: ReviewServer):
    for method in ("PUT", "DELETE", "OPTIONS"):
        assert ask(served_once, method)[0] == 501
    headers = {"X_Review_Token": served_once.token, "Content_Type": "text/csv"}
    assert ask(served_once, "POST", "/other", "x", **headers)[0] == 404


def test_lists_that_make_no_sense_save_nothing(served_once: ReviewServer):
    status, _, text = save(served_once, "kind\nlike\n")
    assert status == 409
    assert "there are no decisions of the kind 'like'" in text
    assert not served_once.desk.output.exists()


@pytest.mark.slow
def test_saves_add_up_and_leave_the_match_file_alone(matches: Path):
    content = matches.read_bytes()
    with served(matches) as server:
        assert save(server, "kind,cell_id\naccept,0\n")[0] == 200
        status, _, text = save(server, "kind,cell_id\nuncertain,1\naccept,999\n")
        assert status == 200
        assert "there is no cell 999" in text
        page = ask(server)[2]
    assert len(page) > 10_000
    saved = read_match_file(matches.with_name("new.nwb")).result
    assert saved.reviews is not None
    assert saved.reviews.review[:2].tolist() == [Review.ACCEPTED, Review.UNCERTAIN]
    assert [decision.cell_id for decision in saved.decisions] == [0, 1, 999]
    assert matches.read_bytes() == content


def test_a_file_that_was_changed_on_disk_is_noticed(matches: Path):
    desk = Desk(matches, matches.with_name("new.nwb"))
    desk.save("kind,cell_id\naccept,0\n")
    saved = desk.output.read_bytes()
    desk.output.write_bytes(b"something else")
    with pytest.raises(OutputError, match="another program changed this file"):
        desk.save("kind,cell_id\naccept,1\n")
    assert desk.output.read_bytes() == b"something else"
    desk.output.unlink()
    with pytest.raises(OutputError, match="another program changed this file"):
        desk.save("kind,cell_id\naccept,1\n")
    other = Desk(matches, matches.with_name("other.nwb"))
    matches.write_bytes(saved)
    with pytest.raises(InputError, match=r"m\.nwb.*changed"):
        other.save("kind,cell_id\naccept,1\n")
    assert not other.output.exists()


def test_the_output_is_refused_before_anything_is_read(matches: Path):
    run("review", matches, "-o", matches, "--no-browser").refused("one of the inputs")
    matches.with_name("m_reviewed.nwb").write_text("there already")
    run("review", matches, "--no-browser").refused("m_reviewed.nwb", "exists")
    run("review", matches.with_name("none.nwb"), "--no-browser").refused("none.nwb")


@pytest.mark.slow
def test_killed_at_any_moment_it_loses_nothing_saved(matches: Path):
    """The server is killed while it saves, sooner and later: the file holds what was saved before, or the new."""
    output = matches.with_name("new.nwb")
    for pause in (0.0, 0.02, 0.1, 0.3, 0.6):
        output.unlink(missing_ok=True)
        command = [sys.executable, "-u", "-m", "ndx_match", "review", str(matches), "-o", str(output), "--no-browser"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            address = urlsplit(process.stdout.readline().split()[-1])

            def send(text: str, address: SplitResult = address) -> http.client.HTTPConnection:
                connection = http.client.HTTPConnection(address.netloc, timeout=60)
                headers = {"X-Review-Token": address.path.strip("/"), "Content-Type": "text/csv"}
                connection.request("POST", "/save", text, headers)
                return connection

            assert send("kind,cell_id\naccept,0\n").getresponse().status == 200
            late = send("kind,cell_id\naccept,1\n")
            time.sleep(pause)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        late.close()
        assert len(read_match_file(output).result.decisions) in (1, 2)
        assert pynwb.validate(path=output) == []
    Desk(matches, matches.with_name("next.nwb"))  # removes what was left behind
    assert {path.name for path in matches.parent.iterdir()} == {"m.nwb", "new.nwb"}


@pytest.fixture
def browse(chromium: Any) -> Iterator[Any]:
    """Opens the page of a server; at the end it must not have complained, nor asked anybody else for anything."""
    contexts: list[Any] = []
    problems: list[str] = []
    addresses: set[str] = set()

    def open_page(address: str) -> Any:
        contexts.append(chromium.new_context(viewport={"width": 1300, "height": 1000}))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: addresses.add(request.url.partition(",")[0].rpartition("/")[0]))
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
    assert not any("evil" in address for address in addresses)


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def shown_cell(page: Any) -> int:
    """The id of the selected cell."""
    return int(page.inner_text(".cell-title").split(",")[0].split()[1])


def shown_message(page: Any) -> str:
    return str(page.inner_text(".editor .said"))


def go_to(page: Any, cell_id: int) -> None:
    page.fill("#cell-id", str(cell_id))
    press(page, "Enter")
    page.locator("#cell-id").blur()


def save_on_page(page: Any) -> None:
    with page.expect_navigation():
        press(page, "w")
    page.wait_for_selector("body[data-ready]")
    assert "Saved as new.nwb" in shown_message(page)


@pytest.mark.slow
def test_cells_are_corrected_with_the_keyboard_and_saved(browse: Any, matches: Path):
    before = read_match_file(matches)
    whole = [int(cell_id) for cell_id in before.result.cell_ids[before.result.n_sessions_of_cell == 3]]
    a, b, c, d = whole[:4]
    last = before.result.last_id
    with served(matches) as server:
        page = browse(server.url)
        page.fill(".editor label:has-text('Reviewer') input", "Ada")
        page.locator(".editor label:has-text('Reviewer') input").blur()
        go_to(page, a)
        press(page, "a")
        assert f"Cell {a} accepted" in shown_message(page)
        go_to(page, b)
        press(page, "3", "x")
        assert f"Cell {b} split: the other part is cell {last + 1}" in shown_message(page)
        go_to(page, c)
        press(page, "g")
        go_to(page, b)
        press(page, "g")
        assert f"Cells {c} and {b} both have an ROI" in shown_message(page)
        press(page, "Escape")
        go_to(page, c)
        press(page, "2", "x")
        press(page, "z")
        assert shown_message(page) == "Undone."
        go_to(page, c)
        press(page, "3", "x")  # now cell last + 2
        go_to(page, b)
        press(page, "1", "m")  # hold the ROI of the first session
        go_to(page, last + 2)
        press(page, "m")
        go_to(page, d)
        press(page, "u")
        save_on_page(page)
        assert page.inner_text("h1") == "m.nwb"
        go_to(page, d)
        assert "uncertain" in page.inner_text(".cell-title")
    after = read_match_file(matches.with_name("new.nwb")).result
    rows = dict(zip(after.cell_ids.tolist(), after.cells.tolist(), strict=True))
    old = dict(zip(before.result.cell_ids.tolist(), before.result.cells.tolist(), strict=True))
    assert rows[b] == [-1, old[b][1], -1]
    assert rows[last + 1] == [-1, -1, old[b][2]]
    assert rows[c] == [*old[c][:2], -1]
    assert rows[last + 2] == [old[b][0], -1, old[c][2]]
    assert [decision.kind for decision in after.decisions] == [
        DecisionKind.ACCEPT,
        DecisionKind.REMOVE,
        DecisionKind.REMOVE,
        DecisionKind.MOVE,
        DecisionKind.UNCERTAIN,
    ]
    assert {decision.reviewer for decision in after.decisions} == {"Ada"}
    assert all(decision.applied for decision in after.decisions)


def landmarks(page: Any, points: np.ndarray, matrix: np.ndarray, shapes: list[tuple[int, int]]) -> None:
    """Click places (x, y) of the fixed image, and where they lie in the moving one."""
    press(page, "l")
    for x, y in points:
        moved = matrix @ [x, y, 1]
        for side, at, shape in zip(("fixed", "moving"), ((x, y), moved[:2]), shapes, strict=True):
            canvas = page.locator(f"canvas.landmark.{side}")
            canvas.scroll_into_view_if_needed()
            scale = canvas.bounding_box()["width"] / shape[1]
            canvas.click(position={"x": (at[0] + 0.5) * scale, "y": (at[1] + 0.5) * scale})


@pytest.mark.slow
def test_a_failed_alignment_is_rescued_by_landmarks(browse: Any, matches: Path):
    """Of a pair whose alignment the match file has wrong."""
    before = read_match_file(matches)
    wrong = np.array([[1.0, 0, 40], [0, 1, -30], [0, 0, 1]])
    registrations = [
        replace(each, matrix=wrong) if each.moving_session == 2 else each for each in before.result.registrations
    ]
    sessions = read_sessions(write_sessions(matches.parent, SHIFTS))
    misaligned = nway.match_registered(sessions, registrations)
    path = matches.with_name("lost.nwb")
    write_match_file(sessions, misaligned, path)
    assert misaligned.n_matches[0, 2] < 5
    points = np.array([[20, 20], [130, 30], [70, 140], [120, 120]])
    with served(path, matches.with_name("new.nwb")) as server:
        page = browse(server.url)
        for fixed in (0, 1):
            pair = [(r.fixed_session, r.moving_session) for r in misaligned.registrations].index((fixed, 2))
            page.select_option("#pairs .steps select", str(pair))
            right = before.result.registration(fixed, 2).matrix
            landmarks(page, points, right, [sessions[fixed].shape, sessions[2].shape])
            assert "4 places; they fit to" in page.inner_text("#landmarks .said")
            page.click("#landmarks .use")
            assert "Aligned by hand" in page.inner_text("#pairs .level")
        save_on_page(page)
        page.select_option("#pairs .steps select", str(pair))
        assert "Aligned by hand" in page.inner_text("#pairs .level")
    after = read_match_file(matches.with_name("new.nwb")).result
    for fixed in (0, 1):
        assert after.registration(fixed, 2).outcome == RegistrationOutcome.BY_HAND
        assert after.n_matches[fixed, 2] >= before.result.n_matches[fixed, 2] - 1
    assert after.decisions[0].applied


@pytest.mark.slow
def test_a_matrix_from_a_file_aligns(browse: Any, matches: Path):
    with served(matches) as server:
        page = browse(server.url)
        press(page, "l")
        (matches.parent / "t.txt").write_text("1 0 -2\n0 1 -3\n")
        page.set_input_files("#landmarks input[type=file]", matches.parent / "t.txt")
        page.wait_for_selector("#pairs .level:has-text('Aligned by hand')")
        (matches.parent / "bad.txt").write_text("1 0 -2\n")
        page.set_input_files("#landmarks input[type=file]", matches.parent / "bad.txt")
        page.wait_for_selector("#landmarks .said:has-text('must hold the 6 or 9 numbers')")
        save_on_page(page)
    after = read_match_file(matches.with_name("new.nwb")).result
    assert after.registration(0, 1).outcome == RegistrationOutcome.BY_HAND
    np.testing.assert_allclose(after.registration(0, 1).matrix, [[1, 0, -2], [0, 1, -3], [0, 0, 1]])


@pytest.mark.slow
def test_decisions_of_the_plain_page_are_saved_as_a_list(browse: Any, matches: Path, tmp_path: Path):
    run("report", matches, "-o", tmp_path / "r.html").succeeded()
    page = browse((tmp_path / "r.html").as_uri())
    first = shown_cell(page)
    press(page, "a", "u")
    with page.expect_download() as download:
        press(page, "w")
    download.value.save_as(tmp_path / "d.csv")
    decisions = read_decisions(tmp_path / "d.csv")
    assert [decision.kind for decision in decisions] == [DecisionKind.ACCEPT, DecisionKind.UNCERTAIN]
    assert decisions[0].cell_id == first
    assert len(decisions[0].rois) > 1
    run("curate", matches, tmp_path / "d.csv", "-o", tmp_path / "new.nwb").succeeded()
    assert all(decision.applied for decision in read_match_file(tmp_path / "new.nwb").result.decisions)


@pytest.mark.slow
def test_texts_of_a_hostile_file_stay_texts(browse: Any, matches: Path, tmp_path: Path):
    bad = "</script><img src=http://evil.example/x onerror=alert(1)>"
    plane = read_match_file(matches)
    (tmp_path / "d.csv").write_text(
        f'kind,cell_id,reviewer,review_comment\naccept,0,"{bad}","{bad}"\naccept,999,,{bad}\n'
    )
    result = replace(plane.result, warnings=(bad,))
    write_match_file(plane.sessions, result, tmp_path / "bad.nwb")
    with served(tmp_path / "bad.nwb", tmp_path / "new.nwb") as server:
        assert save(server, (tmp_path / "d.csv").read_text())[0] == 200
        page = browse(server.url)
        assert bad in page.inner_text(".warnings")
        assert page.locator("img").count() == 0


@pytest.mark.slow
def test_picture_of_the_documentation(browse: Any, tmp_path: Path):
    """`NDX_MATCH_SCREENSHOTS=docs/images` keeps it."""
    target = Path(os.environ.get("NDX_MATCH_SCREENSHOTS", tmp_path))
    run("simulate", "--sessions", 4, "--tier", "typical", "-o", tmp_path / "in").succeeded()
    run("write", *sorted((tmp_path / "in").glob("*.nwb")), "-o", tmp_path / "matches.nwb").succeeded()
    with served(tmp_path / "matches.nwb", tmp_path / "new.nwb") as server:
        page = browse(server.url)
        press(page, "a", "a", "u", "2", "m", "j")
        page.evaluate("document.getElementById('cells').scrollIntoView({ behavior: 'instant' })")
        page.wait_for_timeout(800)
        page.screenshot(path=target / "review.png")
        with page.expect_event("dialog", timeout=5_000) as dialog:
            page.close(run_before_unload=True)
        assert dialog.value.type == "beforeunload"
        dialog.value.accept()


@pytest.mark.slow
def test_what_is_saved_of_the_real_pair_that_nway_misaligns_is_fit_for_dandi(
    browse: Any, allen_sessions: list[Path], tmp_path: Path
):
    from test_match_file_dandi import inspect

    run("write", *allen_sessions, "-o", tmp_path / "nway.nwb", "--method", "nway", *COMPLETE).succeeded()
    run("write", *allen_sessions, "-o", tmp_path / "right.nwb").succeeded()
    right, wrong = read_match_file(tmp_path / "right.nwb"), read_match_file(tmp_path / "nway.nwb")
    shapes = [session.shape for session in right.sessions]
    points = np.array([[80, 80], [380, 90], [100, 420], [350, 400], [230, 250]])
    with served(tmp_path / "nway.nwb", tmp_path / "new.nwb") as server:
        page = browse(server.url)
        for fixed in (0, 1):
            pair = [(r.fixed_session, r.moving_session) for r in wrong.result.registrations].index((fixed, 2))
            page.select_option("#pairs .steps select", str(pair))
            landmarks(page, points, right.result.registration(fixed, 2).matrix, [shapes[fixed], shapes[2]])
            page.click("#landmarks .use")
        save_on_page(page)
        cell = shown_cell(page)
        press(page, "a")
        save_on_page(page)
    new = tmp_path / "new.nwb"
    after = read_match_file(new).result
    for fixed in (0, 1):
        assert after.n_matches[fixed, 2] >= right.result.n_matches[fixed, 2]
    # Plain pynwb, in a process that has not imported this package.
    code = (
        "import pynwb, sys; m = pynwb.read_nwb(sys.argv[1]).processing['ophys']['CellMatching']; "
        "print(sorted(set(m.decisions['kind'][:].tolist())), 3 in m.registrations['outcome'][:])"
    )
    plain = {**os.environ, "PYTHONPATH": ""}
    out = subprocess.run([sys.executable, "-c", code, new], capture_output=True, text=True, check=True, env=plain)
    assert out.stdout.split("\n")[0] == "[4, 6] True"
    assert after.reviews is not None
    assert after.reviews.review[after.cell_ids == cell].tolist() == [Review.ACCEPTED]
    assert pynwb.validate(path=new) == []
    assert inspect(new) == []
    if sys.version_info >= (3, 11):  # which dandi needs
        dandiset = tmp_path / "000001"
        dandiset.mkdir()
        (dandiset / "dandiset.yaml").write_text("identifier: DANDI:000001\nname: Cells matched across days\n")
        dandi("organize", "-d", dandiset, "--files-mode", "copy", new)
        assert len(list(dandiset.glob("sub-*/*.nwb"))) == 1
        assert "No errors found" in dandi("validate", dandiset)


def dandi(*arguments: object) -> str:
    """What its command says, without a network."""
    no_network = {"DANDI_NO_ET": "1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-c", "from dandi.cli.command import main; main()", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **no_network}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
