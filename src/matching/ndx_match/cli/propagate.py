"""`ndx-match propagate`: write outlines of cells where they were not detected, and their fluorescence."""

from __future__ import annotations

from pathlib import Path

import click

from .common import (
    LOCATION,
    MATCH_FILE,
    Example,
    check_match_file_is_first,
    command,
    output_option,
    overwrite_option,
    plane_option,
    progress_bar,
    say,
    warn,
)


@command(
    Example("ndx-match propagate matches.nwb -o propagated", "Write outlines of undetected cells for all sessions"),
    Example(
        "ndx-match propagate matches.nwb day1.nwb -o propagated --min-sources 2",
        "Also write fluorescence from a movie",
    ),
)
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
@click.argument("inputs", nargs=-1, type=LOCATION, metavar="[FILE...]")
@output_option("Folder for the files; it is created if needed. The file of the session NAME is NAME_propagated.nwb.")
@click.option("--min-sources", metavar="N", type=click.IntRange(min=1), default=1, show_default=True,
              help="Least number of other sessions in which a cell must have been detected.")  # fmt: skip
@click.option("--movie", metavar="PATH", help="Movie to use, if a file has several: its path in the file, or that "
              "path's end.")  # fmt: skip
@click.option("--no-traces", is_flag=True, help="Write only the outlines; read no movies.")
@plane_option("Propagate this imaging plane only, if the match file holds several.")
@overwrite_option
def propagate(
    matches: str,
    inputs: tuple[str, ...],
    output: Path,
    min_sources: int,
    movie: str | None,
    no_traces: bool,
    plane: str | None,
    overwrite: bool,
) -> None:
    """Write, for each session, outlines at the places where cells that were not detected in it should be.

    The masks of a cell in other sessions are carried over and averaged. If a session's file holds the movie, the
    fluorescence of detected and propagated ROIs and of the neuropil around them is written too. If no files are given,
    the outlines of all sessions are written. The matched files are not changed.
    """
    from ..propagate import propagate_files

    check_match_file_is_first(matches, inputs)
    with progress_bar() as progress:
        files = propagate_files(
            matches,
            inputs,
            output,
            min_sources=min_sources,
            traces=not no_traces,
            movie=movie,
            overwrite=overwrite,
            progress=progress,
            plane=plane,
        )
    for file in files:
        warn(file.warnings)
        outlines = f"{file.n_outlines} outlines, {file.n_of_several} of them of two or more sessions"
        traces = "no movie"
        if file.movies:
            traces = f"fluorescence of them and of {file.n_rois} ROIs in {file.n_frames} frames of {file.movies[0]}"
        say(f"Wrote {file.path}: {outlines}; {traces}")
