"""Parameters of methods. Each dataclass field states the parameter's default, range, choices, unit and description."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from ..errors import MethodError

#: Names for values of the probability from which two ROIs are taken to be the same cell.
NAMED_PROBABILITIES = (("confident", 0.9), ("inclusive", 0.3))

P = TypeVar("P", bound="type[Parameters]")
_LIMITS = (
    ("above", "greater than {}", lambda value, limit: value > limit),
    ("minimum", "at least {}", lambda value, limit: value >= limit),
    ("below", "less than {}", lambda value, limit: value < limit),
    ("maximum", "at most {}", lambda value, limit: value <= limit),
)


@dataclass(frozen=True)
class Parameter:
    """The properties of one parameter."""

    name: str  #: the name of the dataclass field
    kind: type  #: bool, int, float or str
    optional: bool  #: whether it may be None
    default: Any
    description: str  #: begins in lower case, as it can follow a colon
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None  #: a lower limit that is itself excluded
    below: float | None = None  #: an upper limit that is itself excluded
    choices: tuple[str, ...] = ()  #: the allowed values; any value if empty
    option: str = ""  #: name of the command's option, without dashes in front
    names: tuple[tuple[str, float], ...] = ()  #: values that can be given by name, such as `confident` for 0.9
    stored: bool = True  #: whether a match file stores it; False if the result does not depend on it

    @property
    def sentence(self) -> str:
        """The description as a sentence or several."""
        return f"{self.description[0].upper()}{self.description[1:].rstrip('.')}."

    @property
    def default_text(self) -> str:
        """The default as a text for users; empty if it is None."""
        if self.default is None:
            return ""
        if self.kind is bool:
            return "yes" if self.default else "no"
        return f"{self.default:g}" if self.kind is float else str(self.default)

    @property
    def allowed(self) -> str:
        """The allowed values as a text for users."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.kind is bool:
            return "yes or no"
        if self.kind is str:
            return "text"
        number = "a whole number" if self.kind is int else "a number"
        return f"{number}{', ' if self.limits else ''}{self.limits}{f' ({self.unit})' if self.unit else ''}"

    @property
    def limits(self) -> str:
        """The limits of a number as a text for users; empty if it has none."""
        limits = ((text, getattr(self, name)) for name, text, _ in _LIMITS)
        return " and ".join(text.format(f"{limit:g}") for text, limit in limits if limit is not None)

    def checked(self, value: Any) -> Any:
        """Check a value and convert it to the parameter's type.

        Raises
        ------
        MethodError
            If the value has another type or is out of range.
        """
        if value is None and self.optional:
            return None
        if isinstance(value, str):
            value = dict(self.names).get(value, value)
        converted = self._converted(value)
        if converted is None or not self._in_range(converted):
            raise MethodError(f"{self.name} is {value!r}; it must be {self.allowed}.")
        return converted

    def _converted(self, value: Any) -> Any:
        if self.kind is bool or isinstance(value, bool):
            return value if self.kind is bool and isinstance(value, bool) else None
        if self.kind is int:
            return int(value) if isinstance(value, Integral) else None
        if self.kind is float:
            return float(value) if isinstance(value, Real) else None
        return os.fspath(value) if isinstance(value, str | os.PathLike) else None

    def _in_range(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if self.kind is float and not math.isfinite(value):
            return False
        return all(holds(value, getattr(self, name)) for name, _, holds in _LIMITS if getattr(self, name) is not None)


def parameter(default: Any, description: str, **known: Any) -> Any:
    """A dataclass field for a parameter; `known` holds attributes of :class:`Parameter` by their names."""
    return field(default=default, metadata={"description": description, **known})


@dataclass(frozen=True)
class Parameters:
    """Base class of the parameters of every method; each parameter is a field that :func:`parameter` makes.

    Raises
    ------
    MethodError
        If a value has the wrong type or is out of range.
    """

    def __post_init__(self) -> None:
        for each in parameters_of(type(self)):
            object.__setattr__(self, each.name, each.checked(getattr(self, each.name)))

    def stored(self) -> dict[str, Any]:
        """The parameters that a match file stores, with their values."""
        return {each.name: getattr(self, each.name) for each in parameters_of(type(self)) if each.stored}


def parameters_of(cls: type[Parameters]) -> tuple[Parameter, ...]:
    """The parameters of a class, in the order of its fields."""
    hints = get_type_hints(cls)
    return tuple(_parameter(each.name, hints[each.name], each.default, dict(each.metadata)) for each in fields(cls))


def _parameter(name: str, hint: Any, default: Any, known: dict[str, Any]) -> Parameter:
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    if "description" not in known or len(kinds) != 1 or kinds[0] not in (bool, int, float, str):
        raise TypeError(f"{name}: make it with parameter(default, description) and as a bool, int, float or str")
    option = known.pop("option", name.replace("_", "-"))
    return Parameter(name, kinds[0], NoneType in get_args(hint), default, option=option, **known)


def documented(cls: P) -> P:
    """Add the parameters to the docstring of their class."""
    lines = ["", "", "    Attributes", "    ----------"]
    for each in parameters_of(cls):
        lines.append(f"    {each.name} : {each.kind.__name__}{' or None' if each.optional else ''}")
        lines.append(f"        {each.sentence} {each.allowed[0].upper()}{each.allowed[1:]}; default {each.default}.")
    cls.__doc__ = (cls.__doc__ or "").rstrip() + "\n".join(lines) + "\n"
    return cls
