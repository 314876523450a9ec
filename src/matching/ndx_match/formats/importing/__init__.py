"""Code that importers share: it turns ROI numbers into rows, checks them against the sessions, and makes a result."""

from .cells import ABSENT, ToolCells, cells_of_labels, whole_numbers
from .names import columns_of_sessions
from .reading import NumberParameters, Reading

__all__ = [
    "ABSENT",
    "NumberParameters",
    "Reading",
    "ToolCells",
    "cells_of_labels",
    "columns_of_sessions",
    "whole_numbers",
]
