"""Match the cells of calcium-imaging sessions across days, from NWB files to an NWB file.

Everything that a notebook needs is here. Each name is imported when it is first used:

>>> import ndx_match
>>> sessions = ndx_match.read_sessions("sessions")
>>> result = ndx_match.match(sessions)
>>> written = ndx_match.write_match_file(sessions, result, "matches_of_three.nwb")
>>> ndx_match.read_match_file("matches_of_three.nwb").result.cells.shape == result.cells.shape
True
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

try:
    __version__ = version("ndx-cell-matching")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0.0.0"

#: Name -> the module that defines it.
_DEFINED_IN = {
    "FileMetadata": "matchfile",
    "SourceOptions": "sources",
    "annotate_files": "annotate",
    "cell_map_figure": "report.cell_map",
    "export": "formats",
    "fraction_matrix_figure": "report.fraction_matrix",
    "group_sizes_figure": "report.group_sizes",
    "match": "methods",
    "match_planes": "planes",
    "overlay_matrix_figure": "report.overlay_matrix",
    "read_match_file": "matchfile",
    "read_planes": "sources",
    "read_session": "sources",
    "read_sessions": "sources",
    "registration_figure": "report.registration",
    "write_figures": "report.figures",
    "write_match_file": "matchfile",
    "write_page": "report.page",
    "write_planes": "matchfile",
}
__all__ = ["__version__", *_DEFINED_IN]


def __getattr__(name: str) -> Any:
    if name not in _DEFINED_IN:
        from .suggestions import did_you_mean

        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{did_you_mean(name, _DEFINED_IN)}")
    return getattr(import_module(f".{_DEFINED_IN[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
