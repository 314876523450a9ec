"""Servers on the loopback interface that stand in for web servers, S3 and DANDI, and keep count of what they send."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PIECE = 1 << 16


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def start(self) -> int:
        """First byte of the range."""
        range_match = re.match(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(range_match.group(1)) if range_match else 0

    @property
    def credential(self) -> str:
        """Of S3: KEY/DATE/REGION/s3/aws4_request, by which the address is signed; empty where it is not."""
        return parse_qs(self.query).get("X-Amz-Credential", [""])[0]


@dataclass
class Answer:
    """Instead of a file: a status and a body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def of_json(value: Any, status: int = 200) -> Answer:
        return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


class LoopbackServer:
    """A server whose files are given by their paths in URLs.

    Attributes
    ----------
    files : dict of str to Path
    requests : list of Request
    sent, n_connections : int
        Bytes of bodies, and connections that were made.
    latency : float
        Seconds before each answer.
    ranges : bool
        Whether parts are given.
    left : int or None
        How many bytes of files it still sends before it breaks every connection.
    cuts : list of int
        Numbers of bytes after which the next answers break off.
    answer : callable
        May give an Answer in place of a file.
    tags : bool
        Whether headers say by what a changed file would show.
    """

    def __init__(self, answer: Callable[[Request], Answer | None] | None = None) -> None:
        self.files: dict[str, Path] = {}
        self.requests: list[Request] = []
        self.sent = 0
        self.n_connections = 0
        self.latency = 0.0
        self.ranges = True
        self.left: int | None = None
        self.cuts: list[int] = []
        self.tags = True
        self.answer = answer
        self._lock = threading.Lock()
        owner = self

        class Handler(_Handler):
            server_of = owner

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @contextlib.contextmanager
    def running(self) -> Iterator[LoopbackServer]:
        """Answer requests of this process.

        Meanwhile garbage is not collected: a thread of the server that collects objects of h5py waits for h5py's lock,
        which is held while HDF5 waits for the server.
        """
        collects = gc.isenabled()
        gc.disable()
        self._thread.start()
        try:
            yield self
        finally:
            self.stop()
            if collects:
                gc.enable()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()

    def reset(self) -> None:
        """Count from here."""
        self.requests.clear()
        self.sent = 0

    def count(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def add_sent(self, n_bytes: int) -> None:
        with self._lock:
            self.sent += n_bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may go away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_of: LoopbackServer

    def setup(self) -> None:
        super().setup()
        self.server_of.n_connections += 1

    def do_GET(self) -> None:
        owner = self.server_of
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(unquote(parts.path), parts.query, headers)
        owner.count(request)
        time.sleep(owner.latency)
        answer = owner.answer(request) if owner.answer is not None else None
        if answer is None and request.path not in owner.files:
            answer = Answer(404, b"<html>not here</html>")
        if answer is not None:
            self._send(answer)
        else:
            self._send_file(request, owner.files[request.path])

    def do_HEAD(self) -> None:
        """As S3 is asked how large an object is."""
        parts = urlsplit(self.path)
        owner = self.server_of
        request = Request(unquote(parts.path), parts.query, {name.lower(): v for name, v in self.headers.items()})
        owner.count(request)
        answer = owner.answer(request) if owner.answer is not None else None
        path = owner.files.get(request.path)
        self.send_response(answer.status if answer is not None else 404 if path is None else 200)
        self.send_header("Content-Length", str(path.stat().st_size if path is not None and answer is None else 0))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.server_of.add_sent(len(answer.body))
        self.wfile.write(answer.body)

    def _send_file(self, request: Request, path: Path) -> None:
        owner, size = self.server_of, path.stat().st_size
        start, stop, status = 0, size, 200
        range_match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if range_match and owner.ranges:
            start, stop, status = int(range_match.group(1)), min(int(range_match.group(2)) + 1, size), 206
            if start >= size:
                self._send(Answer(416))
                return
        if owner.left == 0:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(stop - start))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        if owner.tags:
            self.send_header("ETag", f'"{path.stat().st_mtime_ns:x}-{size:x}"')
        self.end_headers()
        end = stop
        if owner.left is not None:
            end = min(end, start + owner.left)
            owner.left -= end - start
        if owner.cuts:
            end = min(end, start + owner.cuts.pop(0))
        with contextlib.suppress(OSError), open(path, "rb") as file:
            file.seek(start)
            while start < end:
                piece = file.read(min(PIECE, end - start))
                owner.add_sent(len(piece))  # before it is sent, as who gets it may ask at once
                self.wfile.write(piece)
                start += len(piece)
        if end < stop:
            self.close_connection = True


KEY = "the-key-of-a-user"
DANDISET = "000336"
PUBLISHED = "0.230307.2345"


