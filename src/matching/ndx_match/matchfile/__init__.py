"""The match file: a match result and what it refers to, as one NWB file."""

from .metadata import FileMetadata, MissingField
from .read import read_match_file, read_planes_of_match_file
from .write import WrittenFile, dandi_path, output_path, sessions_of, write_match_file, write_planes

__all__ = [
    "FileMetadata",
    "MissingField",
    "WrittenFile",
    "dandi_path",
    "output_path",
    "read_match_file",
    "read_planes_of_match_file",
    "sessions_of",
    "write_match_file",
    "write_planes",
]
