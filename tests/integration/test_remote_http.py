"""Source files on a web server or S3, read over the loopback interface."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from builders import field_of_view, make_nwbfile, write_nwb, write_sessions
from hdmf.backends.hdf5 import H5DataIO
from helpers import COMMAND, listing, run
from remote_servers import Answer, LoopbackServer, Request

from ndx_match.errors import InputError
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import nway
from ndx_match.sources import open_nwb, read_session, read_sessions
from ndx_match.storage.hdf5 import Hdf5Format
from ndx_match.storage.remote import remote_access
from ndx_match.storage.remote.transports import HttpTransport, S3Transport

METHOD = ("--method", "nway")
pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer().running() as running:
        yield running


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_sessions(tmp_path_factory.mktemp("sources"))


@pytest.fixture
def urls(server: LoopbackServer, paths: list[Path]) -> list[str]:
    server.files = {f"/data/{path.name}": path for path in paths}
    return [server.url + name for name in server.files]


@pytest.fixture
def temporaries(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of the test's own."""
    folder = tmp_path_factory.mktemp("temporaries")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def refused(tmp_path: Path, temporaries: Path, urls: list[str]) -> Callable[..., None]:
    """Matching with a bad file, in both orders, ends with one sentence and leaves nothing behind."""

    def check(bad: str, *words: str) -> None:
        before = listing(tmp_path)
        for inputs in ((urls[0], bad), (bad, urls[1])):
            run("write", *inputs, "-o", tmp_path / "m.nwb", *METHOD).refused(bad, *words)
        assert (listing(tmp_path), listing(temporaries)) == (before, set())

    return check


@pytest.mark.slow
def test_the_same_match_file_as_from_the_disk(tmp_path: Path, paths: list[Path], urls: list[str]):
    outputs = tmp_path / "disk.nwb", tmp_path / "web.nwb"
    for output, inputs in zip(outputs, (paths, urls), strict=True):
        run("write", *inputs, "-o", output, *METHOD).succeeded()
    disk, web = (read_match_file(output) for output in outputs)
    assert np.array_equal(disk.result.cells, web.result.cells)
    for one, other in zip(disk.sessions, web.sessions, strict=True):
        assert (one.footprints != other.footprints).nnz == 0
        assert np.array_equal(one.image, other.image)
    assert [session.source.uri for session in web.sessions] == urls
    assert {session.source.sha256 for session in web.sessions} == {""}
    with h5py.File(outputs[1]) as file:
        assert file["processing/ophys/roi_tables/101_roi_table/image_mask"].shape == (20, 160, 150)
        names: list[object] = []
        file.visititems_links(lambda _, link: names.append(link) if isinstance(link, h5py.ExternalLink) else None)
        assert not names


