"""What importers share: numbers of ROIs are read as rows, checked against the sessions, and made a match result."""

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
