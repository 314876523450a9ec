"""`ndx-match write`: the main job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..errors import MethodError, OutputError
from ..matchfile import FileMetadata, WrittenFile, output_path, write_planes
from ..methods import Method, Parameters, match
from ..model import MatchedPlane, Progress
from ..planes import match_planes, progress_of
from ..sources import plane_warnings, read_planes, read_sessions, source_warnings
from ..storage.outputs import check_folder, check_output, make_folder
from .common import (
    FILE,
    LOCATION,
    all_planes_options,
    output_option,
    overwrite_option,
    progress_bar,
    selection_options,
    source_options,
    take_depth_tolerance,
    take_source_options,
    warn,
    warn_of_plane,
    with_options,
)
from .methods import method_options
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
@output_option("Match file to write; a Zarr store if it ends in .zarr.")
@overwrite_option
@click.option("--plots", type=FILE, metavar="DIR", help="Write pictures of the result into this folder.")
@source_options
@all_planes_options
@selection_options
@method_options
@metadata_options
@click.option("--checksum/--no-checksum", default=True, help="Record the SHA-256 of each input.  [default: record]")
def write(
    inputs: tuple[str, ...],
    output: Path,
    overwrite: bool,
    plots: Path | None,
    all_planes: bool,
    depth_tolerance: float | None,
    method: tuple[Method, Parameters],
    **values: Any,
) -> None:
    """Match the cells of two or more sessions of one animal and write a new NWB file.

    The order of the files is the order of the sessions in tables and pictures. The inputs are never changed. Each is a
    path or a URL: https://..., s3://..., dandi://dandi/DANDISET/PATH; a folder of DANDI stands for its ophys files. Of
    files with several imaging planes, --plane matches one and --all-planes all.
    """
    tolerance = take_depth_tolerance(all_planes, depth_tolerance)
    chosen, parameters = method
    if chosen.takes_all_rois and values["where"]:
        raise MethodError(f"--where does not belong to --method {chosen.name}, which takes all ROIs.")
    options = take_source_options(values, values.pop("checksum"), chosen.takes_all_rois, chosen.needs_image)
    metadata, dandi_name = take_metadata(values)
    if not dandi_name:
        check_output(output, overwrite, inputs)
    if plots is not None:
        check_folder(plots)
    with progress_bar() as progress:
        notes: tuple[str, ...] = ()
        if all_planes:
            read = read_planes(inputs, options, tolerance, progress)
            warn([*plane_warnings(read.planes), *read.remarks])
            sessions = list({session.name: session for plane in read.planes for session in plane.sessions}.values())
        else:
            sessions = read_sessions(inputs, options, progress)
            warn(source_warnings(sessions))
        output_path(sessions, output, metadata, overwrite, dandi_name)
        if all_planes:
            found = match_planes(read.planes, chosen, parameters, progress)
            warn(found.failures)
            matched, notes = found.planes, (*read.remarks, *found.failures)
        else:
            matched = (MatchedPlane(tuple(sessions), match(sessions, chosen, parameters, progress)),)
        written = write_planes(matched, output, metadata, overwrite, dandi_name, notes)
    print_result(matched, written)
    if plots is not None:
        draw(matched, plots, written.path)


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


def print_result(planes: Sequence[MatchedPlane], written: WrittenFile) -> None:
    """Print what was matched and written."""
    for number, plane in enumerate(planes):
        if len(planes) > 1:
            click.echo(f"{chr(10) if number else ''}plane {plane.name}\n")
        click.echo(summary(plane.sessions, plane.result))
        warn_of_plane(plane, len(planes) > 1)
    warn(written.warnings)
    for missing in written.missing:
        need = "DANDI needs it" if missing.required else "recommended"
        click.echo(f"Note: {missing.field}: {missing.problem} ({need}); {missing.remedy}.", err=True)
    click.echo(f"\nWrote {written.path}")


def draw(planes: Sequence[MatchedPlane], folder: Path, matches: Path) -> None:
    """Write the pictures of a match file that is written already, and say that it is if they cannot be drawn."""
    try:
        with progress_bar() as progress:
            written = draw_planes(planes, folder, progress)
    except Exception as error:
        raise OutputError(
            f"{folder}: the pictures cannot be drawn ({str(error) or type(error).__name__}); the match file {matches} "
            f"is whole, draw it with `ndx-match plot {matches} -o DIR`."
        ) from error
    click.echo(f"Wrote {len(written)} pictures in {folder}")


def draw_planes(
    planes: Sequence[MatchedPlane], folder: Path, progress: Progress, all_pairs: bool = False
) -> list[Path]:
    """Write the pictures into a folder, where there are several planes into a sub-folder for each."""
    from ..report.figures import write_figures

    if len(planes) == 1:
        return write_figures(planes[0].sessions, planes[0].result, folder, progress, all_pairs)
    make_folder(folder)
    written = []
    for plane in planes:
        written += write_figures(
            plane.sessions, plane.result, folder / plane.name, progress_of(progress, plane.name), all_pairs
        )
    return written
