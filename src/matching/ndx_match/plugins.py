"""Find plug-ins: the modules in a folder of this package, and the entry points of other packages."""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, NoReturn, TypeVar

from .errors import NdxMatchError

Plugin = TypeVar("Plugin")


def find_plugins(
    package: str,
    group: str,
    kind: type[Plugin],
    attribute: str,
    name: str = "name",
    stand_in: Callable[[str, Callable[..., NoReturn]], Plugin] | None = None,
) -> dict[str, Plugin]:
    """The plug-ins that the modules of a folder define and that other packages name as entry points, by name.

    Parameters
    ----------
    package : str
        Name of the package whose folder is searched. Modules without the attribute are helpers.
    group : str
        Group of the entry points. Each names a plug-in, or a module that defines the attribute as in this package.
    kind : type
        Type of the plug-ins; objects of another type are ignored.
    attribute : str
        Name of the module's attribute that holds a plug-in; the name with an S appended holds a sequence of several.
    name : str
        Attribute of a plug-in that holds its name for users.
    stand_in : callable, optional
        Called as `stand_in(name, refuse)` for an entry point that cannot be loaded, so that it can still be listed. It
        returns a plug-in that calls `refuse`, which raises the error, when it is used.

    Raises
    ------
    NdxMatchError
        Two plug-ins have the same name, or an entry point cannot be loaded and there is no `stand_in`.
    """
    modules = _modules(package, tuple(import_module(package).__path__))
    plugins: dict[str, Plugin] = {}
    for entry_name, source in [*(("", module) for module in modules), *_of_other_packages(group)]:
        if isinstance(source, NdxMatchError):
            refuse = partial(_refuse, source)
            source = stand_in(entry_name, refuse) if stand_in else refuse()
        for plugin in _defined(source, attribute):
            if not isinstance(plugin, kind):
                continue
            called = getattr(plugin, name)
            if called in plugins:
                raise NdxMatchError(
                    f"There are two plug-ins of {group} with the {name} {called!r}; uninstall the package of one, or "
                    "give it another."
                )
            plugins[called] = plugin
    return dict(sorted(plugins.items()))


@functools.cache
def _modules(package: str, folders: tuple[str, ...]) -> tuple[ModuleType, ...]:
    """The modules of a package. Its folders are listed once: they do not change while the program runs."""
    return tuple(import_module(f"{package}.{module.name}") for module in pkgutil.iter_modules(folders))


def _defined(source: Any, attribute: str) -> list[Any]:
    if not isinstance(source, ModuleType):
        return [source]
    return [getattr(source, attribute)] if hasattr(source, attribute) else [*getattr(source, f"{attribute}S", ())]


def _refuse(error: NdxMatchError, *_: Any) -> NoReturn:
    raise error


@functools.cache
def _of_other_packages(group: str) -> tuple[tuple[str, Any], ...]:
    """The entry points of a group: the name of each, and the object that it names or the error of loading it."""
    loaded: list[tuple[str, Any]] = []
    for entry_point in sorted(entry_points(group=group), key=lambda entry_point: entry_point.name):
        try:
            loaded.append((entry_point.name, entry_point.load()))
        except Exception as error:  # another package's module may raise anything when it is imported
            reason = f"this plug-in of {group} cannot be loaded ({error}); repair or uninstall it."
            loaded.append((entry_point.name, NdxMatchError(f"{entry_point.value}: {reason}")))
    return tuple(loaded)
