"""A store for Zarr 3 whose files are checked when they are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from zarr.abc.store import Store, SuffixByteRequest

from .files import StoreFiles


class CheckedStore(Store):
    """The files of a store, for reading."""

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self, files: StoreFiles) -> None:
        super().__init__(read_only=True)
        self.files = files

    def __str__(self) -> str:  # hdmf-zarr uses it as the path of the file
        return self.files.path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CheckedStore) and other.files is self.files

    __hash__ = None  # type: ignore[assignment]

    def with_read_only(self, read_only: bool = False) -> CheckedStore:
        """Return this store, which is always read-only."""
        return self

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """The bytes of a file; None if there is no such file."""
        start = getattr(byte_range, "start", getattr(byte_range, "offset", None))
        if isinstance(byte_range, SuffixByteRequest):
            start = -byte_range.suffix
        data = await asyncio.to_thread(self.files.read, key, start, getattr(byte_range, "end", None))
        return None if data is None else prototype.buffer.from_bytes(data)

    async def get_partial_values(self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]) -> list[Any]:
        """The bytes of several files."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        return self.files.exists(key)

    def list(self) -> AsyncIterator[str]:
        """Every file."""
        return self.list_prefix("")

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Every file in a folder and in the folders within it."""
        for name in self.files.names(prefix):
            path = f"{prefix.rstrip('/')}/{name}".lstrip("/")
            if self.files.exists(path):
                yield path
            else:
                async for inner in self.list_prefix(path):
                    yield inner

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """The names in a folder."""
        for name in self.files.names(prefix):
            yield name

    async def set(self, key: str, value: Any = None) -> None:
        """Not supported, because this store is read-only."""
        raise PermissionError(f"{self.files.path}: this store is read-only")

    delete = set
