"""Libraries that are imported only where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import InputError


def import_library(module: str, where: object, program: str) -> Any:
    """Import a library of the extra `folders`; raises InputError if it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f'{where}: reading results of {program} needs {module}; run pip install "ndx-cell-matching[folders]".'
        ) from error
