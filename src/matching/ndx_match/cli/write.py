"""`ndx-match write`: the main job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..errors import MethodError, OutputError
from ..files import check_output
from ..matchfile import FileMetadata, WrittenFile, output_path, write_match_file
from ..model import MatchResult, Session
from ..sources import read_sessions, source_warnings
from .common import (
    FILE,
    LOCATION,
    check_folder,
    output_option,
    overwrite_option,
    progress_bar,
    selection_options,
    source_options,
    take_source_options,
    warn,
    with_options,
)
from .methods import TAKES_ALL_ROIS, method_options, take_method
from .summary import summary

metadata_options = with_options(
    click.option("--session-id", metavar="ID", help="Of the match file.  [default: FIRST-to-LAST]"),
    click.option("--subject-id", metavar="ID"),
    click.option("--sex", type=click.Choice(["M", "F", "O", "U"])),
    click.option("--species", metavar="NAME", help="In Latin: 'Mus musculus'."),
    click.option("--age", metavar="DURATION", help="ISO 8601: P90D, or a range P90D/P95D."),
    click.option("--subject-description", metavar="TEXT"),
    click.option("--location", metavar="NAME", help="Of the imaging planes; for a mouse a term of the Allen atlas."),
    click.option("--experimenter", metavar="'LAST, FIRST'", multiple=True, help="Can be given several times."),
    click.option("--institution", metavar="NAME"),
    click.option("--lab", metavar="NAME"),
    click.option("--experiment-description", metavar="TEXT"),
    click.option("--keywords", metavar="WORD,WORD"),
    click.option("--dandi-name", is_flag=True, help="-o is a dandiset's folder; name the file in DANDI's style in it."),
)


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@output_option("Match file to write.")
@overwrite_option
@click.option("--plots", type=FILE, metavar="DIR", help="Write pictures of the result into this folder.")
@source_options
@selection_options
@method_options
@metadata_options
@click.option("--checksum/--no-checksum", default=True, help="Record the SHA-256 of each input.  [default: record]")
def write(inputs: tuple[str, ...], output: Path, overwrite: bool, plots: Path | None, **values: Any) -> None:
    """Match the cells of two or more sessions of one animal and write a new NWB file.

    The order of the files is the order of the sessions in tables and pictures. The inputs are never changed. Each is a
    path or a URL: https://..., s3://..., dandi://dandi/DANDISET/PATH; a folder of DANDI stands for its ophys files.
    """
    takes_all = values["method"] in TAKES_ALL_ROIS
    if takes_all and values["where"]:
        raise MethodError(f"--where does not belong to --method {values['method']}, which takes all ROIs.")
    match = take_method(values)
    options = take_source_options(values, checksum=values.pop("checksum"), all_rois=takes_all)
    metadata, dandi_name = take_metadata(values)
    if not dandi_name:
        check_output(output, overwrite, inputs)
    if plots is not None:
        check_folder(plots)
    with progress_bar() as progress:
        sessions = read_sessions(inputs, options, progress)
        warn(source_warnings(sessions))
        output_path(sessions, output, metadata, overwrite, dandi_name)
        result = match(sessions, progress)
        written = write_match_file(sessions, result, output, metadata, overwrite, dandi_name)
    report(sessions, result, written)
    if plots is not None:
        draw(sessions, result, plots, written.path)


def take_metadata(values: dict[str, Any]) -> tuple[FileMetadata, bool]:
    """Remove the options of the match file's metadata from a command's values."""
    dandi_name = values.pop("dandi_name")
    keywords = values.pop("keywords")
    return (
        FileMetadata(
            keywords=tuple(word.strip() for word in keywords.split(",") if word.strip()) if keywords else None,
            experimenter=values.pop("experimenter") or None,
            **values,
        ),
        dandi_name,
    )


def report(sessions: Sequence[Session], result: MatchResult, written: WrittenFile) -> None:
    """Print what was found and written."""
    click.echo(summary(sessions, result))
    warn((*result.warnings, *written.warnings))
    for missing in written.missing:
        need = "DANDI needs it" if missing.required else "recommended"
        click.echo(f"Note: {missing.field}: {missing.problem} ({need}); {missing.remedy}.", err=True)
    click.echo(f"\nWrote {written.path}")


def draw(sessions: Sequence[Session], result: MatchResult, folder: Path, matches: Path) -> None:
    """Write the pictures of a match file that is written already, and say that it is if they cannot be drawn."""
    try:
        from ..report.figures import write_figures

        with progress_bar() as progress:
            written = write_figures(sessions, result, folder, progress)
    except Exception as error:
        raise OutputError(
            f"{folder}: the pictures cannot be drawn ({str(error) or type(error).__name__}); the match file {matches} "
            f"is whole, draw it with `ndx-match plot {matches} -o DIR`."
        ) from error
    click.echo(f"Wrote {len(written)} pictures in {folder}")
