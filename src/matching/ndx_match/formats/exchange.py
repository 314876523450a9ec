"""Find the importer or exporter that the user names, and run it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ..errors import InputError, OutputError
from ..model import MatchedPlane, MatchResult, Progress, Session, listed_planes
from ..plugins import find_plugins
from ..storage.publish import publish
from .importing import ToolCells
from .protocol import Exporter, Importer

GROUP = "ndx_match.formats"  #: name of the package that holds the formats, and of the group of entry points


def find_importers() -> dict[str, Importer]:
    """Every importer by its name, sorted by name."""
    return find_plugins(
        GROUP, GROUP, Importer, "IMPORTER", stand_in=lambda name, refuse: Importer(name, "cannot be loaded", "", refuse)
    )


def find_exporters() -> dict[str, Exporter]:
    """Every exporter by its suffix, sorted by suffix."""
    return find_plugins(
        GROUP,
        GROUP,
        Exporter,
        "EXPORTER",
        "suffix",
        lambda name, refuse: Exporter(name, f".{name}", "cannot be loaded", refuse),
    )


def split_origin(origin: str) -> tuple[Importer, str]:
    """The importer that `origin` names, and the text after the colon, as in `column:NAME`.

    Raises
    ------
    InputError
        If there is no such importer, or if the text after the colon is missing or not expected.
    """
    importers = find_importers()
    name, colon, argument = origin.partition(":")
    if name not in importers:
        choices = ", ".join(map(called, importers.values()))
        raise InputError(f"There is no importer {origin}; choose one of {choices}.")
    importer = importers[name]
    if bool(importer.argument) != bool(argument) or (colon and not argument):
        raise InputError(f"{origin} does not name an importer; give {called(importer)}.")
    return importer, argument


def called(importer: Importer) -> str:
    """The name by which users call an importer."""
    return f"{importer.name}:{importer.argument}" if importer.argument else importer.name


def import_result(
    origin: str,
    path: str | os.PathLike[str] | None,
    sessions: Sequence[Session],
    parameters: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> MatchResult:
    """Read the finished result of another tool.

    If the result holds no registrations, the consensus method registers the sessions, and this function checks whether
    the ROIs that the tool matched overlap.

    Parameters
    ----------
    origin : str
        Name of the tool, one of :func:`find_importers`, or `column:NAME` for a column of the ROI tables.
    path : path or None
        The file or folder that the tool wrote; None for a column.
    sessions : sequence of Session
        The sessions that were matched, in the same order. The tool may have matched all their ROIs; `takes_part` says
        which ROIs the writers of the files accept.
    parameters : mapping, optional
        Facts about the result, by the names of the importer's parameters; they are stored with the result.
    progress : callable, optional
        Called as `progress(stage, done, total)`.

    Returns
    -------
    MatchResult
        Its method is `import-` and the name of the tool.

    Raises
    ------
    InputError
        If there is no such importer, if a parameter is not one of the importer, or if the file does not exist or does
        not fit the sessions.
    MethodError
        If the value of a parameter is not valid.
    """
    importer, argument = split_origin(origin)
    values = dict(parameters or {})
    names = [field.name for field in fields(importer.parameters)]
    for name in values:
        if name not in names:
            raise InputError(
                f"{name} is no parameter of {importer.name}; its parameters are: {', '.join(names) or 'none'}."
            )
    checked = importer.parameters(**values)
    values = {name: vars(checked)[name] for name in values}
    place = Path(argument or path or "")
    try:
        result = importer.read(place, [session.with_all_rois() for session in sessions], values)
    except FileNotFoundError as error:
        raise InputError(f"{error.filename or place}: there is no such file.") from error
    except ValueError as error:  # of the JSON library, for example, or of a result that does not fit the sessions
        raise InputError(
            f"{place}: the importer of {importer.name} cannot read it ({error}); give the result for these sessions."
        ) from error
    stored = {name: value for name, value in checked.stored().items() if name in values}
    if isinstance(result, ToolCells):
        from .importing.result import result_of

        result = replace(result, reading=result.reading.stated(values))
        stored |= vars(result.reading)
        result = result_of(result, sessions, place, importer.reading_known, progress)
    else:
        from .importing.stated import check_distances, check_rows

        check_rows(result, sessions, place)
        check_distances(result, sessions, place)
    return replace(result, method=f"import-{importer.name}", parameters=stored)


def find_exporter(path: str | os.PathLike[str]) -> Exporter:
    """The exporter for the name of a file; if several suffixes fit, the longest one is used.

    Raises
    ------
    OutputError
        If no exporter fits the name.
    """
    exporters = find_exporters()
    fitting = [suffix for suffix in exporters if Path(path).name.lower().endswith(suffix)]
    if not fitting:
        *others, last = exporters
        raise OutputError(f"{path}: the name must end in {', '.join(others)} or {last}.")
    return exporters[max(fitting, key=len)]


def export(
    planes: MatchedPlane | Sequence[MatchedPlane], path: str | os.PathLike[str], overwrite: bool = False
) -> None:
    """Write matched cells in the format that the suffix of the path states. If this fails, no output is left.

    Parameters
    ----------
    planes : MatchedPlane or sequence of MatchedPlane
        The cells of one imaging plane or of several.
    path : path
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        If no format has this suffix, if the format holds one imaging plane and there are several, or if the file exists
        or cannot be written.

    Examples
    --------
    >>> import ndx_match
    >>> plane = ndx_match.read_match_file("matches.nwb")
    >>> ndx_match.export([plane], "cells.csv")
    """
    exporter = find_exporter(path)
    planes = listed_planes(planes, "export")
    if len(planes) > 1 and not exporter.several_planes:
        names = ", ".join(plane.name for plane in planes)
        raise OutputError(f"{path}: this format holds one imaging plane; choose one with --plane: {names}.")
    with publish(path, overwrite) as temporary:
        exporter.write(planes, temporary)
