"""Find what a new file adds: one in a folder of this package, or one that another package names as an entry point."""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from .errors import NdxMatchError


def find_plugins(package: str, group: str, attribute: str, name: str = "name") -> list[Any]:
    """What the modules of a folder, and those of other packages, define under an attribute.

    Parameters
    ----------
    package : str
        Name of the package whose folder is searched. Modules without the attribute are helpers.
    group : str
        Group of the entry points by which other packages name a module each.
    attribute : str
        Holds a plug-in; with an S behind it, a sequence of several.
    name : str
        Attribute of a plug-in by which users tell it from others.

    Raises
    ------
    NdxMatchError
        A module of another package cannot be imported, or two plug-ins have one name.
    """
    found: dict[str, Any] = {}
    for module in [*_modules_of(package), *_modules_of_others(group)]:
        defined = [getattr(module, attribute)] if hasattr(module, attribute) else getattr(module, f"{attribute}S", ())
        for plugin in defined:
            if getattr(plugin, name) in found:
                raise NdxMatchError(
                    f"{module.__name__}: {attribute} has the {name} {getattr(plugin, name)!r}, which another has "
                    "already; give it another one or uninstall the package."
                )
            found[getattr(plugin, name)] = plugin
    return list(found.values())


def _modules_of(package: str) -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(import_module(package).__path__):
        yield import_module(f"{package}.{module.name}")


@functools.cache
def _modules_of_others(group: str) -> tuple[ModuleType, ...]:
    modules = []
    for entry_point in sorted(entry_points(group=group)):
        try:
            modules.append(entry_point.load())
        except Exception as error:  # whatever a foreign module does when it is imported
            raise NdxMatchError(
                f"{entry_point.value}: this plug-in of {group} cannot be imported ({error}); repair or uninstall it."
            ) from error
    return tuple(modules)
