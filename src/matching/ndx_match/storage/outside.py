"""What an HDF5 file takes from other files, which a copy in another folder would not find."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py


def lost_files(source: Path, target: Path) -> list[str]:
    """Names, relative to the source, of files that the source finds and a copy of it at `target` would not find."""
    return sorted(
        name
        for name in _other_files(source)
        if not os.path.isabs(name) and (source.parent / name).exists() and not (target.parent / name).exists()
    )


def _other_files(path: Path) -> set[str]:
    names: set[str] = set()

    def look(name: str, link: Any) -> None:
        if isinstance(link, h5py.ExternalLink):
            names.add(link.filename)
        elif isinstance(link, h5py.HardLink) and isinstance(dataset := file[name], h5py.Dataset):
            names.update(str(part[0]) for part in dataset.external or ())
            if dataset.is_virtual:
                names.update(part.file_name for part in dataset.virtual_sources())

    with h5py.File(path, "r") as file:
        file.visititems_links(look)
    return names - {"."}  # the file itself
