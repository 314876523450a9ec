"""`ndx-match batch`: the job of `ndx-match write` for many animals."""

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
    Example("ndx-match batch manifest.csv -o results", "Match the files that a table names", slow=True),
)
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FOLDER|MANIFEST.csv|dandi://...")
@output_option("Folder of the match files; made if it does not exist.")
@click.option("--overwrite", is_flag=True, help="Do what is done already again, and replace match files of others.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Scheduler of dask, tcp://HOST:8786, whose workers do the work; they must see the same files under the same "
    "paths.  [default: --jobs processes of this machine]",
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

    The inputs are folders, in which NWB files are looked for at any depth, folders on DANDI, NWB files, or a manifest:
    a CSV file with the column `file`, and if wanted `subject` and `plane`. Sessions are ordered by date, those of a
    manifest as they are listed.

    summary.csv and summary.html list what became of all. A match file that is there already is made again only if its
    sessions or the options changed. An animal that cannot be matched does not stop the others; the command then ends
    with 2.
    """
    chosen, parameters = method
    options = options_for(chosen, options)
    with progress_bar() as progress:
        result = match_batch(inputs, output, options, chosen, parameters, metadata, overwrite, scheduler, progress)
    rows: list[tuple[str, ...]] = [("match file", "sessions", "ROIs", "cells", "in two or more", "in all", "result")]
    for each in result.outcomes:
        figures = each.record.figures
        if figures is not None:
            numbers = (figures.sessions, figures.rois, figures.cells, figures.followed, figures.in_all)
            done = figures.level if each.is_new else f"{figures.level} (done before)"
            rows.append((each.file, *map(str, numbers), done))
    if len(rows) > 1:
        say_text(table(rows))
    warn(result.notes)
    say(f"Wrote {output / TABLE} and {output / PAGE}")
    failed = [each for each in result.outcomes if each.record.outcome == FAILED]
    say(*(f"Error: {each.name}: {each.record.error}" for each in failed), err=True)
    if failed:
        raise click.exceptions.Exit(2)
