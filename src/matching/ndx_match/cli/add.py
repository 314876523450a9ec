"""`ndx-match add`: add sessions to a match file."""

from __future__ import annotations

from pathlib import Path

import click

from ..additions import add_sessions, the_only_plane
from ..addresses import public_name
from ..matchfile import FileMetadata, output_path, read_planes_of_match_file, write_planes
from ..methods import check_adds
from ..sources import SourceOptions, read_more_sessions, source_warnings
from ..storage.opening import files_kept_open
from .common import (
    LOCATION,
    MATCH_FILE,
    Example,
    check_match_file_is_first,
    command,
    jobs_option,
    output_option,
    overwrite_option,
    progress_bar,
    source_options,
    warn,
)
from .write import check_target, dandi_name_option, metadata_options, print_result


@command(Example("ndx-match add matches.nwb day4.nwb -o more.nwb", "Add a fourth session to three matched ones"))
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@output_option()
@overwrite_option
@source_options(selection=True, checksum=True)
@metadata_options
@dandi_name_option
@jobs_option
def add(
    matches: str,
    inputs: tuple[str, ...],
    output: Path,
    overwrite: bool,
    options: SourceOptions,
    metadata: FileMetadata,
    dandi_name: bool,
) -> None:
    """Add the sessions of files to a match file and write a new one.

    Each new session is aligned with the sessions in the match file, and its ROIs are matched with the cells there, with
    the method and parameters of the match file. These cells stay as they are, and so do the decisions of persons. ROIs
    that belong to no cell become new cells with new ids. The files of the earlier sessions are not needed, because the
    match file holds their masks and images.
    """
    check_match_file_is_first(matches, inputs)
    check_target((matches, *inputs), output, overwrite, dandi_name)
    with files_kept_open(), progress_bar() as progress:
        before = the_only_plane(read_planes_of_match_file(matches, progress=progress), public_name(matches))
        check_adds(before.result.method)
        sessions = read_more_sessions(inputs, before.sessions, options, progress)
        together = (*before.sessions, *sessions)
        warn(source_warnings(together))
        if dandi_name:
            output_path(together, output, metadata, overwrite, dandi_name)
        plane = add_sessions(before, sessions, progress)
        file = write_planes([plane], output, metadata, overwrite, dandi_name, progress=progress)
    print_result([plane], file)
