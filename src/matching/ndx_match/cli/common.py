"""What the command modules share: decorators, options, and the functions of `output` that print."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from ..addresses import is_address, public_name
from ..errors import InputError, OutputError
from ..folders import read_session_table
from ..sources import DEPTH_TOLERANCE, SourceOptions
from ..sources.inputs import is_match_file, the_one_file
from ..sources.orientation import TRANSPOSE
from ..storage.remote import remote_access
from ..workers import limited_workers
from .command import RUNNING, in_group
from .command import Example as Example
from .command import command as command
from .output import note as note
from .output import progress_bar as progress_bar
from .output import say as say
from .output import say_text as say_text
from .output import table as table
from .output import warn as warn


class _LocalPath(click.Path):
    """A path on the local disk."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if is_address(value):
            raise InputError(f"{public_name(value)}: this file must be on the local disk; give a path.")
        return super().convert(value, param, ctx)


class _Location(click.ParamType):
    """A path or URL of a file to read. An argument for one file also accepts a folder or pattern that means one."""

    name = "location"

    def __init__(self, of_matches: bool = False) -> None:
        self._of_matches = of_matches

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        is_one_of_many = param is not None and param.nargs != 1
        return value if is_one_of_many else the_one_file(str(value), self._of_matches)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell complete names of files."""
        return [CompletionItem(incomplete, type="file")]


def check_match_file_is_first(matches: str, inputs: Sequence[str]) -> None:
    """Refuse a match file among the files of its sessions if the first file is none."""
    later = [path for path in inputs if is_match_file(path)]
    if later and not is_address(matches) and not is_match_file(matches):
        raise InputError(f"{public_name(later[0])}: this match file must come first, before the files of its sessions.")


Command = TypeVar("Command", bound=Callable[..., Any])
FILE = _LocalPath(path_type=Path)
LOCATION = _Location()  #: a file to read: a path or a URL (click.Path would change a URL)
MATCH_FILE = _Location(of_matches=True)  #: a match file to read


def option_group(
    argument: str, make: Callable[..., Any], *options: Callable[[Any], Any]
) -> Callable[[Command], Command]:
    """Apply several options; the function `make` turns their values into one argument of the command."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_group(**values: Any) -> Any:
            group_value = make(**{name: values.pop(name) for name in names})
            return command(**values, **{argument: group_value})

        parameters = getattr(command, "__click_params__", [])
        with_group.__click_params__ = []  # type: ignore[attr-defined]
        for option in reversed(options):
            option(with_group)
        of_group = with_group.__click_params__  # type: ignore[attr-defined]
        names = [option.name for option in of_group if option.expose_value]
        with_group.__click_params__ = [*parameters, *of_group]  # type: ignore[attr-defined]
        return cast(Command, with_group)

    return decorate


