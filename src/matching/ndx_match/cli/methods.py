"""The matching methods, and the parameters of each, as options of the command."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from ..errors import MethodError
from ..formats import Importer, called, find_importers
from ..methods import DEFAULT, Method, Parameters, all_methods
from ..methods.parameters import Parameter, parameters_of
from .common import option_group, under

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class ParameterOption:
    """The option of a parameter that one method has, or that several methods share."""

    parameter: Parameter
    methods: tuple[str, ...]

    @property
    def value_name(self) -> str:
        """The name of the option among a command's values."""
        return self.parameter.option.replace("-", "_")

    def click_option(self) -> Callable[[Any], Any]:
        """The option, with the value None if it is not given, and a flag for each value that has a name."""
        kind = click.Choice(self.parameter.choices) if self.parameter.choices else self.parameter.kind
        names = (
            click.option(f"--{name}", is_flag=True, help=f"The same as --{self.parameter.option} {value:g}.")
            for name, value in self.parameter.names
        )
        option = click.option(self.flags, self.value_name, type=kind, default=None, help=self.help)
        *others, last = self.methods
        return under(f"Parameters of {' and '.join(filter(None, [', '.join(others), last]))}", option, *names)

    def value_in(self, values: Mapping[str, Any]) -> Any:
        """The value that the user gave, as a number or a name; None if the user gave none.

        Raises
        ------
        MethodError
            The user gave more than one value.
        """
        number = values[self.value_name]
        options = [] if number is None else [f"--{self.parameter.option}"]
        names = [name for name, _ in self.parameter.names if values[name]]
        options += [f"--{name}" for name in names]
        if len(options) > 1:
            raise MethodError(f"{' and '.join(options)} state the same thing; give one of them.")
        return names[0] if names else number

    @property
    def flags(self) -> str:
        """The option as the user types it."""
        option = self.parameter.option
        return f"--{option}/--no-{option}" if self.parameter.kind is bool else f"--{option}"

    @property
    def help(self) -> str:
        """The help of the option: description, unit, default and limits."""
        parameter = self.parameter
        unit = f", in {parameter.unit}" if parameter.unit else ""
        default = f"default: {parameter.default_text}" if parameter.default_text else ""
        values = "; ".join(filter(None, (default, parameter.limits)))
        return (
            f"{parameter.description[0].upper()}{parameter.description[1:]}{unit}.{f'  [{values}]' if values else ''}"
        )


def parameter_options(of_methods: Mapping[str, type[Parameters]]) -> tuple[ParameterOption, ...]:
    """The options of the parameters of several methods.

    If a parameter is the same in several methods, they share the option. If parameters of the same name differ, the
    option of the later method is called `--METHOD-NAME`.
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

    The command raises MethodError if the user gives an option of another method or a value that is not allowed.
    """
    methods = all_methods()
    summaries = "; ".join(f"{method.name}: {method.summary}" for method in methods.values())
    about = f"{summaries}."
    choice = under(
        "Method",
        click.option("--method", type=click.Choice(list(methods)), default=DEFAULT, show_default=True, help=about),
    )
    classes = {name: method.parameters for name, method in methods.items()}

    def make(name: str, parameters: dict[str, Any]) -> tuple[Method, Parameters]:
        return methods[name], methods[name].parameters(**parameters)

    return _choice_with_parameters("method", choice, classes, make)(command)


def importer_options(command: Command) -> Command:
    """Give a command `--from` and the parameters of importers, as the argument `origin`: (name, parameters given).

    The command raises MethodError if the user gives an option of another importer.
    """
    importers = find_importers()
    summaries = " ".join(f"{called(importer)}: {importer.summary}." for importer in importers.values())
    choice = click.option(
        "--from", type=_Origin(importers.values()), required=True, help=f"The tool that made the result. {summaries}"
    )
    classes = {name: importer.parameters for name, importer in importers.items()}
    return _choice_with_parameters("origin", choice, classes, lambda name, parameters: (name, parameters), "from")(
        command
    )


class _Origin(click.Choice):  # type: ignore[type-arg,unused-ignore]
    """The name of an importer, which for some is followed by a colon and an argument."""

    def __init__(self, importers: Collection[Importer]) -> None:
        self._with_argument = {importer.name for importer in importers if importer.argument}
        super().__init__([called(importer) for importer in importers])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, _, argument = str(value).partition(":")
        if argument and name in self._with_argument:
            return value
        return super().convert(value, param, ctx)


def _choice_with_parameters(
    argument: str,
    choice: Callable[[Any], Any],
    of_methods: Mapping[str, type[Parameters]],
    make: Callable[[str, dict[str, Any]], Any],
    choice_name: str = "method",
) -> Callable[[Command], Command]:
    """Give a command a choice of method and all their options; `make` turns name and parameters into one argument."""
    options = parameter_options(of_methods)

    def choose(**values: Any) -> Any:
        name, parameters = values[choice_name], {}
        for option in options:
            value = option.value_in(values)
            if value is None:
                continue
            if name not in option.methods:
                typed = value if value in dict(option.parameter.names) else option.parameter.option
                raise MethodError(
                    f"--{typed} does not belong to --{choice_name} {name}; see --help for the options that do."
                )
            parameters[option.parameter.name] = value
        return make(name, parameters)

    return option_group(argument, choose, choice, *(option.click_option() for option in options))
