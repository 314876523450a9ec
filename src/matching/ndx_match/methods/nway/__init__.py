"""The published nway pipeline, implemented from its description.

Register each pair of sessions, cost each pair of ROIs by distance and IoU, match each pair of sessions one to one,
merge the matches into groups. See :func:`match`.
"""

from .parameters import ASSIGNMENT_SOLVERS, MOTION_TYPES, PRUNING_METHODS, NwayParameters
from .pipeline import match, match_registered

__all__ = [
    "ASSIGNMENT_SOLVERS",
    "MOTION_TYPES",
    "PRUNING_METHODS",
    "NwayParameters",
    "match",
    "match_registered",
]
