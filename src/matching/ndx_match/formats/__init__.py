"""Import the results of other tools, and export matched cells to other formats.

A module that defines `IMPORTER`, `EXPORTER` or both adds a format. It is in this folder, or another package declares it
as an entry point of the group `ndx_match.formats`; no other file changes. `docs/formats.md` shows how to write one.
"""

from .exchange import called, export, find_exporter, find_exporters, find_importers, import_result, split_origin
from .protocol import Exporter, Importer
from .tables import cells_dataframe

__all__ = [
    "Exporter",
    "Importer",
    "called",
    "cells_dataframe",
    "export",
    "find_exporter",
    "find_exporters",
    "find_importers",
    "import_result",
    "split_origin",
]
