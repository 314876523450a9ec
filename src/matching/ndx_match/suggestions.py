"""What was probably meant by a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question in brackets with the most similar of the known names, after a space; empty if none is similar.

    Examples
    --------
    >>> did_you_mean("VISp_l", ["VISp_1", "VISl_3"])
    ' (did you mean VISp_1?)'
    """
    by_small_letters = {each.lower(): each for each in known}
    similar = get_close_matches(name.lower(), by_small_letters, n=1)
    return f" (did you mean {by_small_letters[similar[0]]}?)" if similar else ""
