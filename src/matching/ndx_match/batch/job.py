"""One job: match one group and write its match file and its record. A job that is done is not done again."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timezone
from pathlib import Path

from .. import __version__
from ..curation.previous import continue_from
from ..errors import InputError, NdxMatchError, OutputError
from ..folders import take_folders
from ..matchfile import FileMetadata, read_match_file, read_planes_of_match_file, write_planes
from ..methods import Parameters, match
from ..model import MatchedPlane, Progress, RoiSelection
from ..sources import SourceOptions, source_warnings
from ..sources.read import read_each
from ..storage.files import sha256_of
from ..storage.opening import files_kept_open
from ..storage.outputs import check_output
from ..storage.remote import is_url, public_name, recorded_location, remote_access
from ..storage.unchanged import state_of
from ..wording import in_command
from .groups import Group, Member
from .records import (
    DONE,
    FAILED,
    STARTED,
    Figures,
    FileOfRecord,
    Record,
    as_json,
    is_same_content,
    is_same_work,
    read_record,
    state_of_record,
    write_record,
)

SUFFIX = ".nwb"  #: of match files
#: Options that do not change the result of the matching.
_WITHOUT_EFFECT = ("checksum", "sessions", "image_required", "allow_different_subjects")
#: Options whose values can be read from a match file.
_STORED_OPTIONS = ("plane", "roi_table", "z_plane")


@dataclass(frozen=True)
class Job:
    """A group and everything that a process needs to match it."""

    group: Group
    folder: str  #: absolute path of the folder of the match files
    method: str
    parameters: Parameters
    metadata: FileMetadata
    run: str  #: identifies the run of the batch, so that a job that is started twice in one run is recognised
    overwrite: bool = False  #: whether to repeat jobs that are done, and to replace match files of other origin
    cache: bool = True  #: whether to keep the data that are fetched from the network

    @property
    def output(self) -> Path:
        """The match file."""
        return Path(self.folder) / f"{self.group.name}{SUFFIX}"

    @property
    def record(self) -> Path:
        """The record of the match file."""
        return self.output.with_suffix(".json")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job, and whether it was done now or before."""

    name: str
    record: Record
    is_new: bool

    @property
    def file(self) -> str:
        """Name of the match file."""
        return f"{self.name}{SUFFIX}"


def outcome_of(job: Job, record: Record) -> Outcome:
    """The outcome of a job according to a record."""
    return Outcome(job.group.name, record, record.run == job.run and not record.recognised)


def failed(job: Job, error: str) -> Outcome:
    """The outcome of a job that failed and has no record."""
    return outcome_of(job, replace(_planned_record(job), outcome=FAILED, error=error, finished=_now()))


def outcome_on_disk(job: Job) -> Outcome | None:
    """The outcome of a job in this run of the batch according to its record; None if the record has none."""
    record = read_record(job.record)
    if record is None or record.run != job.run or record.outcome == STARTED:
        return None
    return outcome_of(job, record)


def find_done(job: Job) -> Outcome | None:
    """The outcome of a job that was done in another run, judged without reading any file; None if it was not done."""
    before = read_record(job.record)
    if job.overwrite or job.group.problem or before is None or before.outcome != DONE or not job.output.exists():
        return None
    planned = _planned_record(job)
    try:
        with remote_access(cache=job.cache):
            now = replace(planned, inputs=_with_states(job, planned.inputs))
    except NdxMatchError:  # a server failed; the job itself will report it
        return None
    return outcome_of(job, before) if is_same_work(before, now) else None


@in_command()  # a batch is part of the command, even in processes on other machines
def do_job(job: Job, progress: Progress | None = None) -> Outcome:
    """Match a group and write its match file and record, unless this is done already; errors go into the record."""
    begun = time.monotonic()
    before = read_record(job.record)
    planned = _planned_record(job)
    try:
        for member in job.group.members:
            take_folders([member.location], member.options.session_starts, member.options.session_table)
        with remote_access(cache=job.cache), files_kept_open():
            done = _done_before(job, before, planned)
            if done is None:
                done = _do(job, before, planned, begun, progress)
    except Exception as error:  # whatever fails for this animal, the others must still be matched
        # If a file cannot be read, the next run must still know that it belongs to this group.
        inputs = before.inputs if job.group.problem and before is not None else planned.inputs
        record = replace(
            planned,
            outcome=FAILED,
            inputs=inputs,
            error=_sentence(job, error),
            output=None if before is None else before.output,
            seconds=round(time.monotonic() - begun, 1),
            finished=_now(),
        )
        if job.group.members:
            with suppress(NdxMatchError):  # for example a full disk, which the error already reports
                write_record(job.record, record)
        return outcome_of(job, record)
    return outcome_of(job, done)


