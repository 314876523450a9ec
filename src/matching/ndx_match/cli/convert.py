"""`ndx-match convert`: convert NWB files from HDF5 to Zarr and back."""

from __future__ import annotations

from pathlib import Path

import click

from .common import FILE, LOCATION, Example, command, overwrite_option, progress_bar, say


@command(
    Example("ndx-match convert matches.nwb matches.nwb.zarr", "Convert from HDF5 to Zarr"),
    Example("ndx-match convert day1.nwb.zarr copy.nwb", "Convert from Zarr to HDF5"),
)
@click.argument("source", type=LOCATION, metavar="FILE")
@click.argument("output", type=FILE, metavar="OUTPUT")
@overwrite_option
def convert(source: str, output: Path, overwrite: bool) -> None:
    """Copy an NWB file into another format: into a Zarr store if OUTPUT ends in .zarr, otherwise into HDF5.

    This works for any NWB file, not only match files. The copy has the same tables, references and attributes.
    """
    from ..storage.convert import convert_file

    with progress_bar() as progress:
        path = convert_file(source, output, overwrite, progress)
    say(f"Wrote {path}")
