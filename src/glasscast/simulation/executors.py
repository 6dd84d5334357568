"""Where tasks run: here, in worker processes, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from glasscast.errors import GlasscastError, MissingExtraError, SettingsError, SimulationError
from glasscast.progress import Progress, task

Key = TypeVar("Key", bound=Hashable)

#: Names of the places, as the command line takes them.
SCHEDULERS = ("inline", "processes", "dask", "slurm")
#: What a description of Slurm jobs cannot do without.
_JOB = ("cores", "memory")


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
    *,
    scheduler: str,
    workers: int,
    address: str | None,
    cluster: dict[str, Any] | None,
    retries: int,
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
            with open_executor(scheduler, workers, address, cluster) as executor:
                for key, error in each_done(executor, {key: calls[key] for key in left}):
                    if error is None:
                        steps.advance(name(key))
                    else:
                        failures[key] = error
            return failures

        work_off(list(calls), attempt, done, name, retries)


@contextmanager
def open_executor(
    scheduler: str = "processes",
    workers: int = 1,
    address: str | None = None,
    options: dict[str, Any] | None = None,
) -> Iterator[Executor]:
    """Open an executor and close it in the end.

    Parameters
    ----------
    scheduler : one of :data:`SCHEDULERS`. One worker of ``processes`` means inline.
    workers : processes, or jobs of a cluster.
    address : of a running Dask scheduler (``dask``); a local cluster if absent.
    options : of ``dask_jobqueue.SLURMCluster`` (``slurm``), such as queue, cores, memory, walltime.

    Raises
    ------
    SettingsError : if the scheduler is unknown or there is no worker.
    MissingExtraError : if Dask is not installed.
    """
    if workers < 1:
        raise SettingsError(f"workers must be at least 1, got {workers}")
    if scheduler == "inline" or (scheduler == "processes" and workers == 1):
        yield InlineExecutor()
    elif scheduler == "processes":
        # spawned, not forked: a forked child would inherit the threads of numerical libraries
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            try:
                yield pool
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    elif scheduler in ("dask", "slurm"):
        with _dask_client(scheduler, workers, address, options or {}) as client:
            yield client.get_executor(retries=2)
    else:
        raise SettingsError(f"unknown scheduler '{scheduler}'; known: {', '.join(SCHEDULERS)}")


@contextmanager
def _dask_client(
    scheduler: str, workers: int, address: str | None, options: dict[str, Any]
) -> Iterator[Any]:
    try:
        import dask
        from distributed import Client, LocalCluster

        if scheduler == "slurm":
            from dask_jobqueue import SLURMCluster
    except ImportError:
        raise MissingExtraError(
            "Dask is not installed: pip install 'glasscast[cluster]', or use --shard i/n in a job "
            "array, which needs nothing"
        ) from None
    if address is not None:
        with Client(address) as client:
            yield client
        return
    if scheduler == "slurm":
        known = [options.get(k) or dask.config.get(f"jobqueue.slurm.{k}") for k in _JOB]
        if None in known:
            raise SettingsError(
                "the Slurm jobs are not described: give --cluster cores=1 --cluster memory=2GB "
                "--cluster walltime=02:00:00, or Dask's own file jobqueue.yaml"
            )
        cluster = SLURMCluster(**options)
        # adapt() replaces jobs that end at their time limit; scale() would leave the run hanging
        cluster.adapt(minimum_jobs=workers, maximum_jobs=workers)
    else:
        cluster = LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        )
    with cluster, Client(cluster) as client:
        yield client
