"""`ndx-match export`, `prepare` and `import`: other tools' formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import OutputError
from ..matchfile import (
    output_path,
    read_match_file,
    read_planes_of_match_file,
    sessions_of,
    write_match_file,
)
from ..model import MatchedPlane
from ..sources import read_sessions, source_warnings
from ..storage.publish import check_folder, check_output, make_folder
from .common import (
    FILE,
    LOCATION,
    output_option,
    overwrite_option,
    plane_option,
    progress_bar,
    source_options,
    take_source_options,
    warn,
)
from .methods import nway_options, take_nway_parameters
from .write import metadata_options, report, take_metadata


@click.command()
@click.argument("matches", type=LOCATION, metavar="MATCHES.NWB")
@output_option("File to write: .csv, .parquet or .json.")
@plane_option("Write the cells of this imaging plane only, where the match file holds several.")
@overwrite_option
def export(matches: str, output: Path, plane: str | None, overwrite: bool) -> None:
    """Write the cells: a row a cell and a column of ROI ids a session, or the output format of nway (.json).

    Of a match file of several imaging planes, all in one table with a column `plane`, in which cells are numbered on
    from plane to plane; nway's format takes one.
    """
    from ..formats import cells_dataframe, planes_dataframe, write_cells, write_nway_output

    if output.suffix not in (".csv", ".parquet", ".json"):
        raise OutputError(f"{output}: the name must end in .csv, .parquet or .json.")
    check_output(output, overwrite, [matches])
    if output.suffix == ".json":
        planes = [read_match_file(matches, footprints=False, plane=plane)]
        write_nway_output(planes[0].result, planes[0].sessions, output)
    else:
        planes = list(read_planes_of_match_file(matches, footprints=False, plane=plane))
        several = len(planes) > 1
        table = planes_dataframe(planes) if several else cells_dataframe(planes[0].result, planes[0].sessions)
        write_cells(table, output)
    n_cells = sum(len(found.result.cells) for found in planes)
    in_planes = f" in {len(planes)} imaging planes" if len(planes) > 1 else ""
    click.echo(f"Wrote {output}: {n_cells} cells of {len(sessions_of(planes))} sessions{in_planes}")


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@output_option("Folder to write into; made if it does not exist.")
@source_options
def prepare(inputs: tuple[str, ...], output: Path, **values: Any) -> None:
    """Write what the Allen Institute's package reads: input.json and a PNG a session."""
    from ..formats import write_nway_input

    check_folder(output)
    options = take_source_options(values, checksum=False, all_rois=True, image_required=True)
    with progress_bar() as progress:
        sessions = read_sessions(inputs, options, progress)
    warn(source_warnings(sessions))
    make_folder(output)
    prepared = write_nway_input(sessions, output)
    click.echo(f"Wrote {prepared.input_json}; run: python -m nway.nway_matching --input_json {prepared.input_json} "
               f"--output_json {output / 'output.json'} --output_directory {output}")  # fmt: skip


@click.command("import")
@click.option("--from", "origin", type=click.Choice(["nway"]), required=True, help="The tool.")
@click.argument("result", type=FILE, metavar="RESULT")
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@output_option("Match file to write; a Zarr store if it ends in .zarr.")
@overwrite_option
@source_options
@nway_options
@metadata_options
def import_(origin: str, result: Path, inputs: tuple[str, ...], output: Path, overwrite: bool, **values: Any) -> None:
    """Take a finished result, for example nway's output.json, and the NWB files it came from, in their order.

    The options of the pipeline state with which parameters the result was made.
    """
    from ..formats import read_nway_output

    parameters = take_nway_parameters(values)
    options = take_source_options(values, all_rois=True)
    metadata, dandi_name = take_metadata(values)
    if not dandi_name:
        check_output(output, overwrite, inputs)
    with progress_bar() as progress:
        sessions = read_sessions(inputs, options, progress)
        warn(source_warnings(sessions))
        output_path(sessions, output, metadata, overwrite, dandi_name)
        matched = read_nway_output(result, sessions, parameters, method=f"import-{origin}")
        written = write_match_file(sessions, matched, output, metadata, overwrite, dandi_name)
    report([MatchedPlane(tuple(sessions), matched)], written)
