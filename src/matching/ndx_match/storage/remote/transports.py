"""Request a part of a file from a web server or from S3."""

from __future__ import annotations

import posixpath
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlunsplit

from ...addresses import public_name
from ...errors import InputError
from .limits import limit_answers
from .locations import parsed

CONNECT_SECONDS, READ_SECONDS = 10, 20  # longest time without a byte; six attempts then take two minutes
LONGEST_WAIT = 30.0  #: longest wait before another attempt, in seconds
VALID_SECONDS = 3600  #: how long a signed address is valid; so long that a wrong clock does little harm
PIECE_BYTES = 1 << 16
INSTALL = 'pip install "ndx-cell-matching[remote]"'


class ConnectionLost(Exception):
    """There was no answer, or it broke off; another attempt may succeed.

    Parameters
    ----------
    reason : str
        Why, as a clause without addresses.
    wait : float
        For how many seconds the server asks to wait.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Reply(NamedTuple):
    """The answer of a server."""

    status: int  #: HTTP status; 206 is a part, 200 the whole file
    headers: Mapping[str, str]  #: with names in lower case
    pieces: Iterator[bytes]  #: the body, piece by piece


class Transport(ABC):
    """Fetches the bytes of one file."""

    @abstractmethod
    def get(self, start: int, stop: int) -> AbstractContextManager[Reply]:
        """Request the bytes `start` to before `stop`; raises :class:`ConnectionLost`, also while the block runs."""

    @abstractmethod
    def inner(self, name: str) -> Transport:
        """The transport for a file below this address, which uses the same connections."""

    @abstractmethod
    def close(self) -> None:
        """End the connection."""

    @abstractmethod
    def denial(self, status: int) -> str:
        """What a status of 401 or 403 means and what to do, as the rest of a sentence after the file's name."""

    def refusal(self, status: int) -> str:
        """What any status other than success means, as the rest of a sentence after the file's name."""
        if status in (401, 403):
            return self.denial(status)
        if status in (404, 410):
            return f"there is no such file on the server (HTTP status {status}); check the address."
        return f"the server does not send this file (HTTP status {status}); check the address or try again later."


class HttpTransport(Transport):
    """Fetches a file from a web server, which may redirect to another server.

    Parameters
    ----------
    url : str
    headers : mapping
        Headers for the server of `url`, for example a key. They are not sent to another server to which it redirects.
    denial : callable, optional
        Returns another sentence for a status of 401 or 403; see :meth:`Transport.denial`.
    """

    _certificates: str | None = None  #: file of trusted certificates; if None, the environment names it

    def __init__(
        self, url: str, headers: Mapping[str, str] | None = None, denial: Callable[[int], str] | None = None
    ) -> None:
        self._url = parsed(url)
        self._direct = ""  # where it redirected to
        self._headers = headers or {}
        self._denial = denial
        requests: Any = import_extra("requests", public=public_name(url))
        self._session = requests.Session()
        limit_session(self._session)
        self._errors = requests.exceptions
        self._urllib3: Any = import_module("urllib3.exceptions")

    @contextmanager
    def get(self, start: int, stop: int) -> Iterator[Reply]:
        """Request a part; follows redirects and remembers where they lead."""
        errors = self._errors
        try:
            with self._answer(f"bytes={start}-{stop - 1}") as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                yield Reply(response.status_code, headers, response.raw.stream(PIECE_BYTES, decode_content=False))
        except (errors.ConnectionError, errors.Timeout, errors.ChunkedEncodingError) as error:
            raise ConnectionLost(_reason(error)) from None
        except (errors.RequestException, ValueError) as error:
            raise InputError(
                f"{self._name}: this address cannot be used ({type(error).__name__}); check the address."
            ) from None
        except self._urllib3.HTTPError as error:
            raise ConnectionLost(_reason(error)) from None

    @property
    def _name(self) -> str:
        return public_name(urlunsplit(self._url))

    def inner(self, name: str) -> HttpTransport:
        """The transport for a file below this address, with the same user and query."""
        below = copy(self)
        below._url, below._direct = self._url._replace(path=posixpath.join(self._url.path, quote(name))), ""
        return below

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def denial(self, status: int) -> str:
        """What a status of 401 or 403 means."""
        if self._denial is not None:
            return self._denial(status)
        return (
            f"the server does not let you read this file (HTTP status {status}); check the address, which may have "
            "expired."
        )

    def _answer(self, part: str) -> Any:
        if self._direct:
            response = self._request(self._direct, part)
            if response.status_code not in (401, 403, 404, 410):
                return response
            response.close()  # addresses to which archives redirect are valid only for some time
            self._direct = ""
        response = self._request(urlunsplit(self._url), part, self._headers)
        if response.history and response.status_code in (200, 206):
            self._direct = response.url
        return response

    def _request(self, url: str, part: str, headers: Mapping[str, str] | None = None, follow: bool = True) -> Any:
        options = {"timeout": (CONNECT_SECONDS, READ_SECONDS), "allow_redirects": follow, "verify": self._certificates}
        headers = {**(headers or {}), "Range": part, "Accept-Encoding": "identity"}
        try:
            return self._session.get(url, headers=headers, stream=True, **options)
        except self._errors.SSLError:
            raise InputError(
                f"{self._name}: the certificate of this server is not trusted; check the address, or name the file of "
                "its certificate in the environment variable REQUESTS_CA_BUNDLE."
            ) from None
        except self._errors.RequestException:
            raise
        except OSError as error:  # the environment names a file of certificates that cannot be read
            raise InputError(f"{self._name}: no request can be sent ({error}).") from None


