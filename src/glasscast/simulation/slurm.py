"""Slurm jobs of Dask workers: what describes them, a trial, what they wait for, replacements."""

from __future__ import annotations

import getpass
import logging
import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from glasscast.errors import SettingsError
from glasscast.progress import log

#: Reasons that pass by themselves.
_USUAL = ("Resources", "Priority")
#: Seconds between looks at the queue.
PERIOD = 5.0
_TIME = re.compile(r"\d+:[0-5]?\d(:[0-5]?\d)?|\d+-\d+(:[0-5]?\d){0,2}")
_MEMORY = re.compile(r"\d+(\.\d+)? ?[kMGT]i?B", re.IGNORECASE)


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise ValueError("is no whole number from 1")
    return int(text)


def _time(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise ValueError("is no time like 12:00:00 or 1-12:00:00")
    return text


def _memory(text: str) -> str:
    if not _MEMORY.fullmatch(text):
        raise ValueError("is no memory like 2GB")
    return text


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"is not understood ({error})") from None


#: Options of Slurm jobs, those of ``dask_jobqueue.SLURMCluster``, and what their text stands for.
JOB_OPTIONS: dict[str, Callable[[str], Any]] = {
    "queue": str,
    "account": str,
    "cores": _count,
    "memory": _memory,
    "walltime": _time,
    "processes": _count,
    "interface": str,
    "local_directory": str,
    "log_directory": str,
    "python": str,
    "job_extra_directives": _words,
    "job_directives_skip": _words,
    "job_script_prologue": _words,
}
#: What a description of Slurm jobs cannot do without.
_NEEDED = ("cores", "memory")


def job_options(described: Mapping[str, str]) -> dict[str, Any]:
    """Options of a Slurm job, their text understood.

    Raises
    ------
    SettingsError : for an unknown option, or text that is not what it takes.
    """
    options = {}
    for key, text in described.items():
        if key not in JOB_OPTIONS:
            raise SettingsError(
                f"Slurm jobs have no option '{key}'; known: {', '.join(JOB_OPTIONS)}; all "
                "others belong into Dask's own file jobqueue.yaml",
                "cluster",
            )
        try:
            options[key] = JOB_OPTIONS[key](text)
        except ValueError as error:
            raise SettingsError(f"{key}: '{text}' {error}", "cluster") from None
    return options


@contextmanager
def slurm_cluster(described: Mapping[str, str], jobs: int) -> Iterator[Any]:
    """Keep so many Slurm jobs with Dask workers while the block runs.

    Parameters
    ----------
    described : options of the jobs as text.

    Raises
    ------
    SettingsError : if the jobs are not described, or Slurm refuses them, with its words.
    """
    import dask
    from dask_jobqueue import SLURMCluster

    options = job_options(described)
    known = [options.get(key) or dask.config.get(f"jobqueue.slurm.{key}") for key in _NEEDED]
    if None in known:
        raise SettingsError(
            "the Slurm jobs are not described: they need cores=1, memory=2GB and mostly "
            "walltime=02:00:00, or Dask's own file jobqueue.yaml",
            "cluster",
        )
    with SLURMCluster(**options) as cluster:
        _try_out(cluster.job_script())
        cluster.scale(jobs=jobs)
        watch = _Watch(cluster, jobs)
        watch.start()
        try:
            yield cluster
        finally:
            watch.over.set()
            watch.join()


def _try_out(script: str) -> None:
    """Submit the head of a job that does nothing, so that Slurm refuses it here and now if at all.

    Dask would submit it out of sight and wait for ever. ``sbatch --test-only`` would refuse what
    only has to wait, as for a partition that is down.
    """
    head = [line for line in script.splitlines() if line.startswith("#")]
    command = ["sbatch", "--parsable", "--output=/dev/null", "--error=/dev/null"]
    try:
        tried = subprocess.run(
            command,
            input="\n".join([*head, "true", ""]),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if not tried.returncode:
            job = tried.stdout.strip().partition(";")[0]
            subprocess.run(["scancel", job], capture_output=True, timeout=60, check=False)
    except FileNotFoundError as error:
        raise SettingsError(
            f"there is no Slurm on this machine: {error.filename} is not found", "scheduler"
        ) from None
    except subprocess.TimeoutExpired:
        raise SettingsError("Slurm does not answer within a minute", "scheduler") from None
    if tried.returncode:
        lines = [line.partition("error: ")[2] or line for line in tried.stderr.splitlines()]
        raise SettingsError(f"Slurm refuses the jobs: {'; '.join(lines)}", "cluster")


class _Watch(Thread):
    """Says what jobs wait for, and replaces those that are gone.

    Dask forgets a job whose worker has left, as at its time limit; one that never got as far, as
    when it was cancelled while it waited, has to be noticed here.
    """

    def __init__(self, cluster: Any, jobs: int) -> None:
        super().__init__(daemon=True)
        self.cluster, self.jobs, self.over = cluster, jobs, Event()
        self.said: set[str] = set()
        self.gone: set[str] = set()
        self.served: set[str] = set()

    def run(self) -> None:
        """Look at the queue now and then."""
        while not self.over.wait(PERIOD):
            queue = _queue()
            if queue is not None:
                self._look(queue)

    def _look(self, queue: Mapping[str, tuple[str, str]]) -> None:
        mine = {
            str(job.job_id): name
            for name, job in list(self.cluster.workers.items())
            if getattr(job, "job_id", None) is not None
        }
        waiting = [queue[job][1] for job in mine if job in queue and queue[job][0] == "PENDING"]
        for reason, count in Counter(waiting).items():
            if reason not in ("None", *self.said):
                self.said.add(reason)
                what = "1 Slurm job waits" if count == 1 else f"{count} Slurm jobs wait"
                level = logging.INFO if reason in _USUAL else logging.WARNING
                log.log(level, "%s, says the scheduler: %s", what, reason)
        names = {str(told["name"]) for told in self.cluster.scheduler_info["workers"].values()}
        self.served |= {job for job in mine if _serves(mine[job], names)}
        lost = mine.keys() - queue.keys() - self.served
        for job in lost & self.gone:  # seen twice: it is no job just submitted or just ended
            log.warning("Slurm job %s is gone before its worker had come; another takes over", job)
            self.cluster.workers.pop(mine[job], None)
        self.gone = lost
        self.cluster.scale(jobs=self.jobs)  # opens those that are known and have no job


def _serves(job: str, workers: set[str]) -> bool:
    """Whether a worker of a job is there; several in one job have numbers behind its name."""
    return any(name == job or name.startswith(f"{job}-") for name in workers)


def _queue() -> dict[str, tuple[str, str]] | None:
    """State and reason of all jobs of this user, by their ids; None if Slurm does not answer."""
    command = ["squeue", "--noheader", f"--user={getpass.getuser()}", "--format=%i|%T|%r"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    rows = (line.strip().split("|", 2) for line in told.stdout.splitlines())
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}
