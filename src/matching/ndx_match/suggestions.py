"""Suggest what was probably meant by an unknown name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A space and a question in brackets, which names the most similar known name; empty if none is similar.

    Examples
    --------
    >>> did_you_mean("VISp_l", ["VISp_1", "VISl_3"])
    ' (did you mean VISp_1?)'
    """
    by_small_letters = {each.lower(): each for each in known}
    similar = get_close_matches(name.lower(), by_small_letters, n=1)
    return f" (did you mean {by_small_letters[similar[0]]}?)" if similar else ""
