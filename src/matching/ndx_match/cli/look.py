"""`ndx-match inspect`, `show`, `plot` and `report`: look at inputs and at match files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ..errors import InputError, one_line
from ..model import MatchedPlane
from ..sources import InspectedFile, SourceOptions, inspect_file
from ..sources.inputs import expand
from ..sources.orientation import in_words
from ..sources.pairing import RecordedPlane, pair_planes
from ..sources.planes import check_all_planes
from ..storage.outputs import check_folder, check_output
from ..storage.remote import public_name
from .common import (
    LOCATION,
    MATCH_FILE,
    Example,
    all_planes_options,
    command,
    output_option,
    overwrite_option,
    plane_option,
    progress_bar,
    say,
    say_text,
    source_options,
    table,
)
from .summary import print_planes


@command(
    Example("ndx-match inspect day1.nwb", "See what a file holds, and what would be used"),
    Example("ndx-match inspect sessions/ --all-planes", "See which planes of several files belong together"),
    prints_result=True,
)
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@source_options(selection=True)
@all_planes_options
def inspect(inputs: tuple[str, ...], options: SourceOptions, all_planes: float | None) -> None:
    """Print what each file holds and what would be used: planes, ROI tables, images, depth, subject, session.

    With --all-planes, this is printed for every imaging plane, followed by the planes that would be matched with each
    other.
    """
    if all_planes is not None:
        check_all_planes(options, all_planes)
    paths = expand(inputs, options.sessions)
    options.check_files(paths)
    recorded: list[RecordedPlane] = []
    for number, path in enumerate(paths):
        if number:
            say("")
        with progress_bar():
            file = inspect_file(path, options, all_planes is not None)
        recorded += file.recorded
        say(*_lines(file))
    if all_planes is not None and len(paths) > 1:
        _print_pairing(recorded, all_planes)


@command(Example("ndx-match show matches.nwb", "Print again what `ndx-match write` printed"), prints_result=True)
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
@plane_option("Show this imaging plane only, if the match file holds several.")
def show(matches: str, plane: str | None) -> None:
    """Print the sessions, the pairs with their registrations and matched fractions, and the cells by size.

    If the match file holds several imaging planes, they are printed one after the other.
    """
    from ..matchfile import read_planes_of_match_file

    with progress_bar() as progress:
        planes = read_planes_of_match_file(matches, footprints=False, plane=plane, progress=progress)
    name = one_line(public_name(matches))

    def heading(file: MatchedPlane) -> str:
        of_plane = f", plane {one_line(file.name)}" if len(planes) > 1 else ""
        parameters = ", ".join(f"{name}={value}" for name, value in file.result.parameters.items())
        software = ", ".join(f"{name} {version}" for name, version in file.result.software.items())
        return (
            f"{name}{of_plane}: matched with {file.result.method} {file.result.method_version}\n"
            f"parameters: {parameters}\nsoftware: {software}\n\n"
        )

    print_planes(planes, heading)


@command(
    Example("ndx-match plot matches.nwb -o pictures", "Draw all pictures", slow=True),
    Example("ndx-match plot matches.nwb -o pictures --format pdf", "Draw all pictures as PDF, for a paper", slow=True),
)
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
@output_option("Folder for the pictures; it is created if needed.")
@click.option(
    "--all-pairs", is_flag=True, help="Draw every pair of sessions, even if there are more than six sessions."
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["png", "svg", "pdf"]),
    default="png",
    show_default=True,
    help="Format of the pictures.",
)
@plane_option("Draw this imaging plane only, if the match file holds several.")
def plot(matches: str, output: Path, all_pairs: bool, kind: str, plane: str | None) -> None:
    """Draw registrations, overlays, matched fractions and coloured cells from the match file alone.

    If the match file holds several imaging planes, there is one sub-folder per plane.
    """
    from ..matchfile import read_planes_of_match_file
    from .write import draw_planes

    check_folder(output)
    with progress_bar() as progress:
        planes = read_planes_of_match_file(matches, plane=plane, progress=progress)
        paths = draw_planes(planes, output, progress, all_pairs, kind)
    for path in paths:
        say(path)


@command(Example("ndx-match report matches.nwb -o report.html", "Write a page on which to look at the match"))
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
@output_option("HTML file to write.")
@plane_option("Show this imaging plane only, if the match file holds several.")
@overwrite_option
def report(matches: str, output: Path, plane: str | None, overwrite: bool) -> None:
    """Write a page that shows whether the match worked, every alignment, and every cell in all its sessions.

    The page is one HTML file that any browser opens without a network. It is made from the match file alone.
    """
    from ..matchfile import read_planes_of_match_file
    from ..report.page import write_page

    check_output(output, overwrite, [matches])
    with progress_bar() as progress:
        planes = read_planes_of_match_file(matches, plane=plane, progress=progress)
        write_page(planes, output, public_name(matches).rsplit("/", 1)[-1], overwrite, progress)
    say(f"Wrote {output}")


def _lines(file: InspectedFile) -> Iterator[str]:
    """The lines that list the content of a file and mark what would be used."""
    sources = [session.source for session in file.used.values()]
    used_paths = {path for source in sources for path in (source.roi_table_path, source.image_path)}
    used_planes = {source.plane_path.rsplit("/", 1)[-1] for source in sources}
    yield file.name
    yield f"  session      {file.session_id or '(no id)'}, {file.session_start or '(start not known)'}"
    yield f"  subject      {file.subject_id or '(none)'}"
    yield f"  layout       {file.recognised.writer}: {file.recognised.reason}"
    for plane in file.planes:
        details = [f"location {plane.location}"]
        details += [f"depth {plane.depth:g} um"] if plane.depth is not None else []
        details += [f"pixel {plane.pixel_size[0]:g} x {plane.pixel_size[1]:g} um"] if plane.pixel_size else []
        details += [f"channels {', '.join(plane.channels)}"] if len(plane.channels) > 1 else []
        yield f"{_mark(plane.name in used_planes)} plane        {plane.name}: {', '.join(details)}"
    for candidate in file.contents.tables:
        shape = "" if candidate.mask_shape is None else f" {candidate.mask_shape[0]} x {candidate.mask_shape[1]}"
        masks = f"{candidate.mask_kind or 'no masks'}{shape}"
        yield f"{_mark(candidate.path in used_paths)} ROI table    {candidate.path}: {candidate.n_rois} ROIs, {masks}"
    for image in file.contents.images:
        yield f"{_mark(image.path in used_paths)} image        {image.path}: {image.shape[0]} x {image.shape[1]}"
    for name, session in file.used.items():
        of_plane = f"{name}: " if name else ""
        yield f"  orientation  {of_plane}{in_words(session.orientation)}; {session.orientation_reason}"
        yield f"  ROIs         {of_plane}{session.roi_selection_reason}"
        yield from (f"  note         {of_plane}{warning}" for warning in session.warnings)
    for name, problem in file.problems.items():
        yield f"  not clear    {f'{name}: ' if name else ''}{problem}"
    if file.used:
        yield "  * is what would be used"


def _print_pairing(recorded: Sequence[RecordedPlane], tolerance: float) -> None:
    say("")
    try:
        pairing = pair_planes(recorded, tolerance)
    except InputError as error:
        say(f"not clear  {error}")
        return
    rows = [("matched together", *dict.fromkeys(plane.session for plane in recorded))]
    for plane in pairing.planes:
        names = {member.session: str(member) for member in plane.members}
        rows.append((plane.name, *(names.get(session, "-") for session in rows[0][1:])))
    say_text(table(rows))
    for warning in pairing.warnings:
        say(f"note  {warning}")


def _mark(used: bool) -> str:
    return " *" if used else "  "
