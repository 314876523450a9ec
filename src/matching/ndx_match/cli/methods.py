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
    """A parameter as an option: of one method, or of several that have it alike."""

    parameter: Parameter
    methods: tuple[str, ...]

    @property
    def value_name(self) -> str:
        """The name of the option among a command's values."""
        return self.parameter.option.replace("-", "_")

    def click_option(self) -> Callable[[Any], Any]:
        """The option, whose value is None if it is not given, and one for each value that has a name."""
        kind = click.Choice(self.parameter.choices) if self.parameter.choices else self.parameter.kind
        names = (
            click.option(f"--{name}", is_flag=True, help=f"The same as --{self.parameter.option} {value:g}.")
            for name, value in self.parameter.names
        )
        option = click.option(self.flags, self.value_name, type=kind, default=None, help=self.help)
        *others, last = self.methods
        return under(f"Parameters of {' and '.join(filter(None, [', '.join(others), last]))}", option, *names)

    def given(self, values: Mapping[str, Any]) -> Any:
        """The value that a command was given, as a number or by its name; None if it was given none.

        Raises
        ------
        MethodError
            It was given more than one.
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
        """The option as it is given to the command."""
        option = self.parameter.option
        return f"--{option}/--no-{option}" if self.parameter.kind is bool else f"--{option}"

    @property
    def help(self) -> str:
        """Its description, unit, default and limits."""
        known = self.parameter
        unit = f", in {known.unit}" if known.unit else ""
        default = f"default: {known.default_text}" if known.default_text else ""
        values = "; ".join(filter(None, (default, known.limits)))
        return f"{known.description[0].upper()}{known.description[1:]}{unit}.{f'  [{values}]' if values else ''}"


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

    The command raises MethodError if an option of another method is given, or a parameter makes no sense.
    """
    methods = all_methods()
    summaries = "; ".join(f"{method.name}: {method.summary}" for method in methods.values())
    about = f"{summaries}."
    choice = under(
        "Method",
        click.option("--method", type=click.Choice(list(methods)), default=DEFAULT, show_default=True, help=about),
    )
    known = {name: method.parameters for name, method in methods.items()}

    def make(name: str, given: dict[str, Any]) -> tuple[Method, Parameters]:
        return methods[name], methods[name].parameters(**given)

    return _choice_with_parameters("method", choice, known, make)(command)


def importer_options(command: Command) -> Command:
    """Give a command `--from` and what users can state of results, as the argument `origin`: (name, parameters given).

    The command raises MethodError if an option of another importer is given.
    """
    importers = find_importers()
    summaries = " ".join(f"{called(importer)}: {importer.summary}." for importer in importers.values())
    choice = click.option("--from", type=_Origin(importers.values()), required=True, help=f"The tool. {summaries}")
    known = {name: importer.parameters for name, importer in importers.items()}
    return _choice_with_parameters("origin", choice, known, lambda name, given: (name, given), "from")(command)


class _Origin(click.Choice):  # type: ignore[type-arg,unused-ignore]
    """One of the importers, some with an argument behind a colon."""

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
    """A choice among methods and their parameters as one argument, made of the name and of the parameters given."""
    options = parameter_options(of_methods)

    def choose(**values: Any) -> Any:
        name, given = values[choice_name], {}
        for option in options:
            value = option.given(values)
            if value is None:
                continue
            if name not in option.methods:
                raise MethodError(
                    f"--{option.parameter.option} does not belong to --{choice_name} {name}; --help says whose it is."
                )
            given[option.parameter.name] = value
        return make(name, given)

    return option_group(argument, choose, choice, *(option.click_option() for option in options))
