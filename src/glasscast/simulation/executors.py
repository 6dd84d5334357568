"""Where tasks run: here, in worker processes, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, TypeVar

from glasscast.errors import GlasscastError, MissingExtraError, SettingsError, SimulationError
from glasscast.progress import Progress, task
from glasscast.simulation.slurm import job_options, slurm_cluster

Key = TypeVar("Key", bound=Hashable)

#: Kinds of schedulers.
SCHEDULERS = ("inline", "processes", "dask", "slurm")


@dataclass(frozen=True)
class Scheduler:
    """Where tasks run, how many side by side, and how often a failed one is tried again.

    Parameters
    ----------
    kind : one of :data:`SCHEDULERS`: in this process, in processes of this machine, by Dask, or as
        Slurm jobs that Dask submits. One worker of ``processes`` means inline.
    workers : processes, or jobs of a cluster.
    address : of a Dask scheduler that runs already (``dask``); a local cluster if absent.
    cluster : options of the jobs (``slurm``) as text, see
        :data:`glasscast.simulation.slurm.JOB_OPTIONS`; lists are separated
        by blanks, as in a shell.
    retries : further attempts at a task that failed.

    Raises
    ------
    SettingsError : for an unknown kind or option, no worker, or options another kind is for.
    """

    kind: str = "processes"
    workers: int = 1
    address: str | None = None
    cluster: Mapping[str, str] = field(default_factory=dict)
    retries: int = 1

    def __post_init__(self) -> None:
        if self.kind not in SCHEDULERS:
            known = ", ".join(SCHEDULERS)
            raise SettingsError(f"unknown scheduler '{self.kind}'; known: {known}", "scheduler")
        if self.workers < 1:
            raise SettingsError(f"workers must be at least 1, got {self.workers}", "workers")
        if self.address is not None and self.kind != "dask":
            raise SettingsError("an address is for the scheduler 'dask' only", "address")
        if self.cluster and self.kind != "slurm":
            raise SettingsError("jobs are described for the scheduler 'slurm' only", "cluster")
        job_options(self.cluster)

    @property
    def here(self) -> bool:
        """Whether all tasks run on this machine, so that its libraries must serve them."""
        return self.kind in ("inline", "processes")

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """Open an executor and close it in the end.

        Raises
        ------
        SettingsError : if Slurm jobs are not described.
        MissingExtraError : if Dask is not installed.
        """
        if self.kind == "inline" or (self.kind == "processes" and self.workers == 1):
            yield InlineExecutor()
        elif self.kind == "processes":
            # spawned, not forked: a forked child would inherit the threads of numerical libraries
            context = multiprocessing.get_context("spawn")
            others = set(multiprocessing.active_children())
            with ProcessPoolExecutor(
                self.workers, mp_context=context, initializer=_end_with_parent
            ) as pool:
                try:
                    yield pool
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    for worker in set(multiprocessing.active_children()) - others:
                        worker.kill()  # what it has finished lies on disk
                    raise
        else:
            with _dask_client(self) as client:
                yield client.get_executor(retries=2)


def _end_with_parent() -> None:
    """Let a worker end as soon as the process that started it, even if that was killed.

    Ctrl-C reaches all processes of a terminal; it is for the parent to heed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_outlive, args=(parent,), daemon=True).start()


def _outlive(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


class InlineExecutor(Executor):
    """Runs each task when it is submitted, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the task and hand back a finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def each_done(
    executor: Executor, calls: Mapping[Key, tuple[Any, ...]]
) -> Iterator[tuple[Key, Exception | None]]:
    """Run independent calls, a function and its arguments each; yield each key as it ends.

    Raises
    ------
    BrokenProcessPool : if a worker process was killed.
    """
    pending: dict[Future[Any], Key] = {}
    for number, (key, call) in enumerate(calls.items(), 1):
        pending[executor.submit(*call)] = key
        inline = isinstance(executor, InlineExecutor)
        while pending and (inline or number == len(calls)):
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    future.result()
                    error = None
                except BrokenProcessPool:
                    raise
                except Exception as found:
                    error = found
                yield pending.pop(future), error


def work_off(
    todo: Sequence[Key],
    attempt: Callable[[list[Key]], dict[Key, Exception]],
    done: Callable[[Key], bool],
    name: Callable[[Key], str],
    retries: int,
) -> None:
    """Attempt configurations until all are done, what failed a few times more.

    Parameters
    ----------
    attempt : works on all that are left and returns what failed.
    done : whether the result of one is there and whole.
    name : of one, for the message.
    retries : further attempts after the first.

    Raises
    ------
    GlasscastError : at once for an error that trying again cannot help: the user has to mend it.
    SimulationError : if some are left in the end; the others are finished.
    """
    left, failures = list(todo), dict[Key, Exception]()
    for _ in range(retries + 1):
        try:
            failures = attempt(left)
        except BrokenProcessPool as error:
            failures = dict.fromkeys(left, error)
        left = [key for key in left if not done(key)]
        if not left:
            return
        for failure in failures.values():
            if isinstance(failure, GlasscastError) and not isinstance(failure, SimulationError):
                raise failure
    # What failed may be a snapshot that others only start from.
    first = next((key for key in left if key in failures), next(iter(failures), left[0]))
    raise SimulationError(
        f"{len(left)} of {len(todo)} configurations failed; {name(first)}: "
        f"{failures.get(first, 'its result does not read back')}"
    ) from failures.get(first)


def finish(
    title: str,
    calls: Mapping[Key, tuple[Any, ...]],
    done: Callable[[Key], bool],
    name: Callable[[Key], str],
    scheduler: Scheduler,
    progress: Progress,
) -> None:
    """Run independent calls wherever asked until all are done; see :func:`work_off`.

    Parameters
    ----------
    title : of the progress display, which advances by one a call.
    calls : what to run: a function and its arguments by key.
    """
    if not calls:
        return
    with task(progress, title, len(calls)) as steps:

        def attempt(left: list[Key]) -> dict[Key, Exception]:
            failures = {}
            with scheduler.open() as executor:
                for key, error in each_done(executor, {key: calls[key] for key in left}):
                    if error is None:
                        steps.advance(name(key))
                    else:
                        failures[key] = error
            return failures

        work_off(list(calls), attempt, done, name, scheduler.retries)


@contextmanager
def _dask_client(scheduler: Scheduler) -> Iterator[Any]:
    try:
        from distributed import Client, LocalCluster

        if scheduler.kind == "slurm":
            import dask_jobqueue  # noqa: F401
    except ImportError:
        raise MissingExtraError(
            "Dask is not installed: pip install 'glasscast[cluster]'; a job array whose jobs take "
            "a share each needs nothing",
            "shard",
        ) from None
    if scheduler.address is not None:
        with Client(scheduler.address) as client:
            yield client
        return
    if scheduler.kind == "slurm":
        workers = slurm_cluster(scheduler.cluster, scheduler.workers)
    else:
        workers = LocalCluster(
            n_workers=scheduler.workers,
            threads_per_worker=1,
            dashboard_address=None,
            host="127.0.0.1",
        )
    with workers as cluster, Client(cluster) as client:
        yield client
