"""Sessions that are not NWB files: folders and files of Suite2p, CaImAn, EXTRACT, CIAtah, minian and Inscopix.

Each of them can be given in place of an NWB file. When it is opened, an NWB file is made from it in memory. A module of
:mod:`ndx_match.folders.formats` that defines `FORMAT` or `FORMATS` adds a format; no other file changes.
"""

from .facts import UNKNOWN_START, SessionFacts, names_folder, read_session_table
from .find import NWB_ENDINGS, find_formats, is_folder, take_folders
from .protocol import FolderFormat, Segmentation, SegmentedPlane, pixels_of

__all__ = [
    "NWB_ENDINGS",
    "UNKNOWN_START",
    "FolderFormat",
    "Segmentation",
    "SegmentedPlane",
    "SessionFacts",
    "find_formats",
    "is_folder",
    "names_folder",
    "pixels_of",
    "read_session_table",
    "take_folders",
]
