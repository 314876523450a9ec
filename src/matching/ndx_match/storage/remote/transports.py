"""Ask a web server or S3 for a part of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from ...errors import InputError

CONNECT_SECONDS, READ_SECONDS = 10, 20  # without a byte: six tries of a silent server take two minutes
PIECE_BYTES = 1 << 16
INSTALL = "pip install 'ndx-cell-matching[remote]'"


class ConnectionLost(Exception):
    """No answer, or one that broke off: another attempt may succeed. The text says why, without addresses."""


@dataclass(frozen=True)
class Reply:
    """The answer of a server.

    Attributes
    ----------
    status : int
        HTTP status: 206 a part, 200 the whole file.
    headers : mapping of str to str
        Names in lower case.
    pieces : iterator of bytes
        The body; raises :class:`ConnectionLost`.
    """

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]


class Transport(Protocol):
    """Where the bytes of one file come from."""

    def get(self, start: int, stop: int) -> AbstractContextManager[Reply]:
        """Ask for bytes `start` to before `stop`."""

    def close(self) -> None:
        """End the connection."""

    def refusal(self, status: int) -> str:
        """What a refusal of this status means and what to do, as the rest of a sentence after the file's name."""


class HttpTransport:
    """A web server, also one that redirects to another.

    Parameters
    ----------
    url : str
    headers : callable, optional
        Gives headers for the server of `url`, for example a key. They are not sent to another server to which it
        redirects.
    refusal : callable, optional
        Gives the sentence on a status of 401 or 403.
    """

    def __init__(
        self,
        url: str,
        headers: Callable[[], Mapping[str, str]] | None = None,
        refusal: Callable[[int], str] | None = None,
    ) -> None:
        self._requests: Any = import_extra("requests", public=urlsplit(url).netloc.rpartition("@")[2])
        self._url = url
        self._direct = ""  # where it redirected to
        self._headers = headers
        self._refusal = refusal
        self._session: Any = self._requests.Session()

    @contextmanager
    def get(self, start: int, stop: int) -> Iterator[Reply]:
        """Ask for a part; follows redirects and remembers where they led."""
        with self._answer(start, stop) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            yield Reply(response.status_code, headers, self._pieces(response))

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def refusal(self, status: int) -> str:
        """As :class:`Transport`."""
        if self._refusal is not None and status in (401, 403):
            return self._refusal(status)
        if status in (401, 403):
            return f"the server does not let you read this file (it says {status}); the link may have expired."
        return _general_refusal(status)

    def _answer(self, start: int, stop: int) -> Any:
        if self._direct:
            response = self._request(self._direct, start, stop, {})
            if response.status_code not in (401, 403, 404, 410):
                return response
            response.close()  # addresses to which archives redirect are valid for some time only
            self._direct = ""
        response = self._request(self._url, start, stop, dict(self._headers() if self._headers is not None else {}))
        if response.history and response.status_code in (200, 206):
            self._direct = response.url
        return response

    def _request(self, url: str, start: int, stop: int, headers: dict[str, str]) -> Any:
        errors = self._requests.exceptions
        headers |= {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        try:
            return self._session.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS))
        except errors.SSLError:
            raise InputError(f"{self._host}: the certificate of this server is not trusted.") from None
        except (errors.ConnectionError, errors.Timeout) as error:
            raise ConnectionLost(_reason(error)) from None
        except (errors.RequestException, ValueError) as error:
            raise InputError(f"{self._host}: this address cannot be used ({type(error).__name__}).") from None

    def _pieces(self, response: Any) -> Iterator[bytes]:
        errors = self._requests.exceptions
        try:
            yield from response.iter_content(PIECE_BYTES)
        except (errors.ConnectionError, errors.Timeout, errors.ChunkedEncodingError) as error:
            raise ConnectionLost(_reason(error)) from None

    @property
    def _host(self) -> str:
        return urlsplit(self._url).netloc.rpartition("@")[2]


