"""Locate the three real sessions, which the project may use for measurements but not distribute."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(os.environ.get("NDX_MATCH_ALLEN_DATA", Path(__file__).resolve().parents[2] / "shared" / "data" / "allen"))
MISSING = (
    f"The Allen Institute's sample sessions are not in {FOLDER}. They are not part of this repository, for their "
    "licence; name the folder that holds openscope_old and openscope_multiplane in NDX_MATCH_ALLEN_DATA."
)


def present() -> bool:
    """Whether the sessions are there."""
    return len(single_plane()) == 3


def single_plane() -> list[Path]:
    """The three files in the older OpenScope layout, in the order of the recordings."""
    return sorted((FOLDER / "openscope_old").glob("*.nwb"))


def two_planes() -> list[Path]:
    """The same sessions in the newer layout; plane VISp_0 is plane VISp_1 mirrored."""
    return sorted((FOLDER / "openscope_multiplane").glob("*.nwb"))
