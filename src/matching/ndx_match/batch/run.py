"""Do the jobs of a batch, here or on a cluster, and put what came of them together."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import InputError
from ..matchfile import FileMetadata
from ..methods import Method, Parameters
from ..model import Progress, with_progress
from ..sources import SourceOptions
from ..storage.remote import shared_access
from .groups import Group, Grouping, group_files, look_at
from .inputs import find_inputs
from .job import Job, Outcome, do_job


def plan(
    locations: Sequence[str],
    folder: Path,
    options: SourceOptions,
    subject: str = "",
    progress: Progress | None = None,
) -> Grouping:
    """What is to be matched: the groups of all files that the locations stand for.

    Parameters
    ----------
    locations : sequence of str
        As of :func:`ndx_match.batch.inputs.find_inputs`.
    folder : path
        Of the match files.
    options : SourceOptions
    subject : str
        Of files that name none; only where all files are of one.
    progress : callable, optional

    Raises
    ------
    InputError
        There are no files, or the options do not fit them.
    """
    with shared_access():
        inputs = find_inputs(locations, options.sessions, but_in=folder)
        options.check_files([each.location for each in inputs])
        files = [look_at(each, options) for each in with_progress(progress, "looking", inputs)]
    grouping = group_files(files, options, subject)
    subjects = sorted({group.subject for group in grouping.groups if group.subject})
    if subject and len(subjects) > 1:
        raise InputError(
            f"--subject-id {subject} is that of one animal, and the files are of {len(subjects)} "
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
    """A job for each group; jobs of one call know each other by the name of the run."""
    run = secrets.token_hex(8)
    with shared_access() as access:
        keeps = access.keeps
    where = os.path.abspath(folder)
    return [Job(group, where, method.name, parameters, metadata, run, overwrite, keeps) for group in groups]


def do_jobs(jobs: Sequence[Job], progress: Progress | None = None) -> Iterator[Outcome]:
    """Do the jobs one after the other in this process."""
    for number, job in enumerate(jobs):
        if progress:
            progress("matching", number, len(jobs))
        yield do_job(job)
    if progress:
        progress("matching", len(jobs), len(jobs))
