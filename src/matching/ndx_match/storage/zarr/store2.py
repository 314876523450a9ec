"""A store for Zarr 2 whose files are checked when they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zarr.storage import DirectoryStore

from .files import StoreFiles


class CheckedStore(DirectoryStore):  # the class of stores that hdmf-zarr accepts
    """The files of a store, for reading."""

    def __init__(self, files: StoreFiles) -> None:
        super().__init__(files.path)
        self.files = files

    def __getitem__(self, key: str) -> bytes:
        data = self.files.read(key)
        if data is None:
            raise KeyError(key)
        return data

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any]) -> Mapping[str, Any]:
        """The content of several files."""
        return {key: self[key] for key in keys}

    def __contains__(self, key: object) -> bool:
        return self.files.exists(str(key))

    def listdir(self, path: str | None = None) -> list[str]:
        """The names in a folder."""
        return self.files.names(path or "")