def _planned_record(job: Job) -> Record:
    """The record of a job before anything is known about its files."""
    return Record(
        subject=job.group.subject,
        plane=job.group.plane,
        outcome=STARTED,
        inputs=tuple(_file(job, member) for member in job.group.members),
        method=job.method,
        parameters=as_json(job.parameters.stored()),
        metadata=as_json({name: value for name, value in asdict(job.metadata).items() if value is not None}),
        run=job.run,
        software={"ndx-cell-matching": __version__},
    )


def _file(job: Job, member: Member) -> FileOfRecord:
    default = SourceOptions()
    options = {
        each.name: getattr(member.options, each.name)
        for each in fields(SourceOptions)
        if each.name not in _WITHOUT_EFFECT and getattr(member.options, each.name) != getattr(default, each.name)
    }
    if member.options.mirror:
        options["mirror"] = True
    return FileOfRecord(recorded_location(member.location, job.output), options=as_json(options))


def _done_before(job: Job, before: Record | None, planned: Record) -> Record | None:
    """The record of a job that is done already; None if the job must be done.

    Raises
    ------
    InputError
        If the group cannot be matched.
    OutputError
        If there is a match file that is not of this batch, or that was changed since it was written.
    """
    if job.group.problem:
        raise InputError(job.group.problem)
    if before is not None and before.run == job.run and before.outcome in (DONE, FAILED):
        return before  # done by another process, which was lost before it could report this
    if job.overwrite:
        return None
    planned = replace(planned, inputs=_with_states(job, planned.inputs))
    if not os.path.exists(job.output):
        return None
    is_done = before is not None and before.outcome == DONE
    if before is not None and is_same_work(before, planned) and is_done:
        return before
    summed = replace(planned, inputs=_with_checksums(job, planned.inputs))
    if before is not None and is_same_content(before, summed) and is_done:
        return before
    record = recognised(job, before, summed)
    if record is not None:
        write_record(job.record, record)
        return record
    if before is None or before.output is None or (before.subject, before.plane) != (planned.subject, planned.plane):
        raise OutputError(
            f"{job.output}: this match file was not made from these sessions with this method and these options, and "
            "there is no record of this batch for it; move it to another folder, or give --overwrite."
        )
    if _output_state(job).state != before.output.state:
        raise OutputError(
            f"{job.output}: the sessions or options have changed, but this match file was changed too since it was "
            "written; move it to another folder, or give --overwrite to lose the changes in it."
        )
    return None


def recognised(job: Job, before: Record | None, planned: Record) -> Record | None:
    """The record for a match file that has no record; None if the job would write a different file.

    If a process was killed after it wrote the match file, it left a record of the job that it had started. Any other
    match file is recognised by the checksums, method and parameters in it; then the job's options must be visible in
    the file too.
    """
    try:
        plane = read_match_file(job.output)
    except NdxMatchError:
        return None
    result = plane.result
    if (result.method, as_json(result.parameters)) != (planned.method, planned.parameters):
        return None
    if not (_is_started(job, before, planned, plane) or _shows_job(job.group.members, plane, planned)):
        return None
    return replace(
        planned,
        outcome=DONE,
        recognised=True,
        output=_output_state(job),
        figures=figures_of(plane, result.warnings),
        software={**result.software, "ndx-cell-matching": __version__},
        finished=_now(),
    )


def _is_started(job: Job, before: Record | None, planned: Record, plane: MatchedPlane) -> bool:
    """Whether a match file was written by a process that was killed before it could complete the record."""
    if before is None or before.outcome != STARTED:
        return False
    if before.output is not None and before.output.state == _output_state(job).state:
        return False  # it was not replaced yet
    is_same = is_same_work(before, planned) or is_same_content(before, planned)
    return is_same and [session.source.uri for session in plane.sessions] == [each.file for each in planned.inputs]


def _shows_job(members: Sequence[Member], plane: MatchedPlane, planned: Record) -> bool:
    """Whether a match file shows that it was made from a job's files with the job's options."""
    sums = [session.source.sha256 for session in plane.sessions]
    if not all(sums) or sums != [each.sha256 for each in planned.inputs]:
        return False
    if planned.metadata or any(set(each.options) - set(_STORED_OPTIONS) for each in planned.inputs):
        return False
    for member, session in zip(members, plane.sessions, strict=True):
        options, source = member.options, session.source
        if session.roi_selection == RoiSelection.CHOSEN_BY_USER:
            return False
        if options.plane is not None and options.plane not in (
            source.plane_path.rsplit("/", 1)[-1],
            *source.roi_table_path.split("/"),
        ):
            return False
        if options.roi_table is not None and not f"/{source.roi_table_path}".endswith(f"/{options.roi_table}"):
            return False
        if session.orientation.z_plane != (options.z_plane if isinstance(options.z_plane, int) else None):
            return False
    return True


