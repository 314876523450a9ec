"""Zarr stores on a web server: read as those on the disk, and what is missing in them is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import as_zarr, write_sessions
from helpers import run
from remote_servers import Answer, LoopbackServer, Request

from ndx_match.errors import InputError
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import nway
from ndx_match.sources import open_nwb, read_session, read_sessions

for library in ("hdmf_zarr", "requests"):
    pytest.importorskip(library, reason=f"{library} is not installed; install the extras [zarr] and [remote]")

from zarr_stores import CONSOLIDATED, chunk, unconsolidate  # noqa: E402  (imports Zarr)

pytestmark = pytest.mark.usefixtures("cache")

TABLE = "processing/ophys/image_segmentation/roi_table"
IMAGE = "processing/ophys/images/average_image"


@pytest.fixture
def stores(tmp_path: Path) -> list[Path]:
    return [as_zarr(path) for path in write_sessions(tmp_path)]


@pytest.fixture
def server(stores: list[Path]) -> Iterator[LoopbackServer]:
    """A server that has the stores, or what of them is on the disk when it is asked."""
    folder = stores[0].parent

    def answer(request: Request) -> Answer | None:
        path = folder / request.path.lstrip("/")
        if path.is_file():
            server.files[request.path] = path
        else:
            server.files.pop(request.path, None)
        return None

    server = LoopbackServer(answer)
    with server.running():
        yield server


@pytest.mark.slow
def test_stores_are_read_as_from_the_disk(server: LoopbackServer, stores: list[Path], tmp_path: Path):
    urls = [f"{server.url}/{store.name}" for store in stores]
    expected = read_sessions(stores)
    sessions = read_sessions(urls)
    for session, same, url in zip(sessions, expected, urls, strict=True):
        assert (session.name, session.source.uri) == (same.name, url)
        np.testing.assert_array_equal(session.image, same.image)
        assert (session.footprints != same.footprints).nnz == 0
    path = write_match_file(sessions, nway.match(sessions), tmp_path / "m.nwb.zarr").path
    matches, from_server = read_match_file(path), read_match_file(f"{server.url}/m.nwb.zarr")
    np.testing.assert_array_equal(from_server.result.cells, matches.result.cells)
    assert from_server.sessions[1].n_rois == matches.sessions[1].n_rois


def test_only_what_is_read_is_fetched(server: LoopbackServer, stores: list[Path]):
    with open_nwb(f"{server.url}/{stores[0].name}") as nwbfile:
        assert nwbfile.session_id == "101"
    paths = {request.path for request in server.requests}
    assert not [path for path in paths if "image_mask/" in path and re.search(r"/\d", path)]


@pytest.mark.parametrize(
    ("array", "index"), [(f"{TABLE}/image_mask", (0, 0, 0)), (f"{TABLE}/id", (0,)), (IMAGE, (0, 0))]
)
def test_a_missing_chunk(server: LoopbackServer, stores: list[Path], array: str, index: tuple[int, ...]):
    (stores[0] / array / chunk(*index)).unlink()
    url = f"{server.url}/{stores[0].name}"
    with pytest.raises(InputError, match=f"{url}: .*damaged or incomplete .chunk {chunk(*index)} of {array} is miss"):
        read_session(url)


def test_a_damaged_chunk(server: LoopbackServer, stores: list[Path]):
    (stores[0] / IMAGE / chunk(0, 0)).write_bytes(b"?" * 100)
    with pytest.raises(InputError, match=rf"/{stores[0].name}: .*damaged or incomplete .*{IMAGE}"):
        read_session(f"{server.url}/{stores[0].name}")


def test_a_store_without_metadata_of_all(server: LoopbackServer, stores: list[Path]):
    """What is in a folder, servers do not say."""
    unconsolidate(stores[0])
    with pytest.raises(InputError, match="has no consolidated metadata, without which it is not read over the network"):
        read_session(f"{server.url}/{stores[0].name}")


def test_what_is_not_there_or_may_not_be_read_is_one_sentence(server: LoopbackServer, stores: list[Path]):
    run("inspect", f"{server.url}/none.nwb.zarr").refused(f"{server.url}/none.nwb.zarr", "there is no Zarr store here")
    (stores[0] / CONSOLIDATED).write_text("{")
    with pytest.raises(InputError, match=stores[0].name):
        read_session(f"{server.url}/{stores[0].name}")
    run("inspect", "http://127.0.0.1:9/a.nwb.zarr").refused("a.nwb.zarr", "cannot be read over the network")


def test_secrets_of_addresses_are_used_and_not_shown(server: LoopbackServer, stores: list[Path]):
    url = f"{server.url}/{stores[0].name}?token=secret"
    session = read_sessions([url, stores[1]])[0]
    assert session.source.uri == f"{server.url}/{stores[0].name}"
    assert {request.query for request in server.requests} == {"token=secret"}


def test_stores_on_s3(server: LoopbackServer, stores: list[Path], monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("botocore", reason="botocore is not installed; install the extra [remote]")
    folder = stores[0].parent

    def answer(request: Request) -> Answer | None:
        path = folder / request.path.removeprefix("/bucket/day 1/")
        if not path.is_file():
            return Answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        server.files[request.path] = path
        return None

    server.answer = answer
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    session, expected = read_session(f"s3://bucket/day 1/{stores[0].name}"), read_session(stores[0])
    assert (session.footprints != expected.footprints).nnz == 0
    assert session.source.uri == f"s3://bucket/day 1/{stores[0].name}"
    assert not any("authorization" in request.headers or request.query for request in server.requests)
    (stores[1] / IMAGE / chunk(0, 0)).unlink()
    with pytest.raises(InputError, match=f"chunk {chunk(0, 0)} of {IMAGE} is missing"):
        read_session(f"s3://bucket/day 1/{stores[1].name}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "5ecret")
    server.answer = lambda request: Answer(403) if request.query else answer(request)
    server.reset()
    assert read_session(f"s3://bucket/day 1/{stores[0].name}").n_rois == expected.n_rois
    assert sum(bool(request.query) for request in server.requests) < 5  # of the store, not of each of its files
