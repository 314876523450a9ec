"""The log file of a command, and whether the command is quiet."""

from __future__ import annotations

import logging
import os
import platform
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from .. import __version__
from ..addresses import public_text
from ..errors import OutputError
from .streams import addresses_in

LOG = logging.getLogger("ndx_match.cli")
LOG.propagate = False  # the command prints the same messages itself
FIRST_LINE = "# Log of ndx-match"
_QUIET = "ndx_match.quiet"  #: key of the context's `meta`


class _PublicFormatter(logging.Formatter):
    """Formats lines that begin with the time and show no secrets of addresses."""

    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")
        self._addresses = addresses

    def format(self, record: logging.LogRecord) -> str:
        return public_text(super().format(record), self._addresses)


@contextmanager
def log_closed_at_end() -> Iterator[None]:
    """Close the log file when the block ends, if one was started."""
    try:
        yield
    finally:
        for handler in [*LOG.handlers]:
            LOG.removeHandler(handler)
            handler.close()


def start_log(context: click.Context, parameter: click.Parameter, path: str | None) -> None:
    """From now on, also write all messages into a log file; an existing log is continued.

    Raises
    ------
    OutputError
        The file exists and is not a log of ndx-match, or it cannot be written.
    """
    if path is None or context.resilient_parsing:
        return
    arguments = context.obj or []
    try:
        is_new = not os.path.exists(path) or os.path.getsize(path) == 0
        if not is_new and os.path.isfile(path):
            with open(path, "rb") as file:
                if file.read(len(FIRST_LINE)) != FIRST_LINE.encode():
                    raise OutputError(f"{path}: this file is not a log of ndx-match; give another name to --log-file.")
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(
            f"{path}: the log cannot be written ({error.strerror}); give another name to --log-file."
        ) from error
    if is_new:
        handler.emit(logging.makeLogRecord({"msg": FIRST_LINE}))
    handler.setFormatter(_PublicFormatter(addresses_in(arguments)))
    LOG.setLevel(logging.INFO)
    LOG.addHandler(handler)
    LOG.info(
        "ndx-match %s, Python %s, %s: %s",
        __version__,
        platform.python_version(),
        platform.system(),
        shlex.join(["ndx-match", *arguments]),
    )


def set_quiet(context: click.Context, parameter: click.Parameter, quiet: bool) -> None:
    """Remember whether the command prints only warnings and errors."""
    context.meta[_QUIET] = quiet


def is_quiet() -> bool:
    """Whether the running command prints only warnings and errors."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_QUIET))


def keeps_result_to_itself() -> bool:
    """Whether `--quiet` also silences the result: it does, unless the command's purpose is to print it."""
    context = click.get_current_context(silent=True)
    return is_quiet() and not getattr(context and context.command, "prints_result", False)
