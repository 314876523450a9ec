"""The files of a Zarr store below a URL, through fsspec."""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import urlsplit

from ...errors import InputError
from ..remote import import_extra
from .files import Folder

MISSING = (403, 404, 410)  #: what servers say of a file that is not there


class RemoteFolder:
    """A folder on a web server or S3: its URL, with all that is needed to read it, and the same as it may be shown."""

    def __init__(self, url: str, path: str) -> None:
        self.path = path
        fsspec: Any = import_extra("fsspec", public=path)
        scheme = urlsplit(url).scheme.lower()
        import_extra({"s3": "s3fs"}.get(scheme, "aiohttp"), public=path)
        options: dict[str, Any] = {}
        if scheme == "s3":  # with the credentials of this machine where it has any, otherwise as anybody
            session: Any = import_extra("botocore.session", public=path).Session()
            options["anon"] = session.get_credentials() is None
        self._files: Any = fsspec.filesystem(scheme, **options)
        self._base, mark, query = url.partition("?")
        self._query = mark + query

    def read(self, key: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        """Bytes of a file."""
        try:
            place = f"{self._base.rstrip('/')}/{key}{self._query}"
            data: bytes = self._files.cat_file(place, start=start or None, end=stop)
        except (FileNotFoundError, PermissionError):  # S3 says the latter where nothing may be listed
            return None
        except Exception as error:  # aiohttp and botocore have errors of their own, whose texts hold addresses
            status = getattr(error, "status", None)
            if status in MISSING:
                return None
            reason = f"the server says {status}" if status else "the server does not answer"
            raise InputError(f"{self.path}: {key} cannot be read over the network ({reason}).") from None
        return data

    def names(self, key: str) -> list[str]:
        """None: web servers do not list, and hdmf-zarr finds what is there in the consolidated metadata."""
        return []

    def linked(self, source: str) -> Folder | None:
        """Itself by another name; other stores are not read over the network."""
        if posixpath.normpath(posixpath.join(self.path, source)) == posixpath.normpath(self.path):
            return None
        raise InputError(f"{self.path}: this store takes data from {source}; download both, and give the copy.")
