"""The matching methods: sessions in, a match result out; `docs/methods.md` says how to add one."""

from .apply import add, check_adds, match, match_by_hand
from .parameters import Parameters, documented, parameter
from .protocol import Method
from .registry import DEFAULT, all_methods, find_method

__all__ = [
    "DEFAULT",
    "Method",
    "Parameters",
    "add",
    "all_methods",
    "check_adds",
    "documented",
    "find_method",
    "match",
    "match_by_hand",
    "parameter",
]
