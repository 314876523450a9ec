"""Entry point and error handling of `ndx-match`."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from .. import __version__
from ..errors import InputError, NdxMatchError, one_line
from ..storage.publish import settle_drafts
from ..suggestions import did_you_mean
from ..wording import in_command
from .command import HelpContext
from .home import usable_home
from .logs import LOG, log_closed_at_end
from .signals import Stop, stop_on_signals
from .streams import checked_streams

COMPLETION = "_NDX_MATCH_COMPLETE"  #: environment variable that a shell sets to ask for completions
ERROR, BUG, INTERRUPTED = 2, 70, 130

#: Name of a command -> its module, its function and its help in one line.
COMMANDS = {
    "write": ("write", "write", "Match the cells of two or more NWB files and write a match file."),
    "add": ("add", "add", "Add sessions to a match file; its cells stay as they are."),
    "batch": ("batch", "batch", "Match the sessions of many animals, separately for each animal and imaging plane."),
    "inspect": ("look", "inspect", "Print what NWB files hold and what would be used."),
    "show": ("look", "show", "Print the sessions, pairs and cells of a match file."),
    "plot": ("look", "plot", "Draw the pictures of a match file."),
    "report": ("look", "report", "Write one HTML file that shows a match file."),
    "review": ("curation", "review", "Correct a match file in a browser and save a new one."),
    "curate": ("curation", "curate", "Apply decisions of persons to a match file and write a new one."),
    "export": ("exchange", "export", "Write the cells of a match file as a table or in another tool's format."),
    "annotate": ("annotate", "annotate", "Write copies of NWB files whose ROI tables name the cell of each ROI."),
    "propagate": (
        "propagate",
        "propagate",
        "Write outlines of cells where they were not detected, and their fluorescence.",
    ),
    "convert": ("convert", "convert", "Convert any NWB file to HDF5 or to a Zarr store."),
    "prepare": ("exchange", "prepare", "Write the input of the Allen Institute's package, without running it."),
    "import": ("exchange", "import_", "Make a match file from another tool's result."),
    "simulate": ("simulation", "simulate", "Write NWB files of simulated sessions whose true cells are known."),
    "score": ("simulation", "score", "Compare a match file with the truth of simulated sessions."),
    "cache": ("cache", "cache", "Show or delete the kept data of files on the network."),
    "check": ("check", "check", "Report what is wrong with a match file, and what to do about it."),
    "compare": ("compare", "compare_", "Compare two match files: which cells agree, split or merge."),
    "check-activity": ("check_activity", "check_activity_", "Check a match by the activity of its cells."),
    "demo": ("simulation", "demo", "Simulate three sessions, match them, draw pictures and print the score."),
}


class _Commands(click.Group):
    """Imports a command's module only when that command is used, so that `--help` answers at once."""

    context_class = HelpContext

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"..{module}", __name__), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"There is no command {name!r}{did_you_mean(name, COMMANDS)}.")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=COMMANDS[name][2]) for name in names), *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ndx-match")
def cli() -> None:
    """Find the same cells in the imaging sessions of one animal: NWB files in, one NWB file out."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit.

    0: done; 2: a mistake that a sentence explains; 70: a bug; 128 and the number of a signal that ended it: 130 for
    Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if COMPLETION in os.environ:
        _complete(arguments)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # warnings of libraries; the command prints its own as sentences
    logging.lastResort = None
    logging.raiseExceptions = False
    os.environ["MPLBACKEND"] = "agg"  # Jupyter's is for figures in a notebook, and may not be installed here
    with checked_streams(arguments), log_closed_at_end(), stop_on_signals() as stop:
        try:
            code = _run(arguments, stop)
            LOG.info("Ended with %d", code)
        finally:
            if stop.code is not None:
                _end(stop.code)
    sys.exit(code)


def _complete(arguments: list[str]) -> NoReturn:
    """Answer the shell's question how its line could be completed, and exit; on any error print nothing."""
    with suppress(Exception):
        cli.main(args=arguments, prog_name="ndx-match")
    sys.exit(1)


def _end(code: int) -> NoReturn:
    """Exit after a signal, even if the terminal is gone."""
    settle_drafts()
    with suppress(OSError):
        if code == INTERRUPTED:
            click.echo("Interrupted.", err=True)
    sys.exit(code)


def _run(arguments: list[str], stop: Stop) -> int:
    try:
        _check_working_directory()
        with usable_home(), in_command():
            code = cli.main(args=arguments, prog_name="ndx-match", standalone_mode=False, obj=arguments, color=_color())
        sys.stdout.flush()
    except NdxMatchError as error:
        LOG.error("%s", error)
        click.echo(f"Error: {error}", err=True)
        return ERROR
    except click.exceptions.Abort:  # of a signal
        return INTERRUPTED
    except click.ClickException as error:
        LOG.error("%s", error.format_message())
        error.show()
        return error.exit_code
    except BrokenPipeError:
        return 0
    except Exception as error:
        if stop.code is not None:
            return stop.code
        LOG.exception("%s", one_line(error))
        if os.environ.get("NDX_MATCH_DEBUG"):
            traceback.print_exc()
            return BUG
        click.echo(
            f"Error: {type(error).__name__}: {one_line(error)}\nThis is a bug in ndx-match; please report it "
            "with the traceback that NDX_MATCH_DEBUG=1 shows.",
            err=True,
        )
        return BUG
    return code if isinstance(code, int) else 0


def _color() -> bool | None:
    """Whether to colour help and errors: False if NO_COLOR is set, else None, which means only on a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def _check_working_directory() -> None:
    """Raise InputError if the working directory was deleted, because relative paths have no meaning in it."""
    try:
        os.getcwd()
    except OSError:
        raise InputError("The working directory was deleted; change to another one.") from None
