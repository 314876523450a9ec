"""The parameters of all methods as options of the command: their names, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .parameters import Parameter, Parameters, parameters_of


@dataclass(frozen=True)
class ParameterOption:
    """A parameter as an option: of one method, or of several that have it alike.

    Attributes
    ----------
    parameter : Parameter
    methods : tuple of str
        Names of the methods.
    """

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
        remarks = "; ".join(filter(None, (default, known.limits)))
        return f"{', '.join(self.methods)}: {known.description}{unit}.{f'  [{remarks}]' if remarks else ''}"


def parameter_options(of_methods: Mapping[str, type[Parameters]]) -> tuple[ParameterOption, ...]:
    """The options of the parameters of several methods.

    Methods whose parameters of one name are alike share the option; where they differ, that of the later method is
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
