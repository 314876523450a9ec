"""The record beside each match file: its inputs, method and outcome. A later run reads which jobs are done."""

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

FORMAT = 1  #: version of the format of records; records of other versions are not read
STARTED, DONE, FAILED = "started", "done", "failed"


@dataclass(frozen=True)
class FileOfRecord:
    """A file as it was when it was read or written; -1 or an empty text means unknown."""

    file: str  #: its path relative to the record's folder, its name if it lies elsewhere, or its address
    size: int = -1  #: in bytes
    modified: int | str = ""  #: as in :class:`ndx_match.model.FileState`
    sha256: str = ""
    options: dict[str, Any] = field(default_factory=dict)  #: the options with which it was read, without defaults

    @property
    def state(self) -> tuple[str, int, int | str]:
        """The properties that show, without reading the file, whether it is still the same."""
        return self.file, self.size, self.modified


@dataclass(frozen=True)
class Figures:
    """The numbers of a match that the summary shows."""

    sessions: int
    rois: int  #: ROIs of all sessions that took part
    cells: int
    followed: int  #: cells in two or more sessions
    in_all: int  #: cells in all sessions
    mean_confidence: float | None  #: of the cells in two or more sessions; None if the method gives no confidence
    level: str  #: good, doubtful or failed
    headline: str
    doubts: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """The inputs, options and outcome of one match file."""

    subject: str
    plane: str
    outcome: str  #: started, done or failed
    inputs: tuple[FileOfRecord, ...]  #: in the order of the sessions
    method: str
    parameters: dict[str, Any]
    metadata: dict[str, Any]  #: metadata that the user gave to replace those of the files
    run: str = ""  #: the run of the batch that wrote this record
    recognised: bool = False  #: whether the match file existed before, without a record
    error: str = ""  #: why it failed, one sentence
    output: FileOfRecord | None = None  #: the match file as it was last written
    figures: Figures | None = None
    software: dict[str, str] = field(default_factory=dict)  #: versions of the libraries
    seconds: float = 0.0  #: time that reading, matching and writing took
    finished: str = ""  #: when, ISO 8601


def is_same_work(before: Record, now: Record) -> bool:
    """Whether two records have the same files, method and options, judged without reading the files."""
    return [each.state for each in before.inputs] == [each.state for each in now.inputs] and is_same_way(before, now)


def is_same_content(before: Record, now: Record) -> bool:
    """Whether two records have the same files, method and options, judged by checksums, which both must have."""
    sums = [[each.sha256 for each in record.inputs] for record in (before, now)]
    return sums[0] == sums[1] and all(sums[0]) and is_same_way(before, now)


def is_same_way(before: Record, now: Record) -> bool:
    """Whether two records have the same animal, plane, method and options."""

    def way(record: Record) -> tuple[Any, ...]:
        options = [each.options for each in record.inputs]
        return record.subject, record.plane, record.method, record.parameters, record.metadata, options

    return way(before) == way(now)


def as_json(value: Any) -> Any:
    """The value that is read after writing this value to a JSON file."""
    return json.loads(json.dumps(value, default=asdict))


def state_of_record(file: str, state: FileState | None, sha256: str = "", **options: Any) -> FileOfRecord:
    """Make the record of a file from its state."""
    size_and_date = (-1, "") if state is None else (state.size, state.modified)
    return FileOfRecord(file, *size_and_date, sha256, as_json(options))


def read_record(path: Path) -> Record | None:
    """Read a record; None if there is no record or it has another form."""
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
    """For each subject, the names of the files that the records in a folder list as its inputs."""
    file_names: dict[str, set[str]] = {}
    for path in folder.glob("*.json"):
        if (record := read_record(path)) is not None:
            file_names.setdefault(record.subject, set()).update(PurePath(each.file).name for each in record.inputs)
    return file_names


def _figures(content: dict[str, Any]) -> Figures:
    return Figures(**{**content, "doubts": tuple(content["doubts"]), "warnings": tuple(content["warnings"])})


def write_record(path: Path, record: Record) -> None:
    """Write or replace a record, completely or not at all.

    Raises
    ------
    OutputError
        If the record cannot be written, or another file or folder has its path.
    """
    check_name(path)
    if os.path.isdir(path) or (os.path.exists(path) and not _is_record(path)):
        raise OutputError(
            f"{path}: this is not a record of a batch and is not replaced; remove it or choose another -o."
        )
    content = {"ndx_match_batch": FORMAT, **asdict(record)}
    with publish(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _is_record(path: Path) -> bool:
    """Whether a file is a record of any format version, or an empty file that a record may have left."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return path.stat().st_size == 0
    except OSError:
        return False
    return isinstance(content, dict) and "ndx_match_batch" in content
