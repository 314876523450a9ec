"""Refuse match files that contradict themselves, in one sentence each; checked once, when a file is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ndx_cell_matching import CellMatching

from ..errors import InputError, NdxMatchError
from ..storage.opening import first_line
from .rules import ALL, RELIED_ON, Rule
from .stored import Contradiction, StoredTables


@contextmanager
def contradictions_refused(where: str) -> Iterator[None]:
    """While a match file is read: raise what makes no sense in it as InputError that begins with `where`."""
    try:
        yield
    except (NdxMatchError, OSError, MemoryError):
        raise
    except Exception as error:  # h5py, zarr, hdmf and numpy raise many kinds
        raise InputError(
            f"{where}: this match file makes no sense: {_clause(error)}; write it again with `ndx-match write`."
        ) from error


def check_matching(matching: CellMatching) -> None:
    """Raise what contradicts itself in a result of matching, within :func:`contradictions_refused`.

    Masks are not read, and of images neither: see :func:`~.rules.checked_image`.
    """
    tables = StoredTables(matching)
    for rule in RELIED_ON:
        for clause in rule(tables):
            raise Contradiction(clause)


def contradictions(matching: CellMatching, rules: Sequence[Rule] = ALL) -> Iterator[tuple[Rule, str]]:
    """Everything in a result of matching that breaks a rule: the rule and a clause that says what, each clause once."""
    tables, told = StoredTables(matching), set()
    for rule in rules:
        for clause in _broken(rule, tables):
            if clause not in told:
                told.add(clause)
                yield rule, clause


def _broken(rule: Rule, tables: StoredTables) -> Iterator[str]:
    try:
        yield from rule(tables)
    except Exception as error:  # h5py, zarr, hdmf and numpy raise many kinds
        yield _clause(error)


def _clause(error: Exception) -> str:
    return str(error) if isinstance(error, Contradiction) else f"it cannot be read ({first_line(error)})"
