"""Find out from the text of a location whether it is a path, a web address, an object on S3 or an asset on DANDI."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, unquote, urldefrag

from ...addresses import public_name, split_address
from ...errors import InputError
from ..substitutes import substitute_of

SCHEMES = ("http://", "https://", "s3://", "dandi://")
OPHYS = "ophys"  #: in the last part of the names of optical physiology files on DANDI

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OF_DANDI = re.compile(
    r"dandi://.*"
    r"|https?://(gui\.)?(sandbox\.)?dandiarchive\.org/.*"
    r"|https?://identifiers\.org/dandi:.*"
    r"|https?://[^/]+/(api/)?(#/)?dandisets?/\d{6}(/.*)?"
    rf"|https?://[^/]+/api/assets/{_UUID}(/.*)?",
    re.I,
)


def is_url(location: str | os.PathLike[str]) -> bool:
    """Whether a location is an address on the network, not a path."""
    return isinstance(location, str) and location.lstrip().lower().startswith(SCHEMES)


def is_of_dandi(url: str) -> bool:
    """Whether a URL is one of DANDI or of another archive with the same API, which has metadata of the file."""
    return _OF_DANDI.fullmatch(url) is not None


def parsed(url: str | os.PathLike[str]) -> SplitResult:
    """The parts of a URL; raises InputError if it cannot be divided into parts."""
    parts = split_address(url)
    if parts is None:
        raise InputError(
            f"{public_name(url)}: this address is not valid; write it as https://HOST/PATH or s3://BUCKET/KEY, and "
            "percent-encode special characters in a user name and password."
        )
    return parts


def recorded_location(location: str | os.PathLike[str], match_file: Path) -> str:
    """A location as a match file records it, without private information.

    For a path, its part below the match file's folder, or only its name if it lies elsewhere; for a folder of another
    program's results elsewhere, the end of its path, because all these folders have the same name. For a URL, the
    address without user, password and query; only the version of an object on S3 (`versionId`) is kept.
    """
    if is_url(location):
        return urldefrag(public_name(location)).url
    path, folder = Path(os.path.realpath(location)), Path(os.path.realpath(match_file.parent))
    if path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    substitute = substitute_of(location)
    return path.name if substitute is None else substitute.name


def file_stem(location: str | os.PathLike[str]) -> str:
    """The name of the file without its ending `.nwb` or `.nwb.zarr`."""
    path = unquote(parsed(location).path) if is_url(location) else Path(location).as_posix()
    return PurePosixPath(PurePosixPath(path).name.removesuffix(".zarr")).stem


def same_place(location: str | os.PathLike[str]) -> str:
    """A text that is the same for all locations of a file."""
    return public_name(location) if is_url(location) else os.path.realpath(location)


def is_ophys(path: str) -> bool:
    """Whether an asset is an NWB file with optical physiology, according to its name, which DANDI assigns."""
    name = PurePosixPath(path).name
    stem, _, ending = name.partition(".")
    return ending in ("nwb", "nwb.zarr") and OPHYS in stem.rpartition("_")[2].split("+")


def session_label(path: str) -> str:
    """The session in the name of an asset, `ses-<label>`; empty if there is none."""
    pattern_match = re.search(r"_ses-([^_]+)", PurePosixPath(path).name)
    return pattern_match.group(1) if pattern_match else ""


def is_of_session(path: str, session: str) -> bool:
    """Whether the session of an asset is `session`: its label, the label's first part, or a pattern with `*` or `?`."""
    label = session_label(path)
    return label == session or label.startswith(f"{session}-") or fnmatchcase(label, session)
