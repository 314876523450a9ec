"""Find the assets of a DANDI URL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote, urlunsplit

from ...addresses import public_name
from ...errors import InputError
from .locations import parsed as parsed_address
from .transports import HttpTransport, Transport, import_extra, limit_session

LARGEST_ANSWER = 1 << 26  #: bytes of one answer of an archive's API


class Asset(NamedTuple):
    """A file of an archive."""

    uri: str  #: address of this asset alone, with the version of its dandiset
    path: str  #: in the dandiset
    asset_id: str
    dandiset_id: str  #: empty if the URL names the asset by its id only
    is_zarr: bool
    address: str  #: from which it is fetched; it does not depend on the URL by which the asset was named
    transport: Callable[[], Transport]  #: makes the transport that fetches it
    sha256: Callable[[], str]  #: asks for the recorded checksum; empty if the archive has none (yet)


def find_assets(url: str) -> tuple[list[Asset], bool]:
    """The assets of a URL.

    A key in the environment variable that dandi-cli uses (`DANDI_API_KEY` for the instance `dandi`) is sent to that
    instance only.

    Returns
    -------
    assets : list of Asset
        Sorted by path.
    may_be_several : bool
        Whether the URL is a folder or a pattern.

    Raises
    ------
    InputError
        There are no assets, they may not be read, the archive does not answer, or the URL is that of a whole dandiset.
    """
    name = public_name(url)
    archive = import_extra("dandi.dandiarchive", public=name)
    api = import_extra("dandi.dandiapi", public=name)
    key = _Key()
    with _errors(name, key):
        parsed = archive.parse_dandi_url(_without_user(url), glob="*" in url)
        client = api.DandiAPIClient(dandi_instance=parsed.instance)
        limit_session(client.session, LARGEST_ANSWER)
        key.name = client.api_key_env_var
        if key.value:
            client.authenticate(key.value)
        if isinstance(parsed, archive.DandisetURL):
            folder = f"{name.rstrip('/')}/sub-NAME/"
            raise InputError(f"{name}: this is a whole dandiset; add the folder of one subject, for example {folder}.")
        assets = sorted(parsed.get_assets(client, strict=True), key=lambda asset: asset.path)
        return [_asset(asset, parsed.instance.name, key) for asset in assets], isinstance(parsed, archive.MultiAssetURL)


class _Key:
    """The user's key for an instance of DANDI."""

    name = "DANDI_API_KEY"  #: name of the environment variable

    @property
    def value(self) -> str:
        return os.environ.get(self.name, "").strip()

    def refusal(self, status: int) -> str:
        if self.value:
            return f"DANDI refuses the key in {self.name} (HTTP status {status}); check that it may read this dandiset."
        return f"DANDI gives this only to its owners (HTTP status {status}); set {self.name} to your key."


def _without_user(url: str) -> str:
    """The address without a user and password, which dandi-cli does not accept: it takes keys from the environment."""
    parts = parsed_address(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _asset(asset: Any, instance: str, key: _Key) -> Asset:
    dandiset_id = getattr(asset, "dandiset_id", "")
    uri, url = public_name(asset.api_url), asset.base_download_url
    if dandiset_id and ":" not in instance:
        uri = f"dandi://{instance}/{dandiset_id}@{asset.version_id}/{quote(asset.path)}"
    headers = {"Authorization": f"token {key.value}"} if key.value else {}

    def sha256() -> str:
        with _errors(uri, key):
            return str(asset.get_raw_metadata().get("digest", {}).get("dandi:sha2-256", ""))

    return Asset(
        uri=uri,
        path=asset.path,
        asset_id=asset.identifier,
        dandiset_id=dandiset_id,
        is_zarr=asset.asset_type.name == "ZARR",
        address=url,
        transport=partial(HttpTransport, url, headers, key.refusal),
        sha256=sha256,
    )


@contextmanager
def _errors(url: str, key: _Key) -> Iterator[None]:
    """Turn the errors of dandi-cli into an InputError of one sentence."""
    requests = import_extra("requests", public=url)
    exceptions = import_extra("dandi.exceptions", public=url)
    try:
        yield
    except InputError:
        raise
    except exceptions.NotFoundError as error:
        raise InputError(f"{url}: DANDI has no such file or folder ({_sentence(error)}).") from None
    except exceptions.UnknownURLError:
        right = "dandi://dandi/000336/sub-NAME/FILE.nwb"
        raise InputError(f"{url}: this is not an address of DANDI; write it as {right}.") from None
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise InputError(f"{url}: {key.refusal(status)}") from None
        raise InputError(f"{url}: DANDI reports an error (HTTP status {status}); try again later.") from None
    except requests.RequestException:
        raise InputError(f"{url}: DANDI cannot be reached; check the network.") from None
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{url}: DANDI cannot be read ({_sentence(error)}).") from None
    except SystemExit as error:  # dandi-cli ends so if a newer version of it is needed
        raise InputError(f"{url}: {_sentence(error)}.") from None


def _sentence(error: BaseException) -> str:
    """The first sentence of a message."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].split(". ")[0].rstrip(". ")
