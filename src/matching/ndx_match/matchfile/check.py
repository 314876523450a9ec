"""Refuse match files that contradict themselves. A file is checked once, when it is read."""

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
    """Turn errors while a match file is read into an InputError that begins with `where`."""
    try:
        yield
    except (NdxMatchError, OSError, MemoryError):
        raise
    except Exception as error:  # h5py, zarr, hdmf and numpy raise many kinds
        raise InputError(
            f"{where}: this match file is not valid: {_clause(error)}; write it again with `ndx-match write`."
        ) from error


def check_matching(matching: CellMatching) -> None:
    """Raise the first contradiction in a result of matching; call it within :func:`contradictions_refused`.

    Masks and images are not read: :func:`~.rules.checked_image` checks an image when it is read.
    """
    tables = StoredTables(matching)
    for rule in RELIED_ON:
        for clause in rule(tables):
            raise Contradiction(clause)


def contradictions(matching: CellMatching, rules: Sequence[Rule] = ALL) -> Iterator[tuple[Rule, str]]:
    """Every violation in a result of matching: the rule and a clause that says how it is broken; each clause once."""
    tables, reported = StoredTables(matching), set()
    for rule in rules:
        for clause in _broken(rule, tables):
            if clause not in reported:
                reported.add(clause)
                yield rule, clause


def _broken(rule: Rule, tables: StoredTables) -> Iterator[str]:
    try:
        yield from rule(tables)
    except Exception as error:  # h5py, zarr, hdmf and numpy raise many kinds
        yield _clause(error)


def _clause(error: Exception) -> str:
    return str(error) if isinstance(error, Contradiction) else f"it cannot be read ({first_line(error)})"
