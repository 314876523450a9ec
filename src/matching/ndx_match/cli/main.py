"""Entry point and error handling of `ndx-match`."""

from __future__ import annotations

import os
import sys
import warnings

import click

from .. import __version__
from ..errors import NdxMatchError
from .exchange import export, import_, prepare
from .look import inspect, plot, show
from .simulation import demo, score, simulate
from .write import write

ERROR, BUG, INTERRUPTED = 2, 70, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ndx-match")
def cli() -> None:
    """Find the same cells in the imaging sessions of one animal: NWB files in, one NWB file out."""


for command in (write, inspect, show, plot, export, prepare, import_, simulate, score, demo):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: 0 done, 2 a mistake that a sentence explains, 70 a bug, 130 interrupted."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries; our own are printed as sentences
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        cli.main(args=arguments, prog_name="ndx-match", standalone_mode=False)
    except NdxMatchError as error:
        click.echo(f"Error: {error}", err=True)
        return ERROR
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        if os.environ.get("NDX_MATCH_DEBUG"):
            raise
        click.echo(
            f"Error: {type(error).__name__}: {error}\nThis is a bug in ndx-match; please report it with the traceback "
            "that NDX_MATCH_DEBUG=1 shows.",
            err=True,
        )
        return BUG
    return 0
