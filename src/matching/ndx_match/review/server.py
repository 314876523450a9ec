"""Serve the page of a match file under review on this machine; each request must have the token."""

from __future__ import annotations

import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ..errors import NdxMatchError
from .desk import Desk

ADDRESS = "127.0.0.1"
MOST_BYTES = 20_000_000  #: largest size of the decisions in one request
PATIENCE = 30  #: seconds to wait for the rest of a request
TOKEN = "X-Review-Token"
#: Headers of every answer. The HTML of the page restricts what the page itself may do.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class ReviewServer(ThreadingHTTPServer):
    """Serve the page at `/TOKEN/`, and accept decisions as CSV by `POST /save`.

    Parameters
    ----------
    desk : Desk
    port : int
        0 chooses any free port.

    Raises
    ------
    OSError
        If the port is taken.
    """

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, desk: Desk, port: int = 0) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.desk = desk
        self.token = secrets.token_urlsafe(32)
        self.hosts = tuple(f"{name}:{self.server_address[1]}" for name in (ADDRESS, "localhost"))

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        return f"http://{self.hosts[0]}/{self.token}/"


class _Refused(Exception):
    """A request is refused, with an HTTP status and a sentence that says why."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    server_version = "ndx-match"
    sys_version = ""
    timeout = PATIENCE

    def do_GET(self) -> None:
        try:
            self._check_sender()
            self._check_token(self.path.removeprefix("/").removesuffix("/"))
            page = self.server.desk.page(self.server.token)
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", page)
        except _Refused as refused:
            self._answer(refused.status, "text/plain; charset=utf-8", str(refused))

    def do_POST(self) -> None:
        try:
            self._check_sender()
            self._check_token(self.headers.get(TOKEN, ""))
            if self.path != "/save":
                raise _Refused(HTTPStatus.NOT_FOUND, "Nothing can be sent to this address.")
            curated = self.server.desk.save(self._body())
        except _Refused as refused:
            self._answer_json(refused.status, {"error": str(refused)})
        except NdxMatchError as error:
            self._answer_json(HTTPStatus.CONFLICT, {"error": str(error)})
        except Exception as error:
            sentence = f"Nothing was saved ({type(error).__name__}); this is a bug in ndx-match, please report it."
            self._answer_json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": sentence})
        else:
            self._answer_json(HTTPStatus.OK, {"leftOut": curated.sentences})

    def _check_sender(self) -> None:
        """Refuse requests of other sites, even if their own host name leads to this machine."""
        if self.headers.get("Host", "") not in self.server.hosts:
            raise _Refused(HTTPStatus.FORBIDDEN, "This is not the address of the page.")
        origins = [f"http://{host}" for host in self.server.hosts]
        if self.headers.get("Origin", origins[0]) not in origins:
            raise _Refused(HTTPStatus.FORBIDDEN, "Another site sent this.")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise _Refused(HTTPStatus.FORBIDDEN, "Another site sent this.")

    def _check_token(self, token: str) -> None:
        if not secrets.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "The token is wrong; open the address that the command printed.")

    def _body(self) -> str:
        if self.headers.get("Content-Type", "").partition(";")[0].strip() != "text/csv":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Decisions must be sent as text/csv.")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "The request must state the length of its content.")
        if len(length) > 12 or int(length) > MOST_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The content is too large for a list of decisions.")
        body = self.rfile.read(int(length))
        try:
            if len(body) == int(length):
                return body.decode()
        except UnicodeDecodeError:
            pass
        raise _Refused(HTTPStatus.BAD_REQUEST, "The content is cut off, or is not a text.")

    def _answer_json(self, status: HTTPStatus, content: object) -> None:
        self._answer(status, "application/json", json.dumps(content))

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, because requests hold the token."""
