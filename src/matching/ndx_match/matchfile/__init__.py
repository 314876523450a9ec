"""The match file: a match result and what it refers to, as one NWB file."""

from .metadata import FileMetadata, MissingField
from .read import MatchFile, read_match_file
from .write import WrittenFile, dandi_path, output_path, write_match_file

__all__ = [
    "FileMetadata",
    "MatchFile",
    "MissingField",
    "WrittenFile",
    "dandi_path",
    "output_path",
    "read_match_file",
    "write_match_file",
]
