"""The record beside each match file: of what it was made, how, and what came of it. A rerun goes by it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

from ..errors import OutputError
from ..model import FileState
from ..storage.outputs import check_name
from ..storage.publish import publish

FORMAT = 1  #: of records; another is not read
STARTED, DONE, FAILED = "started", "done", "failed"


@dataclass(frozen=True)
class FileOfRecord:
    """A file as it was when it was read or written; -1, an empty text: not known."""

    file: str  #: its path below the record's folder, its name if it lies elsewhere, or its address
    size: int = -1  #: in bytes
    modified: int | str = ""  #: as of :class:`ndx_match.model.FileState`
    sha256: str = ""
    options: dict[str, Any] = field(default_factory=dict)  #: what was taken of it, where that is not the default

    @property
    def state(self) -> tuple[str, int, int | str]:
        """By what is seen without reading the file whether it is the same."""
        return self.file, self.size, self.modified


@dataclass(frozen=True)
class Figures:
    """What came of a match, for the summary."""

    sessions: int
    rois: int  #: that took part, of all sessions
    cells: int
    followed: int  #: cells in two or more sessions
    in_all: int  #: cells in all sessions
    mean_confidence: float | None  #: of the cells that were followed; None where the method gives none
    level: str  #: good, doubtful or failed
    headline: str
    doubts: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """What is known of one match file."""

    subject: str
    plane: str
    outcome: str  #: started, done or failed
    inputs: tuple[FileOfRecord, ...]  #: in the order of the sessions
    method: str
    parameters: dict[str, Any]
    metadata: dict[str, Any]  #: what was given in place of what the files say
    run: str = ""  #: of which run of the batch this is
    recognised: bool = False  #: whether the match file was there already, without a record
    error: str = ""  #: why it failed, one sentence
    output: FileOfRecord | None = None  #: the match file as it was written last
    figures: Figures | None = None
    software: dict[str, str] = field(default_factory=dict)  #: versions
    seconds: float = 0.0  #: that reading, matching and writing took
    finished: str = ""  #: when, ISO 8601


def is_same_work(before: Record, now: Record) -> bool:
    """Whether two records are of the same files, method and options, as far as is seen without reading the files."""
    return [each.state for each in before.inputs] == [each.state for each in now.inputs] and is_same_way(before, now)


def is_same_content(before: Record, now: Record) -> bool:
    """The same by the checksums of the files, which both records must have."""
    sums = [[each.sha256 for each in record.inputs] for record in (before, now)]
    return sums[0] == sums[1] and all(sums[0]) and is_same_way(before, now)


def is_same_way(before: Record, now: Record) -> bool:
    """Whether two records are of the same animal, plane, method and options."""

    def way(record: Record) -> tuple[Any, ...]:
        options = [each.options for each in record.inputs]
        return record.subject, record.plane, record.method, record.parameters, record.metadata, options

    return way(before) == way(now)


def as_json(value: Any) -> Any:
    """A value as it comes back from a JSON file."""
    return json.loads(json.dumps(value, default=asdict))


def state_of_record(file: str, state: FileState | None, sha256: str = "", **options: Any) -> FileOfRecord:
    """A file of a record, of its state."""
    known = (-1, "") if state is None else (state.size, state.modified)
    return FileOfRecord(file, *known, sha256, as_json(options))


def read_record(path: Path) -> Record | None:
    """A record; None where there is none, or none that can be understood."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("ndx_match_batch") != FORMAT:
            return None
        files = tuple(FileOfRecord(**each) for each in content.pop("inputs"))
        output, figures = content.pop("output"), content.pop("figures")
        return Record(
            inputs=files,
            output=None if output is None else FileOfRecord(**output),
            figures=None if figures is None else _figures(figures),
            **content,
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def matched_files(folder: Path) -> dict[str, set[str]]:
    """Of each animal, by its subject, the names of the files of which the records in a folder speak."""
    found: dict[str, set[str]] = {}
    for path in folder.glob("*.json"):
        if (record := read_record(path)) is not None:
            found.setdefault(record.subject, set()).update(PurePath(each.file).name for each in record.inputs)
    return found


def _figures(content: dict[str, Any]) -> Figures:
    return Figures(**{**content, "doubts": tuple(content["doubts"]), "warnings": tuple(content["warnings"])})


def write_record(path: Path, record: Record) -> None:
    """Write or replace a record: whole or not at all.

    Raises
    ------
    OutputError
        It cannot be written, or something else has its name.
    """
    check_name(path)
    if os.path.isdir(path) or (os.path.exists(path) and not _is_record(path)):
        raise OutputError(f"{path}: this is no record of a batch and is not replaced; remove it or choose another -o.")
    content = {"ndx_match_batch": FORMAT, **asdict(record)}
    with publish(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _is_record(path: Path) -> bool:
    """Whether a file is a record, of whatever format, or the ruins of one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return path.stat().st_size == 0
    except OSError:
        return False
    return isinstance(content, dict) and "ndx_match_batch" in content
