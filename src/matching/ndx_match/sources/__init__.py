"""From NWB files to sessions: everything that knows how ophys data lie in a file."""

from .candidates import FileContents, ImageCandidate, TableCandidate, list_contents
from .choose import SourceOptions
from .opening import open_nwb
from .read import read_session, read_sessions, source_warnings

__all__ = [
    "FileContents",
    "ImageCandidate",
    "SourceOptions",
    "TableCandidate",
    "list_contents",
    "open_nwb",
    "read_session",
    "read_sessions",
    "source_warnings",
]
