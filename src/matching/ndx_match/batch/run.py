"""Do the jobs of a batch, on this machine or on a cluster, and collect their outcomes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..matchfile import FileMetadata
from ..matchfile.metadata import given_metadata
from ..methods import DEFAULT, Method, Parameters, find_method
from ..methods.apply import method_parameters
from ..model import Progress, with_progress
from ..sources import SourceOptions
from ..sources.choose import given_options
from ..storage.outputs import folder_for_outputs
from ..storage.remote import shared_access
from ..workers import number_of_workers
from .groups import Group, Grouping, group_files, look_at
from .inputs import find_inputs
from .job import Job, Outcome, do_job, find_done
from .records import matched_files
from .summary import check_summary, write_summary


@dataclass(frozen=True)
class BatchResult:
    """The outcome for each animal and imaging plane, and one sentence for each file or plane that was left out."""

    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...]


def match_batch(
    locations: Sequence[str],
    folder: str | os.PathLike[str],
    options: SourceOptions | None = None,
    method: str | Method = DEFAULT,
    parameters: Parameters | Mapping[str, Any] | None = None,
    metadata: FileMetadata | None = None,
    overwrite: bool = False,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> BatchResult:
    """Match the sessions of many animals: one match file for each animal and imaging plane, and a summary.

    Parameters
    ----------
    locations : sequence of str
        Folders, manifests (`.csv`), NWB files and addresses, as in :func:`ndx_match.batch.inputs.find_inputs`.
    folder : path
        Folder for the match files, their records and the summary; made if it does not exist.
    options : SourceOptions, optional
        What to take from every file.
    method, parameters
        As in :func:`ndx_match.methods.match`.
    metadata : FileMetadata, optional
        Metadata that replace those of the files.
    overwrite : bool
        Repeat jobs that are done already, and replace match files that are not of this batch.
    scheduler : str, optional
        Address of a dask scheduler. If it is None, processes on this machine are used, as many as
        :func:`ndx_match.workers.limited_workers` allows.
    progress : callable, optional
        Called as `progress(stage, done, total)`.

    Raises
    ------
    InputError
        If there are no files, a manifest has a wrong form, or there is no cluster.
    OutputError
        If the folder is not writable.
    MethodError
        If the method does not exist, or the parameters are not those of the method.
    """
    folder, options, metadata = Path(folder), given_options(options), given_metadata(metadata)
    method = find_method(method) if isinstance(method, str) else method
    parameters = method_parameters(method, parameters)
    check_summary(folder)
    with folder_for_outputs(folder):
        grouping = plan(locations, folder, options, metadata.subject_id or "", progress)
        jobs = jobs_of(grouping.groups, folder, method, parameters, metadata, overwrite)
        outcomes = do_jobs(jobs, scheduler, progress)
        write_summary(folder, outcomes, grouping.notes)
    return BatchResult(tuple(outcomes), grouping.notes)


def plan(
    locations: Sequence[str],
    folder: Path,
    options: SourceOptions,
    subject: str = "",
    progress: Progress | None = None,
) -> Grouping:
    """Find all files that the locations mean, and group them for matching.

    Parameters
    ----------
    locations : sequence of str
        As in :func:`ndx_match.batch.inputs.find_inputs`.
    folder : path
        Folder of the match files.
    options : SourceOptions
    subject : str
        The subject of files that do not name one; allowed only if all files are of one subject.
    progress : callable, optional

    Raises
    ------
    InputError
        If there are no files, the options do not fit them, or `subject` is given for files of several subjects.
    """
    with shared_access():
        inputs = find_inputs(locations, options.sessions, but_in=folder)
        options.check_files([each.location for each in inputs])
        files = [look_at(each, options) for each in with_progress(progress, "looking", inputs)]
    broken = any(file.problem for file in files)
    grouping = group_files(files, options, subject, matched=matched_files(folder) if broken else None)
    subjects = sorted({group.subject for group in grouping.groups if group.subject})
    if subject and len(subjects) > 1:
        raise InputError(
            f"--subject-id {subject} names one animal, but the files are of {len(subjects)} animals "
            f"({', '.join(subjects)}); name the animals in a manifest."
        )
    return grouping


def jobs_of(
    groups: Iterable[Group],
    folder: Path,
    method: Method,
    parameters: Parameters,
    metadata: FileMetadata,
    overwrite: bool = False,
) -> list[Job]:
    """Make a job for each group; all jobs of one call share the name of the run."""
    run = secrets.token_hex(8)
    with shared_access() as access:
        cache = access.keeps
    where = os.path.abspath(folder)
    return [Job(group, where, method.name, parameters, metadata, run, overwrite, cache) for group in groups]


def do_jobs(jobs: Sequence[Job], scheduler: str | None = None, progress: Progress | None = None) -> list[Outcome]:
    """Do the jobs that are not done already; if a job fails, the others go on.

    Parameters
    ----------
    jobs : sequence of Job
    scheduler : str, optional
        Address of a dask scheduler whose workers do the jobs. If it is None, processes on this machine do them, as many
        as :func:`ndx_match.workers.number_of_workers` says; if that is one, this process does them.
    progress : callable, optional
        Called as `progress("matching", done, total)`.

    Returns
    -------
    list of Outcome
        In the order of the jobs.

    Raises
    ------
    InputError
        If there is no cluster.
    """
    outcomes = {job.group.name: find_done(job) for job in jobs}
    todo = [job for job in jobs if outcomes[job.group.name] is None]
    n_workers = min(number_of_workers(), len(todo))
    done: Iterable[Outcome]
    if not todo or (scheduler is None and n_workers == 1):
        done = map(do_job, todo)
    else:
        from .cluster import do_on_cluster

        done = do_on_cluster(todo, scheduler, n_workers)
    n_done = len(jobs) - len(todo)
    if progress:
        progress("matching", n_done, len(jobs))
    for outcome in done:
        n_done += 1
        outcomes[outcome.name] = outcome
        if progress:
            progress("matching", n_done, len(jobs))
    return [outcome for outcome in outcomes.values() if outcome is not None]
