"""`ndx-match batch`: do for many animals what `ndx-match write` does for one."""

from __future__ import annotations

from pathlib import Path

import click

from ..batch import match_batch
from ..batch.records import FAILED
from ..batch.summary import PAGE, TABLE
from ..matchfile import FileMetadata
from ..methods import Method, Parameters
from ..sources import SourceOptions
from .common import (
    LOCATION,
    Example,
    command,
    jobs_option,
    output_option,
    progress_bar,
    say,
    say_text,
    source_options,
    table,
    warn,
)
from .methods import method_options
from .write import metadata_options, options_for


@command(
    Example("ndx-match batch sessions -o results", "Match the NWB files of a folder, animal by animal"),
    Example("ndx-match batch manifest.csv -o results", "Match the files that a table lists", slow=True),
)
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FOLDER|MANIFEST.csv|ADDRESS...")
@output_option("Folder for the match files; it is created if needed.")
@click.option(
    "--overwrite", is_flag=True, help="Match again what is done already, and replace match files that another run made."
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Address of a dask scheduler, tcp://HOST:8786, whose workers do the matching; they must see the same files "
    "under the same paths.  [default: --jobs processes on this machine]",
)
@source_options(selection=True, checksum=True)
@method_options
@metadata_options
@jobs_option
def batch(
    inputs: tuple[str, ...],
    output: Path,
    overwrite: bool,
    scheduler: str | None,
    options: SourceOptions,
    method: tuple[Method, Parameters],
    metadata: FileMetadata,
) -> None:
    """Match the sessions of many animals: one match file for each animal and imaging plane.

    The inputs are folders, which are searched for NWB files at any depth, folders on DANDI, NWB files, or a manifest: a
    CSV file with a column `file` and, optionally, `subject` and `plane`. Sessions are ordered by date; those of a
    manifest keep its order.

    summary.csv and summary.html list the outcome for every animal and imaging plane. An existing match file is made
    again only if its sessions or the options changed. If an animal cannot be matched, the others are matched all the
    same, and the exit code is 2.
    """
    matching_method, parameters = method
    options = options_for(matching_method, options)
    with progress_bar() as progress:
        result = match_batch(
            inputs, output, options, matching_method, parameters, metadata, overwrite, scheduler, progress
        )
    rows: list[tuple[str, ...]] = [("match file", "sessions", "ROIs", "cells", "in two or more", "in all", "result")]
    for each in result.outcomes:
        figures = each.record.figures
        if figures is not None:
            numbers = (figures.sessions, figures.rois, figures.cells, figures.followed, figures.in_all)
            level = figures.level if each.is_new else f"{figures.level} (done before)"
            rows.append((each.file, *map(str, numbers), level))
    if len(rows) > 1:
        say_text(table(rows))
    warn(result.notes)
    say(f"Wrote {output / TABLE} and {output / PAGE}")
    failed = [each for each in result.outcomes if each.record.outcome == FAILED]
    say(*(f"Error: {each.name}: {each.record.error}" for each in failed), err=True)
    if failed:
        raise click.exceptions.Exit(2)
