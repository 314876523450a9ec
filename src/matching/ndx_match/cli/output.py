"""Print results, notes, warnings and progress on the terminal and into the log file."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from ..errors import one_line
from ..model import Progress as ProgressCallback
from ..storage.remote import file_stem, shared_access
from .logs import LOG, is_quiet, keeps_result_to_itself

SPEED_PERIOD = 600.0  #: the time left is estimated from the speed during these last seconds


def say(*lines: object, err: bool = False) -> None:
    """Print lines, without line breaks inside them; `--quiet` does not silence those on standard error."""
    for line in map(one_line, lines):
        LOG.log(logging.WARNING if err else logging.INFO, "%s", line)
        if err or not keeps_result_to_itself():
            click.echo(line, err=err)


def say_text(text: str = "") -> None:
    """Print a text of several lines, made with :func:`table` or `one_line`."""
    if text:
        LOG.info("%s", text)
    if not keeps_result_to_itself():
        click.echo(text)


def note(*lines: object) -> None:
    """Print on standard error what is useful to know but not a problem; `--quiet` silences it."""
    if is_quiet():
        for line in lines:
            LOG.info("%s", one_line(line))
    else:
        say(*lines, err=True)


def warn(warnings: Iterable[str]) -> None:
    """Print warnings on standard error."""
    for warning in warnings:
        say(f"Warning: {warning}", err=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table with left-aligned columns; the first row holds their titles."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


@contextmanager
def progress_bar() -> Iterator[ProgressCallback]:
    """Show progress and the time left on the terminal, and write the time of each stage into the log file.

    Nothing is shown with `--quiet`, or if standard error is not a terminal.
    """
    hidden = is_quiet() or not sys.stderr.isatty()
    columns = (TextColumn("{task.description:<12}"), BarColumn(), _Amount(), _TimeLeft())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=hidden, speed_estimate_period=SPEED_PERIOD) as bar:
        tasks: dict[str, TaskID] = {}
        started: dict[str, float] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
                started[stage] = time.monotonic()
            bar.update(tasks[stage], completed=done, total=total)
            if done == total and stage in started:
                LOG.info("%s: %d of %d in %.1f s", one_line(stage), done, total, time.monotonic() - started.pop(stage))

        fetching_id = bar.add_task("fetching", total=None, visible=False, amount="")
        (fetching,) = (task for task in bar.tasks if task.id == fetching_id)

        def show_bytes(name: str, fetched: int, size: int) -> None:
            # HDF5 calls this while h5py's lock is held. Do not take the bar's lock here: the thread of the bar may hold
            # it while it waits for h5py's lock to collect garbage, which would be a deadlock.
            fetching.fields["amount"] = f"{decimal(fetched)} (of {decimal(size)}) {file_stem(name)}"
            fetching.visible = True

        with shared_access() as access:
            before, access.progress = access.progress, show_bytes
            try:
                yield show
            finally:
                access.progress = before


class _Amount(MofNCompleteColumn):
    """How much is done: the steps done and their number, or the bytes fetched so far."""

    def render(self, task: Task) -> Text:
        if "amount" not in task.fields:
            return super().render(task)
        return Text(task.fields["amount"], no_wrap=True, overflow="ellipsis")


class _TimeLeft(ProgressColumn):
    """The time that a finished stage took; of a running stage, the time since it began and an estimate of the rest."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        elapsed = _clock(task.finished_time if task.finished else task.elapsed)
        if task.finished or task.time_remaining is None:
            return Text(elapsed, style="progress.elapsed")
        return Text(f"{elapsed}, {_clock(task.time_remaining)} left", style="progress.remaining")


def _clock(seconds: float | None) -> str:
    return str(timedelta(seconds=int(seconds or 0)))
