"""Copies of source files that say in their ROI tables which cell of a match file each ROI is."""

from ..storage.columns import COLUMN
from .pipeline import AnnotatedFile, annotate_files

__all__ = ["COLUMN", "AnnotatedFile", "annotate_files"]
