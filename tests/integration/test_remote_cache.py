"""The cache: private, small, without following links, and checked against the server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import field_of_view, make_nwbfile, write_nwb
from helpers import run
from remote_servers import Answer, LoopbackServer, Request

from ndx_match.errors import InputError
from ndx_match.sources import read_session
from ndx_match.storage.remote.cache import size_limit


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoopbackServer]:
    with LoopbackServer().running() as running:
        for k, name in enumerate("abc"):
            running.files[f"/{name}.nwb"] = write_nwb(
                tmp_path / f"{name}.nwb", make_nwbfile(field_of_view((k, k)), session_id=name)
            )
        yield running


def names(cache: Path) -> list[str]:
    return sorted(path.read_text().splitlines()[0].rpartition("/")[2] for path in cache.rglob("address.txt"))


def test_only_its_owner_can_look_into_it(cache: Path, server: LoopbackServer):
    (cache / "remote").mkdir(0o777)
    read_session(f"{server.url}/a.nwb")
    modes = {path.stat().st_mode & 0o777 for path in cache.rglob("*")}
    assert modes == {0o700, 0o600}
    assert {path.stat().st_mode & 0o777 for path in cache.rglob("*") if path.is_dir()} == {0o700}


@pytest.mark.parametrize("which", ["remote", "data", "index", "address.txt", "file", "version"])
def test_links_are_not_followed(tmp_path: Path, cache: Path, server: LoopbackServer, which: str):
    url = f"{server.url}/a.nwb"
    read_session(url)
    (data,) = cache.rglob("data")
    version, file = data.parent, data.parent.parent
    places = {"remote": cache / "remote", "version": version, "file": file, "address.txt": file / which}
    place = places.get(which, version / which)
    elsewhere = place.rename(tmp_path / "elsewhere")
    before = elsewhere.read_bytes() if elsewhere.is_file() else sorted(elsewhere.rglob("*"))
    place.symlink_to(elsewhere)
    run("inspect", url).refused(str(cache), "--no-cache")
    run("inspect", url, "--no-cache").succeeded()
    assert before == (elsewhere.read_bytes() if elsewhere.is_file() else sorted(elsewhere.rglob("*")))
    run("cache", "--clear").succeeded()
    assert elsewhere.exists()
    run("inspect", url).succeeded()


def test_another_users_cache_is_not_used(cache: Path, server: LoopbackServer):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    (cache / "remote").mkdir()
    os.chown(cache / "remote", 65534, 65534)
    run("inspect", f"{server.url}/a.nwb").refused(str(cache), "fetched data cannot be kept", "NDX_MATCH_CACHE")


def test_what_was_not_used_for_longest_goes_first(cache: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch):
    def use(name: str, moment: int) -> None:
        read_session(f"{server.url}/{name}.nwb")
        (about,) = (path for path in cache.rglob("address.txt") if f"/{name}.nwb" in path.read_text())
        os.utime(about, (moment, moment))

    use("a", 1), use("b", 2), use("a", 3)
    one = sum(path.stat().st_blocks * 512 for path in cache.rglob("*") if path.is_file()) // 2
    monkeypatch.setenv("NDX_MATCH_CACHE_SIZE", str(int(2.5 * one)))
    read_session(f"{server.url}/c.nwb")
    assert names(cache) == ["a.nwb", "c.nwb"]
    monkeypatch.setenv("NDX_MATCH_CACHE_SIZE", "0")
    read_session(f"{server.url}/c.nwb")
    assert names(cache) == []


def test_sizes_of_the_cache(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch):
    for text, size in (("", 20 * 10**9), ("7", 7), ("1.5 kB", 1500), ("2gb", 2 * 10**9), ("3 T", 3 * 10**12)):
        monkeypatch.setenv("NDX_MATCH_CACHE_SIZE", text)
        assert size_limit() == size
    for text in ("much", "-1", "1e9", "9" * 400, "5 PB", "\xb2"):
        monkeypatch.setenv("NDX_MATCH_CACHE_SIZE", text)
        with pytest.raises(InputError, match=r"^NDX_MATCH_CACHE_SIZE=.*20 GB or 500 MB\.$"):
            size_limit()
    run("inspect", f"{server.url}/a.nwb").refused("NDX_MATCH_CACHE_SIZE", "this is not a size")


def test_the_command_shows_and_clears_it(cache: Path, server: LoopbackServer):
    assert "0 files, 0 bytes of 20.0 GB at most" in run("cache").succeeded().out
    for name in "ab":
        read_session(f"{server.url}/{name}.nwb?token=5ecret")
    shown = run("cache").succeeded().out
    assert shown.startswith(f"{cache}/remote: 2 files, ")
    assert f"{server.url}/a.nwb\n" in shown
    assert "5ecret" not in shown
    assert "2 files deleted" in run("cache", "--clear").succeeded().out
    assert list(cache.iterdir()) == []


def test_a_file_that_changed_behind_the_same_tag(cache: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch):
    """The block that is compared shows it; a change of size shows by itself.

    Blocks of zeros are the same in both files. They are rarely compared, as little is in them; here never.
    """
    of_chance = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed=0: of_chance(seed))
    a, b, c = (server.files[f"/{name}.nwb"].read_bytes() for name in "abc")
    moved = bytes(512) + b  # HDF5 may begin with what is the user's
    size = max(len(a), len(moved))
    content = a.ljust(size, b"\0")

    def answer(request: Request) -> Answer:
        start, stop = request.start, int(request.headers["range"].partition("-")[2]) + 1
        part = content[start:stop]
        headers = {"ETag": '"always"', "Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(content)}"}
        return Answer(206 if part else 416, part, headers)

    server.answer = answer
    assert read_session(f"{server.url}/a.nwb").name == "a"
    content = moved.ljust(size, b"\0")
    assert read_session(f"{server.url}/a.nwb").name == "b"
    content = c + bytes(700)
    assert read_session(f"{server.url}/a.nwb").name == "c"
    content = b"x" * 100
    with pytest.raises(InputError, match="not an HDF5 file"):
        read_session(f"{server.url}/a.nwb")
