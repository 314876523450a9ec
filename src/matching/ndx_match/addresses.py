"""Decide which parts of an address may be shown in messages, match files, caches and output."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit, urlunsplit

_KNOWN = "https?|s3|dandi|ftps?|sftp|gs|gcs|az|abfss?"
#: The start of an address. A Path leaves only one slash after the colon, which is accepted too.
_START = re.compile(rf"[\0-\x20]*((?:{_KNOWN})(?=:)|[a-z][a-z0-9+.-]+(?=:/)):[/\\]*", re.I)
_IN_TEXT = re.compile(
    rf"(?<![a-z0-9+.-])((?:(?:{_KNOWN}):[/\\]+|[a-z][a-z0-9+.-]+://)[^\s'\"<>|]*?)(?=[.,:;)\]]*(?:[\s'\"<>|]|$))", re.I
)
_HOST = re.compile(r"(?:[.-]*\w[\w.-]*|\[[0-9a-f:.]+\])(?::\d{0,5})?", re.I)
_VERSION = re.compile(r"versionId=[\w.-]+", re.ASCII)
_NUMBER = re.compile(r"\d{1,4}", re.ASCII)  #: tells files apart whose addresses otherwise look the same


def is_address(location: object) -> bool:
    """Whether a text is an address of any kind rather than a path."""
    return _START.match(str(location)) is not None


def split_address(address: object) -> SplitResult | None:
    """The parts of an address; None if the text cannot be divided into them."""
    text = str(address)
    start = _START.match(text)
    if start is None:
        return None
    try:
        parts = urlsplit(f"{start.group(1)}://{text[start.end() :]}")
        _ = parts.port  # raises ValueError if the port is not a number
    except ValueError:
        return None
    is_cut_off = not parts.path and "@" in parts.query + parts.fragment  # at a ? or # in a password
    return parts if _HOST.fullmatch(parts.netloc.rpartition("@")[2]) and not is_cut_off else None


def public_name(location: str | os.PathLike[str]) -> str:
    """A location as it may be shown and recorded: a path unchanged, an address without user, query and fragment.

    Two parts stay: the version of an object (`versionId`) in the query, and a number in the fragment, which tells
    files apart whose addresses differ only in what is left out. If an address cannot be divided into its parts, only
    its kind is shown.
    """
    if not is_address(location):
        return str(location)
    parts = split_address(location)
    if parts is None:
        start = _START.match(str(location))
        return f"{start.group(1).lower()}:..." if start else ""
    query = next(filter(_VERSION.fullmatch, parts.query.split("&")), "")
    fragment = parts.fragment if _NUMBER.fullmatch(parts.fragment) else ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, fragment))


def public_text(text: str, addresses: Iterable[str] = ()) -> str:
    """The text with every address as it may be shown.

    `addresses` are known to occur in the text, and may contain spaces.
    """
    for address in addresses:
        for written in (address, repr(address)[1:-1]):
            text = text.replace(written, public_name(address))
    return _IN_TEXT.sub(lambda match: public_name(match.group(1)), text)