def _do(job: Job, before: Record | None, planned: Record, begun: float, progress: Progress | None) -> Record:
    may_replace = job.overwrite or os.path.exists(job.output)  # an existing file is of this batch: see _done_before
    check_output(job.output, may_replace, [member.location for member in job.group.members])
    output = None if before is None else before.output
    sessions = read_each([(member.location, member.options) for member in job.group.members], progress)
    inputs = tuple(
        replace(state_of_record(each.file, session.state, session.source.sha256), options=each.options)
        for each, session in zip(planned.inputs, sessions, strict=True)
    )
    started = replace(planned, inputs=inputs, output=output)
    write_record(job.record, started)
    matched = MatchedPlane(tuple(sessions), match(sessions, job.method, job.parameters, progress))
    plane, losses = (matched, ()) if job.overwrite else _continued(job, matched, progress)
    metadata = job.metadata
    if metadata.subject_id is None and not any(session.subject_id for session in sessions):
        metadata = replace(metadata, subject_id=job.group.subject)  # the subject that the manifest names
    try:
        file = write_planes([plane], job.output, metadata, may_replace)
    except OutputError:  # a process that was thought to be dead may have written the same file meanwhile
        record = None if may_replace else recognised(job, started, started)
        if record is None:
            raise
        write_record(job.record, record)
        return record
    warnings = [*source_warnings(sessions), *plane.result.warnings, *losses, *file.warnings]
    done = replace(
        started,
        outcome=DONE,
        output=_output_state(job),
        figures=figures_of(plane, warnings),
        software={**plane.result.software, "ndx-cell-matching": __version__},
        seconds=round(time.monotonic() - begun, 1),
        finished=_now(),
    )
    write_record(job.record, done)
    return done


def _continued(job: Job, plane: MatchedPlane, progress: Progress | None) -> tuple[MatchedPlane, tuple[str, ...]]:
    """The plane with the cell ids and decisions of the match file that it replaces, and sentences on losses."""
    if not os.path.exists(job.output):
        return plane, ()
    earlier = read_planes_of_match_file(job.output)
    tables = {(each.source.object_id, each.source.roi_table_object_id) for of in earlier for each in of.sessions}
    if not any((each.source.object_id, each.source.roi_table_object_id) in tables for each in plane.sessions):
        return plane, ()
    curated, losses = continue_from([plane], earlier, job.output.name, progress)
    return curated.planes[0], (*losses, *curated.sentences)


def figures_of(plane: MatchedPlane, warnings: Sequence[str]) -> Figures:
    """The numbers of a match that the summary shows."""
    from ..report.page.verdict import verdict_of

    result, n_of_cell = plane.result, plane.result.n_sessions_of_cell
    followed = n_of_cell > 1
    has_confidence = result.confidence is not None and followed.any()
    confidence = float(result.confidence[followed].mean()) if has_confidence and result.confidence is not None else None
    verdict = verdict_of(plane)
    return Figures(
        sessions=len(plane.sessions),
        rois=sum(session.n_taking_part for session in plane.sessions),
        cells=len(result.cells),
        followed=int(followed.sum()),
        in_all=int((n_of_cell == len(plane.sessions)).sum()),
        mean_confidence=None if confidence is None else round(confidence, 4),
        level=verdict.level,
        headline=f"{verdict.word} {verdict.headline}",
        doubts=verdict.reasons,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _with_states(job: Job, inputs: Sequence[FileOfRecord]) -> tuple[FileOfRecord, ...]:
    """The inputs with their present sizes and dates."""
    return tuple(
        replace(state_of_record(each.file, state_of(member.location)), options=each.options)
        for each, member in zip(inputs, job.group.members, strict=True)
    )


def _with_checksums(job: Job, inputs: Sequence[FileOfRecord]) -> tuple[FileOfRecord, ...]:
    """The inputs with their checksums, if checksums are wanted and the files are on the local disk."""
    return tuple(
        replace(each, sha256=_checksum(member)) for each, member in zip(inputs, job.group.members, strict=True)
    )


def _checksum(member: Member) -> str:
    if not member.options.checksum or is_url(member.location):
        return ""
    try:
        return sha256_of(member.location)
    except OSError as error:
        raise InputError(f"{member.location}: this file cannot be read ({error.strerror}).") from error


def _output_state(job: Job) -> FileOfRecord:
    return state_of_record(job.output.name, state_of(job.output))


def _sentence(job: Job, error: Exception) -> str:
    """An error in the form in which the record holds it: one line, with the files as the record names them."""
    text = str(error)
    if not isinstance(error, NdxMatchError):
        text = f"{type(error).__name__}: {text}; this is a bug in ndx-match, please report it."
    for location in filter(None, (job.group.problem_file, *(member.location for member in job.group.members))):
        text = text.replace(public_name(location), recorded_location(location, job.output))
    return str(NdxMatchError(text))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
