"""`ndx-match export`, `prepare` and `import`: the formats of other tools that the registry lists."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from .. import formats
from ..matchfile import FileMetadata, output_path, read_planes_of_match_file, sessions_of, write_match_file
from ..model import MatchedPlane
from ..sources import SourceOptions, read_sessions, source_warnings
from ..storage.outputs import check_folder, check_output, make_folder
from .common import (
    FILE,
    LOCATION,
    MATCH_FILE,
    Example,
    command,
    output_option,
    overwrite_option,
    plane_option,
    progress_bar,
    say,
    source_options,
    warn,
)
from .methods import importer_options
from .write import check_target, dandi_name_option, metadata_options, print_result

EXPORTERS = formats.find_exporters()


@command(
    Example("ndx-match export matches.nwb -o cells.csv", "Write a table with one row per cell, for any program"),
    Example("ndx-match export matches.nwb -o output.json", "Write the format of the Allen Institute's package"),
)
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
@output_option(
    "File to write; the ending of its name decides the format. "
    + " ".join(f"{suffix}: {exporter.summary}." for suffix, exporter in EXPORTERS.items())
)
@plane_option("Write the cells of this imaging plane only, if the match file holds several.")
@overwrite_option
def export(matches: str, output: Path, plane: str | None, overwrite: bool) -> None:
    """Write the matched cells in another format.

    If the match file holds several imaging planes, tables have a column `plane`. Some formats hold one plane only;
    choose it with --plane.
    """
    exporter = formats.find_exporter(output)
    check_output(output, overwrite, [matches])
    with progress_bar() as progress:
        planes = read_planes_of_match_file(matches, exporter.needs_masks, plane, progress)
    formats.export(planes, output, overwrite)
    n_cells = sum(len(each.result.cells) for each in planes)
    in_planes = f" in {len(planes)} imaging planes" if len(planes) > 1 else ""
    say(f"Wrote {output}: {n_cells} cells of {len(sessions_of(planes))} sessions{in_planes}")


@command(Example("ndx-match prepare day1.nwb day2.nwb -o nway_input", "Write the input of the package"))
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@output_option("Folder to write into; it is created if needed.")
@source_options()
def prepare(inputs: tuple[str, ...], output: Path, options: SourceOptions) -> None:
    """Write the input of the Allen Institute's package: input.json and one PNG per session."""
    from ..formats.nway import write_nway_input

    check_folder(output)
    options = replace(options, checksum=False, all_rois=True, image_required=True)
    with progress_bar() as progress:
        sessions = read_sessions(inputs, options, progress)
    warn(source_warnings(sessions))
    make_folder(output)
    output = output.absolute()  # because the command that is printed may be run in another folder
    prepared = write_nway_input(sessions, output)
    arguments = {"input_json": prepared.input_json, "output_json": output / "output.json", "output_directory": output}
    typed = " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in arguments.items())
    say(f"Wrote {prepared.input_json}; run: python -m nway.nway_matching {typed}")


@command(
    Example(
        "ndx-match import --from nway nway.json day1.nwb day2.nwb day3.nwb -o matches.nwb",
        "Import the result of the Allen Institute's package",
    ),
    name="import",
)
@importer_options
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="[RESULT] FILE...")
@output_option()
@overwrite_option
@source_options(selection=True)
@metadata_options
@dandi_name_option
def import_(
    origin: tuple[str, dict[str, Any]],
    inputs: tuple[str, ...],
    output: Path,
    overwrite: bool,
    options: SourceOptions,
    metadata: FileMetadata,
    dandi_name: bool,
) -> None:
    """Make a match file from another tool's RESULT and the NWB files that the tool matched, given in the same order.

    The sessions are registered to check that the ROIs which the tool matched lie on each other. If they lie far apart,
    the numbers in the result probably stand for other ROIs. The parameters of a tool describe how its result was made.
    """
    tool, parameters = origin
    result = None
    if not formats.split_origin(tool)[0].argument:
        result, inputs = FILE.convert(inputs[0], None, None), inputs[1:]
    check_target(inputs, output, overwrite, dandi_name)
    if result is not None and not dandi_name:
        check_output(output, overwrite, filter(os.path.isfile, [result, *Path(result).glob("*")]))
    with progress_bar() as progress:
        sessions = read_sessions(inputs, options, progress)
        warn(source_warnings(sessions))
        if dandi_name:
            output_path(sessions, output, metadata, overwrite, dandi_name)
        matched = formats.import_result(tool, result, sessions, parameters, progress)
        file = write_match_file(sessions, matched, output, metadata, overwrite, dandi_name, progress)
    print_result([MatchedPlane(tuple(sessions), matched)], file)
