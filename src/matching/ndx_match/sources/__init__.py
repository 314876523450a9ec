"""Read sessions from NWB files: everything that depends on how ophys data are stored in a file."""

from ..storage.opening import open_nwb
from . import maskless  # noqa: F401  (lets pynwb read such tables)
from .candidates import FileContents, ImageCandidate, TableCandidate, list_contents
from .choose import SourceOptions
from .inspection import InspectedFile, InspectedPlane, inspect_file
from .pairing import DEPTH_TOLERANCE
from .planes import Plane, PlanesOfSessions, plane_warnings, read_planes
from .read import read_more_sessions, read_session, read_sessions, source_warnings

__all__ = [
    "DEPTH_TOLERANCE",
    "FileContents",
    "ImageCandidate",
    "InspectedFile",
    "InspectedPlane",
    "Plane",
    "PlanesOfSessions",
    "SourceOptions",
    "TableCandidate",
    "inspect_file",
    "list_contents",
    "open_nwb",
    "plane_warnings",
    "read_more_sessions",
    "read_planes",
    "read_session",
    "read_sessions",
    "source_warnings",
]
