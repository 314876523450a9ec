"""Write match files as Zarr stores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import zarr
from hdmf_zarr import ZarrDataIO
from hdmf_zarr.backend import ZarrIO
from pynwb import NWBFile, get_manager


class ZarrFormat:
    """Zarr in format 2, its metadata consolidated, compressed as Zarr does by default."""

    is_folder = True

    def typed(self, data: Any) -> Any:
        """Data whose type hdmf keeps, though a narrower one would do."""
        return ZarrDataIO(data)

    def compressed(self, data: Any) -> Any:
        """An array, or an iterator over chunks of one, to be written compressed."""
        return ZarrDataIO(data)

    def growing(self, data: Any, chunk_rows: int) -> Any:
        """The start of a column whose rows are written later."""
        return ZarrDataIO(data, chunks=(chunk_rows,))

    def takes(self, dataset: Any) -> bool:
        """Nothing: hdmf-zarr would hold a dataset of an HDF5 file in memory, and keep the chunks of another store."""
        return False

    def write(self, path: Path, nwbfile: NWBFile, fill: Callable[[Any], None]) -> None:
        """Write a store in place of an existing folder, then let `fill` change its open root group.

        Raises
        ------
        OSError
            The disk was full, or failed otherwise.
        """
        try:
            # References as JSON: by default they are pickled, which newer versions of numcodecs refuse to read.
            with ZarrIO(str(path), manager=get_manager(), mode="w", object_codec_class=numcodecs.JSON) as io:
                io.write(nwbfile, link_data=False, cache_spec=True, consolidate_metadata=False)
            fill(zarr.open_group(str(path), mode="r+"))
            zarr.consolidate_metadata(str(path))
        except Exception as error:
            cause: BaseException | None = error.__cause__ or error.__context__
            if isinstance(error, OSError) or not isinstance(cause, OSError):
                raise
            raise cause from error  # hdmf puts it into an error of its own