def test_what_was_fetched_once_is_not_fetched_again(
    tmp_path: Path, paths: list[Path], server: LoopbackServer, urls: list[str]
):
    run("write", *urls, "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    assert server.sent <= sum(path.stat().st_size for path in paths)
    assert server.n_connections == len(urls)
    server.reset()
    run("write", *urls, "-o", tmp_path / "n.nwb", *METHOD).succeeded()
    assert len(server.requests) == 2
    assert server.sent <= 2 * 65536


def test_without_a_cache_nothing_stays_and_nothing_is_fetched_twice(
    tmp_path: Path, temporaries: Path, cache: Path, paths: list[Path], server: LoopbackServer, urls: list[str]
):
    run("write", *urls, "-o", tmp_path / "m.nwb", "--no-cache", *METHOD).succeeded()
    assert server.sent <= sum(path.stat().st_size for path in paths)
    assert listing(cache) == set()
    assert listing(temporaries) == set()


@pytest.mark.slow
def test_every_command_that_reads_files_takes_urls(tmp_path: Path, server: LoopbackServer, urls: list[str]):
    inspected = run("inspect", *urls).succeeded().out
    assert urls[0] in inspected
    assert "* ROI table" in inspected
    run("prepare", *urls, "-o", tmp_path / "nway").succeeded()
    matches = tmp_path / "m.nwb"
    run("write", *urls, "-o", matches, *METHOD).succeeded()
    run("export", matches, "-o", tmp_path / "out.json").succeeded()
    run("import", "--from", "nway", tmp_path / "out.json", *urls, "-o", tmp_path / "n.nwb").succeeded()
    server.files["/m.nwb"] = matches
    assert run("show", f"{server.url}/m.nwb").succeeded().out.startswith(f"{server.url}/m.nwb: matched with nway")
    run("export", f"{server.url}/m.nwb", "-o", tmp_path / "cells.csv").succeeded()
    run("annotate", matches, *urls, "-o", tmp_path / "copies").refused(urls[0], "download this file")


def test_a_file_given_twice(tmp_path: Path, urls: list[str]):
    run("write", urls[0], urls[0], "-o", tmp_path / "m.nwb").refused(urls[0], "is given 2 times")


def test_a_missing_file_is_asked_for_once(server: LoopbackServer, refused):
    missing = f"{server.url}/data/none.nwb"
    refused(missing, "there is no such file on the server (HTTP status 404)")
    assert sum(request.path == "/data/none.nwb" for request in server.requests) == 2  # commands


@pytest.mark.parametrize("status", [401, 403])
def test_a_file_that_may_not_be_read_is_asked_for_once(server: LoopbackServer, status: int, refused):
    server.answer = lambda request: Answer(status) if request.path == "/secret.nwb" else None
    refused(f"{server.url}/secret.nwb", "does not let you read this file", str(status))
    assert sum(request.path == "/secret.nwb" for request in server.requests) == 2  # commands


def test_a_server_that_is_not_there(refused):
    with LoopbackServer().running() as gone:
        pass
    refused(f"{gone.url}/a.nwb", "refuses connections", "tried 6 times")


def test_what_is_no_nwb_file(tmp_path: Path, server: LoopbackServer, refused):
    page, hdf5, empty = (tmp_path / name for name in ("page", "hdf5", "empty"))
    page.write_text("<html>" + 5000 * "Please log in. ")
    with h5py.File(hdf5, "w") as file:
        file["data"] = 1
    empty.touch()
    server.files |= {f"/{path.name}.nwb": path for path in (page, hdf5, empty)}
    refused(f"{server.url}/page.nwb", "not an HDF5 file")
    refused(f"{server.url}/hdf5.nwb", "not an NWB file")
    refused(f"{server.url}/empty.nwb", "the file is empty")


@pytest.mark.parametrize("kept", [100, 5_000, 0.3, 0.9, -1])
def test_a_truncated_file(tmp_path: Path, paths: list[Path], server: LoopbackServer, kept: float, refused):
    data = paths[0].read_bytes()
    short = tmp_path / "short.nwb"
    short.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    server.files["/short.nwb"] = short
    refused(f"{server.url}/short.nwb", "the file is damaged or incomplete")


def test_a_server_that_dies_half_way_and_one_that_comes_back(
    tmp_path: Path, paths: list[Path], server: LoopbackServer, urls: list[str]
):
    size = paths[0].stat().st_size
    server.left = size // 2
    words = ("could be read only to byte", f"of {size:,}", "tried 6 times")
    run("write", *urls, "-o", tmp_path / "m.nwb", *METHOD).refused(urls[0], *words)
    assert listing(tmp_path) == set()
    assert server.sent == size // 2
    server.left = None
    server.reset()
    run("write", *urls, "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    assert server.sent < 1.5 * size + 3 * 65536


@pytest.mark.parametrize("compression", ["gzip", None])
def test_a_server_that_dies_while_the_match_file_is_written(
    tmp_path: Path, server: LoopbackServer, urls: list[str], monkeypatch: pytest.MonkeyPatch, compression: str | None
):
    """A column that is not read for matching is fetched then."""
    nwbfile = make_nwbfile(field_of_view((1, 1)), session_id="wide")
    values = H5DataIO(np.random.default_rng(0).normal(size=(20, 20_000)), compression=compression)
    table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
    table.add_column("embedding", "Not read for matching.", data=values)
    server.files["/wide.nwb"] = write_nwb(tmp_path / "wide.nwb", nwbfile)
    write = Hdf5Format.write

    def die_and_write(*arguments: Any) -> None:
        server.left = 500_000
        write(*arguments)

    monkeypatch.setattr(Hdf5Format, "write", die_and_write)
    run("write", f"{server.url}/wide.nwb", urls[0], "-o", tmp_path / "m.nwb", *METHOD).refused(
        f"{server.url}/wide.nwb", "could be read only to byte"
    )
    assert listing(tmp_path) == {"wide.nwb"}


def test_patience_with_a_busy_server_and_lost_connections(
    tmp_path: Path, paths: list[Path], server: LoopbackServer, urls: list[str]
):
    answers = [Answer(503), Answer(429, headers={"Retry-After": "0"}), None, Answer(500), Answer(502)]
    server.answer = lambda _: answers.pop(0) if answers else None
    server.cuts = [70_000, 10, 0, 200_000, 1]
    run("write", *urls, "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    assert not answers
    assert not server.cuts
    assert server.sent <= sum(path.stat().st_size for path in paths) + 5 * 65536


def test_a_server_that_stays_busy(server: LoopbackServer, refused):
    server.answer = lambda request: Answer(503) if request.path == "/busy.nwb" else None
    refused(f"{server.url}/busy.nwb", "HTTP status 503", "tried 6 times")


def test_a_server_that_gives_no_parts(tmp_path: Path, paths: list[Path], server: LoopbackServer, urls: list[str]):
    server.ranges = False
    server.cuts = [0, 300_000]
    outcome = run("write", *urls, "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    assert outcome.err.count("the whole file was fetched") == 2
    assert f"({paths[0].stat().st_size:,} bytes)" in outcome.err
    server.reset()
    run("write", *urls, "-o", tmp_path / "n.nwb", *METHOD).succeeded()
    assert len(server.requests) == 2


def test_a_changed_file_is_read_anew(tmp_path: Path, server: LoopbackServer):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile(session_id="before"))
    server.files["/a.nwb"] = path
    assert read_session(f"{server.url}/a.nwb").name == "before"
    write_nwb(path, make_nwbfile(field_of_view((3, 2)), session_id="after"))
    session = read_session(f"{server.url}/a.nwb")
    assert session.name == "after"
    assert np.array_equal(session.image, field_of_view((3, 2)).image)


def test_a_file_that_was_changed_between_reading_and_copying_is_refused(tmp_path: Path, server: LoopbackServer):
    """Also where nothing of it is kept from one to the other, and the change is one of the time only."""
    server.files = {f"/{path.name}": path for path in write_sessions(tmp_path)}
    urls = [server.url + name for name in server.files]
    sessions = read_sessions(urls)
    result = nway.match(sessions)
    write_match_file(sessions, result, tmp_path / "m.nwb")
    os.utime(server.files["/session_1.nwb"], (1, 1))
    with pytest.raises(InputError, match=f"{urls[1]}: the file was changed since it was read"):
        write_match_file(sessions, result, tmp_path / "again.nwb")
    assert not (tmp_path / "again.nwb").exists()


def test_only_the_newest_version_is_kept(tmp_path: Path, cache: Path, server: LoopbackServer):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile())
    server.files["/a.nwb"] = path
    for moment in (1, 2):
        os.utime(path, (moment, moment))
        read_session(f"{server.url}/a.nwb")
        assert len(list(cache.rglob("data"))) == 1


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, server: LoopbackServer, refused):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile())

    def touch(request: Request) -> None:
        if request.start > 200_000:
            os.utime(path, (len(server.requests), len(server.requests)))

    server.answer = touch
    server.files["/a.nwb"] = path
    refused(f"{server.url}/a.nwb", "was changed on its server while it was read")


