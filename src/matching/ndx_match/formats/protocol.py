"""The classes that describe importers and exporters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..methods import Parameters
from ..model import MatchedPlane, MatchResult, Session
from .importing import ToolCells


@dataclass(frozen=True)
class Importer:
    """An importer, which reads the finished result of another tool.

    A module of :mod:`ndx_match.formats` defines it as `IMPORTER`. All these modules are imported to list the formats,
    so each should import heavy libraries only inside the functions that use them.
    """

    name: str  #: name of the tool, as in `ndx-match import --from NAME`; the method of a result is `import-NAME`
    summary: str  #: description of the files that it reads, in one line
    indices: str  #: meaning of the tool's ROI numbers, in one line
    #: Called as `read(path, sessions, parameters)` with the tool's file or folder, the sessions that were matched (in
    #: the order in which they were matched, with all their ROIs) and the parameters that were given. If the tool's
    #: result holds no registrations, the function returns the cells with the tool's ROI numbers; these are then
    #: converted to rows and checked. If it returns a whole result, the code of presence must be
    #: :attr:`~ndx_match.model.Presence.NOT_LOOKED_FOR` where the tool did not look for a cell.
    read: Callable[[Path, Sequence[Session], Mapping[str, Any]], MatchResult | ToolCells]
    #: Dataclass of the facts about a result that users can state; each field is an option of the command.
    parameters: type[Parameters] = Parameters
    #: Whether the meaning of the numbers is known. If it is, a result that does not fit the sessions is refused;
    #: otherwise there is a warning.
    reading_known: bool = True
    #: Name for the text that users write after the importer's name and a colon, if the importer reads only the files
    #: of the sessions, as in `column:NAME`. The function gets this text in place of a path.
    argument: str = ""


@dataclass(frozen=True)
class Exporter:
    """An exporter, which writes matched cells in another format.

    A module of :mod:`ndx_match.formats` defines it as `EXPORTER`.
    """

    name: str  #: name of the format
    suffix: str  #: end of the names of files in this format, for example `.csv`
    summary: str  #: description of the file that it writes, in one line
    #: Called as `write(planes, path)` with a temporary file, which is renamed to the output when it is complete.
    write: Callable[[Sequence[MatchedPlane], Path], None]
    several_planes: bool = True  #: whether one file can hold the cells of several imaging planes
    needs_masks: bool = False  #: whether it needs the footprints of the sessions, which take long to read
