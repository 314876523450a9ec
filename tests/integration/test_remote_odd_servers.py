"""Servers whose answers are absurd or endless: each ends with a sentence, and soon."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from helpers import run

from ndx_match.storage.remote import limits, transports

Send = Callable[[bytes], None]
pytestmark = pytest.mark.usefixtures("cache")


class OddServer:
    """Sends to each connection what `answer` says, after the first request."""

    def __init__(self) -> None:
        self.answer: Callable[[Send], None] = lambda send: None
        self.n_connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.n_connections += 1
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(1 << 16)
            self.answer(connection.sendall)

    def stop(self) -> None:
        self._socket.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddServer]:
    """With little patience, as nobody wants to wait for it."""
    monkeypatch.setattr(limits, "PATIENCE", 0.5)
    monkeypatch.setattr(transports, "READ_SECONDS", 0.3)
    monkeypatch.setattr(transports, "LONGEST_WAIT", 0.02)
    odd = OddServer()
    gc.disable()  # as in remote_servers.py
    yield odd
    gc.enable()
    odd.stop()


def forever(send: Send, data: bytes, wait: float = 0.0) -> None:
    while True:
        send(data)
        time.sleep(wait)


def after(head: bytes, data: bytes, wait: float = 0.0) -> Callable[[Send], None]:
    def answer(send: Send) -> None:
        send(head)
        forever(send, data, wait)

    return answer


def once(status: bytes, *headers: bytes, body: bytes = b"x" * 100) -> Callable[[Send], None]:
    head = b"\r\n".join((b"HTTP/1.1 " + status, b"Connection: close", *headers))
    return lambda send: send(head + b"\r\n\r\n" + body)


PART = b"HTTP/1.1 206 Partial Content\r\nETag: 1\r\nContent-Range: bytes 0-65535/1000000\r\n"
CHUNKED = PART + b"Transfer-Encoding: chunked\r\n\r\n"
LENGTH = b"Content-Length: 100"


@pytest.mark.parametrize("ending", ["nwb", "nwb.zarr"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (after(b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"), "connection was lost"),
        (after(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 60_000), "connection was lost"),
        (after(b"HTTP/1.1 200 OK\r\nX: ", b"y", 0.05), "the server is too slow"),
        (lambda send: forever(send, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 0.05), "the server is too slow"),
        (after(b"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n", b"y" * 60_000), "TooManyRedirects"),
        (after(b"HTTP/1.1 503 Busy\r\n\r\n", b"y" * 60_000), "HTTP status 503"),
        (after(b"HTTP/1.1 200 OK\r\n\r\n", b"y" * 60_000), "does not state the size of the file"),
        (after(PART + b"Content-Length: 65536\r\n\r\n", b"y", 0.05), "the server is too slow"),
        (after(CHUNKED, b"1\r\ny\r\n", 0.05), ""),
        (after(CHUNKED, b"0" * 60_000), "only to byte 0 of 1,000,000"),
        (once(b"206 Part", LENGTH, b"Content-Range: bytes 0-99/" + b"9" * 5000), "the size of the file"),
        (once(b"206 Part", LENGTH, b"Content-Range: bytes 0-99/9999999999999999999"), "impossible size"),
        (once(b"206 Part", LENGTH, b"Content-Range: bytes 7-106/1000"), "other parts of the file"),
        (once(b"206 Part", LENGTH, b"Content-Range: bytes */*"), "the size of the file"),
        (once(b"206 Part", LENGTH), "the size of the file"),
        (once(b"200 OK", b"Content-Length: -5"), "the size of the file"),
        (once(b"503 Busy", LENGTH, b"Retry-After: " + b"9" * 5000), "HTTP status 503"),
        (once(b"503 Busy", LENGTH, b"Retry-After: \xb2"), "HTTP status 503"),
        (once(b"503 Busy", LENGTH, b"Retry-After: Wed, 21 Oct 2999 07:28:00 GMT"), "HTTP status 503"),
        (once(b"200 OK", LENGTH, b"Content-Encoding: gzip"), "compressed (gzip)"),
        (once(b"302 Found", b"Content-Length: 0", b"Location: file:///etc/hostname", body=b""), "InvalidSchema"),
        (once(b"302 Found", b"Content-Length: 0", b"Location: http://[::1/", body=b""), "cannot be used"),
        (once(b"302 Found", b"Content-Length: 0", b"Location: ?again", body=b""), "TooManyRedirects"),
        (once(b"999 Odd", LENGTH), "HTTP status 999"),
        (lambda send: send(b"\0\xff" * 1000), "connection was lost"),
        (lambda send: None, "connection was lost"),
    ],
)
def test_an_absurd_answer_is_refused_soon(server: OddServer, answer: Callable[[Send], None], words: str, ending: str):
    server.answer = answer
    began = time.monotonic()
    run("inspect", f"http://{server.host}/a.{ending}").refused(f"http://{server.host}/a.{ending}", words)
    assert time.monotonic() - began < 10
    assert server.n_connections <= 200


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (after(b"HTTP/1.1 200 OK\r\nX: ", b"y", 0.05), "the server is too slow"),
        (after(b"HTTP/1.1 503 Busy\r\n\r\n", b"y" * 60_000), "HTTP status 503"),
        (once(b"206 Part", LENGTH, b"Content-Range: bytes 0-99/9999999999999999999"), "impossible size"),
    ],
)
def test_so_it_is_from_s3(
    server: OddServer, monkeypatch: pytest.MonkeyPatch, answer: Callable[[Send], None], words: str
):
    pytest.importorskip("botocore", reason="botocore is not installed; install the extra [remote]")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{server.host}")
    server.answer = answer
    run("inspect", "s3://bucket/a.nwb").refused("s3://bucket/a.nwb", words)


@pytest.mark.parametrize(
    "address",
    [
        "http://", "http:///a.nwb", "http://[::1/a.nwb", "http://host:port/a.nwb", "http://127.0.0.1:99999/a.nwb",
        "http://a..b/a.nwb", f"http://{'a' * 300}/a.nwb", "http://-/a.nwb", "http://\u2100.org/a.nwb", "http://%/a.nwb",
        "http://127.0.0.1:0/a.nwb", "http://127.0.0.1:/\0a.nwb", "https://?x/a.nwb.zarr", "s3://", "s3:///a.nwb", "s3://b",
        "s3://B_/a.nwb", "s3://arn:aws:s3:eu-1:1:accesspoint/a/b.nwb", "dandi://", "dandi://x", "dandi://[/000336/a.nwb",
        "http://*.*/a.nwb", "s3://b\u00fccket/a.nwb", "http://h\u00f6st.invalid/a.nwb", "  http://:80/a.nwb",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_one_sentence(address: str):
    for named in (address, f"{address}.zarr"):
        outcome = run("inspect", named)
        assert outcome.code == 2, outcome.err
        assert outcome.err.startswith("Error: ")
        assert outcome.err.count("\n") == 1