class S3Transport(HttpTransport):
    """Fetches an object from S3, by addresses that botocore signs.

    Requests use the credentials in the address or, if it has none, those of this machine; if there are none either,
    the requests are anonymous.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._signer = _Signer(self._url, self._name)
        self._certificates = self._signer.certificates
        self._session.auth = lambda request: request  # no password from .netrc, because the address is signed

    def inner(self, name: str) -> HttpTransport:
        """The transport for an object below the key of this one, without a version."""
        below = super().inner(name)
        below._url = below._url._replace(query="")
        return below

    def denial(self, status: int) -> str:
        """What a status of 401 or 403 means."""
        whose = "with these AWS credentials" if self._signer.signs else "without AWS credentials"
        return (
            f"S3 does not let you read this object {whose} (HTTP status {status}); check its name and your credentials."
        )

    def _answer(self, part: str) -> Any:
        response = self._ask(part, self._signer.signs)
        if self._signer.signs and response.status_code in (401, 403):
            response.close()
            response = self._ask(part, signed=False)  # S3 refuses unknown credentials even for public objects
            self._signer.signs = response.status_code not in (200, 206)
        return response

    def _ask(self, part: str, signed: bool, again: bool = True) -> Any:
        response = self._request(self._signer.address(self._url, signed), part, follow=False)
        if again and self._signer.has_moved(response.status_code, response.headers.get("x-amz-bucket-region", "")):
            response.close()
            return self._ask(part, signed, again=False)
        return response


class _Signer:
    """Makes addresses of the objects of a bucket, and remembers its region and whether credentials are needed."""

    def __init__(self, url: SplitResult, name: str) -> None:
        self._name = name
        self._session: Any = import_extra("botocore.session", public=name).Session()
        self._botocore: Any = import_module("botocore")
        self._client = cache(self._new_client)
        with self._errors():
            if url.username and url.password:
                self._session.set_credentials(unquote(url.username), unquote(url.password))
            self.signs = self._session.get_credentials() is not None
            self.certificates = self._session.get_config_variable("ca_bundle")
            self._where = self._session.get_config_variable("region") or "us-east-1", ""

    def address(self, url: SplitResult, signed: bool) -> str:
        """The address of an object, which is signed again for each request."""
        place = {"Bucket": url.netloc.rpartition("@")[2], "Key": unquote(url.path[1:])}
        # Some of these paths would be sent in another form than the signed one.
        if not place["Bucket"] or re.search(r"^(//|/?$)|/\.\.?(/|$)", unquote(url.path)):
            form = "s3://BUCKET/KEY, where KEY does not begin with / and has no folders . and .."
            raise InputError(f"{self._name}: this is not an object on S3; write it as {form}.")
        if version := parse_qs(url.query).get("versionId"):
            place["VersionId"] = version[0]
        with self._errors():
            client = self._client(*self._where, signed)
            return str(client.generate_presigned_url("get_object", Params=place, ExpiresIn=VALID_SECONDS))

    def has_moved(self, status: int, region: str) -> bool:
        """Whether an answer says that the bucket is in another region, which is used from now on."""
        before = self._where
        if region and status in (301, 307, 400):  # after a redirect, the host name states the bucket and the region
            self._where = region, before[1] if status == 400 else "virtual"
        return self._where != before

    def _new_client(self, region: str, style: str, signed: bool) -> Any:
        version = "s3v4" if signed else self._botocore.UNSIGNED  # the default is an old version in some regions
        options = {"s3": {"addressing_style": style}} if style else {}
        config = self._botocore.config.Config(signature_version=version, **options)
        return self._session.create_client("s3", region_name=region, config=config)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (self._botocore.exceptions.BotoCoreError, ValueError) as error:
            raise InputError(
                f"{self._name}: no request can be made to S3 ({type(error).__name__}); check your AWS configuration."
            ) from None


def limit_session(session: Any, most: int | None = None) -> None:
    """Make a session of requests limit all answers, also those of proxies; see :func:`limit_answers`."""
    adapter: Any = import_module("requests.adapters").HTTPAdapter

    class LimitedAdapter(adapter):  # type: ignore[misc]
        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            super().init_poolmanager(*arguments, **options)
            self._limit(self.poolmanager)

        def send(self, *arguments: Any, timeout: Any = None, **options: Any) -> Any:
            answer = super().send(*arguments, timeout=timeout or (CONNECT_SECONDS, READ_SECONDS), **options)
            if "Retry-After" in answer.headers:
                answer.headers["Retry-After"] = f"{retry_after_seconds(answer.headers['Retry-After']):.0f}"
            return answer

        def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
            return self._limit(super().proxy_manager_for(*arguments, **options))

        def _limit(self, manager: Any) -> Any:
            if not hasattr(manager, "is_limited"):
                manager.pool_classes_by_scheme = dict(manager.pool_classes_by_scheme)
                limit_answers(manager.pool_classes_by_scheme, most)
                manager.is_limited = True
            return manager

    for scheme in ("http://", "https://"):
        session.mount(scheme, LimitedAdapter())


def retry_after_seconds(retry_after: str) -> float:
    """For how many seconds a server asks to wait, at most :data:`LONGEST_WAIT`; 0 if it does not state a number."""
    return min(LONGEST_WAIT, float(retry_after)) if re.fullmatch(r"\d{1,9}", retry_after, re.ASCII) else 0.0


def import_extra(name: str, public: str) -> Any:
    """A module of the extra `remote`; raises InputError, which names the file `public`, if it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        package = name.split(".")[0]
        version = " with Python 3.11 or newer" if package == "dandi" else ""
        raise InputError(f"{public}: reading this needs {package}; run {INSTALL}{version}.") from None


def _reason(error: Exception) -> str:
    """Why there was no answer, as a clause without the address, which may contain a signature."""
    text = f"{type(error).__name__} {error}"
    for stated in ("the server is too slow", "the answer has no end"):
        if stated in text:
            return stated
    if "NameResolution" in text or "getaddrinfo" in text:
        return "its server is unknown or cannot be reached"
    if "imeout" in text or "imed out" in text:
        return "the server does not answer"
    if "refused" in text:
        return "the server refuses connections"
    return "the connection was lost"
