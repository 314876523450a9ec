"""Correct a match by decisions of persons, which are kept and can be applied again."""

from ndx_cell_matching.codes import DecisionKind

from ..decisions import AutomaticCells, Decision, Reviews
from .apply import Curated, UnappliedDecision, apply_decisions, in_words
from .cells import automatic_result, with_cells
from .curate import curate
from .files import parse_decisions, read_decisions, write_decisions

__all__ = [
    "AutomaticCells",
    "Curated",
    "Decision",
    "DecisionKind",
    "Reviews",
    "UnappliedDecision",
    "apply_decisions",
    "automatic_result",
    "curate",
    "in_words",
    "parse_decisions",
    "read_decisions",
    "with_cells",
    "write_decisions",
]
