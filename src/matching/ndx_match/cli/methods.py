"""The matching methods, and the parameters of each, as options of the command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from ..errors import MethodError
from ..methods import DEFAULT, Method, Parameters, all_methods
from ..methods.options import parameter_options
from .common import with_options

Command = TypeVar("Command", bound=Callable[..., Any])


def with_parameters(of_methods: Mapping[str, type[Parameters]]) -> Callable[[Command], Command]:
    """Give a command the options of parameters; the value of one that is not given is None."""
    return with_options(
        *(
            click.option(
                option.flags,
                option.value_name,
                type=click.Choice(option.parameter.choices) if option.parameter.choices else option.parameter.kind,
                default=None,
                help=option.help,
            )
            for option in parameter_options(of_methods)
        )
    )


def take_parameters(values: dict[str, Any], of_methods: Mapping[str, type[Parameters]], method: str) -> dict[str, Any]:
    """Remove the options of :func:`with_parameters` from a command's values; returns those given, by parameter.

    Raises
    ------
    MethodError
        An option was given that is not the method's.
    """
    given = {}
    for option in parameter_options(of_methods):
        value = values.pop(option.value_name)
        if value is None:
            continue
        if method not in option.methods:
            raise MethodError(
                f"--{option.parameter.option} does not belong to --method {method}; `ndx-match write --help` says "
                "whose it is."
            )
        given[option.parameter.name] = value
    return given


def method_options(command: Command) -> Command:
    """Give a command `--method` and the parameters of all methods."""
    methods = all_methods()
    summaries = "; ".join(f"{method.name}: {method.summary}" for method in methods.values())
    return with_options(
        click.option("--method", type=click.Choice(list(methods)), default=DEFAULT, show_default=True,
                     help=f"{summaries}. Options below name the methods they belong to."),
        with_parameters(_parameters(methods)),
    )(command)  # fmt: skip


def take_method(values: dict[str, Any]) -> tuple[Method, Parameters]:
    """Remove the method and its options from a command's values.

    Raises
    ------
    MethodError
        An option of another method was given, or a parameter makes no sense.
    """
    methods = all_methods()
    method = methods[values.pop("method")]
    return method, method.parameters(**take_parameters(values, _parameters(methods), method.name))


def _parameters(methods: Mapping[str, Method]) -> dict[str, type[Parameters]]:
    return {name: method.parameters for name, method in methods.items()}
