"""Find the assets that a DANDI URL stands for."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ...errors import InputError
from .transports import HttpTransport, Transport, import_extra


@dataclass(frozen=True)
class Asset:
    """A file of an archive.

    Attributes
    ----------
    uri : str
        A URL that stands for this asset alone, with the version of its dandiset.
    path : str
        In the dandiset.
    asset_id, dandiset_id : str
        The latter is empty where the URL named the asset by its id only.
    is_zarr : bool
    address : str
        From which it is fetched, the same whichever URL named it.
    transport : callable
        Makes the transport that fetches it.
    sha256 : callable
        Asks for the recorded checksum; empty where the archive has none (yet).
    """

    uri: str
    path: str
    asset_id: str
    dandiset_id: str
    is_zarr: bool
    address: str
    transport: Callable[[], Transport]
    sha256: Callable[[], str]


def find_assets(url: str) -> tuple[list[Asset], bool]:
    """The assets that a URL stands for, by path, and whether it is a folder or a pattern that may stand for several.

    A key in the environment variable that dandi-cli uses, `DANDI_API_KEY` for the instance `dandi`, is sent to that
    instance and nowhere else.

    Raises
    ------
    InputError
        There are none, they may not be read, the archive cannot be asked, or the URL stands for a whole dandiset.
    """
    archive = import_extra("dandi.dandiarchive", public=url)
    api = import_extra("dandi.dandiapi", public=url)
    with _errors(url) as state:
        parsed = archive.parse_dandi_url(url, glob="*" in url)
        client = api.DandiAPIClient(dandi_instance=parsed.instance)
        state.key_name = client.api_key_env_var
        key = os.environ.get(state.key_name, "").strip()
        if key:
            state.has_key = True
            client.authenticate(key)
        if isinstance(parsed, archive.DandisetURL):
            raise InputError(
                f"{url}: this is a whole dandiset; add the folder of one subject, for example "
                f"{url.rstrip('/')}/sub-NAME/."
            )
        assets = sorted(parsed.get_assets(client, strict=True), key=lambda asset: asset.path)
        found = [_asset(asset, parsed, client, key, state) for asset in assets]
        return found, isinstance(parsed, archive.MultiAssetURL)


@dataclass
class _State:
    key_name: str = "DANDI_API_KEY"
    has_key: bool = False

    def refusal(self, status: int) -> str:
        if self.has_key:
            return f"DANDI refuses the key in {self.key_name} (it says {status}); check that it may read this dandiset."
        return f"DANDI gives this only to its owners (it says {status}); set {self.key_name} to your key."


def _asset(asset: Any, parsed: Any, client: Any, key: str, state: _State) -> Asset:
    dandiset_id = getattr(asset, "dandiset_id", "")
    instance = parsed.instance
    if dandiset_id and ":" not in instance.name:
        uri = f"dandi://{instance.name}/{dandiset_id}@{asset.version_id}/{quote(asset.path)}"
    else:
        uri = asset.api_url
    url = asset.base_download_url

    def headers() -> Mapping[str, str]:
        return {"Authorization": f"token {key}"} if key else {}

    def sha256() -> str:
        with _errors(uri, state):
            return str(asset.get_raw_metadata().get("digest", {}).get("dandi:sha2-256", ""))

    return Asset(
        uri=uri,
        path=asset.path,
        asset_id=asset.identifier,
        dandiset_id=dandiset_id,
        is_zarr=asset.asset_type.name == "ZARR",
        address=url,
        transport=lambda: HttpTransport(url, headers, state.refusal),
        sha256=sha256,
    )


@contextmanager
def _errors(url: str, state: _State | None = None) -> Iterator[_State]:
    """What dandi raises as one sentence, without the log that goes with it."""
    requests = import_extra("requests", public=url)
    exceptions = import_extra("dandi.exceptions", public=url)
    state = state or _State()
    logger = logging.getLogger("dandi")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield state
    except InputError:
        raise
    except exceptions.NotFoundError as error:
        raise InputError(f"{url}: DANDI has no such file or folder ({_sentence(error)}).") from None
    except exceptions.UnknownURLError:
        raise InputError(
            f"{url}: this is no address of DANDI; write it as dandi://dandi/000336/sub-NAME/FILE.nwb."
        ) from None
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise InputError(f"{url}: {state.refusal(status)}") from None
        raise InputError(f"{url}: DANDI cannot be asked (it says {status}); try again later.") from None
    except requests.RequestException:
        raise InputError(f"{url}: DANDI cannot be reached; check the network.") from None
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{url}: DANDI cannot be asked ({_sentence(error)}).") from None
    except SystemExit as error:  # of dandi when a newer one is needed
        raise InputError(f"{url}: {_sentence(error)}.") from None
    finally:
        logger.setLevel(level)


def _sentence(error: BaseException) -> str:
    """The first sentence of a message."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].split(". ")[0].rstrip(". ")
