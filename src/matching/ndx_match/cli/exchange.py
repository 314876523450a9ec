"""`ndx-match export`, `prepare` and `import`: other tools' formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import OutputError
from ..files import check_output
from ..matchfile import output_path, read_match_file, write_match_file
from ..sources import read_sessions, source_warnings
from .common import (
    FILE,
    LOCATION,
    check_folder,
    make_folder,
    output_option,
    overwrite_option,
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
@overwrite_option
def export(matches: str, output: Path, overwrite: bool) -> None:
    """Write the cells: a row a cell and a column of ROI ids a session, or the output format of nway (.json)."""
    from ..interop import cells_dataframe, write_cells, write_nway_output

    if output.suffix not in (".csv", ".parquet", ".json"):
        raise OutputError(f"{output}: the name must end in .csv, .parquet or .json.")
    check_output(output, overwrite, [matches])
    file = read_match_file(matches, footprints=False)
    if output.suffix == ".json":
        write_nway_output(file.result, file.sessions, output)
    else:
        write_cells(cells_dataframe(file.result, file.sessions), output)
    click.echo(f"Wrote {output}: {len(file.result.cells)} cells of {len(file.sessions)} sessions")


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@output_option("Folder to write into; made if it does not exist.")
@source_options
def prepare(inputs: tuple[str, ...], output: Path, **values: Any) -> None:
    """Write what the Allen Institute's package reads: input.json and a PNG a session."""
    from ..interop import write_nway_input

    check_folder(output)
    options = take_source_options(values, checksum=False, all_rois=True)
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
@output_option("Match file to write.")
@overwrite_option
@source_options
@nway_options
@metadata_options
def import_(origin: str, result: Path, inputs: tuple[str, ...], output: Path, overwrite: bool, **values: Any) -> None:
    """Take a finished result, for example nway's output.json, and the NWB files it came from, in their order.

    The options of the pipeline state with which parameters the result was made.
    """
    from ..interop import read_nway_output

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
    report(sessions, matched, written)
