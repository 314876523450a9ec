"""The parts of reading remote files that need no server."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndx_match.storage.remote.blocks import BLOCK_BYTES, BlockStore
from ndx_match.storage.remote.cache import Cache, store_in
from ndx_match.storage.remote.locations import (
    file_stem,
    is_of_dandi,
    is_of_session,
    is_ophys,
    is_url,
    public_name,
    same_place,
)
from ndx_match.storage.remote.ranges import RangeReader, Version, seconds_to_wait
from ndx_match.storage.remote.stream import RemoteFile, RemoteStream
from ndx_match.storage.remote.transports import Reply, Transport


def test_paths_and_urls():
    assert all(is_url(url) for url in ("https://a.org/b.nwb", "HTTP://a/b.nwb", "s3://a/b", "dandi://dandi/000336/a/"))
    assert not any(is_url(path) for path in ("a.nwb", "/a/b.nwb", "C:\\a.nwb", "https:/a.nwb", Path("https://a.org")))
    assert file_stem("https://a.org/x/b%20c.nwb?versionId=3") == "b c"
    assert file_stem("x/b.nwb") == file_stem(Path("b.nwb")) == "b"
    assert same_place("a.nwb") == same_place("x/../a.nwb")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:word@a.org/b.nwb", "https://a.org/b.nwb"),
        ("https://a.org/b.nwb?X-Amz-Signature=1&X-Amz-Date=2", "https://a.org/b.nwb"),
        ("https://a.org/b.nwb?access_token=1", "https://a.org/b.nwb"),
        ("https://a.org/get?key=1&file=b.nwb&sig=3", "https://a.org/get"),
        ("https://a.org/b.nwb?sig=1&versionId=a.B-7_&user=2", "https://a.org/b.nwb?versionId=a.B-7_"),
        ("https://a.org/b.nwb?versionId=7;token=secret", "https://a.org/b.nwb"),
        ("s3://KEY:SEC%2FRET@bucket/day 1/b.nwb?versionId=7", "s3://bucket/day 1/b.nwb?versionId=7"),
        ("s3://KEY:SEC/RET@bucket/b.nwb", "s3:..."),
        ("https://me:se#cret@a.org/b.nwb", "https:..."),
        ("https://me:se?cret@a.org/b.nwb", "https:..."),
        ("https://1234:5678#@a.org/b.nwb", "https:..."),
        ("https://[me:secret@a.org/b.nwb", "https:..."),
        ("https://me:secret@", "https:..."),
        (" HTTPS://me:secret@a.org/b.nwb", "https://a.org/b.nwb"),
        ("ftp://me:secret@a.org/b.nwb?x=secret", "ftp://a.org/b.nwb"),
        (Path("https://me:secret@a.org/b.nwb"), "https://a.org/b.nwb"),
        ("https://a.org/b.nwb?versionId=7", "https://a.org/b.nwb?versionId=7"),
        ("https://a.org/b.nwb#part", "https://a.org/b.nwb"),
        ("dir/b.nwb?token=1", "dir/b.nwb?token=1"),
    ],
)
def test_what_is_shown_of_a_url(url: str | Path, shown: str):
    assert public_name(url) == public_name(shown) == shown


def test_which_urls_are_of_dandi():
    asset = "assets/0f7f2a3c-1c1e-4d3a-9a52-0123456789ab"
    for url in (
        "dandi://dandi/000336/sub-1/",
        f"https://api.dandiarchive.org/api/{asset}/download/",
        f"https://api.sandbox.dandiarchive.org/api/dandisets/000336/versions/draft/{asset}/",
        "https://dandiarchive.org/dandiset/000336/draft/files?location=sub-1",
        "https://gui.dandiarchive.org/#/dandiset/000336",
    ):
        assert is_of_dandi(url)
    for url in (
        "https://dandiarchive.s3.amazonaws.com/blobs/1/2/3",
        "s3://dandiarchive/blobs/1",
        "https://a.org/b.nwb",
    ):
        assert not is_of_dandi(url)


def test_names_of_assets():
    assert is_ophys("sub-1/sub-1_ses-2_ophys.nwb")
    assert is_ophys("sub-1/sub-1_ses-2-acq-3_behavior+ophys.nwb")
    assert is_ophys("sub-1/sub-1_ophys.nwb.zarr")
    assert not is_ophys("sub-1/sub-1_ses-ophys_ecephys.nwb")
    assert not is_ophys("sub-1/sub-1_ophys.avi")
    path = "sub-1/sub-1_ses-20210811-acq-3_ophys.nwb"
    assert all(is_of_session(path, session) for session in ("20210811-acq-3", "20210811", "2021*", "*-acq-3"))
    assert not any(is_of_session(path, session) for session in ("2021", "acq-3", ""))


class Source(Transport):
    """A transport that gives bytes of a text, and remembers which."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ranges: list[tuple[int, int]] = []

    @contextmanager
    def get(self, start: int, stop: int) -> Iterator[Reply]:
        self.ranges.append((start, stop))
        part = self.content[start:stop]
        last = start + len(part) - 1
        headers = {"content-range": f"bytes {start}-{last}/{len(self.content)}", "etag": '"1"'}
        yield Reply(206, headers, iter([part[:7], part[7:]]))

    def inner(self, name: str) -> Transport:
        raise NotImplementedError

    def close(self) -> None:
        pass

    def denial(self, status: int) -> str:
        return str(status)


