"""What every command of `ndx-match` has: options in groups, tested examples, `--quiet` and `--log-file`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from .logs import set_quiet, start_log

OPTIONS, RUNNING = "Options", "Running"  #: the groups of options that are put in no other; that of every command


@dataclass(frozen=True)
class Example:
    """A line as a user types it, shown at the end of `--help` and run by a test.

    The test runs it in a folder of small files, which `tests/example_files.py` makes.
    """

    line: str  #: begins with `ndx-match`
    does: str  #: a few words, without a full stop
    slow: bool = False  #: whether its test takes more than a few seconds
    code: int = 0  #: with which it ends


class _Formatter(click.HelpFormatter):
    """Headings and names stand out on a terminal, unless NO_COLOR is set."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(click.style(prog, bold=True), args, click.style("Usage:", bold=True) + " ")

    def write_heading(self, heading: str) -> None:
        super().write_heading(click.style(heading, bold=True))

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(click.style(name, fg="cyan"), text) for name, text in rows], col_max, col_spacing)


class HelpContext(click.Context):
    """Writes help with headings and names that stand out."""

    formatter_class = _Formatter


class Command(click.Command):
    """A command with options in groups, examples, `--quiet` and `--log-file`.

    Parameters
    ----------
    examples : sequence of Example
        Shown at the end of the help.
    prints_result : bool
        Whether what it prints is its result, which `--quiet` does not silence.
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
        """Write the options of each group below its heading; those of every command come last."""
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
    """Make a function a :class:`Command`, of the function's name if it is given none."""
    return click.command(name, cls=Command, examples=examples, prints_result=prints_result)


def in_group(heading: str, parameters: Sequence[click.Parameter]) -> Sequence[click.Parameter]:
    """The parameters, put under a heading of the help."""
    for parameter in parameters:
        parameter.group = heading  # type: ignore[attr-defined]
    return parameters


def _quiet_option() -> click.Option:
    return click.Option(
        ["-q", "--quiet"], is_flag=True, expose_value=False, callback=set_quiet,
        help="Print warnings and errors only: no progress, and no account of what was done.",
    )  # fmt: skip


def _log_file_option() -> click.Option:
    return click.Option(
        ["--log-file"], metavar="PATH", type=click.Path(), expose_value=False, callback=start_log, is_eager=True,
        help="Add what is printed, the time of each stage and the traceback of an error to this text file.",
    )  # fmt: skip
