"""Outline cells in the sessions in which they were not detected, and read their fluorescence there."""

from .outlines import Outlines, propagated_outlines
from .pipeline import PropagatedFile, propagate_files

__all__ = ["Outlines", "PropagatedFile", "propagate_files", "propagated_outlines"]
