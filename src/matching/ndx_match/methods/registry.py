"""Finds the methods: one module or sub-package of `ndx_match.methods` each, or an entry point of another package."""

from __future__ import annotations

from ..errors import MethodError
from ..plugins import find_plugins
from .protocol import Method

DEFAULT = "consensus"
GROUP = "ndx_match.methods"  #: the package that is searched, and the group of entry points


def all_methods() -> dict[str, Method]:
    """Every method by name: the default first, the others in the order of their names.

    Raises
    ------
    NdxMatchError
        Two methods have one name, or that of another package cannot be loaded.
    """
    found = {method.name: method for method in find_plugins(GROUP, GROUP, Method, "METHOD")}
    return {name: found[name] for name in sorted(found, key=lambda name: (name != DEFAULT, name))}


def find_method(name: str) -> Method:
    """A method by its name.

    Raises
    ------
    MethodError
        There is none of this name.
    """
    known = all_methods()
    if name not in known:
        raise MethodError(f"There is no method {name!r}; choose one of {', '.join(known)}.")
    return known[name]