def test_a_file_of_which_a_change_would_not_show_is_not_kept(cache: Path, server: LoopbackServer, urls: list[str]):
    server.tags = False
    read_session(urls[0])
    assert listing(cache) == set()


def test_damage_to_the_cache_is_found(cache: Path, server: LoopbackServer, urls: list[str]):
    before = read_session(urls[0])
    (data,) = cache.rglob("data")
    whole = data.read_bytes()
    data.write_bytes(whole[:100_000] + bytes(400_000) + whole[500_000:])
    server.reset()
    after = read_session(urls[0])
    assert (before.footprints != after.footprints).nnz == 0
    assert 0 < server.sent < 1_000_000
    assert data.read_bytes() == whole


def test_a_cache_that_cannot_be_written_into(tmp_path: Path, urls: list[str], monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NDX_MATCH_CACHE", str(tmp_path / "file"))
    run("inspect", urls[0]).refused(str(tmp_path / "file"), "--no-cache", "NDX_MATCH_CACHE")
    run("inspect", urls[0], "--no-cache").succeeded()


def process(*arguments: object) -> subprocess.Popen[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_run_is_resumed(tmp_path: Path, paths: list[Path], server: LoopbackServer, urls: list[str]):
    server.latency = 0.2
    running = process("inspect", urls[0])
    while running.poll() is None and server.sent < 150_000:
        time.sleep(0.01)
    running.kill()
    assert running.communicate() == ("", "")
    server.latency = 0
    run("inspect", urls[0]).succeeded()
    assert server.sent <= paths[0].stat().st_size + 4 * 65536


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing_behind(
    tmp_path: Path, temporaries: Path, server: LoopbackServer, urls: list[str], number: signal.Signals, code: int
):
    server.answer = lambda request: os.kill(os.getpid(), number) if request.start > 200_000 else None
    server.latency = 0.02
    outcome = run("write", *urls, "-o", tmp_path / "m.nwb", "--no-cache", *METHOD)
    assert (outcome.code, outcome.out) == (code, ""), outcome.err
    assert listing(tmp_path) == listing(temporaries) == set()


@pytest.mark.slow
def test_two_processes_at_the_same_time(paths: list[Path], server: LoopbackServer, urls: list[str], cache: Path):
    server.latency = 0.02
    running = [process("inspect", urls[0]) for _ in range(2)]
    assert len({one.communicate()[0] for one in running}) == 1
    assert {one.returncode for one in running} == {0}
    (data,) = cache.rglob("data")
    size = paths[0].stat().st_size
    assert data.read_bytes().ljust(size, b"\0") == paths[0].read_bytes()


def test_signatures_and_passwords_are_not_shown_or_kept(
    tmp_path: Path, cache: Path, server: LoopbackServer, urls: list[str]
):
    def check(request: Request) -> Answer | None:
        return None if "X-Amz-Signature=5ecret" in request.query or request.path != "/a.nwb" else Answer(403)

    server.answer = check
    server.files["/a.nwb"] = write_nwb(tmp_path / "a.nwb", make_nwbfile(field_of_view((1, 1)), session_id="a"))
    signed = server.url.replace("//", "//me:5ecret@") + "/a.nwb?X-Amz-Signature=5ecret"
    outcome = run("write", urls[0], signed, "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    failed = run("inspect", signed.replace("=5ecret", "=5ecretish").replace("a.nwb", "b.nwb"))
    assert failed.code == 2
    shown = outcome.out + outcome.err + failed.err
    content = b"".join(path.read_bytes() for path in (tmp_path / "m.nwb", *cache.rglob("*")) if path.is_file())
    assert "5ecret" not in shown
    assert b"5ecret" not in content
    assert read_match_file(tmp_path / "m.nwb").sessions[1].source.uri == f"{server.url}/a.nwb"


def test_bytes_are_reported(paths: list[Path], server: LoopbackServer, urls: list[str]):
    reports: list[tuple[str, int, int]] = []
    with remote_access(progress=lambda *values: reports.append(values)):
        read_session(urls[0])
    assert {(name, size) for name, _, size in reports} == {(urls[0], paths[0].stat().st_size)}
    fetched = [n for _, n, _ in reports]
    assert fetched == sorted(fetched)
    assert fetched[-1] == server.sent


def test_a_missing_extra_is_one_sentence(urls: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "requests", None)
    run("inspect", urls[0]).refused('needs requests; run pip install "ndx-cell-matching[remote]".')


@pytest.fixture
def s3(server: LoopbackServer, paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> LoopbackServer:
    pytest.importorskip("botocore", reason="botocore is not installed; install the extra [remote]")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    server.files = {f"/bucket/day 1/{path.name}": path for path in paths}
    return server


def s3_url(path: Path) -> str:
    return f"s3://bucket/day 1/{path.name}"


def test_s3_as_anybody(tmp_path: Path, s3: LoopbackServer, paths: list[Path]):
    run("write", *map(s3_url, paths), "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    assert not any("authorization" in request.headers or request.query for request in s3.requests)
    assert s3.n_connections == len(paths)
    assert s3.sent <= sum(path.stat().st_size for path in paths)
    sources = [session.source.uri for session in read_match_file(tmp_path / "m.nwb").sessions]
    assert sources == [s3_url(path) for path in paths]


@pytest.fixture
def key(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of this machine."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "5ecret")


@pytest.mark.usefixtures("key")
def test_s3_with_credentials(tmp_path: Path, s3: LoopbackServer, paths: list[Path], monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "netrc").write_text("default login me password 5ecret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    s3.answer = lambda request: None if request.credential.startswith("me/") else Answer(403)
    assert read_session(s3_url(paths[0])).n_rois == 20
    assert not any("authorization" in request.headers for request in s3.requests)  # S3 takes one of both only
    s3.answer = lambda request: Answer(403) if request.query else None
    assert read_session(s3_url(paths[1])).n_rois == 20  # public objects refuse unknown credentials
    s3.answer = lambda _: Answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    run("inspect", s3_url(paths[0])).refused("with these AWS credentials", "403")


def test_names_below_an_address_are_taken_as_they_are(s3: LoopbackServer):
    for transport in (
        HttpTransport(f"{s3.url}/bucket/a%20b.zarr?x=1"),
        S3Transport("s3://bucket/a%20b.zarr?versionId=1"),
    ):
        with closing(transport), transport.inner("c %20?#d/0").get(0, 1) as reply:
            assert reply.status == 404
    assert [request.path for request in s3.requests] == ["/bucket/a b.zarr/c %20?#d/0"] * 2
    assert [request.query for request in s3.requests] == ["x=1", ""]


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("status", [301, 307, 400])
def test_s3_in_another_region(s3: LoopbackServer, paths: list[Path], monkeypatch: pytest.MonkeyPatch, status: int):
    """Asked for again, with the signature for it and, where it redirects, by its own host; through a proxy."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://s3.test")
    monkeypatch.setenv("http_proxy", s3.url)
    s3.files |= {f"/day 1/{path.name}": path for path in paths}
    elsewhere = Answer(status, b"<Error>", {"x-amz-bucket-region": "eu-test-1", "Location": f"{s3.url}/elsewhere"})
    host = "s3.test" if status == 400 else "bucket.s3.test"

    def answer(request: Request) -> Answer | None:
        return None if "/eu-test-1/" in request.credential and request.headers["host"] == host else elsewhere

    s3.answer = answer
    assert read_session(s3_url(paths[0])).n_rois == 20
    assert [request.headers["host"] for request in s3.requests if answer(request)] == ["s3.test"]
    s3.reset()
    s3.answer = lambda _: elsewhere
    run("inspect", s3_url(paths[1])).refused(f"HTTP status {status}")
    assert len(s3.requests) == 2


def test_s3_with_settings_of_this_machine_that_cannot_be_used(
    s3: LoopbackServer, paths: list[Path], monkeypatch: pytest.MonkeyPatch
):
    for name, value in {"AWS_PROFILE": "none", "AWS_ACCESS_KEY_ID": "me", "AWS_DEFAULT_REGION": "a b"}.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            run("inspect", s3_url(paths[0])).refused(f"{s3_url(paths[0])}: no request can be made to S3")


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_certificates_that_are_not_there(
    s3: LoopbackServer, paths: list[Path], monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url.replace("http:", "https:"))
    monkeypatch.setenv(name, "/none.pem")
    run("inspect", s3_url(paths[0])).refused(s3_url(paths[0]), "invalid path: /none.pem")


def test_s3_errors(s3: LoopbackServer, paths: list[Path]):
    run("inspect", "s3://bucket/none.nwb").refused("s3://bucket/none.nwb: there is no such file")
    for address in ("s3://bucket", "s3://bucket/", "s3://bucket//a.nwb", "s3://bucket/x/../a.nwb", "s3://bucket/x/%2e"):
        run("inspect", address).refused("this is not an object on S3; write it as s3://BUCKET/KEY")
    s3.answer = lambda _: Answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    run("inspect", s3_url(paths[0])).refused("without AWS credentials", "403")
    answers = [Answer(503), Answer(500)]
    s3.answer = lambda _: answers.pop() if answers else None
    run("inspect", s3_url(paths[0])).succeeded()


def test_open_nwb_takes_urls(urls: list[str]):
    with open_nwb(urls[1]) as nwbfile:
        assert nwbfile.session_id == "102"
