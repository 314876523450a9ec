"""What an importer and an exporter are."""

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
    """Reads the finished result of another tool: the `IMPORTER` of a module of :mod:`ndx_match.formats`.

    Such a module is imported to list the formats: it imports heavy libraries only when they are used.
    """

    name: str  #: of the tool, as in `ndx-match import --from NAME`; the method of a result is `import-NAME`
    summary: str  #: what it reads, in one line
    indices: str  #: what the numbers by which the tool speaks of ROIs stand for, in one line
    #: Called as `read(path, sessions, parameters)` with the tool's file or folder, the sessions that were matched, in
    #: their order and with all ROIs, and the parameters that were given. A tool that tells no alignments gives its
    #: cells by its own numbers of ROIs, which are then read as rows and checked. In a whole result, codes of presence
    #: are :attr:`~ndx_match.model.Presence.NOT_LOOKED_FOR` where the tool did not look.
    read: Callable[[Path, Sequence[Session], Mapping[str, Any]], MatchResult | ToolCells]
    #: Dataclass of what users can state about the result; each field is an option of the command.
    parameters: type[Parameters] = Parameters
    #: Whether it is known what the numbers stand for. A reading that does not fit the sessions is then refused; else
    #: there is a warning.
    reading_known: bool = True
    #: What a user adds to the importer's name, behind a colon, if it reads no file but those of the sessions. The
    #: function gets it in place of a path.
    argument: str = ""


@dataclass(frozen=True)
class Exporter:
    """Writes matched cells in another format: the `EXPORTER` of a module of :mod:`ndx_match.formats`."""

    name: str  #: of the format
    suffix: str  #: with which the name of a file in this format ends, for example `.csv`
    summary: str  #: what it writes, in one line
    #: Called as `write(planes, path)` with a temporary file, which takes the place of the output if all went well.
    write: Callable[[Sequence[MatchedPlane], Path], None]
    several_planes: bool = True  #: whether one file can hold the cells of several imaging planes
    needs_masks: bool = False  #: whether the sessions must come with their footprints, which take long to read
