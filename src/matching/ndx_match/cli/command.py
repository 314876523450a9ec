"""The parts that all commands of `ndx-match` share: groups of options, tested examples, `--quiet`, `--log-file`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from .logs import set_quiet, start_log

#: Headings in the help: of options that belong to no other group, and of options that control how a command runs.
OPTIONS, RUNNING = "Options", "Running"


@dataclass(frozen=True)
class Example:
    """A line as a user types it, shown at the end of `--help` and run by a test.

    The test runs it in a folder with the small files that `tests/example_files.py` makes.
    """

    line: str  #: begins with `ndx-match`
    does: str  #: a few words, without a full stop
    slow: bool = False  #: whether its test takes more than a few seconds
    code: int = 0  #: the exit code of the command


class _Formatter(click.HelpFormatter):
    """Writes headings and names in colour or bold on a terminal, unless NO_COLOR is set."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(click.style(prog, bold=True), args, click.style("Usage:", bold=True) + " ")

    def write_heading(self, heading: str) -> None:
        super().write_heading(click.style(heading, bold=True))

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(click.style(name, fg="cyan"), text) for name, text in rows], col_max, col_spacing)


class HelpContext(click.Context):
    """Writes help with highlighted headings and names."""

    formatter_class = _Formatter


class Command(click.Command):
    """A command whose help groups the options and ends with examples, and that takes `--quiet` and `--log-file`.

    Parameters
    ----------
    examples : sequence of Example
        Shown at the end of the help.
    prints_result : bool
        Whether the command's purpose is to print a result, which `--quiet` does not silence.
    """

    context_class = HelpContext

    def __init__(
        self, *arguments: Any, examples: tuple[Example, ...] = (), prints_result: bool = False, **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self.examples = examples
        self.prints_result = prints_result
        self.params += in_group(RUNNING, [_quiet_option(), _log_file_option()])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of each group below its heading; the options that every command has come last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                is_help = parameter.opts == ctx.help_option_names
                group = RUNNING if is_help else getattr(parameter, "group", OPTIONS)
                groups.setdefault(group, []).append(record)
        groups[RUNNING] = groups.pop(RUNNING)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"  # {example.does}\n  {example.line}\n")


def command(
    *examples: Example, name: str | None = None, prints_result: bool = False
) -> Callable[[Callable[..., Any]], Command]:
    """Turn a function into a :class:`Command`, which by default has the function's name."""
    return click.command(name, cls=Command, examples=examples, prints_result=prints_result)


def in_group(heading: str, parameters: Sequence[click.Parameter]) -> Sequence[click.Parameter]:
    """Put parameters under a heading of the help."""
    for parameter in parameters:
        parameter.group = heading  # type: ignore[attr-defined]
    return parameters


def _quiet_option() -> click.Option:
    return click.Option(
        ["-q", "--quiet"], is_flag=True, expose_value=False, callback=set_quiet,
        help="Print only warnings and errors: no progress, and no summary of what was done.",
    )  # fmt: skip


def _log_file_option() -> click.Option:
    return click.Option(
        ["--log-file"], metavar="PATH", type=click.Path(), expose_value=False, callback=start_log, is_eager=True,
        help="Append everything printed, the time of each stage and the traceback of any error to this text file.",
    )  # fmt: skip
