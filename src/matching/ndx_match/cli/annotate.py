"""`ndx-match annotate`: write into source files which cell each ROI belongs to."""

from __future__ import annotations

from pathlib import Path

import click

from .common import (
    FILE,
    LOCATION,
    MATCH_FILE,
    Example,
    check_match_file_is_first,
    command,
    overwrite_option,
    plane_option,
    progress_bar,
    say,
    warn,
)


@command(
    Example(
        "ndx-match annotate matches.nwb day1.nwb day2.nwb day3.nwb -o annotated", "Write annotated copies into a folder"
    ),
    Example("ndx-match annotate matches.nwb sessions/ --in-place", "Annotate the files themselves", slow=True),
)
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@click.option("-o", "--output", type=FILE, metavar="DIR", help="Folder for the copies; it is created if needed.")
@click.option("--in-place", is_flag=True, help="Replace each file itself, once its annotated copy is checked.")
@plane_option("Annotate the ROI tables of this imaging plane only, if the match file holds several.")
@overwrite_option
def annotate(
    matches: str, inputs: tuple[str, ...], output: Path | None, in_place: bool, plane: str | None, overwrite: bool
) -> None:
    """Write copies of the matched files with a column global_roi_id in their ROI tables.

    The column holds the id of the ROI's cell in the match file, so the same number in two files is the same cell; -1
    means that the ROI is in no cell. Nothing else in the copies differs, which is checked object by object. With
    --overwrite, a column that exists already is replaced too.
    """
    from ..annotate import annotate_files

    check_match_file_is_first(matches, inputs)
    with progress_bar() as progress:
        files = annotate_files(
            matches, inputs, output, in_place=in_place, overwrite=overwrite, progress=progress, plane=plane
        )
    for file in files:
        warn(file.warnings)
        rois = f"{file.n_rois} ROIs, {file.n_shared} of them in cells of several sessions"
        say(f"Wrote {file.path}: {', '.join(file.sessions)}: {rois}")