def remote(content: bytes, first_bytes: int = BLOCK_BYTES) -> tuple[Source, RemoteStream]:
    source = Source(content)
    reader = RangeReader("name", source, first_bytes)
    return source, RemoteStream(RemoteFile(reader, BlockStore(len(content))))


CONTENT = bytes(range(251)) * (9 * BLOCK_BYTES // 251) + b"the end"


@given(st.lists(st.tuples(st.integers(0, len(CONTENT) + 10), st.integers(0, 3 * BLOCK_BYTES)), max_size=8))
def test_a_stream_gives_what_a_file_gives_and_fetches_nothing_twice(reads: list[tuple[int, int]]):
    source, stream = remote(CONTENT)
    file = io.BytesIO(CONTENT)
    for position, length in reads:
        assert stream.seek(position) == file.seek(position)
        assert stream.read(length) == file.read(length)
        assert stream.tell() == file.tell()
    blocks = [byte for start, stop in source.ranges for byte in range(start // BLOCK_BYTES, -(-stop // BLOCK_BYTES))]
    assert len(blocks) == len(set(blocks))


def test_a_server_that_gives_more_than_asked_for():
    class Generous(Source):
        @contextmanager
        def get(self, start: int, stop: int) -> Iterator[Reply]:
            with super().get(start, stop + 1000) as reply:
                yield reply

    reader = RangeReader("name", Generous(CONTENT), 100)
    assert reader.first == CONTENT[:100]
    assert b"".join(reader.pieces(50_000, 60_000)) == CONTENT[50_000:60_000]


def test_scattered_reads_fetch_single_blocks_and_sequential_ones_few_large_parts():
    content = bytes(1000 * BLOCK_BYTES)
    source, stream = remote(content)
    for block in range(900, 100, -50):
        stream.seek(block * BLOCK_BYTES + 5)
        stream.read(100)
    assert {stop - start for start, stop in source.ranges} == {BLOCK_BYTES}
    source, stream = remote(content)
    for block in range(300):
        stream.seek(block * BLOCK_BYTES)
        stream.read(BLOCK_BYTES)
    assert len(source.ranges) < 20
    assert sum(stop - start for start, stop in source.ranges) < 1.3 * 300 * BLOCK_BYTES


def test_a_large_read_is_one_request():
    source, stream = remote(CONTENT)
    assert stream.read(len(CONTENT)) == CONTENT
    assert len(source.ranges) == 2


def test_waits_double_up_to_a_longest():
    assert [seconds_to_wait(failures) for failures in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert seconds_to_wait(1, retry_after=7) == 7
    assert seconds_to_wait(1, retry_after=70) == 30


def test_blocks_outlive_their_store_and_damaged_ones_do_not(tmp_path: Path):
    version = Version(2 * BLOCK_BYTES + 10, '"1"')
    store = store_in(Cache(tmp_path), "name", version)
    store.put(0, b"a" * BLOCK_BYTES)
    store.put(2, b"c" * 10)
    store.close()
    (data,) = tmp_path.rglob("data")
    store = store_in(Cache(tmp_path), "name", version)
    assert [store.has(block) for block in range(3)] == [True, False, True]
    assert store.read(2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 10) == b"c" * 10
    store.close()
    with open(data, "r+b") as file:
        file.write(b"b")
    assert [store_in(Cache(tmp_path), "name", version).has(block) for block in range(3)] == [False, False, True]
    for other in (
        Version(version.size, '"2"'),
        Version(version.size + 1, '"1"'),
        Version(version.size, '"1"', "today"),
    ):
        assert not store_in(Cache(tmp_path), "name", other).has(0)


def test_two_stores_of_the_same_version_at_the_same_time(tmp_path: Path):
    version = Version(3 * BLOCK_BYTES, '"1"')
    one, other = (store_in(Cache(tmp_path), "name", version) for _ in range(2))
    one.put(0, b"a" * BLOCK_BYTES)
    other.put(0, b"a" * BLOCK_BYTES)
    other.put(2, b"c" * BLOCK_BYTES)
    one.put(1, b"b" * BLOCK_BYTES)
    third = store_in(Cache(tmp_path), "name", version)
    assert all(third.has(block) for block in range(3))
    assert third.read(0, 3 * BLOCK_BYTES) == b"".join(letter * BLOCK_BYTES for letter in (b"a", b"b", b"c"))


def test_an_index_that_was_cut_short(tmp_path: Path):
    version = Version(3 * BLOCK_BYTES, '"1"')
    store = store_in(Cache(tmp_path), "name", version)
    for block in range(3):
        store.put(block, bytes(BLOCK_BYTES))
    (index,) = tmp_path.rglob("index")
    index.write_bytes(index.read_bytes()[:11])
    assert [store_in(Cache(tmp_path), "name", version).has(block) for block in range(3)] == [True, False, False]
