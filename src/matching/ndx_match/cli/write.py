"""`ndx-match write`: match sessions and write a match file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..addresses import public_name
from ..curation.previous import continue_from
from ..errors import MethodError, OutputError
from ..identity import check_continues
from ..matchfile import (
    FileMetadata,
    WrittenFile,
    output_path,
    read_planes_of_match_file,
    sessions_of,
    write_planes,
)
from ..matchfile.related import related_resources
from ..methods import Method, Parameters, match
from ..model import MatchedPlane, Progress
from ..planes import match_planes, progress_of
from ..sources import SourceOptions, plane_warnings, read_planes, read_sessions, source_warnings
from ..sources.inputs import expand_local
from ..storage.opening import files_kept_open, format_of
from ..storage.outputs import check_folder, check_output, make_folder
from .common import (
    FILE,
    LOCATION,
    MATCH_FILE,
    Example,
    all_planes_options,
    command,
    jobs_option,
    note,
    option_group,
    output_option,
    overwrite_option,
    progress_bar,
    say,
    say_text,
    source_options,
    under,
    warn,
)
from .methods import method_options
from .summary import print_planes


def _metadata(keywords: str | None, experimenter: tuple[str, ...], **values: Any) -> FileMetadata:
    words = tuple(word.strip() for word in keywords.split(",") if word.strip()) if keywords else None
    return FileMetadata(keywords=words, experimenter=experimenter or None, **values)


#: Give a command the argument `metadata`: FileMetadata.
metadata_options = option_group(
    "metadata",
    _metadata,
    under(
        "Metadata of the match file (default: as in the inputs)",
        click.option(
            "--session-id",
            metavar="ID",
            help="Letters and digits.  [default: FIRSTToLAST, from the names of the first and last session]",
        ),
        click.option("--subject-id", metavar="ID"),
        click.option("--sex", type=click.Choice(["M", "F", "O", "U"])),
        click.option("--species", metavar="NAME", help="Latin name, such as 'Mus musculus'."),
        click.option("--age", metavar="DURATION", help="ISO 8601 duration such as P90D, or a range such as P90D/P95D."),
        click.option("--subject-description", metavar="TEXT"),
        click.option(
            "--location",
            metavar="NAME",
            help="Brain area of the imaging planes; for a mouse, a term of the Allen atlas.",
        ),
        click.option("--experimenter", metavar="'LAST, FIRST'", multiple=True, help="Can be given several times."),
        click.option("--institution", metavar="NAME"),
        click.option("--lab", metavar="NAME"),
        click.option("--experiment-description", metavar="TEXT"),
        click.option("--keywords", metavar="WORD,WORD"),
    ),
)
dandi_name_option = click.option(
    "--dandi-name", is_flag=True, help="Name the file in DANDI's style; -o is then the dandiset's folder."
)


@command(
    Example("ndx-match write day1.nwb day2.nwb day3.nwb -o matches.nwb", "Match three sessions"),
    Example(
        "ndx-match write sessions/ -o matches.nwb --confident",
        "Match the files of a folder, and keep only confident matches",
    ),
    Example("ndx-match write 'day*.nwb' -o matches.nwb --plots pictures", "Also draw pictures", slow=True),
    Example(
        "ndx-match write day*.nwb -o new.nwb --previous matches.nwb",
        "Match again, and keep the ids of cells",
        slow=True,
    ),
)
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@output_option()
@overwrite_option
@click.option("--previous", type=MATCH_FILE, metavar="OLD.NWB",
              help="Match file of an earlier run with some of these files; its cells keep their ids.")  # fmt: skip
@click.option("--plots", type=FILE, metavar="DIR", help="Also write pictures of the result into this folder.")
@source_options(selection=True, checksum=True)
@all_planes_options
@method_options
@metadata_options
@dandi_name_option
@jobs_option
def write(
    inputs: tuple[str, ...],
    output: Path,
    overwrite: bool,
    previous: str | None,
    plots: Path | None,
    options: SourceOptions,
    all_planes: float | None,
    method: tuple[Method, Parameters],
    metadata: FileMetadata,
    dandi_name: bool,
) -> None:
    """Match the cells of two or more sessions of one animal and write a new NWB file.

    In tables and pictures, sessions have the order of the files. The inputs are never changed. An input is a path, or
    an address: https, s3, or dandi://dandi/DANDISET/PATH. A folder or a pattern such as 'day*.nwb' stands for its NWB
    files, and a folder on DANDI for its ophys files. A folder of Suite2p or minian, or a file of CaImAn, EXTRACT,
    CIAtah or Inscopix, can take the place of an NWB file.

    If files have several imaging planes, --plane chooses one and --all-planes matches them all. With --previous, cells
    keep their ids from an earlier match file, and the decisions of persons in that file are applied again.
    """
    matching_method, parameters = method
    options = options_for(matching_method, options)
    check_target((*inputs, *filter(None, [previous])), output, overwrite, dandi_name)
    if plots is not None:
        check_folder(plots)
    earlier = read_planes_of_match_file(previous) if previous is not None else ()
    earlier_name = public_name(previous or "")
    with files_kept_open(), progress_bar() as progress:
        if all_planes is None:
            sessions = read_sessions(inputs, options, progress)
            warn(source_warnings(sessions))
            if earlier:
                check_continues(sessions, earlier, earlier_name)
            if dandi_name:
                output_path(sessions, output, metadata, overwrite, dandi_name)
            matched: Sequence[MatchedPlane] = (
                MatchedPlane(tuple(sessions), match(sessions, matching_method, parameters, progress)),
            )
            warnings: tuple[str, ...] = ()
        else:
            source_planes = read_planes(inputs, options, all_planes, progress)
            warn([*plane_warnings(source_planes.planes), *source_planes.warnings])
            if earlier:
                check_continues(sessions_of(source_planes.planes), earlier, earlier_name)
            if dandi_name:
                output_path(sessions_of(source_planes.planes), output, metadata, overwrite, dandi_name)
            all_matched = match_planes(source_planes.planes, matching_method, parameters, progress)
            warn(all_matched.warnings)
            matched, warnings = all_matched.planes, (*source_planes.warnings, *all_matched.warnings)
        if earlier:
            curated, losses = continue_from(matched, earlier, earlier_name, progress)
            matched = curated.planes  # they also hold the decisions that could not be applied, so these are printed
            warn(losses)
        file = write_planes(matched, output, metadata, overwrite, dandi_name, warnings, progress)
    print_result(matched, file)
    if plots is not None:
        draw(matched, plots, file.path)


def options_for(method: Method, options: SourceOptions) -> SourceOptions:
    """The options, adapted to what the method needs."""
    if method.takes_all_rois and options.where:
        raise MethodError(f"--where does not belong to --method {method.name}, which takes all ROIs.")
    return replace(options, all_rois=options.all_rois or method.takes_all_rois, image_required=method.needs_image)


def check_target(inputs: Sequence[str], output: Path, overwrite: bool, dandi_name: bool) -> None:
    """Refuse an output that cannot be written; with `dandi_name`, this is checked later, when the subject is known."""
    if not dandi_name:
        check_output(output, overwrite, [path for each in inputs for path in expand_local(each)])
        format_of(output)


def print_result(planes: Sequence[MatchedPlane], file: WrittenFile) -> None:
    """Print what was matched and written."""
    print_planes(planes, lambda plane: f"plane {plane.name}\n\n" if len(planes) > 1 else "")
    warn(file.warnings)
    for missing in file.missing:
        need = "DANDI needs it" if missing.required else "recommended"
        note(f"Note: {missing.field}: {missing.problem} ({need}); {missing.remedy}.")
    say("", f"Wrote {file.path}")
    related = related_resources([session for plane in planes for session in plane.sessions])
    if related:
        say("", "If you put this file into another dandiset, add to relatedResource in its metadata:")
        say_text(json.dumps(related, indent=2))


def draw(planes: Sequence[MatchedPlane], folder: Path, matches: Path) -> None:
    """Draw the pictures of a match file that is already written; an error says that the match file itself is whole."""
    try:
        with progress_bar() as progress:
            paths = draw_planes(planes, folder, progress)
    except Exception as error:
        raise OutputError(
            f"{folder}: the pictures cannot be drawn ({str(error) or type(error).__name__}); the match file {matches} "
            f"is complete, so draw them with `ndx-match plot {matches} -o DIR`."
        ) from error
    say(f"Wrote {len(paths)} pictures in {folder}")


def draw_planes(
    planes: Sequence[MatchedPlane], folder: Path, progress: Progress, all_pairs: bool = False, kind: str = "png"
) -> list[Path]:
    """Write the pictures into a folder; if there are several planes, each has a sub-folder."""
    from ..report.figures import write_figures

    if len(planes) == 1:
        return write_figures(planes[0].sessions, planes[0].result, folder, progress, all_pairs, kind)
    make_folder(folder)
    paths = []
    for plane in planes:
        paths += write_figures(
            plane.sessions, plane.result, folder / plane.name, progress_of(progress, plane.name), all_pairs, kind
        )
    return paths
