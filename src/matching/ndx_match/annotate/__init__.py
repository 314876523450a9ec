"""Write copies of source files with a column in the ROI table that states the cell of each ROI."""

from ..storage.columns import COLUMN
from .pipeline import AnnotatedFile, annotate_files

__all__ = ["COLUMN", "AnnotatedFile", "annotate_files"]