class S3Transport:
    """An object of S3; with the credentials of this machine where it has any, otherwise as anybody.

    Parameters
    ----------
    bucket, key : str
    """

    def __init__(self, bucket: str, key: str) -> None:
        session: Any = import_extra("botocore.session", public=f"s3://{bucket}").Session()
        self._config: Any = import_extra("botocore.config", public=f"s3://{bucket}").Config
        self._exceptions: Any = import_extra("botocore.exceptions", public=f"s3://{bucket}")
        self._session, self._bucket, self._key = session, bucket, key
        self._signed = session.get_credentials() is not None
        self._client = self._new_client(self._signed)

    @contextmanager
    def get(self, start: int, stop: int) -> Iterator[Reply]:
        """Ask for a part."""
        status, answer = self._answer(start, stop)
        if status in (401, 403) and self._signed:
            anonymous = self._new_client(signed=False)  # public objects refuse credentials that they do not know
            self._signed, self._client, before = False, anonymous, self._client
            status, answer = self._answer(start, stop)
            if status in (401, 403):
                self._signed, self._client = True, before
        metadata = answer.get("ResponseMetadata", {})
        headers = {name.lower(): str(value) for name, value in metadata.get("HTTPHeaders", {}).items()}
        body = answer.get("Body")
        try:
            yield Reply(status, headers, self._pieces(body) if body is not None else iter(()))
        finally:
            if body is not None:
                body.close()

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def refusal(self, status: int) -> str:
        """As :class:`Transport`."""
        if status in (401, 403):
            whose = "to the AWS credentials of this machine" if self._signed else "without AWS credentials"
            return f"S3 does not give this object {whose} (it says {status}); check its name and your credentials."
        return _general_refusal(status)

    def _new_client(self, signed: bool) -> Any:
        unsigned = import_extra("botocore", public=f"s3://{self._bucket}").UNSIGNED
        config = self._config(
            signature_version=None if signed else unsigned,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": 1},
            response_checksum_validation="when_required",
        )
        region = self._session.get_config_variable("region") or "us-east-1"
        return self._session.create_client("s3", region_name=region, config=config)

    def _answer(self, start: int, stop: int) -> tuple[int, dict[str, Any]]:
        errors = self._exceptions
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key, Range=f"bytes={start}-{stop - 1}")
        except errors.ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response
        except errors.HTTPClientError as error:
            raise ConnectionLost(_reason(error)) from None
        except errors.BotoCoreError as error:
            raise InputError(f"s3://{self._bucket}: S3 cannot be asked ({type(error).__name__}).") from None
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer

    def _pieces(self, body: Any) -> Iterator[bytes]:
        errors = self._exceptions
        try:
            yield from body.iter_chunks(PIECE_BYTES)
        except (errors.HTTPClientError, errors.IncompleteReadError) as error:
            raise ConnectionLost(_reason(error)) from None


def import_extra(name: str, public: str) -> Any:
    """A module of the extra `remote`.

    Raises
    ------
    InputError
        It is not installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        package = name.split(".")[0]
        needs = " (which needs Python 3.11 or newer)" if package == "dandi" else ""
        raise InputError(
            f"{public}: reading this needs the package {package}{needs}, which is not installed; run: {INSTALL}."
        ) from None


def _general_refusal(status: int) -> str:
    if status in (404, 410):
        return f"there is no such file (the server says {status})."
    return f"the server does not give this file (it says {status})."


def _reason(error: Exception) -> str:
    """Why there was no answer, without the address, which may hold a signature."""
    text = f"{type(error).__name__} {error}"
    if "NameResolution" in text or "getaddrinfo" in text or "EndpointConnectionError" in text:
        return "its server is not known or cannot be reached"
    if "imeout" in text or "imed out" in text:
        return "the server does not answer"
    if "refused" in text:
        return "the server refuses connections"
    return "the connection was lost"
