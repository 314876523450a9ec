"""Finds the methods: one module or sub-package of `ndx_match.methods` each, or an entry point of another package."""

from __future__ import annotations

from importlib import import_module, metadata
from pkgutil import iter_modules
from typing import Any, NoReturn

from .. import methods
from ..errors import MethodError
from .parameters import Parameters
from .protocol import Method

DEFAULT = "consensus"
ENTRY_POINTS = "ndx_match.methods"  #: group of entry points; the name of each is its method's


def all_methods() -> dict[str, Method]:
    """Every method by name: the default first, the others in the order of their names.

    Raises
    ------
    MethodError
        Two methods have one name.
    """
    found: dict[str, Method] = {}
    modules = (import_module(f"{methods.__name__}.{module.name}") for module in iter_modules(methods.__path__))
    here = [module.METHOD for module in modules if hasattr(module, "METHOD")]
    for method in [*here, *map(_load, metadata.entry_points(group=ENTRY_POINTS))]:
        if method.name in found:
            raise MethodError(f"There are two methods called {method.name}; uninstall the package of one.")
        found[method.name] = method
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


def _load(entry_point: metadata.EntryPoint) -> Method:
    """The method of another package; where that cannot be imported, one that says so when it is used."""
    try:
        method = entry_point.load()
        if isinstance(method, Method):
            return method
        reason = f"{entry_point.value} is no Method"
    except Exception as error:  # a broken package must not stop the methods of others
        reason = f"{type(error).__name__}: {error}"

    def refuse(*_: Any) -> NoReturn:
        raise MethodError(f"The method {entry_point.name} cannot be loaded ({reason}); install its package anew.")

    return Method(entry_point.name, "cannot be loaded", Parameters, refuse)
