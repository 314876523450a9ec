"""`ndx-match inspect`, `show` and `plot`: look at inputs and at match files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from ..errors import InputError
from ..sources import SourceOptions, list_contents, open_nwb
from ..sources.candidates import imaging_depth, pixel_size
from ..sources.layouts import recognise
from ..sources.read import Chosen, choose
from ..sources.remote import public_name, shared_access
from .common import (
    LOCATION,
    check_folder,
    output_option,
    progress_bar,
    selection_options,
    source_options,
    take_source_options,
    warn,
)
from .summary import summary


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=LOCATION, metavar="FILE...")
@source_options
@selection_options
def inspect(inputs: tuple[str, ...], **values: Any) -> None:
    """Print what each file holds and what would be used: planes, ROI tables, images, depth, subject, session."""
    options = take_source_options(values)
    with shared_access() as access:
        paths = access.expand(inputs, options.sessions)
    for number, path in enumerate(paths):
        if number:
            click.echo()
        with progress_bar():
            lines = _inspect(path, options)
        click.echo("\n".join(lines))


@click.command()
@click.argument("matches", type=LOCATION, metavar="MATCHES.NWB")
def show(matches: str) -> None:
    """Print the sessions, the pairs with their registrations and matched fractions, and the cells by size."""
    from ..matchfile import read_match_file

    file = read_match_file(matches, footprints=False)
    result = file.result
    click.echo(f"{matches}: matched with {result.method} {result.method_version}")
    changed = ", ".join(f"{name}={value}" for name, value in result.parameters.items())
    click.echo(f"parameters: {changed}")
    click.echo(f"software: {', '.join(f'{name} {version}' for name, version in result.software.items())}\n")
    click.echo(summary(file.sessions, result))
    warn(result.warnings)


@click.command()
@click.argument("matches", type=LOCATION, metavar="MATCHES.NWB")
@output_option("Folder for the pictures.")
@click.option("--all-pairs", is_flag=True, help="Draw every pair even of more than six sessions.")
def plot(matches: str, output: Path, all_pairs: bool) -> None:
    """Draw registrations, overlays, matched fractions and coloured cells from the match file alone."""
    from ..matchfile import read_match_file
    from ..report.figures import write_figures

    check_folder(output)
    file = read_match_file(matches)
    with progress_bar() as progress:
        written = write_figures(file.sessions, file.result, output, progress, all_pairs)
    for path in written:
        click.echo(path)


def _inspect(path: str | os.PathLike[str], options: SourceOptions) -> list[str]:
    lines: list[str] = []
    with open_nwb(path) as nwbfile:
        contents = list_contents(nwbfile)
        recognised = recognise(contents)
        chosen: Chosen | None = None
        problem = ""
        try:
            chosen = choose(nwbfile, options, public_name(path))
            recognised = chosen.recognised
        except InputError as error:
            problem = str(error)
        used = [] if chosen is None else [chosen.table.path, chosen.image.path if chosen.image is not None else ""]
        subject = nwbfile.subject
        lines.append(public_name(path))
        lines.append(f"  session      {nwbfile.session_id or '(no id)'}, {nwbfile.session_start_time.isoformat()}")
        lines.append(f"  subject      {subject.subject_id if subject is not None else '(none)'}")
        lines.append(f"  layout       {recognised.writer}: {recognised.reason}")
        planes = {name: nwbfile.imaging_planes[name] for name in contents.planes}
        planes.update({table.plane: table.imaging_plane for table in contents.tables})
        for name, plane in planes.items():
            depth, size = imaging_depth(nwbfile, plane), pixel_size(plane)
            details = [f"location {plane.location}"]
            details += [f"depth {depth:g} um"] if depth is not None else []
            details += [f"pixel {size[0]:g} x {size[1]:g} um"] if size is not None else []
            is_used = chosen is not None and chosen.table.plane == name
            lines.append(f"{_mark(is_used)} plane        {name}: {', '.join(details)}")
        for table in contents.tables:
            shape = "" if table.mask_shape is None else f" {table.mask_shape[0]} x {table.mask_shape[1]}"
            kind = table.mask_kind or "no masks"
            lines.append(f"{_mark(table.path in used)} ROI table    {table.path}: {table.n_rois} ROIs, {kind}{shape}")
        for image in contents.images:
            size_text = f"{image.shape[0]} x {image.shape[1]}"
            lines.append(f"{_mark(image.path in used)} image        {image.path}: {size_text}")
        if chosen is not None:
            lines.append(f"  orientation  {chosen.decision.text}")
            lines.append(f"  ROIs         {chosen.selection.text}")
            for note in chosen.notes:
                lines.append(f"  note         {note}")
        if problem:
            lines.append(f"  not clear    {problem.removeprefix(f'{public_name(path)}: ')}")
        else:
            lines.append("  * is what would be used")
    return lines


def _mark(used: bool) -> str:
    return " *" if used else "  "
