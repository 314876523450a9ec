"""Formats of other tools: their results are imported, and matched cells are exported to them.

A module that defines `IMPORTER`, `EXPORTER` or both, put into this folder or named by another package as an entry point
of the group `ndx_match.formats`, adds a format; no other file is edited. `docs/formats.md` says how.
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
