"""What pynwb's validation finds in a file, in a form in which a copy can be held against its source."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path


def errors_of(check: Callable[[], Iterable[object]], path: Path) -> Counter[str]:
    """Each error that a check of the file at `path` gives and how often, without the file's path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Counter(str(error) for error in check())
        except Exception as error:  # as for schemas that the validator does not know: the same for source and copy
            return Counter([f"{type(error).__name__}: {error}".replace(str(path), "")])