@dataclass
class StandInDandi:
    """What dandi-cli and ndx-match ask of DANDI: an API, and a store of files with other addresses.

    Parameters
    ----------
    files : mapping of str to Path
        By their paths in the dandiset 000336.
    embargoed : bool
        Whether a key is needed.
    digests : bool
        Whether the checksums of the files are there already.
    """

    files: Mapping[str, Path]
    embargoed: bool = False
    digests: bool = True
    published: bool = True  #: whether it has a version besides the draft

    def __post_init__(self) -> None:
        self.api = LoopbackServer(self._answer)
        self.store = LoopbackServer(self._store_answer)
        self.asset_ids = {
            path: f"00000000-0000-4000-8000-{number:012d}" for number, path in enumerate(sorted(self.files))
        }
        self.store.files = {f"/blobs/{self.asset_ids[path]}": file for path, file in self.files.items()}
        self.valid = 10**9  #: how many requests an address of the store is good for
        self._uses: dict[str, int] = {}
        self._n_downloads = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[StandInDandi]:
        with self.api.running(), self.store.running():
            yield self

    @property
    def url(self) -> str:
        return f"{self.api.url}/api"

    def sent_keys(self) -> list[str]:
        """Keys that the store of files was sent, which it should not be."""
        return [
            request.headers["authorization"] for request in self.store.requests if "authorization" in request.headers
        ]

    def _store_answer(self, request: Request) -> Answer | None:
        signature = parse_qs(request.query).get("X-Amz-Signature", [""])[0]
        self._uses[signature] = self._uses.get(signature, 0) + 1
        if not signature or self._uses[signature] > self.valid:
            return Answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        return None

    def _answer(self, request: Request) -> Answer:
        path = request.path
        if path == "/api/info/":
            return Answer.of_json(self._info())
        authorization = request.headers.get("authorization")
        if authorization is not None and authorization != f"token {KEY}":
            return Answer.of_json({"detail": "Invalid token."}, 401)
        if path == "/api/auth/token":
            return Answer.of_json({"token": KEY})
        if self.embargoed and authorization is None:
            return Answer.of_json({"detail": "Authentication credentials were not provided."}, 401)
        for pattern, method in (
            (rf"/api/dandisets/{DANDISET}/", self._dandiset),
            (rf"/api/dandisets/{DANDISET}/versions/([^/]+)/assets/", self._assets),
            (rf"/api/dandisets/{DANDISET}/versions/([^/]+)/assets/([^/]+)/info/", self._asset_info),
            (rf"/api/dandisets/{DANDISET}/versions/([^/]+)/assets/([^/]+)/", self._asset_metadata),
            (r"/api/(assets)/([^/]+)/info/", self._asset_info),
            (r"/api/(assets)/([^/]+)/", self._asset_metadata),
            (r"/api/(assets)/([^/]+)/download/", self._download),
        ):
            path_match = re.fullmatch(pattern, path)
            if path_match and (len(path_match.groups()) < 2 or path_match.group(2) in self.asset_ids.values()):
                return method(request, *path_match.groups())
        return Answer.of_json({"detail": "Not found."}, 404)

    def _info(self) -> dict[str, Any]:
        return {
            "version": "0.4.0",
            "services": {
                "api": {"url": self.url},
                "webui": {"url": "https://dandiarchive.org"},
                "jupyterhub": {"url": "https://hub.dandiarchive.org"},
            },
            "cli-minimal-version": "0.60.0",
            "cli-bad-versions": [],
        }

    def _dandiset(self, _: Request) -> Answer:
        published = self._version(PUBLISHED, "Valid") if self.published else None
        return Answer.of_json(
            {
                "identifier": DANDISET,
                "created": "2022-11-01T00:00:00Z",
                "modified": "2023-03-07T00:00:00Z",
                "contact_person": "Someone",
                "embargo_status": "EMBARGOED" if self.embargoed else "OPEN",
                "most_recent_published_version": published,
                "draft_version": self._version("draft", "Valid"),
            }
        )

    def _version(self, version: str, status: str) -> dict[str, Any]:
        return {
            "version": version,
            "name": "A dandiset",
            "asset_count": len(self.files),
            "size": 1,
            "created": "2023-03-07T00:00:00Z",
            "modified": "2023-03-07T00:00:00Z",
            "status": status,
        }

    def _assets(self, request: Request, _: str) -> Answer:
        query = parse_qs(request.query)
        prefix = query.get("path", [""])[0]
        glob = query.get("glob", ["*"])[0].replace("*", "\0")
        pattern = re.escape(glob).replace("\0", ".*").replace("\\.*", ".*")
        paths = [path for path in sorted(self.files) if path.startswith(prefix) and re.fullmatch(pattern, path)]
        return Answer.of_json(
            {"count": len(paths), "next": None, "previous": None, "results": [self._entry(path) for path in paths]}
        )

    def _asset_info(self, _: Request, __: str, asset_id: str) -> Answer:
        path = self._path(asset_id)
        return Answer.of_json({**self._entry(path), "metadata": self._metadata(path)})

    def _asset_metadata(self, _: Request, __: str, asset_id: str) -> Answer:
        return Answer.of_json(self._metadata(self._path(asset_id)))

    def _download(self, _: Request, __: str, asset_id: str) -> Answer:
        self._n_downloads += 1
        location = f"{self.store.url}/blobs/{asset_id}?X-Amz-Signature=signature-{self._n_downloads}"
        return Answer(302, headers={"Location": location})

    def _path(self, asset_id: str) -> str:
        return next(path for path, candidate in self.asset_ids.items() if candidate == asset_id)

    def _entry(self, path: str) -> dict[str, Any]:
        return {
            "asset_id": self.asset_ids[path],
            "blob": None if path.endswith(".zarr") else "11111111-0000-4000-8000-000000000000",
            "zarr": "11111111-0000-4000-8000-000000000001" if path.endswith(".zarr") else None,
            "path": path,
            "size": self.files[path].stat().st_size,
            "created": "2023-03-07T00:00:00Z",
            "modified": "2023-03-07T00:00:00Z",
        }

    def _metadata(self, path: str) -> dict[str, Any]:
        digest = {"dandi:dandi-etag": "00000000000000000000000000000000-1"}
        if self.digests:
            digest["dandi:sha2-256"] = hashlib.sha256(self.files[path].read_bytes()).hexdigest()
        return {"path": path, "digest": digest, "contentUrl": [f"{self.url}/assets/{self.asset_ids[path]}/download/"]}
