"""Run jobs on a cluster of dask.distributed, whose workers may be lost at any time.

A job counts as done if its record says so, whatever the cluster says. When a worker is lost, the scheduler gives all
its jobs to other workers, even those that are done; the other workers then find the record. If a worker was only
thought to be lost, two workers may do the same job at the same time; only one match file appears.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from ..errors import InputError, one_line
from ..workers import limited_workers, one_thread_per_worker
from .job import Job, Outcome, do_job, failed, outcome_on_disk

POLL = 5.0  #: seconds between checks for records of jobs that the cluster has not reported as done
PATIENCE = 60.0  #: seconds to wait for the cluster to answer, or for a worker to appear
REMEDY = "finished match files are kept; run the same command again to do the rest"

_one_at_a_time = Lock()  #: for a worker with several threads: the libraries that read and write files allow only one


def do_on_worker(job: Job) -> Outcome:
    """Do a job with one thread, because the other cores have other jobs to do."""
    with _one_at_a_time, warnings.catch_warnings(), limited_workers(1), one_thread_per_worker():
        warnings.simplefilter("ignore")  # warnings of libraries; the warnings about the match are in the record
        return do_job(job)


def do_on_cluster(jobs: Sequence[Job], scheduler: str | None, n_workers: int) -> Iterator[Outcome]:
    """Do jobs on a cluster, and yield the outcome of each as soon as it is done.

    Parameters
    ----------
    jobs : sequence of Job
        The jobs of one run.
    scheduler : str or None
        Address of a scheduler, whose workers must see the same files under the same paths. If it is None, a cluster is
        started on this machine, and it ends with the batch.
    n_workers : int
        Number of processes of the cluster on this machine.

    Raises
    ------
    InputError
        If dask.distributed is not installed, or the scheduler cannot be reached or has no workers.
    """
    with _client(scheduler, n_workers) as client:
        waiting = {client.submit(do_on_worker, job, key=f"{job.group.name}-{job.run}", pure=False): job for job in jobs}
        last_worker = time.monotonic()
        while waiting:
            for future in _done(waiting):
                job = waiting.pop(future)
                yield _outcome(future, job)
                future.release()
            if _has_workers(client):
                last_worker = time.monotonic()
            elif time.monotonic() - last_worker > PATIENCE:
                break
        for job in waiting.values():
            yield outcome_on_disk(job) or failed(job, f"The cluster has lost all its workers; {REMEDY}.")


def _has_workers(client: Any) -> bool:
    """Whether the cluster has workers."""
    try:
        return client.status == "running" and bool(client.scheduler_info(n_workers=-1)["workers"])
    except (Exception, asyncio.CancelledError):  # the scheduler was lost
        return False


def _done(waiting: dict[Any, Job]) -> list[Any]:
    """Return the futures that the cluster or a record reports as done; wait a little if there are none."""
    from distributed import wait

    try:
        wait(list(waiting), timeout=POLL, return_when="FIRST_COMPLETED")
    except (TimeoutError, asyncio.TimeoutError):
        return [future for future, job in waiting.items() if outcome_on_disk(job) is not None]
    except (Exception, asyncio.CancelledError):  # the scheduler was lost
        time.sleep(POLL / 10)
    return [future for future in waiting if future.status != "pending"]


def _outcome(future: Any, job: Job) -> Outcome:
    """The outcome of a job according to its record or, if there is none, to the cluster."""
    recorded = outcome_on_disk(job)
    if recorded is not None:
        return recorded
    try:
        outcome: Outcome = future.result(timeout=PATIENCE)
        return outcome
    except (Exception, asyncio.CancelledError) as error:
        recorded = outcome_on_disk(job)
        if recorded is not None:
            return recorded
        return failed(job, f"{_reason(error)}; {REMEDY}.")


def _reason(error: BaseException) -> str:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return "Every worker that had this job ended, perhaps because its memory was full"
    if isinstance(error, ImportError):
        return f"A package is missing on the workers ({one_line(error)})"
    return f"The cluster lost this job ({type(error).__name__}: {one_line(error)})"


@contextmanager
def _client(scheduler: str | None, n_workers: int) -> Iterator[Any]:
    """A client of the scheduler, or of a cluster on this machine that nobody else can use."""
    try:
        from distributed import Client, Security

        security = Security.temporary()
    except ImportError as error:
        raise InputError(
            "To match several animals at the same time, dask.distributed is needed; run "
            'pip install "ndx-cell-matching[distributed]", or set the number of processes to 1 (-j 1).'
        ) from error
    _silence()
    if scheduler is None:
        with _local_cluster(n_workers, security) as cluster, Client(cluster, set_as_default=False) as client:
            yield client
        return
    try:
        client = Client(scheduler, timeout=PATIENCE / 6, set_as_default=False)
        client.wait_for_workers(1, timeout=PATIENCE)
    except (OSError, ValueError, asyncio.TimeoutError) as error:
        raise InputError(
            f"{scheduler}: there is no scheduler of dask with workers at this address ({one_line(error)}); start "
            "`dask scheduler` and `dask worker ADDRESS --nthreads 1`, and give the address that it prints."
        ) from error
    with client:
        yield client


def _local_cluster(n_workers: int, security: Any) -> Any:
    """A cluster of processes on this machine, with one thread each."""
    from distributed import LocalCluster
    from distributed.deploy.spec import close_clusters

    try:
        return LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            memory_limit=0,  # with an equal share of the memory for each worker, large jobs would be ended repeatedly
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            protocol="tls://",
            security=security,
        )
    except BaseException:  # interrupted at the start: the processes end by themselves, but dask could not close them
        atexit.unregister(close_clusters)
        raise


def _silence() -> None:
    """Silence the logs of dask, which mention every worker that is lost."""
    for name in ["distributed", *(name for name in logging.root.manager.loggerDict if name.startswith("distributed."))]:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
