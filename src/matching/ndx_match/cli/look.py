"""`ndx-match inspect`, `show` and `plot`: look at inputs and at match files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..errors import InputError
from ..sources import SourceOptions, list_contents, open_nwb
from ..sources.layouts import depth_of_plane, pixel_size_of_plane, recognise
from ..sources.orientation import in_words
from ..sources.pairing import RecordedPlane, pair_planes
from ..sources.planes import PlaneOfFile, check_all_planes, list_planes
from ..sources.read import Chosen, as_session, choose
from ..storage.outputs import check_folder
from ..storage.remote import file_stem, public_name, shared_access
from .common import (
    LOCATION,
    all_planes_options,
    output_option,
    plane_option,
    progress_bar,
    selection_options,
    source_options,
    take_depth_tolerance,
    take_source_options,
    warn_of_plane,
)
from .summary import summary, table


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@source_options
@all_planes_options
@selection_options
def inspect(inputs: tuple[str, ...], all_planes: bool, depth_tolerance: float | None, **values: Any) -> None:
    """Print what each file holds and what would be used: planes, ROI tables, images, depth, subject, session.

    With --all-planes, of every imaging plane, and which planes of the files would be matched with each other.
    """
    tolerance = take_depth_tolerance(all_planes, depth_tolerance)
    options = take_source_options(values, checksum=False)
    if all_planes:
        check_all_planes(options, tolerance)
    with shared_access() as access:
        paths = access.expand(inputs, options.sessions)
    recorded: list[RecordedPlane] = []
    for number, path in enumerate(paths):
        if number:
            click.echo()
        with progress_bar():
            lines, planes = _inspect(path, options, all_planes)
        recorded += planes
        click.echo("\n".join(lines))
    if all_planes and len(paths) > 1:
        _print_pairing(recorded, tolerance)


@click.command()
@click.argument("matches", type=LOCATION, metavar="MATCHES.NWB")
@plane_option("Show this imaging plane only, where the match file holds several.")
def show(matches: str, plane: str | None) -> None:
    """Print the sessions, the pairs with their registrations and matched fractions, and the cells by size.

    Of a match file of several imaging planes, one after the other.
    """
    from ..matchfile import read_planes_of_match_file

    planes = read_planes_of_match_file(matches, footprints=False, plane=plane)
    name = public_name(matches)
    for number, file in enumerate(planes):
        result = file.result
        of_plane = f", plane {file.name}" if len(planes) > 1 else ""
        click.echo(f"{chr(10) if number else ''}{name}{of_plane}: matched with {result.method} {result.method_version}")
        changed = ", ".join(f"{name}={value}" for name, value in result.parameters.items())
        click.echo(f"parameters: {changed}")
        click.echo(f"software: {', '.join(f'{name} {version}' for name, version in result.software.items())}\n")
        click.echo(summary(file.sessions, result))
        warn_of_plane(file, len(planes) > 1)


@click.command()
@click.argument("matches", type=LOCATION, metavar="MATCHES.NWB")
@output_option("Folder for the pictures.")
@click.option("--all-pairs", is_flag=True, help="Draw every pair even of more than six sessions.")
@plane_option("Draw this imaging plane only, where the match file holds several.")
def plot(matches: str, output: Path, all_pairs: bool, plane: str | None) -> None:
    """Draw registrations, overlays, matched fractions and coloured cells from the match file alone.

    Of a match file of several imaging planes, into a sub-folder for each.
    """
    from ..matchfile import read_planes_of_match_file
    from .write import draw_planes

    check_folder(output)
    planes = read_planes_of_match_file(matches, plane=plane)
    with progress_bar() as progress:
        written = draw_planes(planes, output, progress, all_pairs)
    for path in written:
        click.echo(path)


def _inspect(
    path: str | os.PathLike[str], options: SourceOptions, all_planes: bool
) -> tuple[list[str], list[RecordedPlane]]:
    """What a file holds, as lines; with `all_planes`, also the planes of which it is clear what would be used."""
    lines: list[str] = []
    where = public_name(path)
    with open_nwb(path) as nwbfile:
        contents = list_contents(nwbfile)
        recognised = recognise(contents)
        planes_to_use = list_planes(nwbfile, options) if all_planes else [PlaneOfFile("", None, options)]
        choices: dict[str, Chosen] = {}
        problems: dict[str, str] = {}
        for plane in planes_to_use:
            try:
                chosen = choose(nwbfile, plane.options, where)
                as_session(nwbfile, path, chosen, plane.options)  # refuses what cannot be matched
                choices[plane.name] = chosen
            except InputError as error:
                problems[plane.name] = str(error).removeprefix(f"{where}: ").removeprefix(f"{where}, ")
        used = {chosen.table.path for chosen in choices.values()}
        used |= {chosen.image.path for chosen in choices.values() if chosen.image is not None}
        used_planes = {chosen.table.plane for chosen in choices.values()}
        if not all_planes and choices:
            recognised = choices[""].recognised
        subject = nwbfile.subject
        lines.append(public_name(path))
        lines.append(f"  session      {nwbfile.session_id or '(no id)'}, {nwbfile.session_start_time.isoformat()}")
        lines.append(f"  subject      {subject.subject_id if subject is not None else '(none)'}")
        lines.append(f"  layout       {recognised.writer}: {recognised.reason}")
        planes = {name: nwbfile.imaging_planes[name] for name in contents.planes}
        planes.update({table.plane: table.imaging_plane for table in contents.tables})
        for name, imaging_plane in planes.items():
            depth = depth_of_plane(nwbfile, imaging_plane, recognised.layout)
            size = pixel_size_of_plane(imaging_plane, recognised.layout)
            details = [f"location {imaging_plane.location}"]
            details += [f"depth {depth:g} um"] if depth is not None else []
            details += [f"pixel {size[0]:g} x {size[1]:g} um"] if size is not None else []
            channels = [channel.name for channel in imaging_plane.optical_channel]
            details += [f"channels {', '.join(channels)}"] if len(channels) > 1 else []
            lines.append(f"{_mark(name in used_planes)} plane        {name}: {', '.join(details)}")
        for table in contents.tables:
            shape = "" if table.mask_shape is None else f" {table.mask_shape[0]} x {table.mask_shape[1]}"
            kind = table.mask_kind or "no masks"
            lines.append(f"{_mark(table.path in used)} ROI table    {table.path}: {table.n_rois} ROIs, {kind}{shape}")
        for image in contents.images:
            size_text = f"{image.shape[0]} x {image.shape[1]}"
            lines.append(f"{_mark(image.path in used)} image        {image.path}: {size_text}")
        for name, chosen in choices.items():
            of_plane = f"{name}: " if name else ""
            lines.append(f"  orientation  {of_plane}{in_words(chosen.decision.orientation)}; {chosen.decision.reason}")
            lines.append(f"  ROIs         {of_plane}{chosen.selection.text}")
            lines += [f"  note         {of_plane}{note}" for note in chosen.notes]
        for name, problem in problems.items():
            lines.append(f"  not clear    {f'{name}: ' if name else ''}{problem}")
        if choices:
            lines.append("  * is what would be used")
    name = f"{file_stem(path)}.nwb"
    return lines, [RecordedPlane(name, plane.name, plane.depth) for plane in planes_to_use if plane.name in choices]


def _print_pairing(recorded: Sequence[RecordedPlane], tolerance: float) -> None:
    click.echo()
    try:
        pairing = pair_planes(recorded, tolerance)
    except InputError as error:
        click.echo(f"not clear  {error}")
        return
    rows = [("matched together", *dict.fromkeys(plane.session for plane in recorded))]
    for plane in pairing.planes:
        names = {member.session: str(member) for member in plane.members}
        rows.append((plane.name, *(names.get(session, "-") for session in rows[0][1:])))
    click.echo(table(rows))
    for remark in pairing.remarks:
        click.echo(f"note  {remark}")


def _mark(used: bool) -> str:
    return " *" if used else "  "
