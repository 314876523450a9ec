"""Find the methods. Each is a module or sub-package of `ndx_match.methods`, or an entry point of another package."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from ..errors import MethodError
from ..plugins import find_plugins
from .parameters import Parameters
from .protocol import Method

DEFAULT = "consensus"
GROUP = "ndx_match.methods"  #: the package that is searched, and the group of entry points


def all_methods() -> dict[str, Method]:
    """Every method by name: the default first, the others in the order of their names.

    Raises
    ------
    NdxMatchError
        If two methods have the same name.
    """
    by_name = find_plugins(GROUP, GROUP, Method, "METHOD", stand_in=_broken)
    return {name: by_name[name] for name in sorted(by_name, key=lambda name: (name != DEFAULT, name))}


def _broken(name: str, refuse: Callable[..., NoReturn]) -> Method:
    return Method(name, "cannot be loaded", Parameters, refuse)


def find_method(name: str) -> Method:
    """A method by its name.

    Raises
    ------
    MethodError
        If there is no method with this name.
    """
    known = all_methods()
    if name not in known:
        raise MethodError(f"There is no method {name!r}; choose one of {', '.join(known)}.")
    return known[name]
