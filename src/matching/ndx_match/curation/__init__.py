"""Correct what was matched: decisions of persons, which are kept and can be applied again."""

from ..decisions import AutomaticCells, Decision, Reviews
from .apply import Curated, LeftOut, apply_decisions
from .cells import automatic_result, with_cells
from .files import read_decisions, write_decisions

__all__ = [
    "AutomaticCells",
    "Curated",
    "Decision",
    "LeftOut",
    "Reviews",
    "apply_decisions",
    "automatic_result",
    "read_decisions",
    "with_cells",
    "write_decisions",
]