def under(heading: str, *options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Apply options and list them under a heading of the help."""

    def decorate(command: Any) -> Any:
        before = len(getattr(command, "__click_params__", []))
        for option in reversed(options):
            command = option(command)
        in_group(heading, command.__click_params__[before:])
        return command

    return decorate


class _ZPlane(click.ParamType):
    """A number or `all`."""

    name = "z_plane"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "all" or isinstance(value, int):
            return value
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor `all`", param, ctx)


def _enter_access(context: click.Context, parameter: click.Parameter, no_cache: bool) -> None:
    """Set how remote files are read until the command ends."""
    context.with_resource(remote_access(cache=not no_cache))


def _limit_workers(context: click.Context, parameter: click.Parameter, jobs: int | None) -> None:
    """Limit the number of workers until the command ends."""
    context.with_resource(limited_workers(jobs))


_SOURCE_OPTIONS = (under("Inputs",
    click.option("--plane", metavar="NAME", help="Imaging plane to use, if a file has several."),
    click.option("--roi-table", metavar="PATH", help="ROI table to use: its path in the file, or that path's end."),
    click.option("--image", metavar="PATH", help="Projection image to use: its path in the file, or that path's end; "
                 "`none` registers by the ROIs alone."),
    click.option("--transpose", metavar=f"[FILE=]{'|'.join(TRANSPOSE)}", multiple=True,
                 help="What is stored as [column, row]: the masks, the image, both or none, in all files or in FILE "
                 "(its path or that path's end); can be given several times.  [default: decided from the "
                 "file's writer and the data]"),
    click.option("--mirror", metavar="FILE", multiple=True,
                 help="File (its path or that path's end) whose masks and image both show the field mirrored; can be "
                 "given several times."),
    click.option("--z-plane", metavar="N", type=_ZPlane(),
                 help="Plane (z) to use, if voxel masks lie in several; `all` projects them onto one."),
    click.option("--allow-different-subjects", is_flag=True, help="Accept files of different subjects."),
    click.option("--session", "sessions", metavar="LABEL", multiple=True,
                 help="Session to use from a DANDI folder: its label, or a pattern such as 'day*'; can be given "
                 "several times."),
    click.option("--session-start", "session_starts", metavar="[FOLDER=]TIME", multiple=True,
                 help="When the session in a folder without NWB began, for example 'day1=2026-05-01'; can be given "
                 "several times."),
    click.option("--sessions", "session_table", metavar="TABLE.csv", type=FILE,
                 help="Table that describes the sessions in folders without NWB; its columns are folder, "
                 "session_start, session_id, subject_id, imaging_depth, pixel_size."),
), under(RUNNING, click.option(
    "--no-cache", is_flag=True, expose_value=False, callback=_enter_access,
    help="Do not keep data fetched from the network for later runs.",
)))  # fmt: skip
_SELECTION_OPTION = under("Which ROIs are matched",
    click.option("--all-rois", is_flag=True, help="Match every ROI, not only those that the file marks as accepted."),
    click.option("--where", metavar="CONDITION", multiple=True,
                 help="Match only ROIs that meet a condition on a column, such as 'iscell>0.5'; can be given several "
                 "times."),
)  # fmt: skip
_CHECKSUM_OPTION = under(
    "Inputs",
    click.option("--checksum/--no-checksum", default=True, help="Record the SHA-256 of each input.  [default: record]"),
)


def source_options(selection: bool = False, checksum: bool = False) -> Callable[[Command], Command]:
    """Give a command the options that say what to read from its inputs, as the argument `options`: SourceOptions."""
    more = (*(_SELECTION_OPTION,) * selection, *(_CHECKSUM_OPTION,) * checksum)
    return option_group("options", _make_options, *_SOURCE_OPTIONS, *more)


def _make_options(
    transpose: tuple[str, ...],
    mirror: tuple[str, ...],
    session_starts: tuple[str, ...],
    session_table: Path | None,
    **values: Any,
) -> SourceOptions:
    """Make the SourceOptions: `--transpose CHOICE` is for all files, `FILE=CHOICE` for one; addresses lose secrets."""
    split = [text.rpartition("=") for text in transpose]
    for text, (_, _, choice) in zip(transpose, split, strict=True):
        if is_address(text) and choice not in TRANSPOSE:  # the `=` was one of the address's query
            raise InputError(f"--transpose {public_name(text)}: write FILE=CHOICE, of {', '.join(TRANSPOSE)}.")
    for_all = [choice for file, _, choice in split if not file]
    if len(for_all) > 1:
        raise InputError("--transpose is given more than once for all files; give it once, or for a file: FILE=masks.")
    for_one = tuple((public_name(file), choice) for file, _, choice in split if file)
    output = click.get_current_context().params.get("output")
    if session_table and output and os.path.exists(output) and os.path.samefile(output, session_table):
        raise OutputError(f"{output}: the output is one of the inputs; give another name with -o.")
    return SourceOptions(
        transpose=for_all[0] if for_all else None,
        transpose_file=for_one,
        mirror=tuple(map(public_name, mirror)),
        session_starts=tuple((folder, time) for folder, _, time in (text.rpartition("=") for text in session_starts)),
        session_table=() if session_table is None else read_session_table(session_table),
        **values,
    )


def _depth_tolerance(all_planes: bool, depth_tolerance: float | None) -> float | None:
    if depth_tolerance is not None and not all_planes:
        raise InputError("--depth-tolerance belongs to --all-planes; give both or none.")
    return DEPTH_TOLERANCE if all_planes and depth_tolerance is None else depth_tolerance


#: Give a command the argument `all_planes`: None to use one plane, else the greatest difference of depth in a plane.
all_planes_options = option_group(
    "all_planes",
    _depth_tolerance,
    under("Inputs",
    click.option("--all-planes", is_flag=True,
                 help="Use every imaging plane that two or more files have, each on its own; planes of different files "
                 "are paired by name, otherwise by depth."),
    click.option("--depth-tolerance", metavar="UM", type=float,
                 help="With --all-planes: by how many micrometres the depth of a plane may differ between files.  "
                 f"[default: {DEPTH_TOLERANCE:g}]"),
    ),
)  # fmt: skip
jobs_option = under(RUNNING, click.option(
    "-j", "--jobs", metavar="N", type=click.IntRange(min=1), expose_value=False, callback=_limit_workers,
    help="How many tasks run at the same time; this does not change the result.  [default: the number of cores]",
))  # fmt: skip
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")


def output_option(
    help_text: str = "Match file to write; a Zarr store if its name ends in .zarr.",
) -> Callable[[Command], Command]:
    """`-o`, required."""
    return click.option("-o", "--output", type=FILE, required=True, metavar="PATH", help=help_text)


def plane_option(help_text: str) -> Callable[[Command], Command]:
    """The option `--plane` of commands that read match files."""
    return click.option("--plane", metavar="NAME", help=help_text)
