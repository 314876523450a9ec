"""Ask a web server or S3 for a part of a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ...errors import InputError

CONNECT_SECONDS, READ_SECONDS = 10, 20  # without a byte: six tries of a silent server take two minutes
PIECE_BYTES = 1 << 16
INSTALL = "pip install 'ndx-cell-matching[remote]'"


class ConnectionLost(Exception):
    """No answer, or one that broke off: another attempt may succeed, after seconds for which the server may ask.

    The text says why, without addresses.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Reply(NamedTuple):
    """The answer of a server."""

    status: int  #: of HTTP: 206 a part, 200 the whole file
    headers: Mapping[str, str]  #: names in lower case
    pieces: Iterator[bytes]  #: of the body


class Transport(ABC):
    """Where the bytes of one file come from."""

    @abstractmethod
    def get(self, start: int, stop: int) -> AbstractContextManager[Reply]:
        """Ask for bytes `start` to before `stop`; raises :class:`ConnectionLost`, also while the block runs."""

    @abstractmethod
    def close(self) -> None:
        """End the connection."""

    @abstractmethod
    def denial(self, status: int) -> str:
        """What a status of 401 or 403 means and what to do, as the rest of a sentence after the file's name."""

    def refusal(self, status: int) -> str:
        """So too of any status but those of success."""
        if status in (401, 403):
            return self.denial(status)
        if status in (404, 410):
            return f"there is no such file (the server says {status})."
        return f"the server does not give this file (it says {status})."


class HttpTransport(Transport):
    """A web server, also one that redirects to another.

    Parameters
    ----------
    url : str
    headers : mapping
        For the server of `url`, for example a key. They are not sent to another server to which it redirects.
    denial : callable, optional
        Gives another sentence on a status of 401 or 403.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str] | None = None, denial: Callable[[int], str] | None = None
    ) -> None:
        self._url = url
        self._host = urlsplit(url).netloc.rpartition("@")[2]
        self._direct = ""  # where it redirected to
        self._headers = headers or {}
        self._denial = denial
        requests: Any = import_extra("requests", public=self._host)
        self._session = requests.Session()
        self._errors = requests.exceptions

    @contextmanager
    def get(self, start: int, stop: int) -> Iterator[Reply]:
        """Ask for a part; follows redirects and remembers where they led."""
        errors = self._errors
        try:
            with self._answer(f"bytes={start}-{stop - 1}") as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                yield Reply(response.status_code, headers, response.iter_content(PIECE_BYTES))
        except (errors.ConnectionError, errors.Timeout, errors.ChunkedEncodingError) as error:
            raise ConnectionLost(_reason(error)) from None
        except (errors.RequestException, ValueError) as error:
            raise InputError(f"{self._host}: this address cannot be used ({type(error).__name__}).") from None

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def denial(self, status: int) -> str:
        """What a denial means."""
        if self._denial is not None:
            return self._denial(status)
        return f"the server does not let you read this file (it says {status}); the link may have expired."

    def _answer(self, part: str) -> Any:
        if self._direct:
            response = self._request(self._direct, part, {})
            if response.status_code not in (401, 403, 404, 410):
                return response
            response.close()  # addresses to which archives redirect are valid for some time only
            self._direct = ""
        response = self._request(self._url, part, self._headers)
        if response.history and response.status_code in (200, 206):
            self._direct = response.url
        return response

    def _request(self, url: str, part: str, headers: Mapping[str, str]) -> Any:
        headers = {**headers, "Range": part, "Accept-Encoding": "identity"}
        try:
            return self._session.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS))
        except self._errors.SSLError:
            raise InputError(f"{self._host}: the certificate of this server is not trusted.") from None


class S3Transport(Transport):
    """An object of S3; with the credentials of this machine where it has any, otherwise as anybody."""

    def __init__(self, bucket: str, key: str) -> None:
        self._place = {"Bucket": bucket, "Key": key}
        self._session: Any = import_extra("botocore.session", public=f"s3://{bucket}").Session()
        self._botocore: Any = import_module("botocore")
        self._signed = self._session.get_credentials() is not None
        self._client = self._new_client(self._signed)

    @contextmanager
    def get(self, start: int, stop: int) -> Iterator[Reply]:
        """Ask for a part."""
        errors = self._botocore.exceptions
        part = f"bytes={start}-{stop - 1}"
        try:
            answer = self._answer(self._client, part)
            if _status(answer) in (401, 403) and self._signed:
                anonymous = self._new_client(signed=False)  # public objects refuse credentials that they do not know
                answer = self._answer(anonymous, part)
                if _status(answer) not in (401, 403):
                    self._signed, self._client = False, anonymous
            stated = answer["ResponseMetadata"].get("HTTPHeaders", {})
            headers = {name.lower(): str(value) for name, value in stated.items()}
            if "Body" in answer:
                with closing(answer["Body"]) as body:
                    yield Reply(_status(answer), headers, body.iter_chunks(PIECE_BYTES))
            else:
                yield Reply(_status(answer), headers, iter(()))
        except (errors.HTTPClientError, errors.IncompleteReadError) as error:
            raise ConnectionLost(_reason(error)) from None
        except errors.BotoCoreError as error:
            raise InputError(f"s3://{self._place['Bucket']}: S3 cannot be asked ({type(error).__name__}).") from None

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def denial(self, status: int) -> str:
        """What a denial means."""
        whose = "to the AWS credentials of this machine" if self._signed else "without AWS credentials"
        return f"S3 does not give this object {whose} (it says {status}); check its name and your credentials."

    def _new_client(self, signed: bool) -> Any:
        config = self._botocore.config.Config(
            signature_version=None if signed else self._botocore.UNSIGNED,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": 1},
            response_checksum_validation="when_required",
        )
        region = self._session.get_config_variable("region") or "us-east-1"
        return self._session.create_client("s3", region_name=region, config=config)

    def _answer(self, client: Any, part: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = client.get_object(**self._place, Range=part)
        except self._botocore.exceptions.ClientError as error:
            return error.response
        return answer


def import_extra(name: str, public: str) -> Any:
    """A module of the extra `remote`; refuses where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        package = name.split(".")[0]
        needs = " (which needs Python 3.11 or newer)" if package == "dandi" else ""
        raise InputError(
            f"{public}: reading this needs the package {package}{needs}, which is not installed; run: {INSTALL}."
        ) from None


def _status(answer: Mapping[str, Any]) -> int:
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


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
