"""The matching methods, and the parameters of each, as options of the command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from ..errors import MethodError
from ..formats import find_importers
from ..methods import DEFAULT, Method, Parameters, all_methods
from ..methods.parameters import Parameter, parameters_of
from .common import option_group

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class ParameterOption:
    """A parameter as an option: of one method, or of several that have it alike."""

    parameter: Parameter
    methods: tuple[str, ...]

    @property
    def value_name(self) -> str:
        """The name of the option among a command's values."""
        return self.parameter.option.replace("-", "_")

    @property
    def flags(self) -> str:
        """The option as it is given to the command."""
        option = self.parameter.option
        return f"--{option}/--no-{option}" if self.parameter.kind is bool else f"--{option}"

    @property
    def help(self) -> str:
        """Whose it is, its description, unit, default and limits."""
        known = self.parameter
        unit = f", in {known.unit}" if known.unit else ""
        default = f"default: {known.default_text}" if known.default_text else ""
        values = "; ".join(filter(None, (default, known.limits)))
        return f"{', '.join(self.methods)}: {known.description}{unit}.{f'  [{values}]' if values else ''}"


def parameter_options(of_methods: Mapping[str, type[Parameters]]) -> tuple[ParameterOption, ...]:
    """The options of the parameters of several methods.

    Methods whose parameters of one name are alike share the option; if they differ, that of the later method is
    called `--METHOD-NAME`.
    """
    options: dict[str, ParameterOption] = {}
    for method, parameters in of_methods.items():
        for each in parameters_of(parameters):
            shared = options.get(each.option)
            if shared is not None and shared.parameter != each:
                each, shared = replace(each, option=f"{method}-{each.option}"), None
            options[each.option] = ParameterOption(each, (*(shared.methods if shared else ()), method))
    return tuple(options.values())


def method_options(command: Command) -> Command:
    """Give a command `--method` and the parameters of all methods, as the argument `method`: (Method, Parameters).

    Raises
    ------
    MethodError
        From the command: an option of another method was given, or a parameter makes no sense.
    """
    methods = all_methods()
    known = {name: method.parameters for name, method in methods.items()}
    summaries = "; ".join(f"{method.name}: {method.summary}" for method in methods.values())

    def choose(**values: Any) -> tuple[Method, Parameters]:
        method = methods[values["method"]]
        return method, method.parameters(**_given(values, known, method.name))

    choice = click.option(
        "--method",
        type=click.Choice(list(methods)),
        default=DEFAULT,
        show_default=True,
        help=f"{summaries}. Options below name the methods they belong to.",
    )
    return option_group("method", choose, choice, *_options(known))(command)


def importer_options(command: Command) -> Command:
    """Give a command `--from` and what users can state of results, as the argument `origin`: (name, parameters given).

    Raises
    ------
    MethodError
        From the command: an option of another importer was given.
    """
    importers = find_importers()
    known = {name: importer.parameters for name, importer in importers.items()}
    summaries = " ".join(f"{name}: {importer.summary}." for name, importer in importers.items())

    def choose(**values: Any) -> tuple[str, dict[str, Any]]:
        return values["from"], _given(values, known, values["from"], "--from")

    choice = click.option(
        "--from", "from", type=click.Choice(list(importers)), required=True, help=f"The tool. {summaries}"
    )
    return option_group("origin", choose, choice, *_options(known))(command)


def _options(of_methods: Mapping[str, type[Parameters]]) -> list[Callable[[Any], Any]]:
    """The options of parameters; the value of one that is not given is None."""
    return [
        click.option(
            option.flags,
            option.value_name,
            type=click.Choice(option.parameter.choices) if option.parameter.choices else option.parameter.kind,
            default=None,
            help=option.help,
        )
        for option in parameter_options(of_methods)
    ]


def _given(
    values: Mapping[str, Any], of_methods: Mapping[str, type[Parameters]], method: str, choice: str = "--method"
) -> dict[str, Any]:
    """The parameters that were given, by name."""
    given = {}
    for option in parameter_options(of_methods):
        if values[option.value_name] is None:
            continue
        if method not in option.methods:
            raise MethodError(
                f"--{option.parameter.option} does not belong to {choice} {method}; --help says whose it is."
            )
        given[option.parameter.name] = values[option.value_name]
    return given
